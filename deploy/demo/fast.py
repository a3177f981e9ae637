"""The demo in one process: the same applications, the same bytes between them, no network."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import numpy as np
import structlog

from deploy.demo.in_process import APPROVERS, LocalFederation, local_federation
from deploy.demo.people import Site, read_public_file, write_sites
from deploy.demo.report import Report, report_of, yardsticks
from deploy.demo.study_file import CONTRACT, study_document
from models.version import ModelVersion
from node.ingest.load import ingest
from node.optouts import current_optouts, load_optouts
from node.scoring import compare, score
from privacy.contract_file import read_contract
from privacy.explain import explain
from privacy.programme import programme


def run_fast(home: Path) -> Report:
    """Play every part in one process, and return the figures."""
    started = time.monotonic()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    say("six sites' records, with made-up NHS numbers, from a public data set")
    sites = write_sites(read_public_file(), home / "sites")
    say("founding a coordinator and six nodes; two people at each sign its policy")
    with local_federation(home, [site.name for site in sites]) as federation:
        say("each site loads its opt-out list, then its records: checked, pseudonymised, encrypted")
        for site in sites:
            load(federation, site)
        say("submitting the study; two people at each site approve it")
        study = federation.submit(study_document())
        node = federation.nodes[sites[0].name]
        plan = programme(node.governance.register.find(study).study(), node.finder)
        (home / "explanation.txt").write_text(
            explain(plan, node.finder, node.store.latest(plan.study.data_set).contract) + "\n", encoding="utf-8"
        )
        for site in sites:
            for person in APPROVERS:
                federation.approve(site.name, study, person)
        say("running: seven private sums, each charged, noised, masked and logged at each site before it leaves")
        federation.run(study)
        say("publishing the model; each site pulls and verifies it")
        federation.say("published", study)
        models = {site.name: federation.pull(site.name, study) for site in sites}
        say("each site scores its own people, and compares the shared model with its own, inside")
        for site in sites:
            _use(federation, site, models[site.name])
        model = models[sites[0].name]
        exact = yardsticks(
            model.study, bytes.fromhex(node.kit.split_key), np.asarray(model.results["risk"].arrays["weights"])
        )
        result = federation.hub.result(study)
    return report_of(sites, result, exact, seconds=time.monotonic() - started, mode="one process")


def load(federation: LocalFederation, site: Site) -> None:
    """Load a site's opt-out list and its records into its node."""
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
    ingest(
        contract=read_contract(CONTRACT),
        location=site.records,
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
