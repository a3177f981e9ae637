"""An older state is put back, as if nothing had been spent since: the node notices what it signed itself, and stops."""

import base64
import shutil

import numpy as np
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import open_node
from node.federation.hub import News
from privacy.errors import Tampered
from privacy.release import Release, decode
from privacy.signing import PublicKey
from privacy.witnessing import Word, seal
from tests.approved import FINDER, approved
from tests.nodes import NOW
from tests.served import Keeper, Serving

ROUND = {"round": np.array([0.0])}


@pytest.fixture
def here(tmp_path):
    return approved(tmp_path)


def reopened(here):
    return open_node(here.node.home, {}, lambda: NOW, finder=FINDER)


def with_old_copy(here, monkeypatch, *, keeper):
    """Serve and answer once, then put back a copy of the directory from before, by hand, without ``restore``."""
    old = here.node.home.with_name("yesterday")
    here.node.database.close()
    shutil.copytree(here.node.home, old)
    first = Serving(reopened(here), keeper, monkeypatch)

    def ask():
        assert first.connected.wait(10)
        sent = []
        first.answers(here.request(1, ROUND), sent.append)
        assert isinstance(decode(sent[0], PublicKey.of(here.node.key)), Release)

    assert first.runs(ask) == []
    shutil.rmtree(here.node.home)
    shutil.copytree(old, here.node.home)
    return Serving(reopened(here), keeper, monkeypatch)


def spent(node):
    return sum(account.spent for account in node.ledger.accounts())


def test_an_old_copy_of_the_directory_is_noticed_before_anything_is_answered(here, monkeypatch):
    keeper = Keeper()
    again = with_old_copy(here, monkeypatch, keeper=keeper)
    told, before = len(keeper.sent), spent(again.node)
    assert again.runs(lambda: again.stop.wait(10)) == ["state-behind"]
    assert not again.connected.is_set()
    assert len(keeper.sent) == told
    assert spent(again.node) == before


def test_control_with_the_checkpoint_withheld_the_same_place_is_answered_anew(here, monkeypatch):
    keeper = Keeper()
    again = with_old_copy(here, monkeypatch, keeper=keeper)
    keeper.gives = False
    sent = []

    def ask():
        assert again.connected.wait(10)
        again.answers(here.request(1, {"round": np.array([1.0])}), sent.append)  # another request for the same place

    assert again.runs(ask) == []
    assert isinstance(decode(sent[0], PublicKey.of(here.node.key)), Release)  # a second answer to one place


def test_a_checkpoint_that_the_coordinator_forged_cannot_stop_the_node(here, monkeypatch):
    keeper = Keeper()
    forged = Word("checkpoint", here.node.fingerprint, here.node.fingerprint, 10**6, "a" * 64)
    keeper.newest, keeper.size = seal(forged, Ed25519PrivateKey.generate()), 10**7
    serving = Serving(reopened(here), keeper, monkeypatch)
    with structlog.testing.capture_logs() as logs:
        assert serving.runs(lambda: serving.connected.wait(10)) == []
    assert serving.connected.is_set()
    assert [line["is_now"] for line in logs if line.get("of") == "kept checkpoint"] == ["signature-wrong"]


@pytest.mark.parametrize("kept", ["not base64!", base64.b64encode(b"nothing").decode()])
def test_nor_can_one_that_makes_no_sense(here, monkeypatch, kept):
    keeper = Keeper()
    keeper.news = lambda: News(checkpoint=kept)
    serving = Serving(reopened(here), keeper, monkeypatch)
    assert serving.runs(lambda: serving.connected.wait(10)) == []
    assert serving.connected.is_set()


def test_nothing_is_answered_while_the_coordinator_says_nothing(here, monkeypatch):
    from privacy.errors import Unreachable

    keeper = Keeper()

    def news():
        raise Unreachable("coordinator-unreachable")

    keeper.news = news
    serving = Serving(reopened(here), keeper, monkeypatch)
    assert serving.runs(lambda: serving.connected.wait(1)) == []
    assert not serving.connected.is_set()


def test_a_log_that_went_on_another_way_is_behind_too(here):
    """Put back, served without the comparison, and grown past what was told: its root at that size is another."""
    here.node.database.close()
    old = here.node.home.with_name("yesterday")
    shutil.copytree(here.node.home, old)
    here.ask(1, ROUND)
    signed = here.node.audit.as_it_stands()
    here.node.database.close()
    shutil.rmtree(here.node.home)
    shutil.copytree(old, here.node.home)
    node = reopened(here)
    for _ in range(3):
        node.governance.register.pause(at=NOW.isoformat())
        node.governance.register.resume(at=NOW.isoformat())
    assert node.audit.size > signed.size
    with pytest.raises(Tampered, match="state-behind"):
        node.audit.check_newest(size=signed.size, root=signed.root)
    node.audit.check_newest(size=node.audit.size, root=node.audit.as_it_stands().root)


def test_a_checkpoint_is_told_at_the_start_after_charges_and_at_the_end(here, monkeypatch):
    keeper = Keeper()
    serving = Serving(reopened(here), keeper, monkeypatch)
    sizes = []

    def ask():
        assert serving.connected.wait(10)
        wait_until(lambda: keeper.size == serving.node.audit.size)
        sizes.append(keeper.size)
        serving.answers(here.request(1, ROUND), lambda _: None)
        wait_until(lambda: keeper.size == serving.node.audit.size)
        sizes.append(keeper.size)
        serving.node.governance.register.pause(at=NOW.isoformat())

    assert serving.runs(ask) == []
    assert sizes[1] > sizes[0]
    assert keeper.size == reopened(here).audit.size > sizes[1]


def wait_until(holds):
    import time

    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError
