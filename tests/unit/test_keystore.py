"""The keystore opens with its wrapping key and with nothing else, and never shows what it holds."""

import base64
import copy
import json
import os
import pickle

import pytest

from node.keystore import Keystore, make_wrapping_key
from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable

SECRETS = {"pseudonym@1": bytes(range(32)), "identity@1": bytes(range(32, 64)), "fleet@1": b"\x30\x81" * 90}


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "node").mkdir()
    return tmp_path / "node" / "keystore.json", tmp_path / "keys" / "wrapping.key"


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


def test_what_was_put_in_comes_out(paths):
    Keystore.create(*paths, SECRETS)
    opened = Keystore.open(*paths)
    assert {key_id: opened.secret(key_id) for key_id in opened.key_ids} == SECRETS


def test_both_files_are_for_the_owner_only(paths):
    Keystore.create(*paths, SECRETS)
    assert [oct(p.stat().st_mode & 0o777) for p in paths] == ["0o600", "0o600"]
    assert sorted(p.name for p in paths[0].parent.iterdir()) == ["keystore.json"]
    assert sorted(p.name for p in paths[1].parent.iterdir()) == ["wrapping.key"]


def test_the_file_holds_no_secret(paths):
    Keystore.create(*paths, SECRETS)
    content = paths[0].read_bytes()
    decoded = b"".join(base64.b64decode(e) for e in json.loads(content)["entries"].values())
    for secret in SECRETS.values():
        assert secret not in content + decoded
        assert base64.b64encode(secret) not in content
        assert secret.hex().encode() not in content


def test_derived_keys_differ_by_purpose_and_key_and_stay_the_same(paths):
    keystore = Keystore.create(*paths, SECRETS)
    one = keystore.derive("pseudonym@1", purpose="a")
    assert one == Keystore.open(*paths).derive("pseudonym@1", purpose="a")
    assert len({one, keystore.derive("pseudonym@1", purpose="b"), keystore.derive("identity@1", purpose="a")}) == 3
    assert len(one) == 32


def test_an_unknown_key_has_its_code(paths):
    keystore = Keystore.create(*paths, SECRETS)
    assert code_of(lambda: keystore.secret("store@1")) == (Refusal, "key-unknown")
    assert code_of(lambda: keystore.derive("store@1", purpose="a")) == (Refusal, "key-unknown")


def test_a_keystore_is_never_overwritten(paths):
    Keystore.create(*paths, SECRETS)
    before = paths[0].read_bytes()
    assert code_of(lambda: Keystore.create(*paths, {})) == (Refusal, "keystore-exists")
    assert paths[0].read_bytes() == before


def test_the_wrapping_key_may_not_lie_in_the_directory_it_protects(paths, tmp_path):
    inside = paths[0].parent / "deep" / "wrapping.key"
    assert code_of(lambda: Keystore.create(paths[0], inside, SECRETS)) == (Refusal, "wrapping-key-inside")
    assert list(paths[0].parent.iterdir()) == []
    Keystore.create(*paths, SECRETS)
    link = tmp_path / "link"
    link.symlink_to(paths[0].parent)
    assert code_of(lambda: Keystore.open(paths[0], link / "wrapping.key")) == (Refusal, "wrapping-key-inside")


def test_a_missing_wrong_or_exposed_wrapping_key(paths):
    Keystore.create(*paths, SECRETS)
    key = paths[1].read_bytes()
    paths[1].write_bytes(base64.b64encode(os.urandom(32)))
    assert code_of(lambda: Keystore.open(*paths)) == (Refusal, "wrapping-key-wrong")
    paths[1].write_bytes(b"not base64!")
    assert code_of(lambda: Keystore.open(*paths)) == (Refusal, "wrapping-key-wrong")
    paths[1].write_bytes(base64.b64encode(b"short"))
    assert code_of(lambda: Keystore.open(*paths)) == (Refusal, "wrapping-key-wrong")
    paths[1].write_bytes(key)
    paths[1].chmod(0o640)
    assert code_of(lambda: Keystore.open(*paths)) == (Refusal, "wrapping-key-exposed")
    paths[1].unlink()
    assert code_of(lambda: Keystore.open(*paths)) == (Unreachable, "wrapping-key-absent")


def test_a_missing_keystore(paths):
    assert code_of(lambda: Keystore.open(*paths)) == (Unreachable, "keystore-absent")


def spoil(path, change):
    document = json.loads(path.read_bytes())
    change(document["entries"])
    path.write_bytes(json.dumps(document).encode())


def flip(entries):
    raw = bytearray(base64.b64decode(entries["identity@1"]))
    raw[20] ^= 1
    entries["identity@1"] = base64.b64encode(raw).decode()


def swap(entries):
    entries["identity@1"], entries["pseudonym@1"] = entries["pseudonym@1"], entries["identity@1"]


def shorten(entries):
    entries["identity@1"] = "AA=="


def drop_check(entries):
    del entries["wrapping@check"]


