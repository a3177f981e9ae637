"""The server's certificate renews in one replaced file, under an authority that stays; what does not fit is refused."""

import datetime
import os

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from coordinator.home import JOIN_KIT
from coordinator.identity import certificates
from coordinator.identity.certificates import read_certificates, renew_authority, renew_server
from coordinator.identity.issuing import SERVER_DAYS, authority_subject, new_authority, new_server
from coordinator.identity.renewal import Renewal
from coordinator.kits import refresh_kit, write_kit
from privacy.enrolment import JoinKit
from privacy.errors import HedgerowError
from tests.coordinators import NOW, Clock, new_home

HOST = "hub.example.nhs.uk"


def days(count):
    return datetime.timedelta(days=count)


@pytest.fixture
def home(tmp_path):
    return new_home(tmp_path / "hub")


@pytest.fixture
def files(home):
    return home.keys


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def contents(files):
    return {path.name: path.read_bytes() for path in files.directory.iterdir()}


def foreign(files, *, now=NOW, key=None):
    """Put a certificate of another authority, which bears the same name, in the server's place."""
    other = ec.generate_private_key(ec.SECP256R1())
    authority = new_authority(other, authority_subject("north"), now)
    server = certificates._key(files.server_key).public_key() if key is None else key
    made = new_server(server, ["127.0.0.1"], authority, other, now)
    files.server.write_bytes(made.public_bytes(Encoding.PEM))


def test_a_renewal_replaces_one_file_and_adds_hosts(files):
    before = contents(files)
    made = renew_server(files, hosts=[HOST, "10.0.0.7"], now=NOW + days(30))
    after = contents(files)
    assert {name for name in before if before[name] != after[name]} == {"server.pem"}
    assert before.keys() == after.keys()
    assert made.hosts == (HOST, "10.0.0.7")
    assert renew_server(files, now=NOW + days(40)).hosts == (HOST, "10.0.0.7")  # none is dropped
    read = read_certificates(files, now=NOW + days(40))
    assert read.server.not_valid_after_utc == NOW + days(40 + SERVER_DAYS)
    assert files.server.stat().st_mode & 0o777 == 0o644


def test_a_renewal_that_fails_leaves_the_certificate_before(files, monkeypatch):
    before = contents(files)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        renew_server(files, now=NOW)
    assert contents(files) == before


def test_it_is_due_when_less_than_a_third_is_left_or_it_has_not_begun(files):
    read = read_certificates(files, now=NOW)
    dues = [read.server_due(NOW + days(day)) for day in (0, 59, 61, 89, 400)]
    assert dues == [False, False, True, True, True]
    assert read.server_due(NOW - days(1))
    assert [read.server_good(NOW + days(day)) for day in (-1, 0, 89, 91)] == [False, True, True, False]


def test_a_certificate_of_another_authority_or_for_another_key_is_told(files):
    kept = contents(files)
    foreign(files)
    assert code_of(lambda: read_certificates(files, now=NOW)) == "certificate-foreign"
    assert renew_server(files, now=NOW).server.issuer == read_certificates(files, now=NOW).authority.subject
    authority, key = certificates._authority(files)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    files.server.write_bytes(new_server(other, [], authority, key, NOW).public_bytes(Encoding.PEM))
    assert code_of(lambda: read_certificates(files, now=NOW)) == "certificate-unusable"
    for path, content in ((files.server, b"x"), (files.authority, b"x"), (files.server_key, b"x")):
        before = path.read_bytes()
        path.write_bytes(content)
        assert code_of(lambda: read_certificates(files, now=NOW)) == "certificate-unusable"
        path.write_bytes(before)
    files.server.write_bytes(kept["server.pem"])
    assert read_certificates(files, now=NOW)  # the control


def test_without_the_authoritys_key_nothing_is_signed(files):
    before = files.authority_key.read_bytes()
    files.authority_key.unlink()
    assert code_of(lambda: renew_server(files, now=NOW)) == "authority-absent"
    files.authority_key.write_bytes(files.server_key.read_bytes())
    assert code_of(lambda: renew_server(files, now=NOW)) == "certificate-unusable"
    files.authority_key.write_bytes(before)
    assert renew_server(files, now=NOW)


