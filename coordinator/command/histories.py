"""How ``run show`` prints a study's runs: each run, whom it waits for, and a matrix of nodes by places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coordinator.command.shell import table
from privacy.canonical import Document


def history_lines(history: Document) -> Iterator[str]:
    """Yield the history for people."""
    yield f"{history['study']}"
    if not history["runs"]:
        yield "It has not been run yet."
        return
    runs = history["runs"]
    rows = [(r["id"], r["state"], r["code"], len(r["nodes"]), r["queued_at"], r["ended_at"]) for r in runs]
    yield from table(["run", "state", "code", "nodes", "queued", "ended"], rows)
    if now := history["now"]:
        yield ""
        yield f"{now['done']} of {now['planned']} sums done, now {now['place']} of step {now['step']}"
        yield (
            f"waiting for {', '.join(now['waiting'])} since {now['since']}" if now["waiting"] else "waiting for nobody"
        )
    if history["exchanges"]:
        yield ""
        yield from _matrix(history["exchanges"], live=bool(now))


def _matrix(exchanges: list[Document], *, live: bool) -> Iterator[str]:
    """Yield a row for each node and a column for each place, and what each place is."""
    cells = {(n["name"], e["place"]): _cell(n, live=live) for e in exchanges for n in e["nodes"]}
    names = sorted({name for name, _ in cells})
    places = [e["place"] for e in exchanges]
    rows = [(name, *(cells.get((name, place), "") for place in places)) for name in names]
    yield from table(["node", *map(str, places)], rows)
    yield ""
    for exchange in exchanges:
        first, last = (f(n[at] for n in exchange["nodes"]) for f, at in ((min, "asked_at"), (max, "ended_at")))
        yield f"{exchange['place']:>4}  {exchange['sum']}, asked {first}, ended {last or '-'}"
    yield "A cell is seconds to the answer, or a code; ×2 means asked twice."


def _cell(node: Mapping[str, object], *, live: bool) -> str:
    again = f" ×{node['asks']}" if node["asks"] != 1 else ""
    if node["state"] == "answered":
        return f"{node['seconds']:.2f}{again}"
    if node["state"] == "refused":
        return f"{node['code']}{again}"
    return ("waiting" if node["state"] == "waiting" and live else "silent") + again


__all__ = ["history_lines"]
