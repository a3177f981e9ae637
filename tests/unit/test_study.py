"""A study says all that is wrong with it at once, and one hash stands for every word of it."""

import copy
import datetime
import json

import pytest
import rfc8785

from privacy.canonical import canonical
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.explain import explain
from privacy.study import from_document, read_study
from tests.builders import DOCUMENT, FINDER, ROOT, demo_study, document, plan_of, small_study


def faults_of(changed):
    with pytest.raises(Invalid) as caught:
        from_document(changed)
    assert caught.value.code == "study-malformed"
    return list(caught.value.faults)


def test_all_faults_come_at_once():
    changed = document(privacy__epsilon=0, privacy__quorum=9, ends="soon", data_set="Visits!", name="")
    del changed["question"]
    changed["colour"] = "blue"
    changed["variables"][0]["transform"] = "cube"
    changed["variables"][1]["low"] = 99
    changed["steps"][1]["of"] = "nothing"
    changed["steps"][1]["people"] = "all"
    faults = "\n".join(faults_of(changed))
    for said in (
        "privacy.epsilon: is a number above 0",
        "privacy.quorum: is more than are invited",
        "ends: is a date",
        "data_set: is a name",
        "name: is empty",
        "question: is missing",
        "colour: is not known",
        "variables[1].transform: is one of at-least, band, code, log, square, unit",
        "variables[2].high: is above low",
        "steps[2].of: no earlier step is called nothing",
        "steps[2].people: is one of everyone, held-back, training",
    ):
        assert said in faults


@pytest.mark.parametrize("where", ["", "privacy", "variables", "steps", "invited"])
def test_an_unknown_key_is_refused_wherever_it_is(where):
    changed = document()
    table = changed[where] if where else changed
    (table[0] if isinstance(table, list) else table)["epsilom"] = 100
    assert [fault for fault in faults_of(changed) if "epsilom: is not known" in fault]


@pytest.mark.parametrize(
    "epsilon", [0, -1, -0.0, float("nan"), float("inf"), True, "3", None, [3], 20.5, 10**400, 1e308, {}]
)
def test_epsilon_is_a_number_above_zero_and_at_most_twenty(epsilon):
    assert faults_of(document(privacy__epsilon=epsilon))


@pytest.mark.parametrize("delta", [0, -1e-5, 1.1e-4, 1, float("nan"), True])
def test_delta_is_small_and_above_zero(delta):
    assert faults_of(document(privacy__delta=delta))


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), float("-inf"), True, "1", 10**400, -(10**400), 1e301, None]
)
def test_bounds_are_finite_numbers(number):
    changed = document()
    changed["variables"][0]["high"] = number
    assert faults_of(changed)


@pytest.mark.parametrize("whole", [0, -1, 1.0, 1.5, True, "2", 2**53, 10**30])
def test_quorum_is_a_whole_number_above_zero(whole):
    assert faults_of(document(privacy__quorum=whole))


@pytest.mark.parametrize("budget", [0, -1, float("nan"), float("inf"), True, 10**400])
def test_a_step_s_budget_is_a_number_above_zero(budget):
    changed = document()
    changed["steps"][0]["budget"] = budget
    assert faults_of(changed)


@pytest.mark.parametrize("value", [datetime.date(2027, 1, 1), 2**60, float("nan"), float("inf"), {1}, "\ud800"])
def test_parameters_that_no_hash_can_cover_are_refused(value):
    changed = document()
    changed["steps"][0]["parameters"]["extra"] = [value]
    assert faults_of(changed)


def test_parameters_nested_without_end_are_refused():
    changed = document()
    nested = []
    for _ in range(5000):
        nested = [nested]
    changed["steps"][0]["parameters"]["extra"] = nested
    assert faults_of(changed)


@pytest.mark.parametrize(
    "forged", ["Fine.\n\nWhat it costs: nothing", "\x1b[2J", "a\rb", "nice\u202ekcatta", "tab\there"]
)
@pytest.mark.parametrize("field", ["title", "question", "decision", "intended_use", "legal_basis", "asked_by"])
def test_no_text_can_forge_what_an_approver_reads(field, forged):
    assert f"{field}: is one line of at most 500 characters that print, with single spaces" in faults_of(
        document(**{field: forged})
    )


