"""A study is checked whole, kept as it is, offered to whom it invites; what nodes said of it stays said."""

import datetime

import pytest

from coordinator import register, studies
from coordinator.assemble import COMPUTATIONS
from coordinator.checking import check_study
from coordinator.migrations import FORMAT, MIGRATIONS
from coordinator.pricing import price_of
from coordinator.register import Register
from coordinator.studies import Studies
from privacy import accountant
from privacy.contract_file import contract_of
from privacy.durable import Database, Migration, migrate
from privacy.errors import HedgerowError, Refusal
from privacy.programme import programme
from privacy.release import Notice
from privacy.study import from_document
from tests.coordinators import NOW, Site, sites, study_document

INVITED = sites()


@pytest.fixture
def kept(tmp_path):
    return studies_in(tmp_path, "sha-of-package")


def studies_in(folder, package):
    database = Database(folder / "c.db", [*register.SCHEMA, *studies.SCHEMA])
    known = Register(database)
    for site in INVITED:
        if known.find(site.fingerprint) is None:
            known.enrol(site.enrolment, at=NOW)
    return Studies(database, register=known, finder=COMPUTATIONS, package=package)


def document(**changes):
    return study_document(INVITED, **changes)


def code_of(act, *arguments, **named):
    with pytest.raises(HedgerowError) as error:
        act(*arguments, **named)
    return error.value.code


def checked(**changes):
    contract = changes.pop("contract", None)
    study = from_document(document(**changes))
    check_study(study, finder=COMPUTATIONS, today=NOW.date(), contract=contract)


def with_step(index, **changes):
    steps = document()["steps"]
    return {"steps": [{**s, **changes} if i == index else s for i, s in enumerate(steps)]}


def test_submitting_fills_in_the_software_and_the_hash_covers_it(kept, tmp_path):
    study = kept.submit(document(), at=NOW)
    assert study.software.package == "sha-of-package"
    assert dict(study.software.computations) == {"linear-risk": 1, "evaluation": 1}
    assert study.hash != from_document(document()).hash
    assert kept.find("next-year-admission") == study == kept.find(study.hash) == kept.find(study.hash[7:20])
    assert [s.hash for s in studies_in(tmp_path, "sha-of-package").all()] == [study.hash]


def test_submitting_fills_in_what_the_computations_fall_back_on_and_the_hash_covers_it(kept):
    study = kept.submit(document(), at=NOW)
    assert study.steps[0].parameters["clip"] == 0.6
    assert study.steps[1].parameters == {"bins": 8, "low": -4.0, "high": 0.0}
    written = {**study.document(), "steps": with_step(1, parameters={"bins": 8, "low": -4, "high": 0})["steps"]}
    assert kept.submit(written, at=NOW) == study
    assert programme(study, COMPUTATIONS).places == programme(from_document(document()), COMPUTATIONS).places


def test_the_very_same_study_again_changes_nothing(kept):
    first = kept.submit(document(), at=NOW)
    assert kept.submit(document(), at=NOW + datetime.timedelta(days=1)) == first
    assert len(kept.all()) == 1


def test_another_study_under_the_same_name_is_refused(kept):
    kept.submit(document(), at=NOW)
    assert code_of(kept.submit, document(title="Another"), at=NOW) == "study-name-taken"


def test_a_stranger_cannot_be_invited(kept):
    stranger = document(invited=[{"name": "x", "fingerprint": Site("x").fingerprint}] * 1, privacy=quorum(1))
    assert code_of(kept.submit, stranger, at=NOW) == "invited-unknown"
    assert kept.all() == []


def test_a_revoked_node_cannot_be_invited_and_is_called_so(kept, tmp_path):
    Register(Database(tmp_path / "c.db", register.SCHEMA)).revoke(INVITED[0].name, reason="lost", at=NOW)
    with pytest.raises(Refusal) as refused:
        kept.submit(document(), at=NOW)
    assert refused.value.code == "invited-revoked"
    assert refused.value.faults == (f"{INVITED[0].name}: {INVITED[0].fingerprint}",)
    assert kept.all() == []


def quorum(least):
    return {**document()["privacy"], "quorum": least}


