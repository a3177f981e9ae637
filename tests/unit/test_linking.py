"""A node keeps who it is; its fleet key and its one coordinator's addresses may change, and the log tells of both."""

import dataclasses
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import open_node
from node.linking import (
    ENROLMENT,
    KEY_MADE,
    KIT_ACCEPTED,
    ROTATION,
    accept_kit,
    fleet_keys,
    public_pem,
    read_kit,
    rotate_fleet_key,
)
from node.people import open_key
from privacy.enrolment import Enrolment, JoinKit, Rotation
from privacy.errors import HedgerowError
from privacy.signing import PublicKey, read_aloud
from tests.approved import FINDER, PASSPHRASE, a_node
from tests.functional.test_node_command import root_certificate
from tests.nodes import NOW


@pytest.fixture
def hub():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def node(tmp_path, hub):
    return a_node(tmp_path, hub, people=100)


@pytest.fixture
def signers(tmp_path, node):
    return {n: open_key(tmp_path / "keys" / f"{n}.key", PASSPHRASE, home=node.home) for n in ("ada", "ben")}


def again(node):
    """Open the node anew, as another process does."""
    return open_node(node.home, {}, lambda: NOW, finder=FINDER)


def moved(node, **changes):
    new = {"api": "https://hub2:1", "fleet": "hub2:2", "root_certificate": root_certificate()}
    return dataclasses.replace(node.kit, **new | changes)


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def events(node, name):
    return [e["facts"] for e in node.audit.events() if e["event"] == name]


def test_a_rotation_is_a_new_key_under_the_same_name(node):
    first = fleet_keys(node.keystore)
    made = rotate_fleet_key(node)
    keys = fleet_keys(again(node).keystore)
    assert [public_pem(key) for key in keys[1:]] == [public_pem(key) for key in first]  # the old one goes on
    rotation = Rotation.decode((node.home / ROTATION).read_bytes(), lambda _: PublicKey.of(node.key))
    assert (rotation.fingerprint, rotation.serial) == (node.fingerprint, 2) == (again(node).fingerprint, made.serial)
    assert rotation.fleet_key == public_pem(keys[0])
    enrolment = Enrolment.decode((node.home / ENROLMENT).read_bytes())
    assert (enrolment.fleet_key, enrolment.serial) == (rotation.fleet_key, 2)
    assert [facts["serial"] for facts in events(node, KEY_MADE)] == [2]
    node.verify()
    rotate_fleet_key(again(node))
    assert len(fleet_keys(node.keystore)) == 2  # the newest, and the one before: what a serving node may need
    assert public_pem(fleet_keys(node.keystore)[1]) == rotation.fleet_key


def test_no_file_for_the_hub_holds_a_private_key(node):
    rotate_fleet_key(node)
    secrets = [node.keystore.secret(key_id) for key_id in node.keystore.key_ids]
    for name in (ENROLMENT, ROTATION):
        envelope = (node.home / name).read_bytes()
        assert not any(secret in envelope or secret.hex().encode() in envelope for secret in secrets)


def test_a_new_kit_of_the_same_coordinator_is_obeyed_after_two_signed(node, signers):
    new = moved(node)
    for few in ({}, {"ada": signers["ada"]}):
        assert code_of(lambda few=few: accept_kit(node, new, few)) == "same-person-twice"
    strangers = {"ada": signers["ada"], "ben": Ed25519PrivateKey.generate()}
    assert code_of(lambda: accept_kit(node, new, strangers)) == "person-key-wrong"
    assert again(node).kit == node.kit
    assert accept_kit(node, new, signers)
    other = again(node)
    assert other.kit == new
    assert not accept_kit(other, new, signers)
    (facts,) = events(other, KIT_ACCEPTED)
    assert set(facts["signatures"]) == {"ada", "ben"}
    assert new.split_key not in str(facts)
    other.verify()


@pytest.mark.parametrize("name", ["hub", "another"])
def test_another_coordinator_is_refused_whatever_its_name(node, signers, name):
    theirs = PublicKey.of(Ed25519PrivateKey.generate())
    with pytest.raises(HedgerowError) as caught:
        accept_kit(node, moved(node, name=name, public_key=theirs.text), signers)
    assert caught.value.code == "coordinator-other"
    assert theirs.fingerprint in caught.value.detail
    assert node.coordinator.fingerprint in caught.value.detail
    for changes in ({"split_key": "cd" * 32}, {"public_key": "AA=="}, {"public_key": ""}):
        assert code_of(lambda c=changes: accept_kit(node, moved(node, **c), signers)) == "coordinator-other"
    assert code_of(lambda: accept_kit(node, moved(node, root_certificate="x"), signers)) == (
        "root-certificate-unreadable"
    )
    assert (again(node).kit, events(node, KIT_ACCEPTED)) == (node.kit, [])


def test_a_crash_between_log_and_keystore_leaves_the_kit_before(node, signers, monkeypatch):
    new = moved(node)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert code_of(lambda: accept_kit(node, new, signers)) == "home-unwritable"
    monkeypatch.undo()
    assert again(node).kit == node.kit
    assert accept_kit(again(node), new, signers)
    assert again(node).kit == new


def test_a_file_that_is_no_kit_is_told(tmp_path, node):
    file = tmp_path / "x.kit"
    assert code_of(lambda: read_kit(file)) == "file-unreadable"
    for content in (b"x", dataclasses.replace(node.kit, split_key="z").encode(), JoinKit(*"abcdef").encode()):
        file.write_bytes(content)
        assert code_of(lambda: read_kit(file)) == "kit-malformed"


def test_a_fingerprint_is_read_aloud_in_digits_and_all_of_it():
    assert read_aloud("0" * 40) == " ".join(["00000"] * 10)
    assert read_aloud("f" * 40).replace(" ", "") == f"{2**160 - 1:050d}"
    spoken = {read_aloud(f"{1 << bit:040x}") for bit in range(160)}
    assert len(spoken) == 160
    assert all(int(text.replace(" ", "")) == 1 << bit for bit, text in ((0, read_aloud(f"{1:040x}")),))