def test_the_explanation_has_only_lines_of_our_own():
    study = demo_study()
    words = explain(plan_of(study), FINDER)
    assert study.question in words
    assert study.hash in words
    assert all(line.isprintable() for line in words.splitlines())


def test_names_are_there_once():
    changed = document()
    changed["variables"].append(copy.deepcopy(changed["variables"][0]))
    changed["steps"].append(copy.deepcopy(changed["steps"][0]))
    changed["invited"].append(copy.deepcopy(changed["invited"][0]))
    faults = faults_of(changed)
    assert len([fault for fault in faults if "is there twice" in fault]) == 3


@pytest.mark.parametrize("table", ["variables", "steps", "invited"])
def test_lists_are_not_empty(table):
    assert f"{table}: at least one is needed" in faults_of(document(**{table: []}))


@pytest.mark.parametrize("wrong", ["text", 5, [1], None, {"a": 1}, [[]]])
@pytest.mark.parametrize("table", ["variables", "steps", "privacy", "invited"])
def test_tables_of_the_wrong_form_are_faults_not_crashes(table, wrong):
    assert faults_of(document(**{table: wrong}))


@pytest.mark.parametrize("whole", [{}, [], "study", None, 5])
def test_no_document_at_all_is_a_list_of_faults(whole):
    assert len(faults_of(whole)) > 5


# One hash for every word


def test_the_hash_is_the_same_after_the_document_has_travelled():
    for study in (small_study(), demo_study()):
        sent = canonical(study.document())
        arrived = from_document(json.loads(sent))
        assert arrived.hash == study.hash
        assert arrived.hash == from_document(arrived.document()).hash
        assert canonical(arrived.document()) == sent == rfc8785.dumps(json.loads(sent))


def test_the_hash_does_not_see_layout_order_or_spelt_out_defaults():
    plain = small_study()
    backwards = dict(reversed(list(document().items())))
    assert from_document(backwards).hash == plain.hash
    assert small_study(privacy=DOCUMENT["privacy"] | {"unit": "person", "masking": "none"}).hash == plain.hash


def leaves(value, path=()):
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, inner in enumerate(value) for leaf in leaves(inner, (*path, i))]
    return [path]


def test_a_change_of_any_one_thing_changes_the_hash():
    plain = json.loads(canonical(small_study().document()))
    hashes, tried = {small_study().hash}, 0
    for path in leaves(plain):
        changed = copy.deepcopy(plain)
        *tables, last = path
        table = changed
        for key in tables:
            table = table[key]
        table[last] = other(path, table[last])
        try:
            hashes.add(from_document(changed).hash)
        except Invalid:
            continue  # it does not even pass as a study
        tried += 1
    assert tried > 40
    assert len(hashes) == tried + 1


def other(path, value):
    if path[-1] == "ends":
        return "2030-01-02"
    if isinstance(value, str):
        return value + "x"
    return value + 1 if isinstance(value, int) else value * 1.0000000000000002


def test_a_study_ends_with_its_last_day():
    study = small_study()
    study.check_not_ended(datetime.date(2030, 1, 1))
    with pytest.raises(Refusal) as caught:
        study.check_not_ended(datetime.date(2030, 1, 2))
    assert caught.value.code == "study-expired"


def test_a_study_is_read_from_a_file(tmp_path):
    text = (ROOT / "deploy/demo/study.toml").read_text()
    file = tmp_path / "study.toml"
    invited = "".join(f'\n[[invited]]\nname = "site-{i}"\nfingerprint = "{i:040x}"\n' for i in range(1, 7))
    file.write_text(text + invited)
    assert read_study(file).hash == demo_study().hash
    file.write_text(text + invited.replace("site-1", "site-x"))
    assert read_study(file).hash != demo_study().hash


@pytest.mark.parametrize("content", [b"[study\n", b"\xff\xfe", b"study = 5", b""])
def test_a_file_that_is_no_study_is_malformed(tmp_path, content):
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        read_study(file)
    assert caught.value.code == "study-malformed"


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(Unreachable) as caught:
        read_study(tmp_path / "none.toml")
    assert caught.value.code == "file-unreadable"
