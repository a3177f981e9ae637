"""``score`` and ``compare``: what a shared model says of this node's own people, through the inner door."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened, read
from node.command.models import hear_news, pull
from privacy.terminal import progress, say

if TYPE_CHECKING:
    from models.version import ModelVersion
    from node.assemble import Node
    from privacy.optouts import OptOuts

StudyOption = Annotated[str, typer.Option(help="The study whose model is used: its name, or digits of its hash.")]
Purpose = Annotated[str, typer.Option(help="What the figures are for; it is written into the log.")]
Out = Annotated[Path, typer.Option(metavar="FILE", help="Where to write; a file that is there is not replaced.")]
ModelFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A model you have; otherwise the kept one, or it is pulled.")
]


def score(
    *,
    home: Home,
    study: StudyOption,
    person: AsPerson,
    key: KeyFile,
    purpose: Purpose,
    out: Out,
    model: ModelFile = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Write each person's risk by the shared model, by pseudonym, to a file that only this account can read.

    Example: hedgerow-node score --study next-year-admission --as cara --key /media/cara/cara.key
    --purpose "proactive care list, January" --out scores.csv
    """
    from node.scoring import score as write_scores

    node, opened_model, optouts = _entered("score", home, study, person, key, purpose, out, model, passphrase_file)
    people = write_scores(opened_model, node.store, optouts, out)
    say({"people": people, "out": str(out)}, f"{people} people scored: {out}", as_json=as_json)


def compare(
    *,
    home: Home,
    study: StudyOption,
    person: AsPerson,
    key: KeyFile,
    purpose: Purpose,
    out: Out,
    model: ModelFile = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Fit this node's own model without noise, set it beside the shared one, and write a report that stays here.

    Example: hedgerow-node compare --study next-year-admission --as ada --key /media/ada/ada.key
    --purpose "is the shared model worth it" --out report.json
    """
    from node.scoring import compare as write_report

    node, opened_model, optouts = _entered("compare", home, study, person, key, purpose, out, model, passphrase_file)
    report = write_report(opened_model, node.store, optouts, out)
    progress("Exact figures of this node's own people: they never leave.")
    text = "\n".join(f"{name}: {value}" for name, value in asdict(report).items())
    say(asdict(report), text, as_json=as_json)


def _entered(  # noqa: PLR0917 - the options that both commands take, in the order in which they take them
    action: str,
    home: Path,
    study: str,
    person: str,
    key: Path,
    purpose: str,
    out: Path,
    file: Path | None,
    passphrase_file: list[str] | None,
) -> tuple[Node, ModelVersion, OptOuts]:
    """Return node, model and opt-outs once the visit is in the log; the model, and any agreement, is checked first."""
    from models.version import version_of
    from node.handing_out import require_new
    from node.inner_door import InnerDoor
    from node.optouts import current_optouts

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    require_new(out, home=home)  # so that no visit is logged for nothing
    record = node.governance.register.find(study)
    node.governance.lacking(record.study(), ())  # linked records are used under an agreement in force, here as well
    hear_news(node)
    content = read(file) if file else node.shelf.kept(record.hash) or pull(node, record.hash)
    model = node.shelf.opened(content, record.hash)
    door = InnerDoor(node.database, node.audit, node.policy, node.now)
    door.enter(action, person=person, key=signing_key, purpose=purpose, model=version_of(content))
    at_most_days = node.policy.optouts_at_most_days
    return node, model, current_optouts(node.store, now=node.now(), at_most_days=at_most_days)


__all__ = ["compare", "score"]
