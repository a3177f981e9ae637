"""The notebook that a team begins with: it reads the data, looks at them, makes a first model and a first answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from keyword import iskeyword
from pathlib import Path
from textwrap import dedent
from typing import Any

from privacy.errors import Unreachable
from synthetic.pack.about import About, Packed
from synthetic.pack.questions import Question

NAME = "starter.ipynb"
SUBMISSION = "my-predictions.csv"
INDEX_DATE = 'INDEX_DATE = pd.Timestamp("{}")  # what happens from this day on is to be foretold'
LONGEST = 1200  # seconds that one cell may take, when a pack is made
READERS = {
    "csv": 'pd.read_csv(file, dtype=dict.fromkeys(TEXTS, "str"), low_memory=False)',
    "parquet": "pd.read_parquet(file)",
}


def notebook(about: About) -> bytes:
    """Return the notebook as it is before it has run; where nothing is asked it only reads and looks."""
    cells = [*_reading(about), *_looking(about)]
    for question in about.questions[:1]:
        cells += _modelling(about, question)
    return _encoded(
        {
            "cells": [{**cell, "id": f"cell-{number:02d}"} for number, cell in enumerate(cells, start=1)],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def execute(home: Path) -> None:
    """Run the notebook of a pack in a process of its own, and keep what it showed; the predictions it made are removed.

    What depends on the clock is removed too, so that the same pack is the same bytes. ``notebook-tools-absent`` when
    what runs a notebook is not installed, ``notebook-failed`` when a cell fails.
    """
    file = home.resolve() / NAME
    with tempfile.TemporaryDirectory(prefix="hedgerow-notebook-") as own:
        homes = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), own)
        command = [sys.executable, "-P", str(Path(__file__).with_name("running.py")), str(file), own, str(LONGEST)]
        environ = {**os.environ, **homes, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environ, capture_output=True, check=False, cwd=file.parent)  # noqa: S603 - ours
    (home / SUBMISSION).unlink(missing_ok=True)
    if b"ModuleNotFoundError" in done.stderr or b"No module named ipykernel" in done.stderr:
        raise Unreachable("notebook-tools-absent")
    document = json.loads(file.read_bytes())
    if done.returncode or (faults := _faults(document)):
        raise Unreachable("notebook-failed", NAME, faults=faults if not done.returncode else ())
    for cell in document["cells"]:
        cell["metadata"].pop("execution", None)
    file.write_bytes(_encoded(document))


def _faults(document: dict[str, Any]) -> list[str]:
    """Return which cells failed and with what kind of error: no text of it, which may hold a value."""
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    outputs = [(cell["id"], output) for cell in cells for output in cell["outputs"]]
    return [f"{name}: {output['ename']}" for name, output in outputs if output["output_type"] == "error"]


def _encoded(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _reading(about: About) -> list[dict[str, Any]]:
    tables = [table for table in about.tables.values() if table.path.startswith("data/")]
    columns = [column for table in tables for column in table.contract.columns]
    texts = sorted({column.name for column in columns if column.type not in ("integer", "number")})
    reads = [_read(table) for table in tables]
    counts = ", ".join(f"{{len({_variable(table)}):,}} {table.name}" for table in tables)
    lines = [
        "import pandas as pd",
        "",
        *([INDEX_DATE.format(about.index_date)] if about.index_date else []),
        f"TEXTS = {texts}",
        "",
        "",
        "def read(file, dates=()):",
        f"    table = {READERS[tables[0].format]}",
        '    words = [name for name in TEXTS if name in table and name not in (*dates, "nhs_number")]',
        '    table = table.astype(dict.fromkeys(words, "category"))',
        "    return table.assign(**{name: pd.to_datetime(table[name]) for name in dates})",
        "",
        "",
        *reads,
        f'print(f"{counts}")',
    ]
    return [
        _text(f"# {about.title}\n\n**Nobody in these tables is real.** {about.use}"),
        _text("## 1. Read the data\n\n`README.md` says what lies where, `dictionary.html` what each column means."),
        _code("\n".join(lines)),
        *(_code(f"{_variable(table)}.head()") for table in tables),
    ]


def _read(table: Packed) -> str:
    dates = [column.name for column in table.contract.columns if column.type == "date"]
    index = f'.set_index("{table.person}")' if table.contract.table == "person" else ""
    return f'{_variable(table)} = read("{table.path}", {dates}){index}'


def _variable(table: Packed) -> str:
    name = table.name.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


def _looking(about: About) -> list[dict[str, Any]]:
    there = {name: {c.name for c in table.contract.columns} for name, table in about.tables.items()}
    if there.get("people", set()) >= {"birth_date", "sex"} and there.get("events", set()) >= {"date", "source"}:
        return [_text(f"## 2. Look at them\n\n{_SAID_PYRAMID}"), _code(PYRAMID), _text(_SAID_YEARS), _code(YEARS)]
    tables = [table for table in about.tables.values() if table.path.startswith("data/")]
    return [_text("## 2. Look at them"), *(_code(f'{_variable(t)}.describe(include="all").T') for t in tables)]


def _modelling(about: About, question: Question) -> list[dict[str, Any]]:
    outcomes, asked = (about.tables[f"{question.name}-{what}"] for what in ("outcomes", "to-predict"))
    return [
        _text(f"## 3. A first model\n\n**{question.question}**\n\n{question.why}"),
        _code(
            f"""
            outcomes = read("{outcomes.path}").set_index("nhs_number")["happened"].astype(int)
            to_predict = read("{asked.path}").set_index("nhs_number").index
            print(f"{{len(outcomes):,}} people with a known outcome, {{outcomes.sum():,}} of whom had it")
            print(f"{{len(to_predict):,}} people to foretell")
            """
        ),
        _text(_SAID_FEATURES),
        _code(FEATURES),
        _text(_SAID_MODEL),
        _code(MODEL),
        _text(_SAID_CALIBRATION),
        _code(CALIBRATION),
        _text("## 4. A first answer\n\nHand this file to the organisers: they hold what happened, and score it."),
        _code(
            f"""
            model.fit(features.loc[outcomes.index], outcomes)
            risk = model.predict_proba(features.loc[to_predict])[:, 1]
            answer = pd.DataFrame({{"probability": risk}}, index=to_predict)
            answer.round(6).to_csv("{SUBMISSION}")
            answer["probability"].describe().round(3)
            """
        ),
        _text("## 5. Go on\n\n" + "\n".join(f"* {line}" for line in (*question.start, *question.beware))),
    ]


_SAID_PYRAMID = "People by age and sex. The bar is as long as the larger of the two."
_SAID_YEARS = (
    "Events a person, in each of the three years before the index date, by the kind of service that wrote them down."
)
_SAID_FEATURES = (
    "**What may a model know?** What was on record before the index date, and nothing later. Of people whose outcome "
    "you have, later events and `died_on` are in the tables: they tell it. Those to foretell have none."
)
_SAID_MODEL = (
    "Logistic regression, learned from three quarters of the people and tried on the fourth. The AUC is how often "
    "somebody who had the outcome is put above somebody who had not: 0.5 is guessing, 1 is never wrong."
)
_SAID_CALIBRATION = (
    "**Do the risks come true, and for everybody?** The mean predicted risk beside the share of people to whom it "
    "happened, by decile of deprivation (1 is the most deprived). Few people make a rough share."
)
PYRAMID = """
people["age"] = ((INDEX_DATE - people["birth_date"]).dt.days / 365.25).astype(int)
bands = pd.cut(people["age"], range(0, 121, 10), right=False)
pyramid = pd.crosstab(bands, people["sex"])
pyramid.assign(bar=["█" * round(40 * n / pyramid.to_numpy().max()) for n in pyramid.max(axis=1)])
"""
YEARS = """
edges = [INDEX_DATE - pd.DateOffset(years=n) for n in (3, 2, 1, 0)]
year = pd.cut(events["date"], edges, right=False, labels=["third last", "second last", "last"]).rename("year")
pd.crosstab(events["source"], year).div(len(people)).round(2)
"""
FEATURES = """
before = events[events["date"] < INDEX_DATE]
last_year = before[before["date"] >= INDEX_DATE - pd.DateOffset(years=1)]


