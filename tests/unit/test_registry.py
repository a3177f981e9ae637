"""What was said of a model stays said: made, published, withdrawn, in that order and never back."""

import datetime
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import registry as hub_registry
from coordinator import studies
from coordinator.registry import Registry
from models.standing import MOST_STATEMENTS
from models.version import version_of
from privacy.canonical import canonical
from privacy.durable import Database
from privacy.errors import HedgerowError
from privacy.signing import PublicKey
from tests.builders import NOW
from tests.finished import finished, study

KEY = Ed25519PrivateKey.generate()
AT = datetime.datetime.fromisoformat(NOW)


@pytest.fixture
def two(tmp_path):
    """A registry with the models of two studies."""
    (tmp_path / "files").mkdir()
    database = Database(tmp_path / "hub.db", [*studies.SCHEMA, *hub_registry.SCHEMA])
    registry = Registry(database, tmp_path / "files")
    for name in ("first", "second"):
        made_by = study(name=name)
        (tmp_path / name).mkdir()
        model = finished(tmp_path / name, made_by=made_by)
        with database.transaction() as write:
            query = "INSERT INTO study (hash, name, document, submitted_at) VALUES (?, ?, ?, ?)"
            write.execute(query, [made_by.hash, name, canonical(made_by.document()), NOW])
        registry.keep(model, model.seal(KEY))
    return registry


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def say(registry, standing, named="first", **more):
    return registry.say(standing, registry.find(named), key=KEY, at=AT, **more)


def test_a_model_is_made_then_published_then_withdrawn(two):
    made_by = study(name="first")
    assert two.find("first").state == "made"
    assert code_of(lambda: two.published(made_by)) == "model-unpublished"
    entry = say(two, "published", reason="Adults only.")
    assert (entry.state, entry.published.reason) == ("published", "Adults only.")
    assert version_of(two.published(made_by)) == entry.version
    assert say(two, "withdrawn", reason="A wrong column.").state == "withdrawn"
    assert code_of(lambda: two.published(made_by)) == "model-withdrawn"
    assert code_of(lambda: say(two, "published")) == "model-withdrawn"
    assert two.find("second").state == "made"


def test_a_model_that_was_only_made_can_be_withdrawn(two):
    assert say(two, "withdrawn", reason="never").state == "withdrawn"
    assert code_of(lambda: say(two, "published")) == "model-withdrawn"


def test_what_was_said_once_stays_said(two):
    first = say(two, "withdrawn", reason="A wrong column.")
    again = two.say("withdrawn", first, key=KEY, at=AT + datetime.timedelta(days=1), reason="Another reason.")
    assert again.withdrawn == first.withdrawn
    for edit in ("DELETE FROM model_statement", "UPDATE model_statement SET standing = 'published'"):
        with pytest.raises(sqlite3.IntegrityError), two._database.transaction() as write:
            write.execute(edit)
    assert two.find("first").withdrawn == first.withdrawn


def test_the_newer_model_names_the_one_that_it_supersedes(two):
    old = say(two, "published").version
    new = say(two, "published", "second", supersedes="first")
    assert new.published.supersedes == old
    assert say(two, "published", "second", supersedes=old[7:17]).published == new.published
    assert code_of(lambda: say(two, "published", "second")) == "model-published"
    assert code_of(lambda: say(two, "published", supersedes="first")) == "model-published"
    assert code_of(lambda: say(two, "published", supersedes="nobodys")) == "model-unknown"


def test_a_model_is_found_by_name_version_or_study(two):
    first = two.find("first")
    for named in (first.version, first.version[7:15], first.study, first.study[7:15]):
        assert two.find(named) == first
    for named in ("nobodys", first.version[7:11], "sha256:", ""):
        assert code_of(lambda named=named: two.find(named)) == "model-unknown"


def test_nodes_hear_of_their_own_studies_models_withdrawals_first(two):
    first, second = (two.find(name).study for name in ("first", "second"))
    say(two, "published")
    say(two, "withdrawn")
    say(two, "published", "second")
    assert [s.standing for s in two.statements([first])] == ["withdrawn", "published"]
    assert [s.standing for s in two.statements([first, second])] == ["withdrawn", "published", "published"]
    assert two.statements([]) == []
    for statement in two.statements([first, second]):
        statement.verify(PublicKey.of(KEY))
    assert MOST_STATEMENTS >= 100


@pytest.mark.parametrize("reason", ["two\nlines", "x" * 501, "  "])
def test_a_reason_is_one_line_that_people_can_read(two, reason):
    if reason.strip():
        assert code_of(lambda: say(two, "withdrawn", reason=reason)) == "reason-wrong"
    else:
        assert say(two, "withdrawn", reason=reason).withdrawn.reason == ""