def test_a_study_for_other_software_is_refused_when_submitted_and_when_run(kept, tmp_path):
    study = kept.submit(document(), at=NOW)
    assert kept.submit(study.document(), at=NOW) == study
    kept.check_software(study)
    newer = studies_in(tmp_path, "another-package")
    assert code_of(newer.check_software, study) == "software-differs"
    assert code_of(newer.submit, study.document(), at=NOW) == "software-differs"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("study-malformed", {"epsilom": 3}),
        ("study-malformed", {"privacy": {**document()["privacy"], "epsilon": -1}}),
        ("study-expired", {"ends": "2027-02-28"}),
        ("computation-unknown", with_step(0, use="oracle")),
        ("parameters-wrong", with_step(0, parameters={"features": ["visits"]})),
        ("parameters-wrong", with_step(1, parameters={"bins": 2, "x": 1})),
        (
            "variable-unknown",
            with_step(0, parameters={"features": ["weight"], "outcome": "admitted_next_year", "base_rate": 0.1}),
        ),
        (
            "parameters-wrong",
            with_step(
                0,
                parameters={
                    "features": ["visits"],
                    "outcome": "admitted_next_year",
                    "base_rate": 0.1,
                    "rounds": 10**9,
                },
            ),
        ),
        ("study-malformed", with_step(1, parameters={"bins": 2**60})),
        ("study-malformed", with_step(1, parameters={"bins": float("nan")})),
        ("study-malformed", with_step(1, parameters={"bins": datetime.date(2027, 1, 1)})),
    ],
)
def test_a_study_that_does_not_hold_together_is_refused(kept, code, changes):
    assert code_of(checked, **changes) == code
    assert code_of(kept.submit, document(**changes), at=NOW) == code
    assert kept.all() == []


def test_all_faults_are_told_at_once():
    steps = [with_step(0, use="oracle")["steps"][0], with_step(1, parameters={"x": 1})["steps"][1]]
    with pytest.raises(HedgerowError) as error:
        checked(steps=steps)
    told = "\n".join(error.value.faults)
    assert "computation-unknown: step risk: oracle" in told
    assert "linear-risk" in told  # which ones there are
    assert "parameters.x: is not known" in told


