"""A study to begin with: a template that ships with the package, filled in from a contract and the enrolled nodes."""

from __future__ import annotations

import datetime
import json
import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

from privacy.columns import Column
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.fields import NAME
from privacy.secure_aggregation import LEAST_NODES
from privacy.study import Invited
from privacy.unfinished import unfinished

DEFAULT_TEMPLATE = "risk-model"
BANDS = 10  # of equal width: write the edges that people know in their place
MOST_CODES = 50  # of a column that is offered to be counted by: more make noise of most cells
FEW = 4  # variables, where a template wants few
COUNTS_FROM = 10  # whole numbers from 0 to at least this are counts, whose log says more than they do
LEAST_INVITED = 3  # places to fill in while nobody is enrolled; fewer could tell each other's sums apart
TITLE = "#: "
UNKNOWN_BOUND = '"TODO: its bound in the contract, a number without the quotes"'

MASKING = 'masking = "secure-aggregation" # the hub sees totals only; each node adds a share of the noise'
NO_MASKING = 'masking = "none"         # each node adds all of the noise: masks take three nodes'


@dataclass(frozen=True)
class Draft:
    """A study file to edit; ``unfinished`` names the fields that only people can fill in."""

    text: str
    unfinished: tuple[str, ...]


def templates() -> dict[str, str]:
    """Return the templates that there are, by name, each with its title."""
    files = [f for f in resources.files("coordinator").joinpath("templates").iterdir() if f.name.endswith(".toml")]
    return {f.name.removesuffix(".toml"): _title(f.read_text(encoding="utf-8")) for f in sorted(files, key=str)}


def draft(
    template: str,
    *,
    name: str,
    today: datetime.date,
    contract: Contract | None = None,
    outcome: str = "",
    invited: Sequence[Invited] = (),
) -> Draft:
    """Return a draft: with a ``contract``, its columns as variables; with ``invited``, these nodes.

    ``outcome`` is the contract's column whose reaching a threshold is to be predicted. Columns that are sensitive are
    there as comments: whoever needs one says so by taking the comment off.
    """
    if template not in templates():
        raise Invalid("template-unknown", template, faults=[f"{n}: {title}" for n, title in templates().items()])
    features = [c for c in _usable(contract) if c.kind != "sensitive"] if contract else []
    if contract and contract.period is None:  # without a later period, the outcome must not predict itself
        features = [c for c in features if c.name != outcome]
    file = resources.files("coordinator").joinpath("templates", f"{template}.toml").read_text(encoding="utf-8")
    if "$features" not in file:  # nothing is declared, and so read, that no step uses
        features = features[:FEW]
    named = [c.name for c in features] or ["TODO: the name of a variable below"]
    quorum = _quorum(len(invited) or LEAST_INVITED)
    text = Template(file).substitute(
        name=_text(name or "TODO"),
        ends=_year_later(today).isoformat(),
        data_set=_text(contract.name if contract else "TODO"),
        quorum=quorum,
        masking=MASKING if quorum >= LEAST_NODES else NO_MASKING,
        outcome=_text("outcome"),
        features=_list(named),
        few_features=_list(named[:FEW]),
        variables="\n\n".join([_outcome(contract, outcome), *_variables(contract, features)]),
        **_keyed(features),
        **_every_keyed(contract),
        invited="\n".join(_invited(invited)),
    )
    text = text.replace(TITLE, "# ", 1)  # the mark is for the list of templates
    return Draft(text, tuple(unfinished(_document(text))))


def _title(text: str) -> str:
    return text.splitlines()[0].removeprefix(TITLE)


def _document(text: str) -> dict[str, object]:
    table = tomllib.loads(text)
    return {**table.pop("study"), **table}


def _usable(contract: Contract) -> list[Column]:
    """Return the columns that can be numbers, but for those that say which row it is."""
    taken = (*contract.key, contract.period)
    return [c for c in contract.stored if c.name not in taken and c.public_bounds and c.type != "date"]


def _outcome(contract: Contract | None, name: str) -> str:
    about = "# What is to be predicted: 1 from the threshold on, otherwise 0."
    ahead = 1 if contract is None or contract.period is not None else 0
    if contract is None or not name:
        columns = ", ".join(c.name for c in _usable(contract)) if contract else "the contract"
        column, threshold = _text("TODO: one of the columns that are numbers"), 1.0
        about += f"\n# Columns to choose from: {columns}" if contract else ""
        bounds = (UNKNOWN_BOUND, UNKNOWN_BOUND)
    else:
        found = contract.column(name)
        if not found.public_bounds or found not in _usable(contract):
            raise Invalid("variable-unknown", f"{name} is not a number, or says which row it is")
        low_bound, high_bound = found.public_bounds
        column, threshold = _text(name), min(low_bound + 1, high_bound)
        bounds = (_number(low_bound), _number(high_bound))
    return "\n".join(
        [
            about,
            "[[variables]]",
            'name = "outcome"',
            f"column = {column}",
            'transform = "at-least"',
            f"threshold = {_number(threshold)}",
            f"low = {bounds[0]}",
            f"high = {bounds[1]}",
            f"periods_ahead = {ahead}",
        ]
    )


