"""What Hedgerow promises, each with an example that runs: the manual prints these docstrings."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.catalogue import FORMATS, described, entries
from node.sums import place_of
from privacy import accountant
from privacy.computation import Ask
from privacy.disclosure import PROFILES, reasons
from privacy.errors import Invalid, Refusal, Tampered
from privacy.explain import explain
from privacy.figures import Figures, counted
from privacy.private_sum import PrivateSum
from privacy.programme import Mechanism, programme
from privacy.release import Notice, Release, decode, encode
from privacy.signing import PublicKey
from privacy.study import from_document
from tests.builders import FINDER, NOW, a_place, batch_of, books, demo_study, document, plan_of, reopened, small_study
from tests.nodes import HEADER, NodeData, nhs_numbers
from tests.rehearsal import no_noise

STUDY = "sha256:" + "1" * 64
ONE, TWO = np.array([1, 1, 1], np.uint64), np.array([2, 2, 2], np.uint64)
HERE = {"data": ("visits@1",), "optouts": "list-1"}


def test_a_place_in_a_plan_is_answered_once(tmp_path):
    """A place in a plan is answered once: asked again the same way, a node repeats itself; otherwise it refuses."""
    ledger = books(tmp_path).ledger
    first = ledger.settle(ledger.charge(STUDY, a_place(), "the request", at=NOW), ONE, **HERE)
    assert ledger.charge(STUDY, a_place(), "the request", at=NOW).released == first
    with pytest.raises(Refusal) as refused:
        ledger.charge(STUDY, a_place(), "another request", at=NOW)
    assert refused.value.code == "place-answered"


def test_a_charge_comes_first_and_is_never_given_back(tmp_path):
    """A charge comes first and is never given back: after a crash the answer may be computed on the same charge."""
    here = books(tmp_path)
    here.ledger.charge(STUDY, a_place(), "the request", at=NOW)  # and now the power fails
    after = reopened(here).ledger
    assert [a.spent for a in after.accounts() if a.part == "training"] == [a_place().mechanism.cost] * 2
    again = after.charge(STUDY, a_place(), "the request", at=NOW)
    assert after.settle(again, ONE, **HERE).vector().tolist() == [1, 1, 1]
    assert [a.spent for a in after.accounts() if a.part == "training"] == [a_place().mechanism.cost] * 2


def test_a_person_with_five_rows_counts_as_one():
    """A person with five rows counts as one: rows are added up before the person is held to the bound."""
    five = batch_of([5], {"visits": [3, 3, 3, 3, 3]})
    mechanism = Mechanism(width=1, clip=1.0, clip_units=64, sigma_squared=10_000)
    private = PrivateSum(mechanism)
    private.add(five.by_person(five.matrix(["visits"])), people=five.people)
    assert private.noised(no_noise).tolist() == [mechanism.clip_units]


def test_how_good_records_are_is_judged_once_with_noise_and_told_as_a_code():
    """How good a node's records are is judged in a noisy sum of its own, which cannot be asked for: a code is told."""
    study = from_document(document() | {"quality": [{"column": "smoker", "at_least": 0.8}]})
    plan = programme(study, FINDER)
    look = plan.places[0].mechanism
    assert (look.width, look.clip) == (2, 2**0.5)  # 1 and a share of at most 1: nobody adds more
    assert sum(place.step == plan.places[0].step for place in plan.places) == 1
    with pytest.raises(Refusal) as refused:
        place_of(plan, 0)
    assert refused.value.code == "place-unknown"
    with pytest.raises(Invalid):
        Notice("refused", "ab" * 20, study.hash, code="smoker is 41 % complete")


def test_nobody_moves_a_sum_by_more_than_the_clip():
    """Nobody moves a sum by more than the clip, whatever was recorded of them: not even by infinity."""
    mechanism = Mechanism(width=2, clip=0.6, clip_units=64, sigma_squared=10_000)
    for recorded in ([1e308, 1e308], [1.7e308, 0.0], [float("inf"), 1.0], [float("nan"), 1.0], [5e-324, -1e200]):
        private = PrivateSum(mechanism)
        private.add(np.array([recorded]), people=1)
        moved = private.noised(no_noise).view(np.int64)
        assert sum(int(n) ** 2 for n in moved) <= mechanism.clip_units**2


def test_a_study_costs_no_more_than_it_says():
    """A study costs no more than it says: all its sums together, spare places included, for whoever pays most."""
    for study in (small_study(), demo_study(), demo_study(spares=3), demo_study(epsilon=0.5)):
        cost = plan_of(study).cost_to_a_person
        assert accountant.epsilon(cost, study.privacy.delta) <= study.privacy.epsilon


