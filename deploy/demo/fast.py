"""The demo in one process: the same applications, the same bytes between them, no network."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from deploy.demo.in_process import LocalFederation, local_federation
from deploy.demo.play import RUNNING, Play, Site
from deploy.demo.report import Report, report_of
from deploy.demo.study_file import study_document
from models.version import ModelVersion
from node.ingest.load import ingest
from node.optouts import current_optouts, load_optouts
from node.scoring import compare, score
from privacy.contract_file import read_contract
from privacy.explain import explain
from privacy.programme import programme


def run_fast(play: Play, home: Path) -> Report:
    """Do every part in one process, and return the figures."""
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    say(play.said)
    sites = play.write(home / "sites")
    say(f"founding a coordinator and {len(sites)} nodes; two people at each sign its policy")
    with local_federation(home, [site.name for site in sites]) as federation:
        say("each site loads its opt-out list, then its records: checked, pseudonymised, encrypted")
        for site in sites:
            load(federation, site)
        say("submitting the study; two people at each site approve it")
        study = federation.submit(study_document(play.study))
        node = federation.nodes[sites[0].name]
        plan = programme(node.governance.register.find(study).study(), node.finder)
        (home / "explanation.txt").write_text(
            explain(plan, node.finder, node.store.latest(plan.study.data_set).contract) + "\n", encoding="utf-8"
        )
        federation.approve_everywhere(study)
        say(RUNNING)
        federation.run(study)
        say("publishing the model; each site pulls and verifies it")
        federation.say("published", study)
        models = {site.name: federation.pull(site.name, study) for site in sites}
        say("each site scores its own people, and compares the shared model with its own, inside")
        for site in sites:
            _use(federation, site, models[site.name])
        exact = play.yardsticks(home, sites, bytes.fromhex(node.kit.split_key), models[sites[0].name])
        result = federation.hub.result(study)
    return report_of(sites, result, exact, seconds=time.monotonic() - started, mode="one process")


def load(federation: LocalFederation, site: Site) -> None:
    """Load a site's opt-out list and its data sets, in their order, into its node."""
    node = federation.nodes[site.name]
    now = node.now()
    allow = node.policy.allow_test_numbers
    optouts = load_optouts(
        file=site.allowed,
        as_of=now.date(),
        store=node.store,
        keystore=node.keystore,
        now=now,
        allow_test_numbers=allow,
    )
    for contract, records in site.data:
        ingest(
            contract=read_contract(contract),
            location=records,
            store=node.store,
            keystore=node.keystore,
            optouts=optouts,
            now=now,
            allow_test_numbers=allow,
        )


def _use(federation: LocalFederation, site: Site, model: ModelVersion) -> None:
    node = federation.nodes[site.name]
    optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
    score(model, node.store, optouts, site.scores)
    compare(model, node.store, optouts, site.report)


__all__ = ["load", "run_fast"]
