"""``study check``, ``price``, ``submit``, ``status``, ``withdraw``: from a file to what each node said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command import dossiers, drafting
from coordinator.command.shell import Json, Shell, Yes, confirm, say, table
from privacy.canonical import Document

if TYPE_CHECKING:
    from coordinator.pricing import Price
    from privacy.contract import Contract
    from privacy.programme import Observer
    from privacy.study import Study

app = typer.Typer(no_args_is_help=True, help="Check, price and submit studies, and see where they stand.")

drafting.add_to(app)
dossiers.add_to(app)

File = Annotated[Path, typer.Argument(help="The study, a TOML file.")]


@app.command()
def check(
    context: typer.Context,
    *,
    file: File,
    contract: Annotated[
        Path | None, typer.Option(help="The data contract, to check columns against.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a study and list all its faults; nothing is sent.

    \b
    Example:
      hedgerow-coordinator study check admissions.toml --contract contract.toml
    """
    from privacy.contract_file import read_contract

    study = _checked(Shell.of(context), file, contract=read_contract(contract) if contract else None)
    uses = ", ".join(dict.fromkeys(step.use for step in study.steps))
    lines = [f"{study.name} holds together: {len(study.steps)} steps ({uses}), {len(study.invited)} invited."]
    say(lines, {"study": study.name, "faults": []}, as_json=as_json)


@app.command()
def price(context: typer.Context, file: File, *, as_json: Json = False) -> None:
    """Price a study: every sum it plans, its noise, and the epsilon proven for all of them; nothing is sent.

    \b
    Example:
      hedgerow-coordinator study price admissions.toml
    """
    from coordinator.pricing import price_of

    shell = Shell.of(context)
    priced = price_of(_checked(shell, file), shell.finder)
    say(_price_lines(priced), asdict(priced), as_json=as_json)


@app.command()
def submit(context: typer.Context, file: File, *, as_json: Json = False) -> None:
    """Submit a study to the serving coordinator, which offers it to the nodes it invites.

    \b
    Example:
      hedgerow-coordinator study submit admissions.toml
    """
    from privacy.canonical import canonical

    shell = Shell.of(context)
    study = _checked(shell, file)
    status = shell.client().submit(canonical(study.document()))
    lines = [
        f"{study.name} is offered to {len(study.invited)} nodes",
        f"hash  {status['hash']}",
        f"Next: at each node two people approve it; `hedgerow-coordinator run {study.name}` waits for them.",
    ]
    say(lines, status, as_json=as_json)


@app.command()
def status(
    context: typer.Context,
    *,
    study: Annotated[
        str | None, typer.Argument(help="Its name, or the first digits of its hash.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show where one study stands: who approved, who refused and why, who is online, whom a run waits for.

    Without STUDY, list all.

    \b
    Example:
      hedgerow-coordinator study status next-year-admission
    """
    client = Shell.of(context).client()
    if study is None:
        overview = client.overview()
        say(_overview_lines(overview), overview, as_json=as_json)
    else:
        document = client.status(study)
        say(status_lines(document), document, as_json=as_json)


@app.command()
def withdraw(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="Its name, or the first digits of its hash.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, in one line; the nodes' people read it.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a study back for good: it is offered no more, and nothing further is asked. What was paid stays paid.

    \b
    Example:
      hedgerow-coordinator study withdraw next-year-admission --reason "The question changed"
    """
    client = Shell.of(context).client()
    confirm(f"Take {client.status(study)['study']} back, for good?", yes=yes)
    document = client.withdraw(study, reason)
    lines = [
        f"{document['study']} is withdrawn; the nodes hear of it when they next ask, within seconds when they serve.",
        "What they were charged stays charged. To ask again, submit a study of another name.",
    ]
    say(lines, document, as_json=as_json)


def status_lines(status: Document) -> Iterator[str]:
    """Yield where a study stands, for people."""
    yield f"{status['study']}: {status['title']}"
    yield f"{status['hash']}"
    yield f"submitted {status['submitted_at']}, ends {status['ends']}"
    online = f"{status['approved_and_online']} of them online"
    if status["withdrawn"]:
        yield f"WITHDRAWN on {status['withdrawn']['at']}: {status['withdrawn']['reason']}"
    yield f"{status['approved']} approved, {online}; quorum {status['quorum']}"
    rows = [(n["name"], n["state"], n["code"], n["online"], n["at"]) for n in status["nodes"]]
    yield from table(["node", "state", "code", "online", "since"], rows)
    if status["run"]:
        yield run_line(status["run"])
    if status["model"]:
        yield f"model {status['model']}"


def run_line(run: Document) -> str:
    """Return how far a run is, in one line."""
    if "place" not in run:
        return f"the run is {run['state']}" + (f": {run['code']} {run['detail']}".rstrip() if run["code"] else "")
    waiting = f"; waiting for {', '.join(run['waiting'])} since {run['since']}" if run["waiting"] else ""
    return f"{run['done']} of {run['planned']} sums done, now {run['place']}{waiting}"


def _checked(shell: Shell, file: Path, contract: Contract | None = None) -> Study:
    from coordinator.checking import check_study
    from privacy.study import read_study

    study = read_study(file)
    check_study(study, finder=shell.finder, today=shell.now().date(), contract=contract)
    return study


def _overview_lines(overview: Document) -> list[str]:
    rows = [
        (s["study"], s["hash"][7:19], s["approved"], s["quorum"], s["run"]["state"] if s["run"] else "", s["ends"])
        for s in overview["studies"]
    ]
    return table(["study", "hash", "approved", "quorum", "run", "ends"], rows)


def _price_lines(priced: Price) -> Iterator[str]:
    rows = [
        (line.place, line.sum, line.people, line.width, line.clip, line.noise_sd, line.total_noise_sd, line.cost,
         line.epsilon)
        for line in priced.lines
    ]  # fmt: skip
    head = ["place", "sum", "people", "width", "clip", "noise sd", "of a quorum", "cost", "epsilon"]
    yield from table(head, rows)
    yield ""
    yield f"epsilon in all    {priced.epsilon:.4f}  proven for the noise drawn, at delta {priced.delta:g}"
    yield f"if continuous     {priced.epsilon_if_continuous:.4f}  for comparison only"
    for part, epsilon in priced.epsilon_by_part.items():
        yield f"  {part:<15} {epsilon:.4f}"
    yield ""
    yield from _against_lines(priced.epsilon_against)
    yield ""
    yield f"room for people   {priced.most_people:.2g}  in a total, before it could wrap"
    yield "cost is in units of 10^-12 rho (zCDP); epsilon beside a sum is what it would be were it alone."


def _against_lines(against: Mapping[Observer, Mapping[int, float]]) -> Iterator[str]:
    from privacy.observers import known_to

    rows = [(observer, *(f"{e:.4f}" for e in epsilons.values())) for observer, epsilons in against.items()]
    nodes = next(iter(against.values()))
    yield from table(["epsilon against", *map(known_to, nodes)], rows)
    yield "colluders: as many nodes as the study tolerates, with the coordinator. coordinator: should masks be broken;"
    yield "without masks it sees each node's own sums, and each node adds all of the noise."


__all__ = ["app", "check", "price", "run_line", "status", "status_lines", "submit", "withdraw"]