@pytest.mark.parametrize("change", [flip, swap, shorten, drop_check])
def test_a_changed_entry_is_found(paths, change):
    Keystore.create(*paths, SECRETS)
    spoil(paths[0], change)
    assert code_of(lambda: Keystore.open(*paths)) == (Tampered, "keystore-tampered")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": "hedgerow-keystore/1"}', b"\xff", b'{"format": 2}']
)
def test_a_file_that_is_no_keystore(paths, content):
    Keystore.create(*paths, SECRETS)
    paths[0].write_bytes(content)
    assert code_of(lambda: Keystore.open(*paths)) == (Tampered, "keystore-tampered")


def test_secrets_are_never_shown_nor_serialised(paths):
    keystore = Keystore.create(*paths, SECRETS)
    shown = repr(keystore) + str(keystore) + f"{keystore!r}"
    assert "identity@1" in shown
    for secret in SECRETS.values():
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
    for serialise in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never serialised"):
            serialise(keystore)


def test_a_write_that_fails_leaves_nothing(paths, monkeypatch):
    paths[1].parent.mkdir()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        Keystore.create(*paths, SECRETS)
    assert list(paths[0].parent.iterdir()) == []
    assert list(paths[1].parent.iterdir()) == []


# Changes


def test_entries_are_added_replaced_and_removed_at_once(paths):
    keystore = Keystore.create(*paths, SECRETS)
    keystore.change(put_in={"fleet@2": b"new", "identity@1": b"other"}, take_out=["fleet@1"])
    expected = {"pseudonym@1": SECRETS["pseudonym@1"], "identity@1": b"other", "fleet@2": b"new"}
    for each in (keystore, Keystore.open(*paths)):
        assert {key_id: each.secret(key_id) for key_id in each.key_ids} == expected
    assert oct(paths[0].stat().st_mode & 0o777) == "0o600"


def test_taking_out_what_is_not_there_changes_nothing(paths):
    keystore = Keystore.create(*paths, SECRETS)
    before = paths[0].read_bytes()
    assert code_of(lambda: keystore.change(put_in={"a@1": b"a"}, take_out=["b@1"])) == (Refusal, "key-unknown")
    assert paths[0].read_bytes() == before


def test_two_that_opened_the_same_file_keep_each_others_changes(paths):
    one, two = Keystore.create(*paths, SECRETS), Keystore.open(*paths)
    one.change(put_in={"store@2": b"a"})
    two.change(put_in={"fleet@2": b"b"})
    assert one.secret("fleet@2") == b"b"  # found when first asked for
    assert {"store@2", "fleet@2"} <= set(Keystore.open(*paths).key_ids)


@pytest.mark.parametrize("act", ["change", "rewrap"])
def test_a_change_that_is_cut_short_leaves_the_file_as_it_was(paths, monkeypatch, act):
    keystore = Keystore.create(*paths, SECRETS)
    other = paths[1].with_name("new.key")
    make_wrapping_key(other)
    before = paths[0].read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    changed = {"change": lambda: keystore.change(put_in={"a@1": b"a"}), "rewrap": lambda: keystore.rewrap(other)}
    assert code_of(changed[act]) == (Unreachable, "home-unwritable")
    assert paths[0].read_bytes() == before
    assert sorted(p.name for p in paths[0].parent.iterdir()) == ["keystore.json"]
    assert keystore.secret("identity@1") == Keystore.open(*paths).secret("identity@1")


def test_after_a_rewrap_only_the_new_wrapping_key_opens(paths):
    keystore = Keystore.create(*paths, SECRETS)
    new = paths[1].with_name("new.key")
    make_wrapping_key(new)
    keystore.rewrap(new)
    assert code_of(lambda: Keystore.open(*paths)) == (Refusal, "wrapping-key-wrong")
    opened = Keystore.open(paths[0], new)
    assert {key_id: opened.secret(key_id) for key_id in opened.key_ids} == SECRETS
    keystore.change(put_in={"a@1": b"a"})  # the one that rewrapped goes on under the new key
    assert Keystore.open(paths[0], new).secret("a@1") == b"a"


def test_the_next_key_of_a_family_is_added_and_all_others_stay(paths):
    first = Keystore.create(*paths, SECRETS)
    other = Keystore.open(*paths)  # another process
    assert first.put_next("fleet", b"next") == "fleet@2"
    assert other.put_next("fleet", b"third") == "fleet@3"  # though it was opened before the second
    assert other.put_next("join", b"kit") == "join@1"
    assert first.newest("fleet") == "fleet@2"
    assert first.family("fleet") == ("fleet@1", "fleet@2", "fleet@3")
    assert first.newest("fleet") == "fleet@3"
    assert code_of(lambda: first.newest("none")) == (Refusal, "key-unknown")
    added = {"fleet@2": b"next", "fleet@3": b"third", "join@1": b"kit"}
    assert {key_id: first.secret(key_id) for key_id in first.key_ids} == {**SECRETS, **added}