CONTRACT = {
    "contract": {
        "name": "rand-hie",
        "version": 1,
        "title": "T",
        "owner": "O",
        "legal_basis": "L",
        "source": "S",
        "table": "event",
        "key": ["nhs_number", "year"],
        "period": "year",
    },
    "columns": {
        "nhs_number": {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"},
        "year": {"kind": "measure", "type": "integer", "low": 1, "high": 5},
        "hlthp": {"kind": "measure", "type": "code", "codes": ["0", "1"]},
        "sex": {"kind": "measure", "type": "code", "codes": ["f", "m"]},
        **{name: {"kind": "measure", "type": "number", "low": 0, "high": 100} for name in ("mdvis", "disea", "totadm")},
    },
}


def test_columns_are_checked_against_the_contract():
    checked(contract=contract_of(CONTRACT))
    fewer = {**CONTRACT, "columns": {k: v for k, v in CONTRACT["columns"].items() if k != "disea"}}
    assert code_of(checked, contract=contract_of(fewer)) == "variable-unknown"
    other = {**CONTRACT, "contract": {**CONTRACT["contract"], "name": "another"}}
    assert code_of(checked, contract=contract_of(other)) == "data-set-other"
    timeless = {**CONTRACT, "contract": {k: v for k, v in CONTRACT["contract"].items() if k != "period"}}
    assert code_of(checked, contract=contract_of(timeless)) == "variable-unknown"
    for column, code in {
        "nhs_number": "variable-unknown",
        "sex": "variable-unknown",
        "year": "variable-bounds",
    }.items():
        elsewhere = [{**v, "column": column} for v in document()["variables"]]
        assert code_of(checked, variables=elsewhere, contract=contract_of(CONTRACT)) == code


def test_a_study_is_offered_only_to_whom_it_invites(kept):
    study = kept.submit(document(invited=document()["invited"][:2]), at=NOW)
    leeds, york, hull = (site.fingerprint for site in INVITED)
    assert kept.offered_to(leeds) == kept.offered_to(york) == [study]
    assert kept.offered_to(hull) == []


def test_a_study_is_found_by_name_hash_or_enough_digits(kept):
    study = kept.submit(document(), at=NOW)
    for named in ("", "x", study.hash[7:12], "sha256:", study.hash[:-1] + "g", "*", "sha256:??????"):
        assert code_of(kept.find, named) == "study-unknown"


def test_digits_that_fit_several_studies_are_refused(kept):
    found = {}
    for number in range(40):
        study = kept.submit(document(name=f"s{number}"), at=NOW)
        found.setdefault(study.hash[7:8], []).append(study)
    first = next(several for several in found.values() if len(several) > 1)
    studies_module_digits = studies.LEAST_DIGITS
    try:
        studies.LEAST_DIGITS = 1
        assert code_of(kept.find, first[0].hash[7:8]) == "study-ambiguous"
    finally:
        studies.LEAST_DIGITS = studies_module_digits


def say(kept, kind, study, site=INVITED[0], **more):
    kept.note(Notice(kind, site.fingerprint, study.hash, **more), at=NOW)


def states(kept, study):
    return [(d.name, d.state, d.code) for d in kept.decisions(study)]


def test_what_each_node_said_is_kept(kept, tmp_path):
    study = kept.submit(document(), at=NOW)
    say(kept, "approved", study)
    say(kept, "refused", study, INVITED[1], code="budget-too-small")
    expected = [("leeds", "approved", ""), ("york", "refused", "budget-too-small"), ("hull", "offered", "")]
    assert states(kept, study) == expected
    assert kept.approved(study) == [INVITED[0].fingerprint]
    assert states(studies_in(tmp_path, "sha-of-package"), study) == expected


def test_a_refusal_may_become_an_approval_but_a_withdrawal_is_final(kept):
    study = kept.submit(document(), at=NOW)
    say(kept, "refused", study, code="optouts-stale")
    say(kept, "approved", study)
    say(kept, "withdrawn", study)
    say(kept, "withdrawn", study)
    assert code_of(say, kept, "approved", study) == "study-withdrawn"
    assert states(kept, study)[0] == ("leeds", "withdrawn", "")


def test_a_node_that_is_not_invited_has_no_say(kept):
    study = kept.submit(document(invited=document()["invited"][:2]), at=NOW)
    assert code_of(say, kept, "approved", study, INVITED[2]) == "study-unknown"


def test_a_refused_place_is_no_decision(kept):
    study = kept.submit(document(), at=NOW)
    assert code_of(say, kept, "refused", study, place=1) == "message-malformed"
    assert kept.approved(study) == []


def test_the_price_is_proven_and_the_places_add_up():
    study = from_document(document())
    price = price_of(study, COMPUTATIONS)
    held_back = [line.cost for line in price.lines if line.people in ("held-back", "everyone")]
    training = [line.cost for line in price.lines if line.people in ("training", "everyone")]
    assert price.cost == max(sum(held_back), sum(training))
    assert price.epsilon <= study.privacy.epsilon
    assert price.epsilon == pytest.approx(study.privacy.epsilon, abs=1e-3)
    assert price.epsilon_if_continuous < price.epsilon
    for known in price.epsilon_against.values():
        assert known[1] == price.epsilon
        assert known[3] == accountant.epsilon(3 * price.cost, study.privacy.delta)


def test_a_withdrawal_is_kept_from_the_first_word_and_only_its_own_nodes_hear(kept):
    study = kept.submit(document(), at=NOW)
    assert kept.withdrawal(study) is None
    kept.check_not_withdrawn(study)
    said = kept.withdraw(study, reason="The question changed", at=NOW)
    later = kept.withdraw(study, reason="Another", at=NOW + datetime.timedelta(days=1))
    assert later == said == kept.withdrawal(study)
    assert code_of(kept.check_not_withdrawn, study) == "study-withdrawn"
    leeds = INVITED[0].fingerprint
    assert (kept.offered_to(leeds), kept.withdrawn_from(leeds)) == ([], [said])
    assert kept.withdrawn_from(Site("x").fingerprint) == []
    assert code_of(kept.submit, document(), at=NOW) == "study-withdrawn"  # the same words do not bring it back
    assert kept.withdrawal(study) == said


def test_a_state_of_the_first_version_is_brought_up_to_date(tmp_path):
    first = (
        "CREATE TABLE study (hash TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, document BLOB NOT NULL,"
        " submitted_at TEXT NOT NULL) STRICT"
    )
    path = tmp_path / "c.db"
    with Database(path, [first]).transaction() as write:
        write.execute("INSERT INTO study VALUES ('sha256:0', 'n', x'00', 'then')")
    migrate(path, [Migration(m.format, m.title, _of(m, "study")) for m in MIGRATIONS])
    new = Database(tmp_path / "new.db", studies.SCHEMA, file_format=FORMAT)
    old = Database(path, studies.SCHEMA, file_format=FORMAT)
    shape = "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('study')"
    assert [tuple(r) for r in old.rows(shape)] == [tuple(r) for r in new.rows(shape)]
    assert old.one("SELECT withdrawn_at FROM study")[0] == ""


def _of(migration, table):
    """Return the statements about one table: other parts of the room test their own."""
    return tuple(s for s in migration.statements if s.startswith(f"ALTER TABLE {table} "))
