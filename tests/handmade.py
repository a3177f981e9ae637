"""A small data set written by hand: people, events and the truth about falls, in the shape of the simulator's."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from privacy.canonical import sha256
from privacy.columns import Column, days_of
from privacy.contract import Contract
from synthetic.formats import format_of
from synthetic.identifiers import nhs_numbers
from synthetic.manifest import NAME, Manifest, Plan, Written, read_manifest
from synthetic.provenance import PublicPriors
from synthetic.written.reading import TYPES

PEOPLE, SEED = 1500, 2**60 + 12345
INDEX = date(2025, 4, 1)
DAY = int(days_of(INDEX))
FIRST, LAST = days_of(date(1900, 1, 1)), days_of(date(2026, 12, 31))


def column(name, kind, type_, **more):
    return Column(name, kind, type_, description=f"the {name}", **more)


NUMBER = column("nhs_number", "direct-identifier", "nhs-number", treatment="pseudonym")
WORDS = {kind: word for word, kind in TYPES.items()} | {pa.int8(): "whole number", pa.float32(): "number"}
HEAD = {"version": 1, "owner": "nobody", "legal_basis": "none is needed", "source": "by hand"}
CONTRACTS = {
    "people": Contract(
        name="people",
        title="People",
        table="person",
        key=("nhs_number",),
        columns=(
            NUMBER,
            column("birth_date", "quasi-identifier", "date", role="birth", treatment="month", low=FIRST, high=LAST),
            column("sex", "quasi-identifier", "code", codes=("1", "2"), code_list="person-stated-gender@1"),
            column("ethnicity", "quasi-identifier", "code", codes=tuple("ABCH")),
            column("imd_decile", "quasi-identifier", "integer", low=1, high=10, may_be_missing=True),
            column("died_on", "sensitive", "date", low=FIRST, high=LAST, may_be_missing=True),
        ),
        **HEAD,
    ),
    "events": Contract(
        name="events",
        title="Events",
        table="event",
        key=("nhs_number", "record_id"),
        columns=(
            NUMBER,
            column("record_id", "measure", "integer", low=1, high=2.0**40),
            column("date", "sensitive", "date", low=FIRST, high=LAST),
            column("until", "sensitive", "date", low=FIRST, high=LAST, may_be_missing=True),
            column("source", "sensitive", "code", codes=("apc", "gp")),
            column("code", "sensitive", "text", may_be_missing=True),
            column("value", "measure", "number", low=0, high=300, may_be_missing=True, unit="mmHg"),
        ),
        **HEAD,
    ),
}


def tables(people=PEOPLE, seed=SEED):
    """Return made-up tables whose falls depend on age and on earlier falls."""
    rng = np.random.default_rng(seed)
    numbers = pa.array(nhs_numbers(seed, 0, people).astype(str))
    age = rng.integers(4, 95, people)
    fallen = rng.random(people) < age / 300
    risk = 1 / (1 + np.exp(5 - age / 25 - 2 * fallen))
    happened = rng.random(people) < risk
    died = np.where(rng.random(people) < 0.03, DAY + rng.integers(-300, 365, people), -1)
    who = np.sort(rng.integers(0, people, people * 8))
    day = DAY + rng.integers(-3 * 365, 365, len(who))
    stays = rng.random(len(who)) < 0.1
    fell = np.flatnonzero(fallen)
    who, day = np.concatenate([who, fell]), np.concatenate([day, np.full(len(fell), DAY - 100)])
    code = np.where(np.arange(len(who)) < len(who) - len(fell), "consultation", "fall")
    order = np.argsort(who, kind="stable")
    who, day, code = who[order], day[order], code[order]
    stays = np.append(stays, np.zeros(len(fell), bool))[order]
    nothing = pa.nulls(len(who), pa.date32())
    return {
        "people": pa.table(
            {
                "nhs_number": numbers,
                "birth_date": dates(DAY - age * 365 - 100),
                "sex": pa.array(rng.choice(["1", "2"], people)),
                "ethnicity": pa.array(rng.choice(list("ABCH"), people)),
                "imd_decile": pa.array(rng.integers(1, 11, people).astype(np.int8), mask=rng.random(people) < 0.02),
                "died_on": pa.array(died.astype(np.int32), mask=died < 0).cast(pa.date32()),
            }
        ),
        "events": pa.table(
            {
                "nhs_number": numbers.take(pa.array(who)),
                "record_id": pa.array(np.arange(1, len(who) + 1)),
                "date": dates(day),
                "until": pc.if_else(pa.array(stays), dates(day + 30), nothing),
                "source": pa.array(np.where(stays, "apc", "gp")),
                "code": pa.array(code),
                "value": pa.array(
                    rng.normal(130, 10, len(who)).round(1).astype(np.float32), mask=rng.random(len(who)) < 0.5
                ),
            }
        ),
        "truth/falls": pa.table(
            {
                "nhs_number": numbers.filter(pa.array(age >= 18)),
                "probability": pa.array(risk[age >= 18].astype(np.float32)),
                "happened": pa.array(happened[age >= 18]),
            }
        ),
    }


def dates(days):
    return pa.array(np.asarray(days, np.int32)).cast(pa.date32())


def data_set(home, *, format="parquet", seed=SEED, made=None, report=True):  # noqa: A002 - as in the product
    """Write a data set of two parts and its report; return where it lies."""
    made, files = made or tables(seed=seed), []
    writer = format_of(format)
    for name, table in made.items():
        for part in range(2):
            path = home / writer.path(name, part)
            path.parent.mkdir(parents=True, exist_ok=True)
            half = table.slice(part * (len(table) // 2), None if part else len(table) // 2)
            with path.open("wb") as file, writer.opened(file, table.schema) as sink:
                for batch in half.to_batches():
                    sink.write(batch)
            files.append(Written.of(home, path.relative_to(home).as_posix(), name, len(half)))
    words = {name: {f.name: WORDS[f.type] for f in table.schema} for name, table in made.items()}
    plan = Plan(
        provenance=PublicPriors("0" * 64),
        command=f"hedgerow-synthetic generate small --seed {seed} --out here",
        seed=seed,
        recipe={"people": len(made["people"]), "place": "blmk", "index_date": INDEX.isoformat(), "seed": seed},
        format=format,
        tables=words,
        software={"hedgerow": "0.4.0"},
    )
    (home / NAME).write_bytes(Manifest.of(plan, files, files).encode())
    return reported(home) if report else home


def reported(home):
    """Write a report that says no more than whose it is, and how the data were made."""
    plan = read_manifest(home).plan
    about = {"manifest": sha256((home / NAME).read_bytes()), "command": plan.command, "seed": plan.seed}
    (home / "report.json").write_text(json.dumps(about))
    (home / "report.html").write_text(f"<p>Made by {plan.command}. Manifest {about['manifest']}.</p>")
    return home


def edited(home, **plan):
    """Change fields of a data set's plan."""
    manifest = read_manifest(home)
    (home / NAME).write_bytes(replace(manifest, plan=replace(manifest.plan, **plan)).encode())
    return reported(home)
