"""A coordinator in a temporary directory, and sites that are enrolled with it and answer with zeros."""

from __future__ import annotations

import datetime
import secrets
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.assemble import COMPUTATIONS, SCHEMAS, open_hub
from coordinator.federation.in_process import InProcessGrid
from coordinator.home import Home, make_home
from coordinator.hub import Hub
from coordinator.register import Register
from coordinator.settings import checked
from privacy.canonical import Document, sha256
from privacy.enrolment import Enrolment
from privacy.programme import programme
from privacy.release import Notice, NoticeKind, Receipt, Release, encode
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.study import Study

NOW = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)
STUDY = Path(__file__).parent / "studies" / "next_year_admission.toml"


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    at: datetime.datetime = NOW

    def __call__(self) -> datetime.datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self.at += datetime.timedelta(seconds=seconds)


@dataclass(frozen=True)
class Site:
    """A node's keys, and what it would send."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    fleet: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))

    @property
    def fingerprint(self) -> str:
        return PublicKey.of(self.key).fingerprint

    @property
    def enrolment(self) -> Enrolment:
        pem = self.fleet.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return Enrolment(self.name, PublicKey.of(self.key), pem.decode())

    def claims(self, now: datetime.datetime = NOW) -> Document:
        at, me = int(now.timestamp()), self.fingerprint
        return {
            "iss": me,
            "sub": me,
            "aud": "hedgerow-coordinator",
            "typ": "node",
            "jti": secrets.token_urlsafe(16),
            "iat": at,
            "nbf": at,
            "exp": at + 60,
        }

    def token(self, now: datetime.datetime = NOW) -> str:
        return jwt.encode(self.claims(now), self.key, algorithm="EdDSA")

    def notice(self, kind: NoticeKind, study: str = "", **more: object) -> bytes:
        return encode(Notice(kind, self.fingerprint, study, **more), self.key)

    def answer_zeros(self, study: Study, coordinator: PublicKey, content: bytes) -> bytes:
        """Answer a request with a release of nothing but zeros."""
        request = Request.decode(content, coordinator)
        place = programme(study, COMPUTATIONS).places[request.place]
        drawn, body = place.mechanism, bytes(8 * place.mechanism.width)
        receipt = Receipt(
            node=self.fingerprint,
            study=request.study,
            place=request.place,
            title=place.title,
            people=place.people,
            mechanism=drawn.document(),
            cost_outside=drawn.cost,
            cost_coordinator=drawn.cost_unmasked,
            request=request.hash,
            data=("sha256:0",),
            optouts="2027-03-01",
            charged_at=NOW.isoformat(),
            audit_leaf=1,
            released=sha256(body),
        )
        return encode(Release(receipt, body), self.key)


def sites(*names: str) -> list[Site]:
    """Return sites with fresh keys."""
    return [Site(name) for name in names or ("leeds", "york", "hull")]


def study_text(invited: list[Site]) -> str:
    """Return the sample study as TOML, its three places given to these sites."""
    text = STUDY.read_text()
    for digit, site in zip("123", invited, strict=True):
        text = text.replace(digit * 40, site.fingerprint)
    return text


def study_document(members: list[Site], /, **changes: object) -> Document:
    """Return the sample study as plain data."""
    table = tomllib.loads(study_text(members))
    head = table.pop("study")
    return {**head, **table, "ends": str(head["ends"]), **changes}


def new_home(path: Path) -> Home:
    """Make a coordinator on this machine."""
    settings = checked({"name": "north", "deadline_seconds": 5.0})
    return make_home(path, settings=settings, hosts=["127.0.0.1"], now=NOW)[0]


@dataclass
class Fleet:
    """Who is online, and what carries a study's sums: all in this process."""

    present: list[Site]
    hub: Hub | None = None
    opened: threading.Event = field(default_factory=threading.Event)  # a run that was left over begins at once

    def online(self) -> frozenset[str]:
        return frozenset(site.fingerprint for site in self.present)

    def grid(self, study_hash: str) -> InProcessGrid:
        assert self.opened.wait(10)
        assert self.hub is not None
        study, key = self.hub.studies.with_hash(study_hash), self.hub.public_key
        handlers = {s.fingerprint: lambda content, s=s: s.answer_zeros(study, key, content) for s in self.present}
        return InProcessGrid(handlers)


@contextmanager
def serving(home: Home, members: list[Site], clock: Clock, fleet: Fleet | None = None) -> Iterator[Hub]:
    """Open a hub over an in-process fleet, with these members enrolled."""
    database, fleet = home.database(*SCHEMAS), fleet or Fleet(members)
    register = Register(database)
    for site in members:
        if register.find(site.fingerprint) is None:
            register.enrol(site.enrolment, at=clock())
    with open_hub(home, database, grid_of=lambda s: nullcontext(fleet.grid(s)), presence=fleet, now=clock) as hub:
        fleet.hub = hub
        fleet.opened.set()
        yield hub
