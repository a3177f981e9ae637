"""The coordinator's own API as a node dials it: offered studies, notices, finished models. No Flower here."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.standing import MOST_STATEMENTS
from node.clock import Clock
from node.federation.tls import certificate_refusal, trust_only
from node.witnessing import MOST_LOGS
from privacy.canonical import Document, parse
from privacy.enrolment import JoinKit
from privacy.errors import CATALOGUE, HedgerowError, Invalid, Refusal, Unreachable
from privacy.signing import PublicKey
from privacy.software import installed_version

AUDIENCE = "hedgerow-coordinator"
ALGORITHM = "EdDSA"
TOKEN_SECONDS = 60
CALL_SECONDS = 10.0  # of silence
WHOLE_SECONDS = 120.0  # of a whole call, however its bytes drip: nothing else is looked after meanwhile
MODEL_SECONDS = 1800.0  # 64 MiB over a slow line
LARGEST_ANSWER = 64 * 2**20
LARGEST_NEWS = 16 * 2**20  # bytes; as text that is read into objects, many times that in memory


@dataclass(frozen=True)
class News:
    """What a coordinator has to say when a node asks; nothing of it is believed yet.

    ``studies`` are those offered to this node, each with ``hash`` and ``document`` and, if the coordinator says so,
    what this node has ``said`` of it and its ``state`` there. ``withdrawn`` are those taken back, each with ``hash``.
    ``models`` are statements about their models. ``checkpoint`` is the newest that this node told of its own log, as
    it signed it (base64); empty when the coordinator kept none. ``cosigned`` is what others signed of this node's log,
    ``prove_from`` from which sizes they would have it proven, and ``logs`` are those of others that it is shown.
    """

    studies: tuple[Document, ...] = ()
    models: tuple[Document, ...] = ()
    checkpoint: str = ""
    withdrawn: tuple[Document, ...] = ()
    cosigned: tuple[Document, ...] = ()
    prove_from: tuple[int, ...] = ()
    logs: tuple[Document, ...] = ()

    @classmethod
    def of(cls, answer: Document) -> News:
        """Return the news in an answer; what a later coordinator says besides is passed over."""
        studies = answer.get("studies")
        if not isinstance(studies, list) or not all(_is_offer(study) for study in studies):
            raise Invalid("message-malformed")
        models, checkpoint = answer.get("models", []), answer.get("checkpoint")
        if not isinstance(models, list) or not all(isinstance(statement, dict) for statement in models):
            raise Invalid("message-malformed")
        kept = checkpoint if isinstance(checkpoint, str) else ""
        withdrawn = answer.get("withdrawn", [])
        if not isinstance(withdrawn, list) or not all(
            isinstance(w, dict) and isinstance(w.get("hash"), str) for w in withdrawn
        ):
            raise Invalid("message-malformed")
        cosigned, logs = (_documents(answer.get(name, []))[:MOST_LOGS] for name in ("cosigned", "logs"))
        wanted = answer.get("prove_from", [])
        if not isinstance(wanted, list) or not all(type(size) is int and size >= 0 for size in wanted[:MOST_LOGS]):
            raise Invalid("message-malformed")
        told = (tuple(studies), tuple(models[:MOST_STATEMENTS]), kept, tuple(withdrawn))
        return cls(*told, cosigned, tuple(wanted[:MOST_LOGS]), logs)


@dataclass(frozen=True)
class Hub:
    """Dials one coordinator, whose certificate the join kit pins; each request carries a token of its own.

    Every fault of the network is ``coordinator-unreachable``; a refusal keeps the coordinator's code if we know it.
    """

    kit: JoinKit
    key: Ed25519PrivateKey
    now: Clock

    def news(self) -> News:
        """Return what the coordinator has for this node, in one call."""
        return News.of(parse(self._call("GET", "/v1/studies", largest=LARGEST_NEWS)))

    def send_notice(self, content: bytes) -> None:
        """Hand over a notice. Only the door calls this: what it is given, the door has encoded."""
        self._call("POST", "/v1/notices", content)

    def model(self, study_hash: str) -> bytes:
        """Return the sealed model of a study; its signature is for the caller to check."""
        return self._call("GET", f"/v1/models/{quote(study_hash, safe='')}", seconds=MODEL_SECONDS)

    def close(self) -> None:
        """Close the connection, if there was one; another call opens another."""
        if "_http" in self.__dict__:
            self.__dict__.pop("_http").close()
        while self._lines:
            self._lines.pop().close()

    @cached_property
    def _lines(self) -> list[socket.socket]:
        """Return a second hold on the socket in use: by it a call is ended while another thread still reads."""
        return []

    def _connected(self, event: str, about: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            while self._lines:
                self._lines.pop().close()
            self._lines.append(about["return_value"].get_extra_info("socket").dup())

    def _hang_up(self) -> None:
        for line in list(self._lines):
            with contextlib.suppress(OSError):  # it has ended by itself
                line.shutdown(socket.SHUT_RDWR)

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.kit.api,
            verify=trust_only(self.kit.root_certificate),
            timeout=CALL_SECONDS,
            follow_redirects=False,
            headers={
                "accept-encoding": "identity",  # no answer may unfold into more than was read
                "user-agent": f"hedgerow-node/{installed_version()}",
            },
        )

    def _call(
        self, method: str, path: str, content: bytes | None = None, *, largest: int | None = None, seconds: float = 0
    ) -> bytes:
        more: dict[str, Any] = {"headers": {"authorization": f"Bearer {self._token()}"}, "content": content}
        patience = threading.Timer(seconds or WHOLE_SECONDS, self._hang_up)
        patience.daemon = True
        patience.start()
        try:
            with self._http.stream(method, path, extensions={"trace": self._connected}, **more) as response:
                answer = _read(response, largest or LARGEST_ANSWER)
            if patience.finished.is_set():  # we hung up: what has no stated length may pass for whole
                raise Unreachable("coordinator-unreachable")
        except httpx.HTTPError as error:
            if refusal := certificate_refusal(error):
                raise refusal from None
            raise Unreachable("coordinator-unreachable") from None
        finally:
            patience.cancel()
        if not response.is_success:
            raise _refused(answer, response.status_code)
        return answer

    def _token(self) -> str:
        """Return a token for one request: our fingerprint, a minute, never the same twice."""
        at, me = int(self.now().timestamp()), PublicKey.of(self.key).fingerprint
        claims = {"iss": me, "sub": me, "aud": AUDIENCE, "typ": "node", "jti": secrets.token_urlsafe(16)}
        return jwt.encode({**claims, "iat": at, "nbf": at, "exp": at + TOKEN_SECONDS}, self.key, algorithm=ALGORITHM)


def _documents(listed: object) -> tuple[Document, ...]:
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Invalid("message-malformed")
    return tuple(listed)


def _is_offer(study: object) -> bool:
    return isinstance(study, dict) and isinstance(study.get("hash"), str) and isinstance(study.get("document"), dict)


def _read(response: httpx.Response, largest: int) -> bytes:
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > largest:
            raise Invalid("message-malformed", f"larger than {largest // 2**20} MiB")
    return bytes(content)


def _refused(answer: bytes, status: int) -> HedgerowError:
    """Return the coordinator's refusal by its code; its words are not passed on."""
    try:
        code = parse(answer).get("code")
    except Invalid:
        code = None
    if 400 <= status < 500 and isinstance(code, str) and code in CATALOGUE:
        return Refusal(code, "said the coordinator")
    return Unreachable("coordinator-unreachable", f"it answered {status}")


__all__ = [
    "ALGORITHM",
    "AUDIENCE",
    "CALL_SECONDS",
    "LARGEST_ANSWER",
    "LARGEST_NEWS",
    "MODEL_SECONDS",
    "TOKEN_SECONDS",
    "WHOLE_SECONDS",
    "Hub",
    "News",
]
