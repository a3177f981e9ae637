"""What a record or a coordinator says cannot command the terminal of who reads it."""

import json

import pytest

from privacy.terminal import progress, say, table

HOSTILE = "W\x1b]0;owned\x07\x9b2J\u202eevil\r\x00\U000e0041"


def test_nothing_of_a_record_commands_the_terminal(capsys):
    say([HOSTILE], table(("WARD", "PEOPLE"), [(HOSTILE, 50)]), as_json=False)
    progress(HOSTILE)
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not set(HOSTILE) & set(text) - set("W]0;owned2Jevil")
        assert r"W\u001b]0;owned\u0007\u009b2J\u202eevil\u000d\u0000\udb40\udc41" in text
    assert shown.out.count("\n") == 2  # a control: lines and columns are as they were


def test_a_line_break_in_a_cell_begins_no_row():
    assert table(("WARD", "PEOPLE"), [("W\nN  900", 1)]).count("\n") == 1


def test_json_means_the_same_and_commands_nothing_either(capsys):
    say([HOSTILE], "", as_json=True)
    out = capsys.readouterr().out
    assert json.loads(out) == [HOSTILE]
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("text", ["Llŷn\n  5 × 3 – ‘ward’", "a\tb", "£5"])
def test_what_people_write_is_shown_as_it_is(capsys, text):
    say(text, text, as_json=False)
    assert capsys.readouterr().out == f"{text}\n"
