"""Makes a pack of a finished data set: a folder for teams and one for organisers, both whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from privacy.atomic import SHARED, put, sync_directory
from privacy.canonical import legible, sha256
from privacy.contract import Contract
from privacy.errors import Invalid, Refusal
from synthetic.geography import places
from synthetic.manifest import NAME as MANIFEST
from synthetic.pack import dictionary, papers
from synthetic.pack.about import PEOPLE, About, Packed
from synthetic.pack.answers import KEY, Answered, Answers, Key, write_answers
from synthetic.pack.checksums import write_sums
from synthetic.pack.croissant import croissant
from synthetic.pack.datapackage import datapackage
from synthetic.pack.dictionary import Meanings
from synthetic.pack.hold_out import HoldOut, hold_out
from synthetic.pack.notebook import NAME as NOTEBOOK
from synthetic.pack.notebook import execute, notebook
from synthetic.pack.questions import Question, question
from synthetic.pack.secrets import check_told, without
from synthetic.pack.tables import Writer, pack_tables
from synthetic.written.disk import disk_faults
from synthetic.written.reading import DataSet, open_data_set

TEAMS, ORGANISERS = "TEAMS", "ORGANISERS"
UNFINISHED = ".unfinished"
FORMATS = ("csv", "parquet")  # what a table of a pack may be, one file each
NO_DATE = "2000-01-01"  # of data that have no index date, nobody is held back
REPORT_PAGE, REPORT_JSON = "report.html", "report.json"  # both name the data set's manifest by its hash
REPORT = (REPORT_PAGE, REPORT_JSON)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Done:
    """What was made: the pack's name and SHA-256, its tables' rows, and how many answers are held for each use case."""

    pack: str
    sha256: str
    rows: Mapping[str, int]
    answers: Mapping[str, Answered]


def pack(
    *,
    data_set: Path,
    out: Path,
    contracts: Mapping[str, Contract],
    meanings: Meanings,
    use_cases: Sequence[str],
    share: float,
    format: str,  # noqa: A002 - the option's name
    tell: Tell,
) -> Done:
    """Make ``out/TEAMS`` and ``out/ORGANISERS`` of a data set that is whole and has a report, without a clock.

    ``contracts`` are those of its tables, ``meanings`` what codes mean. For each use case a ``share`` of
    the people is held back. The same data set gives the same bytes, with the same versions of the libraries.
    """
    asked = tuple(question(name) for name in dict.fromkeys(use_cases))
    if format not in FORMATS:
        raise Invalid("data-set-format-unknown", format, faults=FORMATS)
    if out.exists():
        raise Refusal("data-set-exists", str(out))
    data = open_data_set(data_set)
    _check_report(data_set)
    _check_use_cases(data, asked, share)
    home = out.with_name(out.name + UNFINISHED)
    with disk_faults(home):
        _begin(home)
        tell("Writing the tables.")
        held = _held(data, share if asked else 0.0)
        writer = Writer(home / TEAMS, format)
        answers = pack_tables(data, contracts, asked, held, writer)
        about = _about(data, asked, writer.tables)
        _papers(data_set, home / TEAMS, about, meanings)
        tell("Running the notebook.")
        execute(home / TEAMS)
        if about.secret:
            check_told(home / TEAMS, about.plan.seed)
        done = _organisers(home, about, share, answers)
        _end(home, out)
    return done


def _check_report(data_set: Path) -> None:
    """Refuse a data set that nobody has reported on, or one whose report is of another."""
    if absent := [name for name in REPORT if not (data_set / name).is_file()]:
        raise Refusal("report-absent", str(data_set), faults=absent)
    try:
        of = json.loads((data_set / REPORT_JSON).read_bytes()).get("manifest")
    except (ValueError, AttributeError):
        of = None
    manifest = sha256((data_set / MANIFEST).read_bytes())
    other = [REPORT_JSON] if of != manifest else []
    other += [REPORT_PAGE] if manifest.encode() not in (data_set / REPORT_PAGE).read_bytes() else []
    if other:
        raise Refusal("report-absent", str(data_set), faults=[f"{name}: is not of this data set" for name in other])


def _check_use_cases(data: DataSet, asked: Sequence[Question], share: float) -> None:
    """Refuse a use case whose truth the data set does not have, and a share that leaves nobody."""
    if missing := [each.name for each in asked if each.name not in data.use_cases()]:
        raise Invalid("truth-absent", ", ".join(missing), faults=data.use_cases())
    if asked and not 0 < share < 1:
        raise Invalid("hold-out-small", "a share above 0 and below 1")


def _held(data: DataSet, share: float) -> HoldOut:
    people = data.batches(PEOPLE) if share else ()
    return hold_out(people, share=share, seed=data.manifest.plan.seed, index_date=_index_date(data) or NO_DATE)


def _index_date(data: DataSet) -> str:
    return str(data.manifest.plan.recipe.get("index_date", ""))


def _about(data: DataSet, asked: tuple[Question, ...], tables: Mapping[str, Packed]) -> About:
    plan, day = data.manifest.plan, _index_date(data)
    people = tables[PEOPLE].rows if PEOPLE in tables else int(plan.recipe.get("people", 0))
    place = str(plan.recipe.get("place", plan.provenance.kind))
    version, seen = plan.software["hedgerow"], f", seen from {day}" if day else ""
    return About(
        name=f"synthetic-{place}-{people}",
        title=f"{people:,} people who never were",
        description=f"{people:,} synthetic people ({places().get(place, place)}){seen}.",
        use=f"You may {'; '.join(plan.provenance.may)}. You may not {'; '.join(plan.provenance.may_not)}.",
        made_with=f"hedgerow-synthetic {version}",
        version=version,
        created=day,
        index_date=day,
        plan=plan,
        questions=asked,
        tables=tables,
    )


def _papers(data_set: Path, home: Path, about: About, meanings: Meanings) -> None:
    contracts = {name: table.contract for name, table in about.tables.items()}
    for name in REPORT:
        report = (data_set / name).read_bytes()
        hidden = without(report, about.plan.seed, as_json=name.endswith(".json")) if about.secret else report
        put(home / name, hidden, mode=SHARED)
    for name, content in {
        "README.md": papers.readme(about),
        "LICENCE.txt": papers.licence(about),
        "pack.json": papers.card(about),
        "dictionary.csv": dictionary.as_csv(dictionary.lines(contracts, meanings)),
        "dictionary.html": dictionary.as_html(about.title, contracts, meanings, foot=f"Made by {about.made_with}."),
        "codes.csv": dictionary.as_csv(dictionary.codes(contracts, meanings)),
        "datapackage.json": legible(datapackage(about)),
        "croissant.json": legible(croissant(about)),
        NOTEBOOK: notebook(about),
    }.items():
        put(home / name, content, mode=SHARED)


def _organisers(home: Path, about: About, share: float, answers: Mapping[str, Answers]) -> Done:
    """Seal the teams' folder with its sums, then write what belongs to them."""
    sums, own = write_sums(home / TEAMS), home / ORGANISERS
    own.mkdir(mode=0o700)
    answered = {name: write_answers(own, name, each) for name, each in answers.items()}
    plan, held = about.plan, share if about.questions else 0.0
    put(own / KEY, Key(about.name, sums, plan.command, plan.seed, held, answered).encode())
    put(own / "README.md", papers.for_organisers(about))
    write_sums(own)
    return Done(about.name, sums, {name: table.rows for name, table in about.tables.items()}, answered)


def _begin(home: Path) -> None:
    """Begin anew: what an interrupted run left is taken away, and nothing else."""
    if home.exists():
        if {path.name for path in home.iterdir()} - {TEAMS, ORGANISERS}:
            raise Refusal("data-set-exists", str(home))
        shutil.rmtree(home)
    (home / TEAMS).mkdir(parents=True)


def _end(home: Path, out: Path) -> None:
    for path in home.rglob("*"):
        if path.is_dir():
            sync_directory(path)
    sync_directory(home)
    home.rename(out)
    sync_directory(out.parent)


__all__ = ["FORMATS", "ORGANISERS", "REPORT", "TEAMS", "Done", "Tell", "pack"]
