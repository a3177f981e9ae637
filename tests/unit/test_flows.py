"""The register of flows says what comes in and what leaves, from what people wrote, and nothing about patients."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.flows import flows
from node.people import open_key
from privacy.contract_file import read_contract
from privacy.errors import Invalid
from privacy.flows import check_registered, inflow, linked, named, outflow
from privacy.flows_page import flows_markdown, flows_page
from privacy.linkage import read_agreement
from privacy.study import from_document
from tests.approved import PASSPHRASE, a_node, approved, document, rows
from tests.nodes import CONTRACT, HEADER, NOW, NodeData, nhs_numbers

REGISTERED = CONTRACT.replace('purpose = "Tests"', 'purpose = "Planning"').replace('"A node"', '"An ICB"')
AGREEMENT = """\
[agreement]
name = "north"
version = 1
purpose = "Falls prevention"
legal_basis = "Article 6(1)(e)"
expires = 2028-03-31
[[controllers]]
name = "North Trust"
person = "ada"
[[controllers]]
name = "North Council"
person = "ben"
[reference]
name = "patient-index"
controller = "North Trust"
id = "NHS_NUMBER"
[reference.columns]
given_name = "FORENAME"
surname = "SURNAME"
date_of_birth = "DOB"
[[targets]]
name = "care"
controller = "North Council"
id = "CLIENT_ID"
data_sets = ["care"]
[targets.columns]
given_name = "first"
surname = "last"
date_of_birth = "birth"
"""


def read(tmp_path, text=REGISTERED):
    file = tmp_path / "contract.toml"
    file.write_text(text)
    return read_contract(file)


def flows_of(node):
    return flows(
        versions=node.store.all(),
        agreements=node.agreements.all(),
        governance=node.governance,
        finder=node.finder,
        events=node.audit.events(),
        delta=1e-5,
        coordinator=node.kit.name,
        type_1_optouts=node.policy.type_1_optouts,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return approved(tmp_path_factory.mktemp("flows"), privacy={"quorum": 4}).node


def test_what_comes_in_names_every_field_and_what_is_done_with_it(tmp_path):
    flow = inflow(read(tmp_path), type_1_optouts=True)
    assert (flow.source, flow.recipient, flow.purpose) == ("made up", "An ICB", "Planning")
    treated = {field.name: field.treatment for field in flow.fields}
    assert treated["nhs_number"] == "replaced by a keyed pseudonym"
    assert treated["local_id"] == "dropped"
    assert treated["age"] == "kept as it is"
    banded = 'type = "number"\nlow = 0', 'type = "number"\ntreatment = "band"\nband_width = 5\nlow = 0'
    treated = {
        field.name: field.treatment
        for field in inflow(read(tmp_path, REGISTERED.replace(*banded)), type_1_optouts=True).fields
    }
    assert treated["age"] == "kept as its band"


def test_a_flow_is_registered_before_records_come(tmp_path):
    check_registered(read(tmp_path))
    for field in ("purpose", "recipient"):
        with pytest.raises(Invalid, match="flow-unregistered") as caught:
            check_registered(read(tmp_path, "\n".join(line for line in REGISTERED.splitlines() if field not in line)))
        assert caught.value.faults == (f"contract.{field}: is not said",)


def test_a_load_without_it_changes_nothing(tmp_path):
    data = NodeData(tmp_path)
    data.allow(nhs_numbers(20))
    extract = "\n".join([HEADER, *(f"{n},L,1,44,0,W" for n in nhs_numbers(20))])
    before = data.state()
    with pytest.raises(Invalid, match="flow-unregistered"):
        data.load(extract, CONTRACT.replace('purpose = "Tests"\n', ""))
    assert data.state() == before
    data.load(extract)  # the control
    assert data.state() != before


def test_what_leaves_is_the_approved_studies(node):
    found = flows_of(node)
    assert [(flow.direction, flow.name) for flow in found] == [("in", "visits"), ("out", "heads")]
    out = found[1]
    assert out.recipient.startswith("hub, the coordinator")
    assert out.legal_basis == "Tests"
    assert any("epsilon 3" in line for line in out.outputs)
    assert "heads: Head count; at most 6 numbers in 3 sums." in out.outputs


def test_what_the_log_tells_of_a_study_is_on_record(tmp_path):
    here = approved(tmp_path)
    before = flows_of(here.node)[1].record
    assert "Approved on 2027-03-01 (leaf " in before[0]
    assert before[1].startswith("1 sum was charged for, on 2027-03-01 (leaf ")  # were there people enough?
    here.ask(1, {"round": np.array([0.0])})
    after = flows_of(here.node)[1].record
    assert after[0] == before[0]
    assert after[1].startswith("2 sums were charged for, from 2027-03-01 to 2027-03-01 (leaves ")
    assert after[1] in " ".join(flows_markdown(flows_of(here.node), organisation="An ICB").split("\n"))
    leaves = {charge["leaf"] for charge in here.node.ledger.charges()}
    assert f"(leaves {min(leaves)} to {max(leaves)})" in after[1]


def test_a_study_that_was_charged_for_stays_though_its_approvals_were_taken_out(tmp_path):
    node = approved(tmp_path).node
    with node.database.transaction() as write:
        write.execute("DELETE FROM decision")
    assert [flow.name for flow in flows_of(node)] == ["visits", "heads"]


def test_a_study_with_one_approval_is_no_flow_yet(tmp_path):
    hub = Ed25519PrivateKey.generate()
    node = a_node(tmp_path, hub)
    study = from_document(document(node, ("1" * 40, "2" * 40)))
    node.governance.receive(study.document(), now=NOW)
    assert [flow.name for flow in flows_of(node)] == ["visits"]
    for person, known in (("ada", ["visits"]), ("ben", ["visits", "heads"])):
        key = open_key(tmp_path / "keys" / f"{person}.key", PASSPHRASE, home=node.home)
        node.governance.approve(study.hash, person=person, key=key, now=NOW)
        assert [flow.name for flow in flows_of(node)] == known


def test_a_study_that_people_withdrew_says_so(tmp_path):
    node = approved(tmp_path).node
    key = open_key(tmp_path / "keys" / "ben.key", PASSPHRASE, home=node.home)
    node.governance.refuse("heads", person="ben", key=key, reason="no more", now=NOW)
    assert flows_of(node)[1].until == "withdrawn on 2027-03-01"


def test_a_cohort_that_was_too_small_does_not_show(tmp_path):
    """Neighbours: one node has people enough for the study, the other has not, and the registers are equal."""
    for name in ("many", "few"):
        (tmp_path / name).mkdir()
    many = approved(tmp_path / "many", people=200)
    few = approved(tmp_path / "few", people=10)
    states = [each.node.governance.register.all()[0].state for each in (many, few)]
    assert states == ["runnable", "refused"]  # the control: something does differ
    one, other = (flows_markdown(flows_of(each.node), organisation="An ICB") for each in (many, few))
    assert one.replace(many.node.fingerprint, "") == other.replace(few.node.fingerprint, "")


def test_no_record_is_in_the_register(node):
    text = json.dumps([flow.document() for flow in flows_of(node)])
    cells = {cell for line in rows().splitlines()[1:] for cell in line.split(",") if len(cell) > 2}
    assert not [cell for cell in cells if cell in text]


def test_a_study_of_features_says_what_it_reads(node):
    features = {
        "index_date": "2026-04-01",
        "features": [{"name": "falls", "kind": "count", "data_set": "events", "at_most": 10}],
    }
    study = from_document({**document(node, ("1" * 40, "2" * 40)), **features})
    flow = outflow(study, coordinator="hub", outputs=[], until=study.ends)
    assert flow.source == "visits, events, at this node"
    assert any("falls" in line for line in flow.data)


def test_linkage_is_a_flow_of_its_own(tmp_path):
    (tmp_path / "north.toml").write_text(AGREEMENT)
    flow = linked(read_agreement(tmp_path / "north.toml"))
    assert flow.controller == "North Trust, North Council"
    assert flow.until == "2028-03-31"
    assert flow.data == (
        "patient-index, of North Trust: given name, surname, date of birth",
        "care, of North Council: given name, surname, date of birth",
    )


def test_it_is_printed_under_the_five_safes(node):
    found = flows_of(node)
    for text in (flows_markdown(found, organisation="An ICB"), flows_page(found, organisation="An ICB").decode()):
        for heading in ("Safe project", "Safe people", "Safe data", "Safe setting", "Safe outputs"):
            assert text.count(heading) == len(found)
        assert "replaced by a keyed pseudonym" in text
        assert "What is linked" in text


def test_what_people_wrote_does_not_become_markup(tmp_path):
    text = REGISTERED.replace("Planning", "<script>alert(1)</script> | [a](b) `c`").replace("An ICB", "**An** ICB")
    found = [inflow(read(tmp_path, text), type_1_optouts=True)]
    page, markdown = flows_page(found, organisation="<b>").decode(), flows_markdown(found, organisation="# <b>")
    assert "<script>" not in page + markdown.replace("\\<", "")
    assert "\\| \\[a\\]" in markdown


def test_a_flow_is_found_by_its_name(node):
    assert [flow.direction for flow in named(flows_of(node), "heads")] == ["out"]
    with pytest.raises(Invalid, match="flow-unknown"):
        named(flows_of(node), "nothing")


def test_type_1_optouts_are_promised_only_where_the_policy_insists_on_them(tmp_path, node):
    (said,) = (flow.data[0] for flow in flows_of(node) if flow.direction == "in")
    assert not node.policy.type_1_optouts
    assert "Type 1 opt-outs are applied" not in said
    assert "Type 1 opt-outs are applied" in inflow(read(tmp_path), type_1_optouts=True).data[0]


def test_what_one_flow_says_under_a_heading_is_told_apart(tmp_path):
    text = REGISTERED.replace('purpose = "Planning"', 'purpose = "Who falls?"')
    flow = replace(inflow(read(tmp_path, text), type_1_optouts=True), data=("age: in years", "falls: how many"))
    page = flows_markdown([flow], organisation="An ICS")
    assert "Who falls? Legal basis" in page
    assert "age: in years. falls: how many." in page
