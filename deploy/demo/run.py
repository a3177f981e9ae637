"""The main job, shown: sites train and evaluate one risk model together, and score their own people with it.

make demo           a coordinator and six nodes as processes of their own, over TLS on loopback
make demo FAST=1    the same applications in one process
make demo DATA=ics  four places of a made-up care system, whose true risks are known; FAST=1 too
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from deploy.demo.in_process import APPROVERS, FOUNDERS, PASSPHRASE
from deploy.demo.people import RAND
from deploy.demo.play import RUNNING, Play, Site
from deploy.demo.report import Report, report_of
from deploy.demo.stage import DemoFailed, Stage, free_ports, stage, together, wait_for
from deploy.demo.study_file import study_document
from models.version import ModelVersion
from node.founding import FLOORS, KEY_SUFFIX
from node.trial import TRIAL_SECONDS
from privacy.computation import PACKAGES, Finder
from privacy.enrolment import JoinKit
from privacy.toml_file import toml_lines

HOME = Path("var/demo")
PURPOSE = "demonstration"
POLL_SECONDS = 0.5  # people who watch should not wait for a node to ask for news


def main() -> None:
    """Run the demo, print its table and write ``var/demo/report.json``."""
    play = play_of(os.environ.get("DATA") or "rand")
    shutil.rmtree(HOME, ignore_errors=True)
    if os.environ.get("FAST"):
        from deploy.demo.fast import run_fast  # noqa: PLC0415 - the slow way needs none of it

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        report = run_fast(play, HOME)
    else:
        with stage(HOME, PASSPHRASE) as own:
            report = run_real(play, own)
    report.write(HOME / "report.json")
    print(report.table())
    print(f"\nwritten: {HOME / 'report.json'}; explanation that the approvers read: {HOME / 'explanation.txt'}")


def play_of(data: str) -> Play:
    """Return the play of this name: ``rand``, or ``ics``."""
    if data == "rand":
        return RAND
    if data == "ics":
        from deploy.demo.ics import play  # noqa: PLC0415 - the simulator, which the other does not need

        return play()
    raise DemoFailed(f"DATA is rand or ics, not {data}")


def run_real(play: Play, own: Stage) -> Report:
    """Do every part: hub operator, data teams, approvers and clinicians."""
    own.say(play.said)
    sites = play.write(own.home / "sites")
    hub, study = own.home / "hub", own.home / "study.toml"
    name = str(study_document(play.study)["name"])
    _found(own, hub, sites)
    own.say("submitting the study to the coordinator; each node fetches it, checks it and tries it on nobody")
    _invite(own, hub, play.study, study)
    own.watch("hedgerow-coordinator", "study", "check", study, "--contract", sites[0].data[0][0], home=hub)
    own.command("hedgerow-coordinator", "study", "submit", study, home=hub)
    _wait_for_the_offer(own, sites)
    explanation = own.command("hedgerow-node", "study", "explain", name, home=_home(own, sites[0]))
    (own.home / "explanation.txt").write_text(explanation, encoding="utf-8")
    own.say("an information governance lead and a Caldicott Guardian at each site read and approve it")
    together(lambda site: _approve(own, site, name), sites)
    own.say(RUNNING)
    own.watch("hedgerow-coordinator", "run", name, "--at-least", len(sites), home=hub)
    own.say("publishing the model; each site pulls and verifies it")
    own.command("hedgerow-coordinator", "models", "publish", name, "--yes", home=hub)
    together(lambda site: own.command("hedgerow-node", "models", "pull", name, home=_home(own, site)), sites)
    own.say("each site scores its own people, and compares the shared model with its own, inside")
    together(lambda site: _use(own, site, name), sites)
    return _report(play, own, hub, sites, own.json("hedgerow-coordinator", "result", "show", name, home=hub))


def _found(own: Stage, hub: Path, sites: list[Site]) -> None:
    own.say(f"founding a coordinator and {len(sites)} nodes; two people at each sign its policy")
    api, fleet = free_ports(2)
    name = ("--name", "demo-hub", "--host", "127.0.0.1", "--api-port", api, "--fleet-port", fleet)
    own.command("hedgerow-coordinator", "init", hub, *name, home=hub)
    floors = {**FLOORS, "computations": Finder(*PACKAGES).names(), "allow_test_numbers": True}
    (own.home / "floors.toml").write_text(toml_lines(floors), encoding="utf-8")
    together(lambda site: _init(own, hub, site), sites)
    for site in sites:
        own.command("hedgerow-coordinator", "node", "enrol", _home(own, site) / "enrolment.txt", home=hub)
    own.serve("hedgerow-coordinator", hub)
    for site in sites:
        own.serve("hedgerow-node", _home(own, site), "--poll-seconds", POLL_SECONDS)
    own.say("each site loads its opt-out list, then its records: checked, pseudonymised, encrypted")
    together(lambda site: _ingest(own, site), sites)


def _init(own: Stage, hub: Path, site: Site) -> None:
    people = [word for f in FOUNDERS for word in ("--person", f"{f.name}={f.role}")]
    places = ("--join", hub / "join.kit", "--keys", _keys(own, site), "--policy", own.home / "floors.toml")
    wrapping = ("--wrapping-key", _keys(own, site) / "wrapping-key")
    home = _home(own, site)
    home.parent.mkdir(parents=True, exist_ok=True)
    own.command("hedgerow-node", "init", home, "--name", site.name, *places, *wrapping, *people, home=home)


def _ingest(own: Stage, site: Site) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    own.command("hedgerow-node", "optout", "load", site.allowed, "--as-of", today, home=_home(own, site))
    for contract, records in site.data:
        own.command("hedgerow-node", "ingest", contract, records, home=_home(own, site))


def _invite(own: Stage, hub: Path, asked: Path, study: Path) -> None:
    """Write the study with the enrolled nodes as those invited."""
    nodes = own.json("hedgerow-coordinator", "node", "list", home=hub)["nodes"]
    invited = [f'\n[[invited]]\nname = "{n["name"]}"\nfingerprint = "{n["fingerprint"]}"\n' for n in nodes]
    study.write_text(asked.read_text(encoding="utf-8") + "".join(invited), encoding="utf-8")


def _wait_for_the_offer(own: Stage, sites: list[Site]) -> None:
    """Ask each site in turn and seldom: a question is a program to start, and takes its time from the trials."""
    for site in sites:
        wait_for(
            f"the offered study at {site.name}",
            lambda at=site: _awaits_approval(own, at),
            every=1.0,
            seconds=TRIAL_SECONDS,
        )


def _awaits_approval(own: Stage, site: Site) -> bool:
    """Say whether the study is there to be read; one that the node would not even show to people ends the demo."""
    studies = own.json("hedgerow-node", "study", "list", home=_home(own, site))
    if studies and studies[0]["state"] == "refused":
        raise DemoFailed(f"{site.name} refused the study: {studies[0]['code']}")
    return bool(studies) and studies[0]["state"] == "awaiting-first-approval"


def _approve(own: Stage, site: Site, name: str) -> None:
    for person in APPROVERS:
        who = ("--as", person, "--key", _keys(own, site) / f"{person}{KEY_SUFFIX}")
        own.command("hedgerow-node", "study", "approve", name, *who, home=_home(own, site))


def _use(own: Stage, site: Site, name: str) -> None:
    clinician = FOUNDERS[-1].name
    who = ("--as", clinician, "--key", _keys(own, site) / f"{clinician}{KEY_SUFFIX}", "--purpose", PURPOSE)
    for command, out in (("score", site.scores), ("compare", site.report)):
        own.command("hedgerow-node", command, "--study", name, *who, "--out", out, home=_home(own, site))
    own.command("hedgerow-node", "audit", "verify", home=_home(own, site))


def _report(play: Play, own: Stage, hub: Path, sites: list[Site], result: dict[str, Any]) -> Report:
    kit = JoinKit.decode((hub / "join.kit").read_bytes())
    exact = play.yardsticks(own.home, sites, bytes.fromhex(kit.split_key), _model(hub, kit))
    seconds = time.monotonic() - own.started
    return report_of(sites, result, exact, seconds=seconds, mode=f"{len(sites) + 1} processes over TLS")


def _model(hub: Path, kit: JoinKit) -> ModelVersion:
    from privacy.signing import PublicKey  # noqa: PLC0415 - only here

    (file,) = (hub / "models").glob("*.model")
    return ModelVersion.open(file.read_bytes(), PublicKey(kit.public_key))


def _home(own: Stage, site: Site) -> Path:
    return own.home / "nodes" / site.name


def _keys(own: Stage, site: Site) -> Path:
    return own.home / "keys" / site.name


if __name__ == "__main__":
    try:
        main()
    except DemoFailed as failed:
        sys.exit(f"The demo stopped: {failed}")
