"""``node receipts``: everything that one node signed, whoever it is to the coordinator now."""

import base64

import pytest

from coordinator import checkpoints, journal
from coordinator.home import open_home
from privacy.signing import PublicKey
from privacy.witnessing import read_word, seal
from tests.coordinators import Site
from tests.functional.test_coordinator_command import NOW, Operator, enrolment_file
from tests.logbook import Logbook


@pytest.fixture
def hub(tmp_path, capsys):
    operator = Operator(tmp_path / "hub", capsys)
    assert operator.types("init", operator.home, "--name", "north", "--host", "hub.example.nhs.uk") == 0
    return operator


def test_all_that_one_node_signed_is_written_and_nothing_of_others(hub, tmp_path):
    leeds, york = Site("leeds"), Site("york")
    for site in (leeds, york):
        assert hub.types("node", "enrol", enrolment_file(tmp_path, site)) == 0
    kept = journal.Journal(open_home(hub.home, environ={}).database(journal.SCHEMA))
    for place, (site, content) in enumerate([(leeds, b"one"), (york, b"other"), (leeds, b"two"), (leeds, b"gone")]):
        kept.keep("sha256:" + "1" * 64, place, site.fingerprint, content, seconds=1.0, at=NOW.isoformat())
    kept.lose("sha256:" + "1" * 64, 3, leeds.fingerprint)
    data = hub.gets("node", "receipts", "leeds", "--out", tmp_path / "leeds.receipts")
    assert (data["node"], data["receipts"]) == (leeds.fingerprint, 2)
    lines = (tmp_path / "leeds.receipts").read_bytes().split()
    assert [base64.b64decode(line) for line in lines] == [b"one", b"two"]
    assert hub.types("node", "receipts", "leeds", "--out", tmp_path / "leeds.receipts") == 4
    assert hub.types("node", "receipts", "nobody", "--out", tmp_path / "x") == 5
    assert hub.types("node", "revoke", "leeds", "--reason", "identity lost", "--yes") == 0, hub.err
    assert hub.gets("node", "receipts", leeds.fingerprint, "--out", tmp_path / "again")["receipts"] == 2


def test_the_newest_checkpoint_says_of_how_many_leaves(hub, tmp_path):
    leeds = Site("leeds")
    assert hub.types("node", "enrol", enrolment_file(tmp_path, leeds)) == 0
    out = tmp_path / "leeds.checkpoint"
    assert hub.types("node", "checkpoint", "leeds", "--out", out) == 5  # none told yet
    home = open_home(hub.home, environ={})
    kept, log = checkpoints.Checkpoints(home.database(checkpoints.SCHEMA), home.identity), Logbook(leeds.key)
    for old, size in ((0, 7), (7, 41)):
        word = log.grow(size - old).word(old)
        kept.keep(word, seal(word, leeds.key), at=NOW)
    assert hub.gets("node", "checkpoint", "leeds", "--out", out)["size"] == 41
    assert read_word(out.read_bytes(), PublicKey.of(leeds.key)) == word
