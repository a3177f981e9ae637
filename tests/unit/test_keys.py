"""Keys rotate whole or not at all, and what was destroyed opens nothing any more."""

import os
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import keys, keystore
from node.assemble import KEYSTORE, open_node
from node.keys import key_lines, rotate_records, rotate_wrapping
from node.keystore import Keystore
from node.settings import FILE
from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable
from tests.approved import FINDER, a_node
from tests.nodes import NOW


@pytest.fixture
def node(tmp_path):
    return a_node(tmp_path, Ed25519PrivateKey.generate(), people=20)


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


def rotate(node, new, environ=None):
    return rotate_wrapping(node.home, new=new, environ=environ or {}, now=lambda: NOW)


def reopened(node):
    return open_node(node.home, {}, lambda: NOW, finder=FINDER)


def everything(node):
    version = node.store.latest("visits")
    names = [c.name for c in version.contract.stored]
    return [
        node.store.read(version, names).to_pylist(),
        node.store.read_quarantine(version).to_pylist(),
        node.store.optouts().version,
    ]


# The wrapping key


def test_after_the_wrapping_key_rotated_the_old_file_opens_nothing(node, tmp_path):
    old, new = tmp_path / "node.wrapping-key", tmp_path / "new.key"
    before = everything(node)
    assert rotate(node, new) == old
    assert code_of(lambda: Keystore.open(node.home / KEYSTORE, old)) == (Refusal, "wrapping-key-wrong")
    again = reopened(node)
    assert again.settings.wrapping_key_file == new
    assert everything(again) == before
    again.verify()
    assert again.audit.events()[-1]["facts"] == {"key": "wrapping"}
    assert oct(new.stat().st_mode & 0o777) == "0o600"
    (old).unlink()
    assert everything(reopened(node)) == before


def test_every_other_setting_stays_as_it_was(node, tmp_path):
    file = node.home / FILE
    file.write_text("# ours\n" + file.read_text() + "poll_seconds = 7.0\n")
    before = file.read_text()
    rotate(node, tmp_path / "new.key")
    changed = [(a, b) for a, b in zip(before.splitlines(), file.read_text().splitlines(), strict=True) if a != b]
    assert [a.split(" =")[0] for a, _ in changed] == ["wrapping_key_file"]
    assert reopened(node).settings.poll_seconds == 7.0


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("step", ["make_wrapping_key", "put", "_point_to", "_note"])
def test_a_crash_at_any_step_leaves_one_of_the_two_working_and_goes_on(node, tmp_path, monkeypatch, step):
    old, new = tmp_path / "node.wrapping-key", tmp_path / "new.key"
    before = everything(node)

    def cut(*_arguments, **_named):
        raise PowerCutError

    room = keystore if step == "put" else keys
    if step == "put":
        keystore.make_wrapping_key(new)  # the step before it was done
    monkeypatch.setattr(room, step, cut)
    with pytest.raises(PowerCutError):
        rotate(node, new)
    monkeypatch.undo()
    opens = [opens_with(node, file) for file in (old, new)]
    assert opens in ([True, False], [False, True])
    rotate(node, new)
    assert [opens_with(node, file) for file in (old, new)] == [False, True]
    assert everything(reopened(node)) == before
    reopened(node).verify()


def opens_with(node, file):
    try:
        Keystore.open(node.home / KEYSTORE, file)
    except HedgerowError:
        return False
    return True


def test_wrong_places_and_files_change_nothing(node, tmp_path):
    files = {p: p.read_bytes() for p in (node.home / KEYSTORE, node.home / FILE)}
    old = tmp_path / "node.wrapping-key"
    assert code_of(lambda: rotate(node, old)) == (Refusal, "wrapping-key-same")
    assert code_of(lambda: rotate(node, node.home / "in.key")) == (Refusal, "wrapping-key-inside")
    (tmp_path / "no.key").write_bytes(b"no key")
    (tmp_path / "no.key").chmod(0o600)
    assert code_of(lambda: rotate(node, tmp_path / "no.key")) == (Refusal, "wrapping-key-wrong")
    old.rename(tmp_path / "gone")
    assert code_of(lambda: rotate(node, tmp_path / "new.key")) == (Unreachable, "wrapping-key-absent")
    assert not (tmp_path / "new.key").exists()
    assert {p: p.read_bytes() for p in files} == files


