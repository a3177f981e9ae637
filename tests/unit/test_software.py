"""A study names exactly the software it was approved for."""

import shutil
from pathlib import Path

import pytest

from privacy import software
from privacy.errors import Refusal
from privacy.rooms import ROOMS


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A small installation: five rooms of one file each, and the module that hashes them."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(f'"""{room}"""\n')
    shutil.copy(software.__file__, tmp_path / "privacy/software.py")
    monkeypatch.setattr(software, "__file__", str(tmp_path / "privacy/software.py"))
    software.package_sha256.cache_clear()
    yield tmp_path
    software.package_sha256.cache_clear()


def now_and_after(change) -> tuple[str, str]:
    before = software.package_sha256()
    software.package_sha256.cache_clear()
    change()
    return before, software.package_sha256()


def test_it_is_the_same_each_time_and_known_at_once():
    assert software.package_sha256() == software.package_sha256()
    assert len(software.package_sha256()) == 64


@pytest.mark.parametrize("path", ["models/__init__.py", "models/new.py", "node/federation/deep.py"])
def test_any_change_of_source_changes_it(installed, path):
    def change():
        (installed / path).parent.mkdir(exist_ok=True)
        (installed / path).write_text("x = 1\n")

    before, after = now_and_after(change)
    assert before != after


def test_a_file_that_moves_changes_it(installed):
    before, after = now_and_after(lambda: (installed / "models/__init__.py").rename(installed / "models/other.py"))
    assert before != after


def test_what_is_no_source_does_not_change_it(installed):
    before, after = now_and_after(lambda: (installed / "models/weights.bin").write_bytes(b"1"))
    assert before == after


def test_no_source_is_refused(installed):
    shutil.rmtree(installed / "privacy")
    with pytest.raises(Refusal, match="software-unreadable"):
        software.package_sha256()


def test_it_is_sha256_over_paths_and_contents(installed):
    for path in Path(installed).rglob("*.py"):
        path.unlink()
    (installed / "privacy/software.py").write_text("")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    expected = software.hashlib.sha256(f"privacy/software.py {empty}\n".encode()).hexdigest()
    assert software.package_sha256() == expected