def test_an_authority_that_ends_is_said_refused_and_renewed_with_its_key(home, files):
    late = NOW + days(3650 - 200)
    near = read_certificates(files, now=late)
    assert (near.authority_near(NOW), near.authority_near(late)) == (False, True)
    assert renew_server(files, now=late + days(190)).server.not_valid_after_utc <= near.authority.not_valid_after_utc
    for work in (read_certificates, renew_server):
        assert code_of(lambda work=work: work(files, now=NOW + days(3651))) == "authority-ended"
    old = files.authority.read_bytes()
    made = renew_authority(files, now=late)
    assert made.authority.public_key() == near.authority.public_key()  # so that the old certificate vouches too
    made.server.verify_directly_issued_by(near.authority)
    refresh_kit(home)
    kit = JoinKit.decode((home.path / JOIN_KIT).read_bytes())
    assert kit.root_certificate == files.authority.read_text() != old.decode()


def test_a_kit_for_another_address_differs_in_that_alone(home, files, tmp_path):
    first, out = JoinKit.decode((home.path / JOIN_KIT).read_bytes()), tmp_path / "new.kit"
    assert code_of(lambda: write_kit(home, host=HOST, out=out, now=NOW)) == "host-uncertified"
    assert not out.exists()
    renew_server(files, hosts=[HOST], now=NOW)
    made = write_kit(home, host=HOST, out=out, now=NOW)
    assert made == JoinKit.decode(out.read_bytes())
    assert (made.api, made.fleet) == (f"https://{HOST}:8440", f"{HOST}:8441")
    same = ("name", "root_certificate", "public_key", "split_key")
    assert all(getattr(made, name) == getattr(first, name) for name in same)
    assert out.stat().st_mode & 0o777 == 0o600
    assert code_of(lambda: write_kit(home, host=HOST, out=out, now=NOW)) == "file-unwritable"
    assert write_kit(home, host=None, out=tmp_path / "again.kit", now=NOW) == first


class TestRenewal:
    def test_a_coordinator_that_rested_for_months_renews_before_it_listens(self, files):
        clock = Clock(NOW + days(300))
        Renewal(files, now=clock).begin()
        assert read_certificates(files, now=clock()).server_good(clock())

    def test_what_no_node_would_accept_does_not_start(self, files):
        clock = Clock(NOW + days(300))
        files.authority_key.unlink()
        assert code_of(Renewal(files, now=clock).begin) == "authority-absent"
        clock.at = NOW + days(80)  # due, but good: it starts, and says so while it serves
        Renewal(files, now=clock).begin()
        foreign(files)
        assert code_of(Renewal(files, now=clock).begin) == "certificate-foreign"

    def test_it_renews_when_it_is_due_and_says_what_fails_once(self, files):
        clock = Clock()
        renewal = Renewal(files, now=clock)
        renewal.begin()
        with structlog.testing.capture_logs() as logs:
            for day in range(0, 180, 10):
                clock.at = NOW + days(day)
                renewal.look()
                assert read_certificates(files, now=clock()).server_good(clock())
        assert [line["event"] for line in logs] == ["certificate-renewed", "certificate-in-use"] * 2
        key = files.authority_key.read_bytes()
        files.authority_key.unlink()
        with structlog.testing.capture_logs() as logs:
            for minutes in range(5):
                clock.at = NOW + days(220) + datetime.timedelta(minutes=2 * minutes)
                renewal.look()
        assert [line["code"] for line in logs] == ["authority-absent"]
        files.authority_key.write_bytes(key)
        clock.at += datetime.timedelta(minutes=2)
        renewal.look()
        assert read_certificates(files, now=clock()).server_due(clock()) is False
        clock.at = NOW + days(3600)
        with structlog.testing.capture_logs() as logs:
            renewal.look()
            clock.at += days(1)
            renewal.look()
        assert [line["code"] for line in logs if line["event"] == "certificate"] == ["authority-near"]
