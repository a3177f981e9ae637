"""A real PostgreSQL server gives what a file of the same rows gives; what it says is not shown."""

import datetime
import decimal
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from node.sources import open_source
from node.sources.postgresql import Address
from privacy.errors import Refusal
from tests import warehouse
from tests.nodes import NodeData
from tests.postgres import PASSWORD, USER, Server
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of
from tests.unit import test_source_omop as omop
from tests.unit.test_source_promises import CONTRACT, ROWS, Promises, table

ELSEWHERE = "postgresql://reader@records.example.nhs.uk/warehouse"


def test_a_password_in_an_address_is_refused_and_not_shown():
    for address in (
        f"postgresql://reader:{PLANTED}@localhost/db",
        f"postgresql://reader@localhost/db?password={PLANTED}",
        f"postgresql://:{PLANTED}@/db",
    ):
        assert code_of(lambda address=address: Address(address))[0] == "address-holds-password"
    assert code_of(lambda: Address(f"postgresql://[{PLANTED}/db"))[0] == "address-malformed"


def test_no_text_of_an_address_has_the_password(tmp_path):
    (tmp_path / "password").write_text(PLANTED + "\n")
    address = Address(ELSEWHERE, tmp_path / "password")
    assert PLANTED in address._uri  # the control
    assert PLANTED not in repr(address) + str(address)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://reader@records.example.nhs.uk/db",
        "postgresql:///db?service=warehouse",
        "postgresql:///db?host=10.1.1.1",
        "postgresql://localhost/db?hostaddr=10.1.1.1",
    ],
)
def test_another_machine_is_asked_for_its_certificate(address):
    assert "sslmode=verify-full" in Address(address)._uri
    sign = "&" if "?" in address else "?"
    with pytest.raises(Refusal, match="database-unencrypted"):
        Address(f"{address}{sign}sslmode=prefer")
    assert "sslmode=require" in Address(f"{address}{sign}sslmode=require")._uri
    assert "sslmode" not in Address("postgresql://127.0.0.1/db")._uri + Address("postgresql:///db?host=/run")._uri


def test_nobody_there_has_a_code():
    assert code_of(lambda: Address("postgresql://127.0.0.1:9/db").connect())[0] == "database-unreachable"


@pytest.mark.parametrize("options", [{}, {"table": "a", "query": Path("b")}])
def test_what_to_read_must_be_said_once(options):
    act = lambda: open_source("postgresql://127.0.0.1:9/db", contract=CONTRACT, key=KEY, **options)  # noqa: E731
    assert code_of(act)[0] == "query-absent"


@pytest.fixture(scope="module")
def server():
    # not pytest's own directory, which another user may not enter
    directory = Path(tempfile.mkdtemp(prefix="hedgerow-postgresql-"))
    with Server(directory) as running:
        (directory / "password").write_text(PASSWORD + "\n")
        running.password_file = directory / "password"
        yield running
    shutil.rmtree(directory)


@pytest.mark.services
class TestPostgresql(Promises):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def write(self, tmp_path, rows):
        self.server.do("DROP TABLE IF EXISTS records", rows=("records", table(rows)))
        return tmp_path

    def opened(self, location, **options):
        options = {"contract": CONTRACT, "key": KEY, "password_file": self.server.password_file, **options}
        if "query" not in options:
            options.setdefault("table", "public.records")
        return open_source(self.server.address, **options)

    def query(self, tmp_path, sql):
        (tmp_path / "query.sql").write_text(sql)
        return self.opened(tmp_path, query=tmp_path / "query.sql")

    def test_what_is_not_there_is_said(self, tmp_path):
        assert code_of(lambda: self.opened(tmp_path, table="public.nothing")) == ("query-failed", "SQLSTATE 42P01")
        wrong = tmp_path / "wrong"
        wrong.write_text(PLANTED)
        assert code_of(lambda: self.opened(tmp_path, password_file=wrong))[0] == "database-unreachable"

    def test_a_change_while_it_is_read_is_noticed(self, tmp_path):
        """A statement sees one moment of the database: rows that come later are not seen, and none is lost."""
        self.write(tmp_path, ROWS)
        with self.opened(tmp_path) as source:
            batches = source.read()
            first = next(batches)
            self.server.do(f"INSERT INTO records VALUES ('1', '2', '{PLANTED}')")
            assert len(first.numbers) + sum(len(rows.numbers) for rows in batches) == len(ROWS)

    def test_cells_are_typed(self, tmp_path):
        sql = "SELECT '9990000018' AS nhs_number, date '2026-01-02' AS \"when\", {} AS note"
        for text, value in {
            "1.50::numeric": "1.50",
            "'NaN'::numeric": None,
            "1.5::float8": 1.5,
            "2::bigint": 2,
            "true": True,
            "'a'::varchar(3)": "a",
            "timestamp '2026-01-02 03:04'": datetime.datetime(2026, 1, 2, 3, 4),  # noqa: DTZ001
            "null::text": None,
        }.items():
            with self.query(tmp_path, sql.format(text) + ";\n") as source:
                assert rows_of(source)[0] == [("9990000018", datetime.date(2026, 1, 2), value)]
        for text in ("'\\x00'::bytea", "ARRAY[1]", "'{}'::jsonb", "interval '1 day'"):
            assert code_of(lambda text=text: self.query(tmp_path, sql.format(text)))[0] == "column-type-unread"

    def test_of_a_table_only_what_the_contract_declares_is_asked_for(self, tmp_path):
        self.write(tmp_path, ROWS)
        self.server.do("ALTER TABLE records ADD COLUMN \"more\" text DEFAULT 'x'")
        with self.opened(tmp_path) as source:
            assert source.names == ("nhs_number", "when", "note")
        code, where = code_of(lambda: self.query(tmp_path, "SELECT * FROM records"))
        assert (code, where) == ("column-undeclared", "more: in the file, not declared")
        with self.opened(tmp_path, contract=None) as source:
            assert source.names == ("nhs_number", "when", "note", "more")

    @pytest.mark.parametrize(
        ("sql", "code", "where"),
        [
            ("DROP TABLE records", "query-absent", "what was given returns no columns"),
            ('DELETE FROM records RETURNING nhs_number, "when", note', "query-failed", "SQLSTATE 25006"),
            ("SELECT 1; SELECT 2", "query-failed", "SQLSTATE 42601"),
            (
                f"SELECT nhs_number, \"when\", '{PLANTED}'::int::text AS note FROM records",
                "query-failed",
                "SQLSTATE 22P02",
            ),
            (
                'SELECT nhs_number, "when", (1 / (length(note) - 2))::text AS note FROM records',
                "source-interrupted",
                "",
            ),
        ],
        ids=range(5),
    )
    def test_a_statement_that_fails_or_would_write_changes_nothing_and_shows_nothing(self, tmp_path, sql, code, where):
        self.write(tmp_path, ROWS)

        def run():
            with self.query(tmp_path, sql) as source:
                list(source.read())

        assert code_of(run) == (code, where)
        with self.opened(tmp_path) as source:
            assert len(rows_of(source)[0]) == len(ROWS)

    def test_a_server_that_goes_away_half_way_has_its_code(self, tmp_path):
        self.server.do("DROP TABLE IF EXISTS long")
        self.server.do(
            "CREATE TABLE long AS SELECT i::text AS nhs_number, 'x' AS \"when\", repeat('y', 100) AS note"
            " FROM generate_series(1, 1000000) i"
        )

        def run():
            with self.opened(tmp_path, table="public.long") as source:
                for _ in source.read():
                    self.server.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")

        assert code_of(run)[0] == "source-interrupted"

    def test_the_node_logs_in_by_password_and_no_list_of_sessions_shows_it(self, tmp_path):
        self.write(tmp_path, ROWS)
        with self.opened(tmp_path) as source:
            next(source.read())
            assert PASSWORD not in repr(vars(source))

    def test_decimals_of_any_length_keep_their_digits(self, tmp_path):
        long = decimal.Decimal("123456789012345678901234567890.12")
        self.write(tmp_path, ROWS)
        with self.query(tmp_path, f"SELECT '1' AS nhs_number, '2' AS \"when\", {long}::numeric AS note") as source:
            assert rows_of(source)[0] == [("1", "2", str(long))]