def _variables(contract: Contract | None, features: Sequence[Column]) -> Iterator[str]:
    if contract is None:
        yield _variable_block("TODO: its name here", "TODO: the contract's column", "unit", (UNKNOWN_BOUND,) * 2)
        return
    usable = _usable(contract)
    for column in usable:
        block = _about(column) + _variable_block(column.name, column.name, _transform(column), _bounds(column))
        yield block if column in features else _commented(block)
    if left := [c.name for c in contract.stored if c not in usable]:
        yield f"# Not offered here, since they are no numbers or say which row it is: {', '.join(left)}"
    if days := [c.name for c in contract.stored if c.type == "date"]:
        yield f"# From days ({', '.join(days)}) and from events, [[features]] make numbers: docs/features.md"


def _keyed(features: Sequence[Column]) -> dict[str, str]:
    """Return variables to count by, of a column with codes and of one with a range; and what steps call them."""
    coded, ranged = ([c for c in features if bool(c.codes) is codes] for codes in (True, False))
    name = ranged[0].name if ranged else "TODO: its name here"
    column, bounds = (name, _bounds(ranged[0])) if ranged else ("TODO: the contract's column", (UNKNOWN_BOUND,) * 2)
    blocks = [_band_block(name, column, bounds), *map(_code_block, coded[:1])]
    named = [name if ranged else "TODO: the name of a variable below"]
    by = _list([*named, *(each.name for each in coded[:1])])
    return {"keyed": "\n\n".join(blocks), "by": by, "banded": _list(named)}


def _every_keyed(contract: Contract | None) -> dict[str, str]:
    """Return every column that can be counted by, and what steps call those that are not sensitive."""
    if contract is None:
        block = _band_block("TODO: its name here", "TODO: the contract's column", (UNKNOWN_BOUND,) * 2)
        return {"every_keyed": block, "every_by": _list(["TODO: the name of a variable below"])}
    taken = (*contract.key, contract.period)
    columns = [c for c in contract.stored if c.name not in taken and len(c.codes) <= MOST_CODES]
    blocks, named = [], []
    for each in columns:
        if each.codes:
            block = _about(each) + _code_block(each)
        elif each.public_bounds:
            block = _about(each) + _band_block(each.name, each.name, _bounds(each))
        else:
            continue
        blocks.append(_commented(block) if each.kind == "sensitive" else block)
        named += [] if each.kind == "sensitive" else [each.name]
    return {"every_keyed": "\n\n".join(blocks), "every_by": _list(named or ["TODO: the name of a variable below"])}


def _code_block(column: Column) -> str:
    lines = [f"name = {_text(column.name)}", f"column = {_text(column.name)}", 'transform = "code"']
    return "\n".join(["[[variables]]", *lines, f"codes = {_list(column.codes)}"])


def _band_block(name: str, column: str, bounds: tuple[str, str]) -> str:
    return _variable_block(name, column, "band", bounds) + f"\nbands = {BANDS}"


def _variable_block(name: str, column: str, transform: str, bounds: tuple[str, str]) -> str:
    lines = [f"name = {_text(name)}", f"column = {_text(column)}", f"transform = {_text(transform)}"]
    return "\n".join(["[[variables]]", *lines, f"low = {bounds[0]}", f"high = {bounds[1]}"])


def _about(column: Column) -> str:
    kind = {"sensitive": "SENSITIVE: take the comments off only if the question needs it. "}.get(column.kind, "")
    kind = kind or ("quasi-identifier: leave it out if the question does without. " if "quasi" in column.kind else "")
    about = " ".join(f"{kind}{column.description}{f' ({column.unit})' if column.unit else ''}".split())
    return f"# {about}\n" if about else ""


def _commented(block: str) -> str:
    return "\n".join(line if line.startswith("#") else f"# {line}" for line in block.splitlines())


def _transform(column: Column) -> str:
    low, high = column.public_bounds or (0, 1)
    return "log" if column.type == "integer" and low == 0 and high >= COUNTS_FROM else "unit"


def _bounds(column: Column) -> tuple[str, str]:
    low, high = column.public_bounds or (0, 1)
    return _number(low), _number(high)


def _invited(nodes: Sequence[Invited]) -> Iterator[str]:
    yield "# Who may take part, by the fingerprint of its key: `hedgerow-coordinator node list` prints them."
    unknown = [Invited(f"TODO: node {i + 1}", f"TODO: its fingerprint ({i + 1})") for i in range(LEAST_INVITED)]
    for node in nodes or unknown:
        yield f"[[invited]]\nname = {_text(node.name)}\nfingerprint = {_text(node.fingerprint)}"


def _quorum(invited: int) -> int:
    """Return two thirds of those invited, and three where there are three: below, nodes could unpick a total."""
    return min(invited, max(LEAST_INVITED, math.ceil(2 * invited / 3)))


def _year_later(today: datetime.date) -> datetime.date:
    return today + datetime.timedelta(days=365)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # what prints is alike in JSON and in TOML


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _list(names: Sequence[str]) -> str:
    return "[\n" + "".join(f"  {_text(name)},\n" for name in names) + "]"


def name_for(stem: str) -> str:
    """Return the study's name that a file's name suggests, or nothing."""
    return stem if NAME.fullmatch(stem) else ""


__all__ = [
    "BANDS",
    "COUNTS_FROM",
    "DEFAULT_TEMPLATE",
    "FEW",
    "LEAST_INVITED",
    "MASKING",
    "MOST_CODES",
    "NO_MASKING",
    "TITLE",
    "UNKNOWN_BOUND",
    "Draft",
    "draft",
    "name_for",
    "templates",
]
