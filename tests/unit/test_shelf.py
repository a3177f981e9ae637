"""A node keeps only models that hold, believes only its own coordinator about them, and forgets no withdrawal."""

import dataclasses
import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.standing import MOST_STATEMENTS, Statement
from models.version import MODEL, version_of
from node import shelf as node_shelf
from node.federation.hub import News
from node.shelf import Shelf
from privacy.canonical import canonical
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Invalid
from privacy.signing import PublicKey
from tests.builders import NOW, books
from tests.finished import finished, study

HUB = Ed25519PrivateKey.generate()
AT = datetime.datetime.fromisoformat(NOW)


def say(standing, content, *, key=HUB, reason="", of=None, **changes):
    said = Statement(standing, version_of(content), of or study().hash, reason, "", NOW)
    return dataclasses.replace(said, **changes).signed(key).document()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("model"))


@pytest.fixture
def content(model):
    return model.seal(HUB)


@pytest.fixture
def shelf(tmp_path):
    kept = books(tmp_path)
    with kept.database.transaction() as connection:
        for statement in node_shelf.SCHEMA:
            connection.execute(statement)
    return Shelf(tmp_path / "models", kept.database, kept.audit, PublicKey.of(HUB), lambda: AT)


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def leaves(shelf):
    return [(leaf["event"], leaf["facts"]["version"]) for leaf in shelf.audit.events()]


def test_a_published_model_is_kept_once_and_for_this_account_only(shelf, content):
    version, of = version_of(content), study().hash
    assert shelf.kept(of) is None
    assert shelf.hear([say("published", content)]) == []
    assert shelf.keep(content, of) == shelf.keep(content, of) == version
    assert shelf.kept(of) == content
    (file,) = shelf.directory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert leaves(shelf) == [("model-published", version), ("model-kept", version)]
    assert shelf.opened(content, of).study.hash == of
    shelf.verify()


def sealed(model, **header):
    whole = Envelope.decode(model.seal(HUB))
    return Envelope.seal(HUB, MODEL, {**whole.header, **header}, whole.payload).encode()


def forged(model):
    first, *others = model.signed
    cheaper = dataclasses.replace(first, receipt=dataclasses.replace(first.receipt, cost_outside=1))
    return dataclasses.replace(model, signed=(cheaper, *others)).seal(HUB)


