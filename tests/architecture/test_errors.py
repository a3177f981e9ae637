"""Every way to say no is in the catalogue, is used, says what to do next, and is in the manual."""

import ast
import runpy

from privacy.errors import CATALOGUE

TREE = {"Invalid", "Refusal", "Tampered", "Unreachable"}


def codes_raised(source: str) -> set[tuple[str, str]]:
    """Return (class, code) of each call that builds an error with its code written out."""
    found = set()
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in TREE:
            found |= {(name, code) for code in written_out(call.args[0])}
    return found


def written_out(argument: ast.expr) -> set[str]:
    """Return the strings that an argument may be: itself, or both sides of a choice."""
    if isinstance(argument, ast.IfExp):
        return written_out(argument.body) | written_out(argument.orelse)
    return {argument.value} if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else set()


def texts(source: str) -> set[str]:
    """Return every string written in a source."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def raised(sources) -> set[tuple[str, str]]:
    return set().union(*(codes_raised(text) for text in sources.values()))


def test_every_code_that_is_raised_is_in_the_catalogue(sources):
    assert sorted({code for _, code in raised(sources)} - set(CATALOGUE)) == []


def test_every_code_of_the_catalogue_is_used(sources):
    written = set().union(*(texts(text) for path, text in sources.items() if path != "privacy/errors.py"))
    assert sorted(set(CATALOGUE) - written) == []


def test_every_refusal_says_whether_asking_again_can_help(sources):
    refusals = {code for name, code in raised(sources) if name == "Refusal"} & set(CATALOGUE)
    assert sorted(code for code in refusals if CATALOGUE[code].kind is None) == []


def test_every_entry_is_a_sentence_and_a_next_step():
    short = [code for code, entry in CATALOGUE.items() if not entry.what.endswith(".") or not entry.next_step]
    assert short == []


def test_the_manual_is_printed_from_the_catalogue(tree):
    page = runpy.run_path(str(tree / "deploy/docs/errors.py"))["page"]()
    held = (tree / "docs/errors.md").read_text()
    assert held == page, "run: .venv/bin/python deploy/docs/errors.py > docs/errors.md"


def test_planted_codes_are_found():
    source = 'raise errors.Refusal("a" if x else "b", "detail")\nInvalid(code)\nTampered("c")'
    assert codes_raised(source) == {("Refusal", "a"), ("Refusal", "b"), ("Tampered", "c")}
