"""Files are rooms that one sentence describes: small, with a docstring, a sorted `__all__` and real names."""

import ast
import re
from pathlib import PurePath

LONGEST_FILE, LONGEST_FUNCTION = 300, 40  # lines, without a written reason
REASON = "# long because "
SWITCHED_OFF = re.compile(r"# (noqa|type: ignore)")
WHY = re.compile(r"# (noqa: [A-Z]+\d+(, [A-Z]+\d+)* - |type: ignore\[[a-z, -]+\]  # )\S")
NAMELESS = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def exported(module: ast.Module) -> list[str] | None:
    """Return the module's `__all__` as written, or None when it has none."""
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return None


def faults_of_names(module: ast.Module) -> list[str]:
    """Return what is wrong with a module's `__all__`: not sorted, or a public definition that it lacks."""
    names = exported(module)
    if names is None:
        return []
    public = {d.name for d in module.body if isinstance(d, DEFINITIONS) and not d.name.startswith("_")}
    faults = [f"{name} is not in __all__" for name in sorted(public - set(names))]
    return faults + (["__all__ is not sorted"] if names != sorted(names, key=in_order) else [])


def in_order(name: str) -> tuple[bool, bool, str]:
    """Sort as ruff does: CONSTANTS, then Classes, then functions."""
    return not name.isupper(), not name[:1].isupper(), name


def faults_of_length(source: str) -> list[str]:
    """Return the file or functions that are too long and do not say why."""
    lines = source.splitlines()
    faults = [f"{len(lines)} lines"] if len(lines) > LONGEST_FILE and REASON not in source else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINITIONS[1:]) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION and REASON not in "\n".join(lines[node.lineno - 1 : node.end_lineno]):
                faults.append(f"{node.name}: {length} lines")
    return faults


def faults_of_exceptions(source: str) -> list[str]:
    """Return the lines that switch a check off and do not say why."""
    lines = enumerate(source.splitlines(), start=1)
    return [f"line {n}: {line.strip()}" for n, line in lines if SWITCHED_OFF.search(line) and not WHY.search(line)]


def all_faults(sources, judge):
    found = {path: judge(text) for path, text in sources.items()}
    return {path: faults for path, faults in found.items() if faults}


def test_all_is_sorted_and_names_everything_public(sources):
    assert all_faults(sources, lambda text: faults_of_names(ast.parse(text))) == {}


def test_every_module_has_a_docstring(sources):
    assert [path for path, text in sources.items() if not ast.get_docstring(ast.parse(text))] == []


def test_nothing_is_long_without_a_written_reason(sources):
    assert all_faults(sources, faults_of_length) == {}


def test_no_check_is_switched_off_without_a_written_reason(sources):
    assert all_faults(sources, faults_of_exceptions) == {}


def test_no_module_is_called_after_nothing_in_particular(sources):
    parts = {path: {PurePath(part).stem for part in PurePath(path).parts} for path in sources}
    assert [path for path, names in parts.items() if names & NAMELESS] == []


def test_planted_faults_are_caught():
    assert faults_of_names(ast.parse("__all__ = ['b', 'a']\nclass C: ...")) == [
        "C is not in __all__",
        "__all__ is not sorted",
    ]
    long = "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION
    assert faults_of_length(long) == ["f: 41 lines"]
    assert faults_of_length(long.replace("def f():", "def f():  # long because it is a table")) == []
    assert faults_of_length("x = 1\n" * (LONGEST_FILE + 1)) == ["301 lines"]
    bare = ["x = 1  # noqa", "x = 1  # noqa: S608", "x = 1  # type: ignore", "x = 1  # type: ignore[misc]"]
    assert [len(faults_of_exceptions(line)) for line in bare] == [1] * len(bare)
    told = ["x = 1  # noqa: S608, DTZ007 - a constant", "x = 1  # type: ignore[misc]  # too narrow there"]
    assert [faults_of_exceptions(line) for line in told] == [[]] * len(told)