def test_a_budget_is_for_life(tmp_path):
    """A budget is for life: when it is spent, a node refuses, whoever asks and for whatever purpose."""
    ledger = books(tmp_path, ceiling=2 * a_place().mechanism.cost).ledger
    for study in ("sha256:" + "1" * 64, "sha256:" + "2" * 64):
        ledger.charge(study, a_place(), "the request", at=NOW)
    with pytest.raises(Refusal) as refused:
        ledger.charge("sha256:" + "3" * 64, a_place(), "the request", at=NOW)
    assert (refused.value.code, refused.value.kind) == ("budget-exhausted", "never")


def test_what_two_people_approved_is_what_runs():
    """What two people approved is what runs: a study changed by one letter is another study."""
    approved = small_study()
    assert from_document(approved.document()).hash == approved.hash
    assert small_study(question="Who will be admitted!").hash != approved.hash


def test_a_misspelt_term_is_refused():
    """A misspelt term is refused: it never passes for a default that nobody chose."""
    with pytest.raises(Invalid) as refused:
        small_study(privacy=document()["privacy"] | {"epsilom": 0.1})
    assert refused.value.faults == ("privacy.epsilom: is not known",)


def test_an_approver_reads_what_will_run():
    """An approver reads what will run: each variable, each sum, its noise and its price, in plain words."""
    words = explain(plan_of(demo_study()), FINDER)
    for said in ("column totadm, 1 period(s) later", "5 times gradient", "epsilon 3", "noise", "charge is for life"):
        assert said in words


def test_only_what_was_paid_for_can_leave(tmp_path):
    """Only what was paid for can leave: a release is its receipt's very bytes, or it does not exist."""
    ledger = books(tmp_path).ledger
    paid = ledger.settle(ledger.charge(STUDY, a_place(), "the request", at=NOW), ONE, **HERE)
    with pytest.raises(Tampered) as refused:
        Release(paid.receipt, TWO.astype("<u8").tobytes())
    assert refused.value.code == "release-unpaid"


def test_a_failed_computation_sends_a_code_and_nothing_else():
    """A failed computation sends a code and nothing else: as long as any other refusal, with no room for a number."""
    key = Ed25519PrivateKey.generate()
    node = PublicKey.of(key).fingerprint
    sent = {
        code: encode(Notice("refused", node, STUDY, 1, code), key) for code in ("computation-failed", "node-paused")
    }
    assert len({len(content) for content in sent.values()}) == 1
    assert decode(sent["computation-failed"], PublicKey.of(key)).code == "computation-failed"
    with pytest.raises(Invalid):
        Notice("refused", node, STUDY, 1, "no such person: 999 000 1234")


def test_a_log_that_was_changed_is_found_out(tmp_path):
    """A log that was changed is found out: every event hangs in one tree, whose root the node has signed."""
    here = books(tmp_path)
    with here.database.transaction() as write:
        for rows in range(5):
            here.audit.append(write, "loaded", {"rows": rows}, at=NOW)
        here.audit.checkpoint(write)
    here.audit.verify()
    with here.database.transaction() as write:
        write.execute("DELETE FROM audit_leaf WHERE position = 4")
    with pytest.raises(Tampered) as found:
        here.audit.verify()
    assert found.value.code == "audit-tampered"


def test_what_is_told_of_data_sets_is_what_people_wrote(tmp_path):
    """What a node tells others of its data sets is what people wrote: with other patients it tells the very same."""
    told = []
    for name, first in (("one", 0), ("other", 4000)):
        (tmp_path / name).mkdir()
        here, numbers = NodeData(tmp_path / name), nhs_numbers(30 + first // 100, first=first)
        here.allow(numbers)
        here.load("\n".join([HEADER, *(f"{number},L,{1 + first % 5},{30 + first % 7},0,W" for number in numbers)]))
        told.append([described(entries(here.store), form) for form in FORMATS])
    assert told[0] == told[1]


def test_people_are_counted_by_what_the_study_says():
    """People are counted by keys that the study writes down, never by what is found: whoever has none is "other"."""
    sexes = {"name": "sex", "column": "sex", "transform": "code", "codes": ["F", "M"]}
    step = {"name": "sexes", "use": "tables", "people": "everyone", "parameters": {"by": ["sex"]}}
    study = from_document(document(variables=[sexes], steps=[step]))
    asked, parameters = Ask("people"), study.parameters(study.steps[0])
    five = batch_of([1, 1, 1, 1, 1], {"sex": [0.0, 0.5, 0.5, 1.0, np.nan]})  # F, M, M, a rare code, nothing
    assert FINDER.find("tables").contributions(parameters, asked, five).sum(axis=0).tolist() == [1, 2, 2]


def test_of_a_few_people_no_table_tells():
    """On top of the noise, a table tells no group of 1 to 7, nor lets it be worked out from those beside it."""
    people = counted(np.array([4.0, 60, 90, 0]), 0.1, 0.95)
    total = Figures((), (), counted(np.array(154.0), 0.1, 0.95), 0.1, {})
    found = reasons([total, Figures(("ward",), (tuple("abcd"),), people, 0.1, {})], PROFILES["hes-like"])
    assert found["ward",].tolist() == ["suppressed", "suppressed", "", "zero"]
