"""Data sets that somebody else made: nothing outside them is read, and nothing in them is passed over."""

import hashlib
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privacy.errors import HedgerowError, Invalid
from privacy.variables import Variable
from synthetic.manifest import NAME, read_manifest
from synthetic.provenance import Fitted, PublicPriors, from_document, to_document
from synthetic.report.making import make_report
from synthetic.report.rows import keyed_rows, require_nothing_else
from synthetic.written.reading import DataSet, open_data_set

AGE = Variable("age", "age", "band", 0.0, 100.0, 0.0, 0.0, 0, (50.0,))
SEX = Variable("sex", "sex", "code", 0.0, 1.0, 0.0, 0.0, 0, (), ("1", "2"))
PAID = Fitted("sha256:" + "0" * 64, ("a receipt",), 1.0, 1.0, 1e-6, "c" * 40)
ROWS = {"nhs_number": ["9990000000", "9990000001"], "age": [1.0, 70.0], "sex": ["1", None]}
WORDS = {"nhs_number": "text", "age": "number", "sex": "text"}


def data_set(home, tables=None, *, words=None, **changes):
    """Write a data set whose hashes all hold, with what else its manifest says; return where it lies."""
    home.mkdir(exist_ok=True)
    files, tables = [], tables or {"people": ROWS}
    for name, columns in tables.items():
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, home / f"{name}.parquet")
        content = (home / f"{name}.parquet").read_bytes()
        files.append({"path": f"{name}.parquet", "table": name, "rows": len(table), "bytes": len(content),
                      "sha256": hashlib.sha256(content).hexdigest()})  # fmt: skip
    said = {"synthetic": True, "manifest": 1, "provenance": to_document(PAID), "command": "by hand", "seed": 1,
            "recipe": {}, "format": "parquet", "tables": words or dict.fromkeys(tables, WORDS),
            "software": {"hedgerow": "0"}, "notes": [], "rows": {f["table"]: f["rows"] for f in files},
            "files": files} | changes  # fmt: skip
    (home / NAME).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    return home


def elsewhere(path):
    return [{"path": path, "table": "people", "rows": 0, "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}]


def code(action, *args):
    with pytest.raises(HedgerowError) as refused:
        action(*args)
    assert "secret" not in str(refused.value)
    return refused.value.code


def test_what_was_made_is_read(tmp_path):
    data = open_data_set(data_set(tmp_path))
    require_nothing_else(data, [AGE, SEX])
    assert keyed_rows(data, [AGE, SEX]).places.tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize("path", ["/dev/zero", "../people.parquet", "a/../../b", "a//b", "", "a\0b", "a\nb", 3, None])
def test_a_path_out_of_the_data_set_is_refused(tmp_path, path):
    assert code(open_data_set, data_set(tmp_path, files=elsewhere(path))) == "manifest-malformed"


def test_a_link_out_of_it_a_device_and_a_pipe_are_never_opened(tmp_path):
    """Each has the size that the manifest says, and no end."""
    home = tmp_path / "people"
    (data_set(home) / "link").symlink_to("/dev/zero")
    os.mkfifo(home / "pipe")
    (tmp_path / "outside").write_bytes(b"")
    (home / "away").symlink_to(tmp_path / "outside")
    for name in ("link", "pipe", "away"):
        assert code(open_data_set, data_set(home, files=elsewhere(name))) == "data-set-tampered"


@pytest.mark.parametrize(
    "changes",
    [
        {"words": [1]}, {"words": {"people": ["age"]}}, {"words": {"people": {"age": 3}}}, {"software": {}},
        {"recipe": [1]}, {"seed": "one"}, {"seed": float("nan")}, {"rows": {"people": -1}}, {"rows": {}},
        {"format": ["parquet"]}, {"notes": [1]}, {"command": {"rm": 1}}, {"command": "\x1b[2J"},
    ],
)  # fmt: skip
def test_a_manifest_whose_fields_are_of_other_types_is_malformed(tmp_path, changes):
    assert code(read_manifest, data_set(tmp_path, **changes)) == "manifest-malformed"


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        ({"age": ["secret", "1"]}, "report-columns-other"),
        ({"age": [[1.0], [2.0]]}, "report-columns-other"),
        ({"age": pa.array([1, 2], pa.time64("us"))}, "report-columns-other"),
        ({"nhs_number": [None, "secret"]}, "report-columns-other"),
        ({"sex": pa.array([b"\xff", b"secret"])}, "report-columns-other"),
    ],
)
def test_columns_of_other_types_are_refused_without_a_word_of_what_is_in_them(tmp_path, column, wanted):
    data = open_data_set(data_set(tmp_path, {"people": {**ROWS, **column}}))
    assert code(keyed_rows, data, [AGE, SEX]) == wanted


