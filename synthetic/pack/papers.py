"""The papers of a pack that people read: what is in it, what is asked, what it may be used for, and whose figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from privacy.canonical import legible
from synthetic.pack.about import About
from synthetic.pack.notebook import NAME as NOTEBOOK
from synthetic.pack.notebook import SUBMISSION
from synthetic.pack.questions import Question
from synthetic.pack.secrets import without
from synthetic.provenance import Fitted, Provenance, to_document
from synthetic.published import sources


def readme(about: About) -> bytes:
    """Return ``README.md``."""
    provenance = about.plan.provenance
    begin = [
        f"1. Open `{NOTEBOOK}` in Jupyter and run it from the top. It needs pandas, pyarrow and scikit-learn.",
        "2. Read `dictionary.html`: it says what each column and code means.",
        "3. Check that your copy is whole: `sha256sum -c SHA256SUMS`, or `hedgerow-synthetic validate .`",
    ]
    parts = [
        f"# {about.title}",
        f"**{provenance.says}** {about.description}",
        _files(about),
        *(_challenge(question, about.index_date) for question in about.questions),
        "## How to begin\n\n" + "\n".join(begin),
        "## What it may be used for\n\n" + _bullets(provenance.may),
        "It may not be used to\n\n" + _bullets(provenance.may_not),
        f"## Licence\n\n{about.licence.title}: [{about.licence.path}]({about.licence.path}). {_whose(provenance)}",
        f"## How it was made\n\nBy {about.made_with}, with\n\n    {about.plan.command}",
    ]
    content = ("\n\n".join(parts) + "\n").encode()
    return without(content, about.plan.seed, as_json=False) if about.secret else content


def licence(about: About) -> bytes:
    """Return ``LICENCE.txt``: the licence of the data, with each source of figures, or the study that they are from."""
    provenance = about.plan.provenance
    if isinstance(provenance, Fitted):
        lines = [
            f"{about.licence.title}.",
            "",
            f"{provenance.says} The study was {provenance.study}.",
            provenance.cost,
        ]
        lines += ["Whoever ran it says who may have the data, and for what else."]
    else:
        lines = [f"The data in this pack are under {about.licence.title}: {about.licence.path}"]
        open_ones = sorted({f"{s.title}. {s.publisher}, {s.date}." for s in sources().values() if "OGL" in s.licence})
        lines += ["", "Contains public sector information licensed under the Open Government Licence v3.0:", ""]
        lines += [f"* {each}" for each in open_ones]
    return ("\n".join(lines) + "\n").encode()


def _whose(provenance: Provenance) -> str:
    if isinstance(provenance, Fitted):
        return f"{provenance.cost} `report.html` says how near to people the data are."
    return "`LICENCE.txt` names whose figures went in."


def card(about: About) -> bytes:
    """Return ``pack.json``: for programs, where the data come from; of a pack with answers held back, not the seed."""
    document: dict[str, Any] = {
        "synthetic": True,
        "pack": about.name,
        "title": about.title,
        "provenance": to_document(about.plan.provenance),
        "command": about.plan.command,
        "recipe": dict(about.plan.recipe),
        "software": dict(about.plan.software),
        "index_date": about.index_date or None,
        "use_cases": [question.name for question in about.questions],
        "tables": {name: {"path": t.path, "rows": t.rows} for name, t in about.tables.items()},
        "contracts": {name: t.contract.document() for name, t in about.tables.items()},
    }
    content = legible(document)
    return without(content, about.plan.seed, as_json=True) if about.secret else content


def for_organisers(about: About) -> bytes:
    """Return the ``README.md`` of what is kept from teams."""
    files = _bullets([f"`answers-{q.name}.csv`: {q.title.lower()}, of those held back" for q in about.questions])
    scored = """
Score what a team hands in (two columns, `nhs_number` and `probability`):

    hedgerow-synthetic score PREDICTIONS.csv --organisers . --team NAME --leaderboard leaderboard.csv
"""
    text = f"""# For the organisers of {about.title}: keep this folder to yourselves

Whoever has it can look up every answer. Hand out the folder `TEAMS` beside it, never the one above both.

{files or "* Nobody is held back: there are no answers."}
* `key.json`: how the data were made, seed and all, and which pack these answers belong to
{scored if about.questions else ""}"""
    return text.encode()


def _files(about: About) -> str:
    rows = [f"| `{t.path}` | {t.rows:,} | {t.contract.title} |" for t in about.tables.values()]
    head = ["## What is in it", "", "| file | rows | what it holds |", "|---|---:|---|", *rows]
    others = [
        "",
        "* `dictionary.html`, `dictionary.csv`, `codes.csv`: every column, and what codes mean",
        f"* `{NOTEBOOK}`: reads the data, and where something is asked makes a first answer",
        "* `report.html`: how like the published figures, or the real records, these data are",
        "* `datapackage.json`, `croissant.json`: the same for programs (Frictionless, Croissant)",
    ]
    return "\n".join([*head, *others])


def _challenge(question: Question, index_date: str) -> str:
    return f"""## The question: {question.title.lower()}

{question.question}

{question.why}

`challenge/{question.name}/` holds the outcomes of most people, to learn from, and a list of people to foretell. What
happened to those from the index date on is not in your files. Hand in a CSV like the notebook's `{SUBMISSION}`:
`nhs_number` and `probability`, one line for each of them. It is scored by AUC, and by calibration and by group.

**Learn from what was on record before {index_date}, and from nothing later.** Of the people whose outcomes you have,
later events and `died_on` are in the files: they tell the outcome, and those to foretell have none.

{_bullets((*question.start, *question.beware))}"""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


__all__ = ["card", "for_organisers", "licence", "readme"]
