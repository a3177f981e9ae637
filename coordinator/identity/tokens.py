"""Who is calling, proven once: tokens of one algorithm, five minutes at most, keys from our register.

Whatever is wrong with a token, the caller learns ``token-refused`` and no more; ``detail`` is for our log. Only a
node that was revoked, and proves with a faultless token that it is the one, is told so.
"""

from __future__ import annotations

import datetime
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.durable import Database
from privacy.errors import Refusal
from privacy.signing import PublicKey

ALGORITHM = "EdDSA"
AUDIENCE = "hedgerow-coordinator"
REQUIRED = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti", "typ")
LONGEST_SECONDS = 300
MINTED_SECONDS = 60
CLOCKS_APART_SECONDS = 30  # RFC 7519, section 4.1.4: "some small leeway"
LONGEST_TOKEN = 4096
OPERATOR = "operator"
SAID_SECONDS = 60  # one line a minute for each thing that can be wrong, however many tokens come

log = structlog.get_logger()

Role = Literal["node", "operator"]

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS token_used (
        iss TEXT NOT NULL, jti TEXT NOT NULL, forget_at INTEGER NOT NULL, PRIMARY KEY (iss, jti)) STRICT""",
    "CREATE INDEX IF NOT EXISTS token_used_forget_at ON token_used (forget_at)",
)


@dataclass(frozen=True)
class Caller:
    """Someone whose token held: a node by its fingerprint, or the operator."""

    role: Role
    name: str


class Doorkeeper:
    """Admits each token once. ``key_of`` is the register of nodes, ``operator`` the coordinator's own key.

    ``revoked_key_of`` gives the keys of nodes that were revoked: their calls end before anything is written down.
    """

    def __init__(
        self,
        database: Database,
        *,
        key_of: Callable[[str], PublicKey | None],
        operator: PublicKey,
        now: Callable[[], datetime.datetime],
        revoked_key_of: Callable[[str], PublicKey | None] = lambda _: None,
    ) -> None:
        self._database, self._key_of, self._operator, self._now = database, key_of, operator, now
        self._revoked_key_of = revoked_key_of
        self._said: dict[str, datetime.datetime] = {}

    def admit(self, token: str) -> Caller:
        """Return who is calling; anything short of a fresh and faultless token is ``token-refused``."""
        try:
            return self._admit(token)
        except Refusal as refused:
            self._log(refused)
            raise

    def _admit(self, token: str) -> Caller:
        if len(token) > LONGEST_TOKEN:
            _refuse("too long")
        issuer = _issuer(token)
        role: Role = "operator" if issuer == OPERATOR else "node"
        key = self._operator if role == "operator" else self._key_of(issuer)
        if key is None:
            self._refuse_stranger(token, issuer)
        claims = _verified(token, key, issuer)
        now = int(self._now().timestamp())
        _check_claims(claims, role, now)
        self._use_up(issuer, claims["jti"], claims["exp"], now)
        return Caller(role, issuer)

    def _refuse_stranger(self, token: str, issuer: str) -> NoReturn:
        """Tell a revoked node that it is one, once it has proven which; tell nobody else anything."""
        if (key := self._revoked_key_of(issuer)) is not None:
            _check_claims(_verified(token, key, issuer), "node", int(self._now().timestamp()))
            raise Refusal("node-revoked", issuer)
        _refuse("issuer not enrolled")

    def _log(self, refused: Refusal) -> None:
        """Log what was wrong, never with what: once for a revoked node, else once a minute for each fault."""
        what, now = f"{refused.code} {refused.detail}", self._now()
        before = self._said.get(what)
        if before is None or (refused.code != "node-revoked" and abs((now - before).total_seconds()) >= SAID_SECONDS):
            self._said[what] = now
            log.warning("token-not-admitted", code=refused.code, why=refused.detail)

    def _use_up(self, issuer: str, jti: str, expires: int, now: int) -> None:
        """Note a token as used, on the disk, before it counts: a restart must not make it good again."""
        try:
            with self._database.transaction() as write:
                write.execute("DELETE FROM token_used WHERE forget_at < ?", [now])
                forget_at = expires + CLOCKS_APART_SECONDS
                write.execute("INSERT INTO token_used VALUES (?, ?, ?)", [issuer, jti, forget_at])
        except sqlite3.IntegrityError:
            _refuse("used before")


def mint_operator_token(key: Ed25519PrivateKey, *, now: datetime.datetime) -> str:
    """Return a token for one request of the operator: whoever can read the coordinator's key file."""
    at = int(now.timestamp())
    jti = secrets.token_urlsafe(16)
    claims = {"iss": OPERATOR, "sub": OPERATOR, "aud": AUDIENCE, "typ": OPERATOR, "jti": jti}
    return jwt.encode({**claims, "iat": at, "nbf": at, "exp": at + MINTED_SECONDS}, key, algorithm=ALGORITHM)


def _issuer(token: str) -> str:
    """Return whom a token says it is from, not yet believed; its header may name an algorithm, no more."""
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        _refuse("not a token")
    if not set(parts["header"]) <= {"alg", "typ"}:  # no jku, x5u, jwk, kid: our register has the keys
        _refuse("header")
    issuer = parts["payload"].get("iss")
    return issuer if isinstance(issuer, str) else _refuse("iss")


def _verified(token: str, key: PublicKey, issuer: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key.key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=issuer,
            # times are judged below, by the clock that we were given
            options={
                "require": list(REQUIRED),
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        _refuse(type(error).__name__)


def _check_claims(claims: Mapping[str, Any], role: Role, now: int) -> None:
    if claims["typ"] != role or claims["sub"] != claims["iss"]:
        _refuse("typ or sub")
    if not (isinstance(claims["jti"], str) and 16 <= len(claims["jti"]) <= 128):
        _refuse("jti")
    issued, begins, ends = (claims[name] for name in ("iat", "nbf", "exp"))
    if not all(type(t) is int for t in (issued, begins, ends)):  # True is an int too, and no time
        _refuse("times")
    if not (0 < ends - issued <= LONGEST_SECONDS and max(issued, begins) - CLOCKS_APART_SECONDS <= now):
        _refuse("lifetime")
    if ends + CLOCKS_APART_SECONDS <= now:
        _refuse("expired")


def _refuse(why: str) -> NoReturn:
    raise Refusal("token-refused", why)


__all__ = [
    "ALGORITHM",
    "AUDIENCE",
    "CLOCKS_APART_SECONDS",
    "LONGEST_SECONDS",
    "LONGEST_TOKEN",
    "MINTED_SECONDS",
    "OPERATOR",
    "REQUIRED",
    "SAID_SECONDS",
    "SCHEMA",
    "Caller",
    "Doorkeeper",
    "Role",
    "mint_operator_token",
]
