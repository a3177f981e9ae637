"""The catalogue is found by words inside, and tells those outside only what contracts say."""

import json
import re
from dataclasses import replace

import pytest
import rdflib

from node.catalogue import FORMATS, described, entries, entry, search
from privacy.contract_file import read_contract
from privacy.contracts.ready_made import ready_made
from privacy.dcat import CONTEXT, catalogue
from privacy.errors import Refusal
from privacy.gateway import LEFT_OUT
from tests.nodes import CONTRACT, HEADER, NodeData, nhs_numbers

LISTED = CONTRACT.replace('codes = ["0", "1"]', 'code_list = "person-gender-current@1"').replace(
    'type = "text"\nmay_be_missing = true', 'type = "text"\nmay_be_missing = true\ndescription = "where they lay"'
)
PLANTED = ("Zzyzx-ward", "W4713", "L9041")


def a_node(place, *, people=30, first=0, plant=False, contract=LISTED):
    place.mkdir()
    data = NodeData(place)
    numbers = nhs_numbers(people, first=first)
    data.allow(numbers)
    ward, local = (PLANTED[0], PLANTED[2]) if plant else ("W", "L")
    rows = [f"{n},{local},{1 + i % 5},{30 + (i + first) % 50},{i % 3},{ward}" for i, n in enumerate(numbers)]
    data.load("\n".join([HEADER, *rows]), contract)
    return data


@pytest.fixture
def here(tmp_path):
    return a_node(tmp_path / "here")


def exported(data, form):
    return json.dumps(described(entries(data.store), form))


@pytest.mark.parametrize("form", FORMATS)
def test_nodes_with_other_patients_and_equal_contracts_tell_the_same_bytes(tmp_path, form):
    one = a_node(tmp_path / "one")
    other = a_node(tmp_path / "other", people=77, first=4000, plant=True)
    other.load("\n".join([HEADER, *(f"{n},L,1,44,0,W" for n in nhs_numbers(77, first=4000))]), LISTED)  # a second load
    assert exported(one, form) == exported(other, form)
    text = exported(other, form)
    assert not any(planted in text for planted in PLANTED)
    assert not any(number in text for number in nhs_numbers(77, first=4000))
    assert "2027-03" not in text  # the day of the loads
    changed = a_node(tmp_path / "changed", contract=LISTED.replace("where they lay", "where they stood"))
    assert exported(changed, form) != text  # the control: what a contract says is told


def test_dcat_has_what_it_must(tmp_path):
    """DCAT-AP 3.0: a catalogue has title, description, publisher; a data set has title and description."""
    contracts = []
    for made in ready_made():
        file = tmp_path / "contract.toml"
        file.write_text(made.text.replace("TODO: the name of the linkage agreement", "north").replace("TODO: ", ""))
        contracts.append(read_contract(file))
    document = catalogue(contracts, publisher="An ICS")
    assert document["@type"] == "dcat:Catalog"
    assert all(document[f"dcterms:{name}"] for name in ("title", "description", "publisher"))
    assert len(document["dcat:dataset"]) == len(contracts)
    for data_set in document["dcat:dataset"]:
        assert all(data_set[f"dcterms:{name}"] for name in ("title", "description", "identifier", "publisher"))
        assert data_set["dcterms:accessRights"]["@id"].endswith("/NON_PUBLIC")
        assert "dcat:distribution" not in data_set  # nothing can be downloaded
        columns = data_set["csvw:tableSchema"]["csvw:column"]["@list"]
        assert {"csvw:name", "csvw:datatype", "csvw:required"} <= set.intersection(*(set(c) for c in columns))
    prefixes = set(re.findall(r'"([a-z]+):[A-Za-z]+"(?=:)', json.dumps(document)))
    assert prefixes <= set(CONTEXT)
    assert set(re.findall(r'"(@[a-z]+)"', json.dumps(document))) <= {"@context", "@id", "@type", "@value", "@list"}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # by rdflib's own parser
def test_dcat_is_a_graph(here):
    graph = rdflib.Graph().parse(data=exported(here, "dcat"), format="json-ld")
    dcat = rdflib.Namespace(CONTEXT["dcat"])
    assert len(list(graph.subjects(rdflib.RDF.type, dcat.Dataset))) == 1


def test_identifiers_are_in_no_description(here):
    """Columns that are dropped or become a pseudonym are nobody's variables."""
    for form in FORMATS:
        assert "local_id" not in exported(here, form)
        assert "nhs_number" not in exported(here, form)


def test_a_gateway_is_told_what_is_left_out_and_why(here):
    document = described(entries(here.store), "hdruk")
    assert document["leftOut"] == LEFT_OUT
    (one,) = document["datasets"]
    assert "observations" not in one
    assert {"summary", "accessibility", "structuralMetadata"} <= set(one)
    assert [e["name"] for e in one["structuralMetadata"][0]["elements"]] == ["year", "age", "sex", "ward"]


def found(data, text):
    return [(hit.data_set, hit.variable) for hit in search(entries(data.store), text)]


def test_words_find_data_sets_and_variables(here):
    assert found(here, "VISITS") == [("visits", "")]
    assert found(here, "lay") == [("visits", "ward")]
    assert found(here, "visits ward") == [("visits", "ward")]
    assert found(here, "female") == [("visits", "sex")]  # a meaning in its code list
    assert found(here, "person-gender") == [("visits", "sex")]
    assert found(here, "years") == [("visits", "age")]
    assert found(here, "nothing of it") == found(here, "") == found(here, "  ") == []
    assert found(here, "Zzyzx") == []  # values are not searched


def test_the_newest_contract_is_told_and_versions_are_kept(here):
    here.load("\n".join([HEADER, f"{nhs_numbers(1)[0]},L,1,44,0,W"]), LISTED)
    one = entry(here.store, "visits")
    assert [version.version for version in one.versions] == [1, 2]
    assert one.variables[2]["code_list"] == "person-gender-current@1"
    with pytest.raises(Refusal, match="data-set-unknown"):
        entry(here.store, "nothing")


def test_who_publishes_can_be_said(here):
    loaded = entries(here.store)
    assert "An ICS" in json.dumps(described(loaded, "dcat", "An ICS"))
    one = loaded[0]
    moved = replace(one, versions=(replace(one.versions[0], contract=replace(one.contract, recipient="The ICB")),))
    assert "The ICB" in json.dumps(described([moved], "dcat"))
    assert described([], "dcat")["dcat:dataset"] == []