def test_files_of_other_columns_or_rows_than_the_manifest_says_are_tampered_with(tmp_path):
    """A column that is not listed would be handed out unseen; a small file can have more rows than any memory."""
    hidden = data_set(tmp_path / "hidden", {"people": {**ROWS, "name": ["secret", "secret"]}})
    assert code(keyed_rows, open_data_set(hidden), [AGE, SEX]) == "data-set-tampered"
    lines = "nhs_number,age,sex,name\n9990000000,1.0,1,secret\n"
    csv = data_set(tmp_path / "csv", format="csv", rows={"people": 1})
    (csv / "people.csv").write_text(lines)
    file = {"path": "people.csv", "table": "people", "rows": 1, "bytes": len(lines),
            "sha256": hashlib.sha256(lines.encode()).hexdigest()}  # fmt: skip
    data_set(csv, format="csv", rows={"people": 1}, files=[file])
    assert code(keyed_rows, open_data_set(csv), [AGE, SEX]) == "data-set-tampered"
    many = data_set(tmp_path / "many", {"people": {name: [each[0]] * 200_000 for name, each in ROWS.items()}})
    manifest = json.loads((many / NAME).read_text())
    manifest["files"][0]["rows"] = 5
    data_set(many, {"people": {name: [each[0]] * 200_000 for name, each in ROWS.items()}}, files=manifest["files"])
    assert code(keyed_rows, open_data_set(many), [AGE, SEX]) == "data-set-tampered"
    data_set(many, files=[{**manifest["files"][0], "rows": 10**9}], rows={"people": 10**9})
    assert code(keyed_rows, DataSet(many, read_manifest(many)), [AGE, SEX]) == "report-too-large"


def test_what_no_attack_would_look_at_is_refused(tmp_path):
    """Real rows in a second table, or in a column that nobody counted, beside honest ones."""
    two = {"people": ROWS, "own": {"nhs_number": ["9990000000"], "sex": ["1"]}}
    words = {"people": WORDS, "own": {"nhs_number": "text", "sex": "text"}}
    part = open_data_set(data_set(tmp_path / "part", two, words=words))
    require_nothing_else(part, [AGE, SEX])

    two["own"] = {"nhs_number": ["9990000000"], "sex": ["2"]}
    other = open_data_set(data_set(tmp_path / "other", two, words=words))
    assert code(require_nothing_else, other, [AGE, SEX]) == "report-columns-other"
    (tmp_path / "apart" / "truth").mkdir(parents=True)
    apart = data_set(tmp_path / "apart", {"people": ROWS, "truth/falls": {**ROWS, "age": [2.0, 3.0]}})
    assert code(require_nothing_else, open_data_set(apart), [AGE, SEX]) == "report-columns-other"
    with pytest.raises(Invalid) as refused:
        require_nothing_else(part, [AGE])
    assert refused.value.faults == ("people: sex", "own: sex")


def test_what_was_paid_is_a_number_of_epsilon(tmp_path):
    good = to_document(PAID)
    assert from_document(good) == PAID
    for wrong in ({"epsilon": float("inf"), "epsilon_at_most": float("inf")}, {"epsilon": -1.0}, {"epsilon": 2.0},
                  {"delta": 0.0}, {"delta": 1.5}, {"epsilon": float("nan")}):  # fmt: skip
        assert code(from_document, good | wrong) == "manifest-malformed"
    assert code(from_document, good | {"use": to_document(PublicPriors("0"))["use"]}) == "manifest-malformed"


@pytest.mark.parametrize("recipe", [{}, {"people": 2, "seed": 1}, {"people": -1}, {"step": "margins"}])
def test_fitted_data_relabelled_as_simulated_get_no_report_so_no_pack(tmp_path, recipe):
    """What was in a manifest of fitted data is changed in it, the use statement too."""
    home = data_set(tmp_path, provenance=to_document(PublicPriors("0" * 64)), recipe=recipe)
    assert open_data_set(home).manifest.plan.provenance == PublicPriors("0" * 64)
    assert code(make_report, home) in ("manifest-malformed", "recipe-malformed")
    assert not (home / "report.json").exists()