REFUSED = {
    "model-coordinator-other": lambda model: model.seal(Ed25519PrivateKey.generate()),
    "signature-wrong": lambda model: model.seal(HUB)[:-1] + b"\x01",
    "model-schema-other": lambda model: sealed(model, format={"name": "hedgerow-model", "number": 3}),
    "message-malformed": lambda model: model.seal(HUB)[:-1],
    "receipt-unsigned": forged,
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_does_not_hold_is_neither_kept_nor_used(shelf, model, code):
    content = REFUSED[code](model)
    shelf.hear([say("published", content)])  # even where the coordinator says that it is published
    assert code_of(lambda: shelf.keep(content, study().hash)) == code
    assert code_of(lambda: shelf.opened(content, study().hash)) == code
    assert not shelf.directory.exists()
    assert shelf.versions() == []


def test_another_studys_model_and_an_unpublished_one_are_not_kept(shelf, content):
    assert code_of(lambda: shelf.keep(content, study().hash)) == "model-unpublished"
    shelf.hear([say("published", content)])
    assert code_of(lambda: shelf.keep(content, study(title="Another").hash)) == "model-study-other"
    assert not shelf.directory.exists()


def test_a_withdrawn_model_is_refused_in_whatever_way_it_comes(shelf, content):
    of = study().hash
    shelf.hear([say("published", content)])
    shelf.keep(content, of)
    shelf.opened(content, of)  # the control
    shelf.hear([say("withdrawn", content, reason="a wrong column")])
    for use in (
        lambda: shelf.opened(content, of),
        lambda: shelf.opened(shelf.kept(of), of),
        lambda: shelf.keep(content, of),
    ):
        assert code_of(use) == "model-withdrawn"
    assert leaves(shelf)[-1] == ("model-withdrawn", version_of(content))
    shelf.hear([say("published", content)])  # said again, or late: nothing brings it back
    assert code_of(lambda: shelf.opened(content, of)) == "model-withdrawn"
    shelf.verify()


FORGED = {
    "of another model": {"version": "sha256:" + "0" * 64},
    "of another standing": {"standing": "published"},
    "for another reason": {"reason": "another"},
    "unsigned": {"signature": ""},
    "of an unknown standing": {"standing": "recalled"},
    "of another type": {"version": 5},
    "too long": {"reason": "x" * 501},
    "with more in it": {"more": 1},
}


@pytest.mark.parametrize("change", FORGED)
def test_a_statement_that_the_coordinator_did_not_sign_is_ignored_and_others_are_heard(shelf, content, change):
    said = say("withdrawn", content, reason="one")
    strangers = say("withdrawn", content, key=Ed25519PrivateKey.generate())
    (first, second) = shelf.hear([{**said, **FORGED[change]}, strangers])
    assert first.code in {"signature-wrong", "message-malformed", "reason-wrong"}
    assert second.code == "signature-wrong"
    assert shelf.statements() == []
    shelf.check(version_of(content))
    assert [e.code for e in shelf.hear([{**said, **FORGED[change]}, {}, said])] == [first.code, "message-malformed"]
    assert code_of(lambda: shelf.check(version_of(content))) == "model-withdrawn"


EDITS = {
    "a withdrawal is forgotten": "DELETE FROM model_statement WHERE standing = 'withdrawn'",
    "it is made to be of another model": "UPDATE model_statement SET version = 'sha256:0' WHERE standing = 'withdrawn'",
    "it is made a publication": "UPDATE model_statement SET standing = 'said' WHERE standing = 'withdrawn'",
    "its text is changed": "UPDATE model_statement SET document = CAST('{}' AS BLOB) WHERE standing = 'withdrawn'",
    "a kept model is forgotten": "DELETE FROM kept_model",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_what_was_said_or_kept_is_found(shelf, content, edit):
    shelf.hear([say("published", content)])
    shelf.keep(content, study().hash)
    shelf.hear([say("withdrawn", content)])
    shelf.verify()  # the control
    with shelf.database.transaction() as connection:
        connection.execute(EDITS[edit])
    assert code_of(shelf.verify) == "model-tampered"


def test_a_kept_file_that_was_changed_is_found_and_not_used(shelf, content):
    shelf.hear([say("published", content)])
    shelf.keep(content, study().hash)
    (file,) = shelf.directory.iterdir()
    file.write_bytes(content[:-1] + b"\x01")
    assert code_of(lambda: shelf.kept(study().hash)) == "model-tampered"
    assert code_of(lambda: shelf.keep(content, study().hash)) == "model-tampered"
    assert code_of(shelf.verify) == "model-tampered"


def test_a_kept_file_that_is_gone_can_be_pulled_again(shelf, content):
    shelf.hear([say("published", content)])
    shelf.keep(content, study().hash)
    (file,) = shelf.directory.iterdir()
    file.unlink()
    shelf.verify()
    assert shelf.kept(study().hash) is None
    shelf.keep(content, study().hash)
    assert shelf.kept(study().hash) == content


def test_a_statement_from_the_state_is_verified_again(shelf, content):
    said = say("withdrawn", content)
    shelf.hear([said])
    with shelf.database.transaction() as connection:
        edited = canonical({**said, "reason": "nothing to worry about"})
        connection.execute("UPDATE model_statement SET document = ?", [edited])
    assert code_of(lambda: shelf.check(version_of(content))) == "model-tampered"


def test_statements_are_bounded_in_a_day_and_a_published_model_can_always_be_withdrawn(shelf, content, monkeypatch):
    monkeypatch.setattr(node_shelf, "MOST_A_DAY", 2)
    assert shelf.hear([say("published", content)]) == []
    more = [say(standing, b"%d" % i) for i in range(9) for standing in ("published", "withdrawn")]
    assert {each.code for each in shelf.hear(more)} == {"news-too-much"}
    assert len(leaves(shelf)) == 3  # one more, and its withdrawal
    assert shelf.hear([say("withdrawn", content, reason="a wrong column")]) == []
    assert code_of(lambda: shelf.check(version_of(content))) == "model-withdrawn"
    later = dataclasses.replace(shelf, now=lambda: AT + datetime.timedelta(days=1, seconds=1))
    later.hear(more)
    assert len(leaves(later)) == 6  # the next, and its withdrawal


@pytest.mark.parametrize("at", ["\x1b[2J2027-03-01", "2027-03-01\nadmission  sha256  published", "soon", ""])
def test_a_statement_cannot_forge_what_people_read(shelf, content, at):
    assert shelf.hear([say("published", content)]) == []  # the control
    with pytest.raises(Invalid):
        say("withdrawn", content, at=at)


def test_news_of_models_is_bounded_and_of_one_form():
    assert News.of({"studies": []}).models == ()
    assert len(News.of({"studies": [], "models": [{}] * (MOST_STATEMENTS + 5)}).models) == MOST_STATEMENTS
    for models in ({}, [1], "x", None):
        with pytest.raises(Invalid):
            News.of({"studies": [], "models": models})
