"""Every command of ``hedgerow-node``, in the order of a node's life."""

from __future__ import annotations

import typer

from node.command import (
    books,
    care,
    catalogue,
    clocks,
    contracts,
    data,
    erasures,
    findings,
    flows,
    founding,
    keeping,
    keys,
    linkages,
    links,
    models,
    people,
    quality,
    quarantine,
    reidentifying,
    scores,
    serving,
    studies,
    synthetics,
)

EPILOG = (
    "Exit status: 0 done, 1 a fault of ours, 2 wrong command line, 3 invalid input, 4 out of reach, 5 refused, "
    "6 tampering found. Data goes to stdout, progress to stderr."
)

HELP = """Keep an organisation's records, let two people decide what is learned from them, answer through one door.

\b
A first study, from nothing:
  hedgerow-node init /srv/node --name leeds --join join.kit --keys /media/keys \\
      --person ada=ig-lead --person ben=caldicott-guardian
  export HEDGEROW_NODE_HOME=/srv/node      then send enrolment.txt to the hub
  hedgerow-node optout load cleaned.txt --as-of 2026-11-20
  hedgerow-node ingest contract.toml admissions.csv
  hedgerow-node serve &
  hedgerow-node study list
  hedgerow-node study explain next-year-admission
  hedgerow-node study approve next-year-admission --as ada --key /media/keys/ada.key      and another person
  hedgerow-node ledger show
"""

app = typer.Typer(
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)
app.command("init")(founding.init)
app.command("join")(links.join)
app.add_typer(links.fleet, name="fleet")
app.add_typer(people.person, name="person")
app.add_typer(people.policy, name="policy")
app.add_typer(data.optout, name="optout")
app.add_typer(contracts.contract, name="contract")
app.command("ingest")(data.ingest)
app.add_typer(linkages.linkage, name="linkage")
app.command("discover")(findings.discover)
app.add_typer(findings.finding, name="finding")
app.add_typer(erasures.data, name="data")
app.add_typer(catalogue.catalogue, name="catalogue")
app.add_typer(flows.flows, name="flows")
app.add_typer(quality.quality, name="quality")
app.add_typer(quarantine.quarantine, name="quarantine")
app.add_typer(studies.study, name="study")
app.command("pause")(studies.pause)
app.command("resume")(studies.resume)
app.add_typer(books.ledger, name="ledger")
app.add_typer(keys.key, name="key")
app.add_typer(books.audit, name="audit")
app.add_typer(models.models, name="models")
app.add_typer(clocks.clock, name="clock")
app.command("score")(scores.score)
app.command("compare")(scores.compare)
app.add_typer(reidentifying.reidentify, name="reidentify")
app.add_typer(synthetics.synthetic, name="synthetic")
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("upgrade")(keeping.upgrade)
app.command("serve")(serving.serve)
app.command("doctor")(care.doctor)
app.add_typer(care.config, name="config")

__all__ = ["EPILOG", "HELP", "app"]
