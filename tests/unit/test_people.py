"""People's keys: under a passphrase, their own, and never in the node's directory."""

import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from node.people import Person, create_key, open_key, require_person
from privacy.errors import HedgerowError
from privacy.signing import PublicKey

PASSPHRASE = "three small pears"


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_a_key_opens_with_its_passphrase_only(tmp_path, home):
    path = tmp_path / "keys" / "ada.key"
    made = create_key(path, PASSPHRASE, home=home)
    assert PublicKey.of(open_key(path, PASSPHRASE, home=home)) == PublicKey.of(made)
    assert code_of(lambda: open_key(path, "three small plums", home=home)) == "passphrase-wrong"


def test_the_file_is_the_owners_and_holds_no_plain_key(tmp_path, home):
    path = tmp_path / "ada.key"
    made = create_key(path, PASSPHRASE, home=home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert made.private_bytes_raw() not in path.read_bytes()


def test_a_key_inside_the_node_is_neither_made_nor_used(tmp_path, home):
    assert code_of(lambda: create_key(home / "ada.key", PASSPHRASE, home=home)) == "person-key-inside"
    assert list(home.iterdir()) == []
    outside = tmp_path / "ada.key"
    create_key(outside, PASSPHRASE, home=home)
    os.link(outside, home / "ada.key")
    assert code_of(lambda: open_key(home / "ada.key", PASSPHRASE, home=home)) == "person-key-inside"


def test_a_link_from_outside_into_the_node_is_inside(tmp_path, home):
    (tmp_path / "usb").symlink_to(home)
    assert code_of(lambda: create_key(tmp_path / "usb" / "ada.key", PASSPHRASE, home=home)) == "person-key-inside"


def test_a_key_is_never_overwritten(tmp_path, home):
    create_key(tmp_path / "ada.key", PASSPHRASE, home=home)
    before = (tmp_path / "ada.key").read_bytes()
    assert code_of(lambda: create_key(tmp_path / "ada.key", PASSPHRASE, home=home)) == "person-key-exists"
    assert (tmp_path / "ada.key").read_bytes() == before


def test_a_short_passphrase_is_refused(tmp_path, home):
    assert code_of(lambda: create_key(tmp_path / "ada.key", "short", home=home)) == "passphrase-short"
    assert not (tmp_path / "ada.key").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())
        ),
    ],
)
def test_what_is_not_a_protected_key_of_ours_is_refused(tmp_path, home, content):
    (tmp_path / "ada.key").write_bytes(content)
    assert code_of(lambda: open_key(tmp_path / "ada.key", PASSPHRASE, home=home)) == "person-key-unreadable"


def test_a_missing_key_has_its_code(tmp_path, home):
    assert code_of(lambda: open_key(tmp_path / "none.key", PASSPHRASE, home=home)) == "person-key-unreadable"


def test_somebody_elses_key_is_not_this_persons():
    own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    ada = Person("ada", "ig-lead", PublicKey.of(own).text)
    require_person(ada, own)
    assert code_of(lambda: require_person(ada, other)) == "person-key-wrong"