# The records key


def test_new_files_are_under_the_new_key_and_old_ones_stay_until_rewritten(node):
    before = everything(node)
    files = set(node.store.files.vault.under("store@1"))
    assert len(files) == 3
    assert rotate_records(node, rewrite=False) == "store@2"
    assert set(node.store.files.vault.under("store@1")) == files
    assert everything(reopened(node)) == before
    assert rotate_records(node, rewrite=True) == "store@2"  # finishes that one
    again = reopened(node)
    assert everything(again) == before
    assert "store@1" not in again.keystore.key_ids
    assert len(again.store.files.vault.under("store@2")) == 3
    assert not files & {p.name for p in (node.home / "store").iterdir()}
    again.verify()
    assert rotate_records(again, rewrite=True) == "store@3"
    assert [line.id for line in key_lines(again) if line.files] == ["store@3"]


def test_copies_of_old_files_open_with_nothing_that_is_left(node):
    version = node.store.latest("visits")
    copy = node.home.parent / version.file
    shutil.copy(node.home / "store" / version.file, copy)
    rotate_records(node, rewrite=True)
    shutil.copy(copy, node.home / "store" / node.store.latest("visits").file)
    assert code_of(lambda: node.store.read(node.store.latest("visits"), [])) == (Tampered, "store-tampered")


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_rewrite_that_is_cut_short_goes_on(node, monkeypatch, after):
    before, real, done = everything(node), node.store.change, []

    def change(*arguments, **named):
        if len(done) == after:
            raise PowerCutError
        done.append(real(*arguments, **named))

    monkeypatch.setattr(node.store, "change", change)
    if after < 3:
        with pytest.raises(PowerCutError):
            rotate_records(node, rewrite=True)
        monkeypatch.undo()
        assert everything(reopened(node)) == before
    again = reopened(node)
    assert rotate_records(again, rewrite=True) == "store@2"
    assert everything(again) == before
    assert "store@1" not in reopened(node).keystore.key_ids


def test_the_log_tells_of_every_rotation(node):
    rotate_records(node, rewrite=True)
    told = [(e["event"], e["facts"]) for e in node.audit.events()]
    assert ("key-rotated", {"key": "store@2"}) in told
    assert told[-1] == ("keys-destroyed", {"keys": ["store@1"]})
    assert sum(event == "records-rewritten" for event, _ in told) == 3


def test_an_old_file_that_is_put_back_is_found(node):
    version = node.store.latest("visits")
    old = (node.home / "store" / version.file).read_bytes()
    row = tuple(node.database.one("SELECT * FROM file_key WHERE file = ?", [version.file]))
    rotate_records(node, rewrite=True)
    (node.home / "store" / version.file).write_bytes(old)
    with node.database.transaction() as connection:
        connection.execute("UPDATE data_version SET file = ?", [version.file])
        connection.execute("INSERT INTO file_key VALUES (?, ?, ?)", row)
    assert code_of(node.verify) == (Tampered, "store-tampered")


def test_every_key_is_listed_with_what_it_is_for(node):
    lines = key_lines(node)
    assert {line.id for line in lines} >= {"identity@1", "fleet@1", "join@1", "split@1", "store@1", "pseudonym@1"}
    assert all(line.purpose for line in lines)
    shown = " ".join(map(repr, lines))
    assert not any(node.keystore.secret(k).hex() in shown for k in node.keystore.key_ids)
    assert os.path.lexists(node.home / KEYSTORE)
