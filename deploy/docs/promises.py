"""Print docs/promises.md from the specs: `.venv/bin/python deploy/docs/promises.py > docs/promises.md`."""

import ast
from pathlib import Path

SPECS = Path(__file__).parents[2] / "tests/spec"
TITLE = """# What is promised

This page is printed from the specs in `tests/spec/`: each promise is the first line of a test, and the test is its
example. Where each is held, and by which attacks it is tried: [Security properties](security.md).
"""


def page() -> str:
    """Return the page: every promise with the test that shows it."""
    return TITLE + "".join(f"\n{_promises(path)}" for path in sorted(SPECS.glob("test_*.py")))


def _promises(path: Path) -> str:
    where = path.relative_to(SPECS.parents[1]).as_posix()
    tests = [d for d in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(d, ast.FunctionDef)]
    return "".join(
        f"* **{promise}{colon}** {example[:1].upper()}{example[1:]}\n  `{where}::{test.name}`\n"
        for test in tests
        if test.name.startswith("test_") and (said := ast.get_docstring(test))
        for promise, colon, example in [_parts(said.splitlines()[0])]
    )


def _parts(said: str) -> tuple[str, str, str]:
    promise, colon, example = said.partition(": ")
    return promise, "." if colon else "", example


if __name__ == "__main__":
    print(page(), end="")
