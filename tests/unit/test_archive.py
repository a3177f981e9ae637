"""A backup is whole, as it was signed, or refused; sealed ones tell nothing without their passphrase."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy import sealed
from privacy.archive import About, restored, write_archive
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Refusal
from privacy.signing import PublicKey

KEY = Ed25519PrivateKey.generate()
ABOUT = About("hedgerow-node", "leeds", PublicKey.of(KEY).text, "0.1", 2, "2027-03-01T12:00:00+00:00", {})
PASSPHRASE = "four small words more"
TREE = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(sealed, "SCRYPT", {"n": 2**4, "r": 8, "p": 1})
    monkeypatch.setattr(sealed, "CHUNK", 1000)  # so that there are several


@pytest.fixture
def files(tmp_path):
    source = tmp_path / "source"
    (source / "store").mkdir(parents=True)
    (source / "state").write_bytes(os.urandom(3500))
    (source / "store" / "one").write_bytes(os.urandom(10))
    (source / "empty").write_bytes(b"")
    return {"state": source / "state", "store/one": source / "store" / "one", "empty": source / "empty"}


def write(path, files, passphrase=None, about=ABOUT, key=KEY):
    return write_archive(path, files, about, key, passphrase=passphrase)


def read(path, home, passphrase=None):
    with restored(path, home, passphrase=passphrase) as (manifest, _place):
        return manifest


def code_of(work, *arguments, **more):
    with pytest.raises(HedgerowError) as caught:
        work(*arguments, **more)
    return caught.value.code


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_what_was_written_comes_back(tmp_path, files, passphrase):
    backup, home = tmp_path / "backup", tmp_path / "home"
    said = write(backup, files, passphrase)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert read(backup, home, passphrase) == said
    assert {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()} == {
        name: path.read_bytes() for name, path in files.items()
    }
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_byte_changed_anywhere_or_an_end_cut_off_is_refused_and_nothing_is_left(tmp_path, files, passphrase):
    backup, home = tmp_path / "backup", tmp_path / "home"
    write(backup, files, passphrase)
    whole = backup.read_bytes()
    for at in range(0, len(whole), 41):
        backup.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert code_of(read, backup, home, passphrase) in {"backup-damaged", "passphrase-wrong"}, at
    for end in (*range(0, len(whole), 97), len(whole) - 1):
        backup.write_bytes(whole[:end])
        assert code_of(read, backup, home, passphrase) == "backup-damaged", end
    backup.write_bytes(whole + b"more")
    assert code_of(read, backup, home, passphrase) == "backup-damaged"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup", "source"]
    backup.write_bytes(whole)  # the control: as it was, it is read
    read(backup, home, passphrase)


def test_parts_of_a_sealed_backup_cannot_change_places_or_go(tmp_path, files):
    backup, part = tmp_path / "backup", 1000 + sealed.TAG_BYTES
    write(backup, files, PASSPHRASE)
    whole, head = backup.read_bytes(), len(sealed.SEALED) + sealed.SALT_BYTES + sealed.CHECK_BYTES
    one, two, rest = whole[head : head + part], whole[head + part : head + 2 * part], whole[head + 2 * part :]
    for changed in (two + one + rest, one + rest, one + two):
        backup.write_bytes(whole[:head] + changed)
        assert code_of(read, backup, tmp_path / "home", PASSPHRASE) == "backup-damaged"


def test_a_sealed_backup_shows_nothing_and_wants_its_own_passphrase(tmp_path, files):
    backup = tmp_path / "backup"
    write(backup, files, PASSPHRASE)
    content = backup.read_bytes()
    assert b"leeds" not in content
    assert files["store/one"].read_bytes() not in content
    plain = tmp_path / "plain"
    write(plain, files)
    assert files["store/one"].read_bytes() in plain.read_bytes()  # the control: the search finds it
    with pytest.raises(Refusal) as refused:
        read(backup, tmp_path / "home", "four small words less")
    assert refused.value.code == "passphrase-wrong"
    assert "backup" in refused.value.detail
    assert "backup" in refused.value.entry.next_step
    assert code_of(read, backup, tmp_path / "home") == "passphrase-absent"
    assert code_of(write, tmp_path / "other", files, "fifteen letters") == "passphrase-short"


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a//b", "./a", ".", ""])
def test_no_name_leads_out_of_the_directory(tmp_path, files, name):
    backup = tmp_path / "backup"
    write(backup, {name: files["store/one"]})
    assert code_of(read, backup, tmp_path / "home") == "backup-damaged"
    assert not (tmp_path / "out").exists()


def test_one_that_another_key_signed_is_refused(tmp_path, files, monkeypatch):
    backup = tmp_path / "backup"
    write(backup, files, key=Ed25519PrivateKey.generate())
    assert code_of(read, backup, tmp_path / "home") == "backup-damaged"
    write(tmp_path / "right", files)
    read(tmp_path / "right", tmp_path / "home")


def test_nothing_is_replaced_and_a_full_directory_is_left_alone(tmp_path, files):
    backup, home = tmp_path / "backup", tmp_path / "home"
    write(backup, files)
    told = []
    assert (
        code_of(write_archive, backup, files, ABOUT, KEY, progress=lambda *done: told.append(done)) == "file-unwritable"
    )
    assert told == []  # said before anything is written
    home.mkdir()
    (home / "mine").touch()
    assert code_of(read, backup, home) == "home-exists"
    (home / "mine").unlink()
    read(backup, home)


def test_a_file_that_changes_meanwhile_leaves_no_backup(tmp_path, files, monkeypatch):
    seal = Envelope.seal

    def grow(*arguments, **more):
        with files["state"].open("ab") as file:
            file.write(b"more")
        return seal(*arguments, **more)

    monkeypatch.setattr(Envelope, "seal", grow)
    assert code_of(write, tmp_path / "backup", files) == "backup-unsteady"
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


MEASURED = """
import resource, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from privacy.archive import About, restored, write_archive
from privacy.signing import PublicKey
place, size = Path(sys.argv[1]), int(sys.argv[2])
with (place / "large").open("wb") as file:
    for _ in range(size):
        file.write(bytes(2**20))
key = Ed25519PrivateKey.generate()
about = About("p", "n", PublicKey.of(key).text, "", 1, "", {})
for phrase in (None, "four small words more"):
    write_archive(place / f"b{phrase is None}", {"large": place / "large"}, about, key, passphrase=phrase)
    with restored(place / f"b{phrase is None}", place / f"h{phrase is None}", passphrase=phrase):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_what_is_backed_up(tmp_path):
    peaks = []
    for size in (4, 200):
        place = tmp_path / str(size)
        place.mkdir()
        command = [sys.executable, "-P", "-c", MEASURED, str(place), str(size)]
        done = subprocess.run(command, cwd=TREE, env={"PYTHONPATH": str(TREE)}, capture_output=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 20 * 1024  # kB, for 196 MiB more
