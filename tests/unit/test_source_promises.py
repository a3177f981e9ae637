"""What every source promises, whatever it reads: the same rows, a digest, a clean end, and nothing shown."""

import json
import os

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from node.sources import open_source
from node.sources.resources import ETHNIC_CATEGORY, NHS_NUMBER
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of

CONTRACT = contract_with("nhs_number", "when", "note")
ROWS = [(f"{9990000000 + i}", f"2026-01-{1 + i % 28:02d}", f"n{i % 5}") for i in range(3_000)]


def table(rows=ROWS):
    return pa.table(dict(zip(("nhs_number", "when", "note"), map(list, zip(*rows, strict=True)), strict=True)))


class Promises:
    """The promises; a kind of source says how to write rows and where they then are."""

    contract = CONTRACT
    first_number = 1
    opens_late = False  # its files only when their turn comes

    def write(self, tmp_path, rows):
        raise NotImplementedError

    def opened(self, location, **options):
        return open_source(str(location), contract=self.contract, key=options.get("key", KEY))

    def test_the_same_rows_come_in_order_with_their_numbers(self, tmp_path):
        with self.opened(self.write(tmp_path, ROWS)) as source:
            rows, numbers = rows_of(source)
        assert rows == ROWS
        assert numbers == list(range(self.first_number, self.first_number + len(ROWS)))

    def test_the_digest_is_the_nodes_own_and_changes_with_one_letter(self, tmp_path):
        def digest(rows, key=KEY):
            with self.opened(self.write(tmp_path, rows), key=key) as source:
                for _ in source.read():
                    pass
                return source.digest()

        one = digest(ROWS)
        assert one.startswith("hmac-sha256:")
        assert one == digest(ROWS)
        assert len({one, digest(ROWS, bytes(32)), digest([*ROWS[:-1], (*ROWS[-1][:2], "m4")])}) == 3

    def test_it_closes_twice_and_half_way(self, tmp_path):
        source = self.opened(self.write(tmp_path, ROWS))
        next(source.read())
        source.close()
        source.close()

    def test_what_is_not_there_is_said(self, tmp_path):
        location = self.write(tmp_path, ROWS)
        location.rename(tmp_path / "elsewhere")
        assert code_of(lambda: self.opened(location))[0] == "file-unreadable"

    def test_a_change_while_it_is_read_is_noticed(self, tmp_path):
        location = self.write(tmp_path, [*ROWS, (*ROWS[0][:2], PLANTED)])
        with self.opened(location) as source:
            batches = source.read()
            if self.opens_late:
                next(batches)
            self.change(location)
            assert code_of(lambda: list(batches))[0] == "file-changed"

    def change(self, location):
        with location.open("ab") as file:
            file.write(b"\n")


class TestCsv(Promises):
    first_number = 2

    def write(self, tmp_path, rows):
        file = tmp_path / "rows.csv"
        pa_csv.write_csv(table(rows), file)
        return file


class TestPackedCsv(Promises):
    first_number = 2

    def write(self, tmp_path, rows):
        file = tmp_path / "rows.csv.gz"
        with pa.output_stream(file, compression="gzip") as out:
            pa_csv.write_csv(table(rows), out)
        return file

    def change(self, location):
        os.utime(location, (0, 0))


class TestParquet(Promises):
    def write(self, tmp_path, rows):
        file = tmp_path / "rows.parquet"
        pq.write_table(table(rows), file, row_group_size=700)
        return file


class TestParquetParts(Promises):
    def write(self, tmp_path, rows):
        folder = tmp_path / "rows"
        folder.mkdir(exist_ok=True)
        pq.write_table(table(rows[:1_000]), folder / "part-0.parquet")
        pq.write_table(table(rows[1_000:]), folder / "part-1.parquet")
        return folder

    def change(self, location):
        (location / "part-1.parquet").unlink()


PEOPLE = contract_with("nhs_number", "birth_date", "ethnicity", table="person")


class TestOmop(Promises):
    contract = PEOPLE
    opens_late = True

    def write(self, tmp_path, rows):
        folder = tmp_path / "omop"
        folder.mkdir(exist_ok=True)
        names = ["person_source_value", "birth_datetime", "ethnicity_source_value"]
        people = table(rows).rename_columns(names)
        pa_csv.write_csv(people.append_column("person_id", pa.array(range(len(rows)))), folder / "person.csv")
        return folder

    def change(self, location):
        with (location / "person.csv").open("a") as file:
            file.write("1,2,3,4\n")


class TestFhir(Promises):
    contract = PEOPLE

    def write(self, tmp_path, rows):
        file = tmp_path / "people.ndjson"
        with file.open("w") as out:
            for place, (number, day, note) in enumerate(rows):
                category = {"url": ETHNIC_CATEGORY, "valueCodeableConcept": {"coding": [{"code": note}]}}
                who = {"identifier": [{"system": NHS_NUMBER, "value": number}], "birthDate": day, "id": str(place)}
                out.write(json.dumps({"resourceType": "Patient", **who, "extension": [category]}) + "\n")
        return file
