"""CSV and Parquet files give the same rows whatever they look like outside; a bad one gets a code and shows nothing."""

import gzip
import os

import pytest

from node.sources import delimited, open_source
from privacy.errors import HedgerowError
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of

TEXT = f'nhs_number,when,note\n9990000018,2026-01-01,"two\nlines"\n\n9990000026,2026-01-02,{PLANTED}\n'
ROWS = [("9990000018", "2026-01-01", "two\nlines"), ("9990000026", "2026-01-02", PLANTED)]
CONTRACT = contract_with("nhs_number", "when", "note")


def opened(tmp_path, content, **options):
    file = tmp_path / options.pop("name", "extract.csv")
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_source(str(file), contract=options.pop("contract", CONTRACT), key=KEY, **options)


def read(source):
    with source:
        return rows_of(source)


SAME = {
    "plain": TEXT.encode(),
    "marked": TEXT.encode("utf-8-sig"),
    "utf-16": TEXT.encode("utf-16"),
    "utf-16-be": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "semicolon": TEXT.replace(",", ";").encode(),
    "tab": TEXT.replace(",", "\t").encode(),
    "pipe": TEXT.replace(",", "|").encode(),
    "no end": TEXT.rstrip("\n").encode(),
    "packed": gzip.compress(TEXT.encode()),
    "packed in two": gzip.compress(TEXT.encode()[:20]) + gzip.compress(TEXT.encode()[20:]),
    "quoted": TEXT.replace("nhs_number,when", '"nhs_number", when ').encode(),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_rows_come_however_they_are_written(tmp_path, name):
    assert read(opened(tmp_path, SAME[name])) == (ROWS, [2, 5])


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_in_other_ways(tmp_path, end):
    text = f"nhs_number,when,note{end}9990000018,a,b{end}{end}9990000026,c,d{end}"
    assert read(opened(tmp_path, text)) == ([("9990000018", "a", "b"), ("9990000026", "c", "d")], [2, 4])


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-1"])
def test_an_encoding_is_what_somebody_says(tmp_path, encoding):
    text = "nhs_number,when,note\n9990000018,a,\u00e9\n"
    content = text.encode(encoding)
    assert read(opened(tmp_path, content, encoding=encoding))[0] == [("9990000018", "a", "\u00e9")]
    assert code_of(lambda: read(opened(tmp_path, content))) == ("file-malformed", "line 2 is not utf-8 text")


def test_a_delimiter_is_what_somebody_says_too(tmp_path):
    text = "nhs_number;when;note\n1;2;3\n"
    assert read(opened(tmp_path, text, delimiter="semicolon"))[0] == [("1", "2", "3")]
    assert code_of(lambda: opened(tmp_path, text, delimiter="comma"))[0] == "header-absent"
    assert code_of(lambda: opened(tmp_path, text, delimiter=";"))[0] == "delimiter-unknown"
    assert code_of(lambda: opened(tmp_path, text, encoding="utf-32"))[0] == "encoding-unknown"
    assert code_of(lambda: opened(tmp_path, text, format="xlsx"))[0] == "format-unknown"


BAD = {
    "empty": (b"", "file-empty", ""),
    "blank": (b"\n \n", "file-empty", ""),
    "header": (b"nhs_number,when,note\n\n", "file-empty", ""),
    "ragged": (
        f'nhs_number,when,note\n1,"a\nb",c\n1,{PLANTED}\n"x\ny",2,3,4\n1,2,3\n1\n'.encode(),
        "file-ragged",
        "line 4: 2 cells, not 3; line 5: 4 cells, not 3; line 8: 1 cells, not 3",
    ),
    "cut line": (TEXT.encode()[:-15], "file-ragged", "line 5: 2 cells, not 3"),
    "cut quote": (f'nhs_number,when,note\n1,2,3\n1,2,"{PLANTED}\n'.encode(), "file-malformed", "after line 4"),
    "open quote": (
        f'nhs_number,when,note\n1,2,3\n1,"{PLANTED},2\n1,2,3\n'.encode(),
        "file-malformed",
        "a quote is never",
    ),
    "NUL": (f"nhs_number,when,note\n1,2,{PLANTED}\n1,2,\0\0\n".encode(), "file-malformed", "line 3 holds a NUL"),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), "file-malformed", "line 1 holds a NUL"),
    "half a character": (TEXT.encode("utf-16")[:-1], "file-malformed", "is not utf-16"),
    "half a pack": (gzip.compress(TEXT.encode())[:-12], "file-malformed", "what is packed breaks off"),
    "undeclared": (f"nhs_number,when,note,{PLANTED}\n".encode(), "column-undeclared", "column 4: not declared"),
    "absent": (b"nhs_number,when\n", "column-absent", "note: declared, not in the file"),
    "repeated": (b"nhs_number,when,note,note\n", "column-repeated", "note"),
    "a record": (f"1,2,{PLANTED}\n".encode(), "header-absent", ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_a_code_and_shows_nothing(tmp_path, name):
    content, code, said = BAD[name]
    found, where = code_of(lambda: read(opened(tmp_path, content)))
    assert found == code
    assert said in where


def test_a_row_longer_than_a_block_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 20)
    content = b"nhs_number,when,note\n1,2,3\n1,2," + b"x" * (3 << 20) + b"\n"
    assert code_of(lambda: read(opened(tmp_path, content))) == (
        "file-malformed",
        "a row is longer than 1 MiB, after line 2",
    )


def test_lines_are_right_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 10)
    lines, at, said = ["nhs_number,when,note"], 2, []
    for i in range(2_000):
        said.append(at)
        cell = '"a\n\nb"' if i % 3 == 0 else "c"
        lines.append(f"{i},{cell},d")
        at += 1 + 2 * (i % 3 == 0)
    text = "\n".join(lines) + "\n"
    assert read(opened(tmp_path, text))[1] == said
    code, where = code_of(lambda: read(opened(tmp_path, text + "1,2\n")))
    assert (code, where) == ("file-ragged", f"1 rows; line {at}: 2 cells, not 3")


def test_five_thousand_columns(tmp_path):
    names = ["nhs_number", *(f"c{i}" for i in range(4_999))]
    text = ",".join(names) + "\n" + "\n".join(",".join([str(i), *["x"] * 4_999]) for i in range(30)) + "\n"
    source = opened(tmp_path, text, contract=contract_with(*names))
    assert len(read(source)[0]) == 30


def test_without_a_contract_a_header_must_be_names(tmp_path):
    with opened(tmp_path, "a|b|c\n1|2|3\n", contract=None) as source:
        assert source.names == ("a", "b", "c")
    assert code_of(lambda: opened(tmp_path, f"{PLANTED},1\n", contract=None))[0] == "header-absent"
    assert code_of(lambda: opened(tmp_path, "a,a\n", contract=None))[0] == "column-repeated"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    for name in ("extract", "extract.csv", "extract.parquet"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(HedgerowError) as error:
            open_source(tmp_path / name, contract=None, key=b"k")
        assert (error.value.code, error.value.detail) == ("file-unreadable", f"{tmp_path / name} is no plain file")


def test_of_a_file_of_another_kind_the_first_faults_are_listed_and_the_rest_counted(tmp_path):
    names = ",".join(f"c{i}" for i in range(5_000))
    for text, contract in ((f"nhs_number,{names}\n", contract_with("nhs_number")), (f"{names},{names}\n", None)):
        _, where = code_of(lambda: opened(tmp_path, text, contract=contract))  # noqa: B023 - called at once
        assert where.endswith("and 4980 more")
        assert len(where) < 2_000