@pytest.mark.services
def test_a_contract_of_any_columns_is_asked_for_by_its_names(server):
    odd = contract_with("nhs_number", "select", "user")
    server.do("DROP TABLE IF EXISTS odd", rows=("odd", pa.table({"nhs_number": ["1"], "select": ["a"], "user": ["b"]})))
    with open_source(
        server.address, contract=odd, key=KEY, table="public.odd", password_file=server.password_file
    ) as source:
        assert rows_of(source)[0] == [("1", "a", "b")]


@pytest.mark.services
def test_omop_in_a_schema_gives_what_it_gives_in_a_directory(server):
    server.do("DROP SCHEMA IF EXISTS cdm CASCADE", "CREATE SCHEMA cdm", f"GRANT USAGE ON SCHEMA cdm TO {USER}")
    for name, rows in omop.tables().items():
        typed = [pa.field(f.name, pa.int64() if f.type == pa.null() else f.type) for f in rows.schema]
        server.do(rows=(name, rows.cast(pa.schema(typed))), schema="cdm")
    for contract, expected in ((omop.EVENTS_CONTRACT, omop.EVENTS), (omop.PEOPLE_CONTRACT, omop.PEOPLE)):
        with open_source(
            server.address,
            contract=contract,
            key=KEY,
            format="omop",
            table="cdm",
            password_file=server.password_file,
        ) as source:
            assert omop.in_order(rows_of(source)[0]) == omop.in_order(expected)
            assert source.digest().startswith("hmac-sha256:")
    options = {"contract": omop.EVENTS_CONTRACT, "key": KEY, "password_file": server.password_file, "format": "omop"}
    assert code_of(lambda: open_source(server.address, table="nothing", **options)) == ("table-absent", "person")
    assert code_of(lambda: open_source(server.address, **options))[0] == "query-absent"


@pytest.mark.services
def test_after_ingest_a_table_is_what_its_csv_and_its_parquet_are(server, tmp_path):
    table, node = warehouse.admissions(), NodeData(tmp_path / "node")
    node.allow(warehouse.NUMBERS)
    server.do("DROP TABLE IF EXISTS admissions", rows=("admissions", table))
    server.do("ALTER TABLE admissions ALTER COLUMN cost TYPE numeric(12, 2)")
    declared = table.drop_columns(["ward_clerk"])
    pa_csv.write_csv(declared, tmp_path / "a.csv")
    pq.write_table(declared, tmp_path / "a.parquet")
    database = {"table": "public.admissions", "password_file": server.password_file}
    ways = {tmp_path / "a.csv": {}, tmp_path / "a.parquet": {}, server.address: database}
    loads = [node.load_from(where, warehouse.CONTRACT, options=options) for where, options in ways.items()]
    columns = ["spell_id", "admitted", "diagnosis", "cost"]
    records = [node.store.read(load.version, columns) for load in loads]
    assert records[0].equals(records[1])
    assert records[0].equals(records[2])
    assert loads[0].rows_kept == len(records[0]) == 1_997
    assert loads[0].reasons == loads[1].reasons == loads[2].reasons
