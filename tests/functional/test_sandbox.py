"""A sandbox's sources are taken by real nodes as they are, and what was spoilt is what the nodes set aside."""

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.linkage.zone import Zone, link
from node.people import open_key
from privacy.contract_file import read_contract
from privacy.errors import Invalid
from privacy.linkage import read_agreement
from synthetic.manifest import check_files, read_manifest
from synthetic.recipe import Recipe
from synthetic.sandbox.agreement import NAME
from synthetic.sandbox.making import make
from synthetic.sandbox.mess import KINDS
from synthetic.sandbox.sandbox import Sandbox
from synthetic.sandbox.shapes import SHAPES
from tests.approved import PASSPHRASE, a_node
from tests.nodes import NOW
from tests.sandboxes import ALONE, MESS, PEOPLE, SITE, SITES, allow, load, read, sandbox

NUMBERED = [shape.data_set for shape in SHAPES if not shape.id]
FOUND_BY_THE_NODE = {"number-missing", "number-mistyped", "repeated", "ends-before-start"}


@pytest.fixture(scope="module")
def clean():
    return sandbox()


@pytest.fixture(scope="module")
def messy():
    return sandbox(mess=MESS)


@pytest.fixture
def node(tmp_path):
    return a_node(tmp_path, Ed25519PrivateKey.generate())


def test_a_node_takes_every_source_of_a_site_as_it_is(clean, node, tmp_path):
    """Contracts, lists and records go in unchanged, and of clean records nothing is set aside."""
    site = clean / SITE
    allow(node, site)
    for data_set in NUMBERED:
        report = load(node, site, data_set)
        assert report.findings == ()
        assert report.rows_quarantined == 0, data_set
        assert report.rows_kept > 0, data_set


@pytest.mark.slow
def test_people_without_an_nhs_number_are_linked_by_the_sites_own_agreement(node, tmp_path):
    site = sandbox(people=5000, sites=1, mess=MESS) / ALONE
    truth = read(site.parent / "truth", "links").query("source == 'police'").set_index("local_number").nhs_number
    allow(node, site)
    agreement = read_agreement(site / "linkage.toml")
    keys = {name: open_key(tmp_path / "keys" / f"{name}.key", PASSPHRASE, home=node.home) for name in ("ada", "ben")}
    node.agreements.agree(agreement, keys, now=NOW)
    zone = Zone(node.agreements, node.links, node.keystore, node.store.optouts(), allow_test_numbers=True, now=NOW)
    reference, target = (site / f"synthetic-{name}.csv" for name in ("patients", "police-people"))
    link(zone, NAME, reference=reference, target=target, target_name="police")
    contract = read_contract(site / "contracts/police.toml")
    report = load(node, site, "police", linked=node.linked(contract))
    assert report.rows_kept > 0.85 * len(read(site, "police"))
    assert report.people_kept <= truth.nunique()


@pytest.mark.parametrize("data_set", ["emergency-care", "admitted-care", "gp-events"])
def test_what_a_node_sets_aside_is_what_was_spoilt(messy, node, data_set):
    """Row for row: what is told as missing, mistyped, repeated or ended too early, and nothing else."""
    site, told = messy / SITE, read(messy / "truth", "spoilt")
    allow(node, site)
    if data_set == "gp-events":
        load(node, site, "gp-people")
    allowed = set(pd.read_csv(site / "allowed.csv", dtype=str).nhs_number)
    told = told[(told.site == SITE) & (told.source == data_set)]
    assert set(told.kind) >= {"repeated", "late"}
    report = load(node, site, data_set)
    rows = read(site, data_set)
    key = next(shape.record for shape in SHAPES if shape.data_set == data_set)
    cells = set(told[told.kind.isin(FOUND_BY_THE_NODE - {"repeated"})].record_id)
    repeated = set(told[told.kind == "repeated"].record_id)
    unreadable = set(told[told.kind.isin({"number-missing", "number-mistyped"})].record_id)
    copies = rows[key].str.removesuffix("-R")  # a copy under another number has the faults of its first
    here = rows.nhs_number.isin(allowed) | copies.isin(unreadable)  # who opted out is gone before anybody looks
    spoilt = copies.isin(cells) | rows[key].isin(repeated)
    assert report.rows_quarantined == (spoilt & here).sum()
    assert report.rows_kept == (~spoilt & here).sum()


