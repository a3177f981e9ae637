"""What means the same compares the same, and what says nothing is missing."""

import pytest

from node.linkage import standard


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("O'Brien-Müller", "OBRIENMULLER"),
        (" de la  Cruz ", "DELACRUZ"),
        ("ŁUKASZ", "LUKASZ"),
        ("--", None),
        ("3", None),
    ],
)
def test_names(text, form):
    assert standard.name(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [("Bill", "WILLIAM"), ("William J", "WILLIAM"), ("Bert", "ALBERT"), ("Zebedee", "ZEBEDEE"), ("", None)],
)
def test_roots(text, form):
    assert standard.root(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [("ls1 4ap", "LS14AP"), ("LS1  4AP ", "LS14AP"), ("ZZ99 3VZ", None), ("LS1", None), ("unknown", None)],
)
def test_postcodes(text, form):
    assert standard.postcode(text) == form


def test_dates():
    read = standard.day(["%d/%m/%Y", "%d %b %Y"])
    assert [read(text) for text in ("03/04/1961", "3 Apr 1961", "1961-04-03")] == ["1961-04-03"] * 3
    assert [read(text) for text in ("01/01/1900", "31/02/1961", "")] == [None] * 3
    assert (standard.transposed("1961-04-03"), standard.transposed("1961-04-13")) == ("1961-03-04", None)
    assert standard.transposed("1961-04-04") is None


def test_addresses_and_sexes():
    assert standard.address("Flat 2, 14 St. Mary's Street") == standard.address("APT 2 14 SAINT MARYS ST")
    assert [standard.sex(text) for text in ("Female", "2", "m", "9", "")] == ["F", "F", "M", None, None]