def counts(some, name):
    table = some.groupby(["nhs_number", "source"], observed=True).size().unstack(fill_value=0)
    return table.set_axis([f"{name} {source}" for source in table.columns], axis=1)


common = before["code"].value_counts().head(60).index
coded = before[before["code"].isin(common)]
ever = coded.groupby(["nhs_number", "code"], observed=True).size().unstack(fill_value=0).clip(upper=1)
ever = ever.set_axis([f"ever {code}" for code in ever.columns], axis=1)
features = (
    people[["age"]]
    .assign(sex=people["sex"].astype("category").cat.codes)
    .assign(age_squared=people["age"] ** 2, imd_decile=people["imd_decile"].astype(float).fillna(5))
    .join([counts(before, "all years"), counts(last_year, "last year"), ever])
    .fillna(0.0)
)
print(f"{features.shape[1]} features")
"""
MODEL = """
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

check = outcomes.sample(frac=0.25, random_state=0).index
learn = outcomes.index.difference(check)
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
model.fit(features.loc[learn], outcomes[learn])
risk = pd.Series(model.predict_proba(features.loc[check])[:, 1], index=check)
print(f"AUC on people that it did not see: {roc_auc_score(outcomes[check], risk):.2f}")
"""
CALIBRATION = """
deciles = people["imd_decile"].astype(float)
checked = people.loc[check].assign(predicted=risk, happened=outcomes[check], imd_decile=deciles)
by_decile = checked.groupby("imd_decile")[["predicted", "happened"]].mean()
by_decile.assign(people=checked.groupby("imd_decile").size()).round(3)
"""


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": dedent(source).strip(),
    }


__all__ = [
    "CALIBRATION",
    "FEATURES",
    "INDEX_DATE",
    "LONGEST",
    "MODEL",
    "NAME",
    "PYRAMID",
    "SUBMISSION",
    "YEARS",
    "execute",
    "notebook",
]