def test_every_kind_of_fault_is_there_and_the_rest_is_as_without_it(clean, messy):
    told = read(messy / "truth", "spoilt")
    assert set(told.kind) == set(KINDS)
    for name in ("falls", "sites", "links"):
        assert read(messy / "truth", name).equals(read(clean / "truth", name))
    was, now = (read(folder / SITE, "admitted-care").set_index("epikey") for folder in (clean, messy))
    own = told[(told.site == SITE) & (told.source == "admitted-care")]
    whole = now.index.difference(own.record_id).intersection(was.index)
    assert len(whole) > len(was) / 2
    assert now.loc[whole].equals(was.loc[whole])


def test_everybody_lives_in_one_site_and_is_treated_in_others_too(clean):
    homes = read(clean / "truth", "sites").set_index("nhs_number").site
    assert len(homes) == PEOPLE
    assert homes.nunique() == SITES
    away = sandbox(provider=True)
    visitors = 0
    for site in homes.unique():
        assert set(read(clean / site, "gp-people").nhs_number) == set(homes[homes == site].index)
        patients = read(away / site, "emergency-care").nhs_number
        assert set(patients) <= set(homes.index)
        visitors += (homes[patients] != site).sum()
    at_home, there = (sum(len(read(f / s, "emergency-care")) for s in homes.unique()) for f in (clean, away))
    assert 0.7 * at_home < there < at_home  # the others went to trusts of another care system
    assert 0 < visitors < there


def test_a_local_number_is_one_persons_and_says_nothing_of_others(clean):
    links = read(clean / "truth", "links")
    assert not links.duplicated(["source", "local_number"]).any()
    assert not set(links.local_number.str[1:]) & set(links.nhs_number.str[2:])
    both = links[links.duplicated("nhs_number", keep=False)].groupby("nhs_number").local_number
    assert both.apply(lambda numbers: numbers.str[1:].nunique() == len(numbers)).all()


def test_a_sandbox_about_a_use_case_holds_nobody_else(clean):
    eligible = read(clean / "truth", "falls")
    about = sandbox(about="falls")
    held = pd.concat([read(about / site, "gp-people") for site in read(clean / "truth", "sites").site.unique()])
    assert set(held.nhs_number) == set(eligible.nhs_number)
    assert len(read(about / "truth", "sites")) == len(held)


def test_the_manifest_holds_every_file_and_names_the_command_that_makes_it_again(messy):
    manifest = read_manifest(messy)
    check_files(messy, manifest.files)
    there = {path.relative_to(messy).as_posix() for path in messy.rglob("*") if path.is_file()}
    assert there == {file.path for file in manifest.files} | {"manifest.json"}
    assert f"--sites {SITES} --mess {MESS}" in manifest.plan.command
    assert manifest.rows[f"{SITE}/gp-people"] == len(read(messy / SITE, "gp-people"))


@pytest.mark.slow
def test_one_process_and_two_write_the_same_bytes(tmp_path):
    """65,536 people are one part: with more, two processes have a part each."""
    for processes in (1, 2):
        asked = Sandbox(Recipe(people=70_000, history_years=1), 2, mess=MESS)
        make(asked, tmp_path / str(processes), processes=processes, tell=lambda _done, _parts: None)
    one, two = (read_manifest(tmp_path / name) for name in ("1", "2"))
    assert one == two  # with the SHA-256 of every file


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("sites-impossible", {"sites": 0}),
        ("mess-impossible", {"sites": 2, "mess": 0.5}),
        ("use-case-unknown", {"sites": 2, "about": "horoscopes"}),
    ],
)
def test_what_cannot_be_is_refused(code, options):
    with pytest.raises(Invalid, match=code):
        Sandbox(Recipe(people=100), **options)
