"""How a command talks to the serving coordinator: TLS that trusts our own authority alone, one token a request."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.identity.keys import KeyFiles
from coordinator.identity.tokens import mint_operator_token
from privacy.canonical import Document, canonical, parse
from privacy.errors import CATALOGUE, HedgerowError, Invalid, Refusal, Tampered, Unreachable
from privacy.study import Study, from_document

CALL_SECONDS = 30.0
_BY_STATUS: dict[int, type[HedgerowError]] = {400: Tampered, 401: Refusal, 403: Refusal, 409: Refusal, 503: Unreachable}


class Client:
    """Calls the operator's side of the API as whoever can read the identity key."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        keys: KeyFiles,
        identity: Ed25519PrivateKey,
        now: Callable[[], datetime.datetime],
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._identity, self._now = identity, now
        self._where = f"https://{_dialled(host)}:{port}"
        trust = ssl.create_default_context(cafile=str(keys.authority))
        trust.minimum_version = ssl.TLSVersion.TLSv1_3
        # trust_env off: no proxy of the environment's stands between an operator and the server
        self._http = httpx.Client(base_url=self._where, verify=trust, timeout=seconds, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def submit(self, document: bytes) -> Document:
        """Submit a study and return where it stands."""
        return self._call("POST", "/v1/studies", document)

    def overview(self) -> Document:
        """Return where every study stands."""
        return self._call("GET", "/v1/studies")

    def status(self, study: str) -> Document:
        """Return where one study stands."""
        return self._call("GET", f"/v1/studies/{quote(study, safe=':')}")

    def study(self, study: str) -> Study:
        """Return a study as it was submitted."""
        return from_document(self._call("GET", f"/v1/studies/{quote(study, safe=':')}/document"))

    def online(self) -> frozenset[str]:
        """Return the fingerprints of the nodes that are online now."""
        return frozenset(self._call("GET", "/v1/nodes")["online"])

    def run(self, study: str, wish: Document) -> Document:
        """Have a study run; ``wish`` may name ``nodes``, a number ``at_least`` and ``deadline_seconds``."""
        return self._call("POST", f"/v1/studies/{quote(study, safe=':')}/run", canonical(wish))

    def resume(self, study: str, wish: Document) -> Document:
        """Let a run that was cancelled or failed go on."""
        return self._call("POST", f"/v1/studies/{quote(study, safe=':')}/run/resume", canonical(wish))

    def cancel(self, study: str) -> Document:
        """End a study's run."""
        return self._call("POST", f"/v1/studies/{quote(study, safe=':')}/run/cancel")

    def history(self, study: str) -> Document:
        """Return whom a study's runs asked for what, and what came of it."""
        return self._call("GET", f"/v1/studies/{quote(study, safe=':')}/run")

    def withdraw(self, study: str, reason: str) -> Document:
        """Take a study back for good."""
        return self._call("POST", f"/v1/studies/{quote(study, safe=':')}/withdraw", canonical({"reason": reason}))

    def result(self, study: str) -> Document:
        """Return what a study found."""
        return self._call("GET", f"/v1/studies/{quote(study, safe=':')}/result")

    def model(self, study_hash: str) -> bytes:
        """Return the sealed model of a study, named by its whole hash; its signature is for the caller to check."""
        return self._bytes("GET", f"/v1/models/{quote(study_hash, safe=':')}")

    def _call(self, method: str, path: str, content: bytes | None = None) -> Document:
        return parse(self._bytes(method, path, content))

    def _bytes(self, method: str, path: str, content: bytes | None = None) -> bytes:
        token = mint_operator_token(self._identity, now=self._now())
        try:
            response = self._http.request(method, path, content=content, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError:
            raise Unreachable("server-unreachable", self._where) from None
        if not response.is_success:
            _refused(response)
        return response.content


def _refused(response: httpx.Response) -> NoReturn:
    """Raise the error that the server answered with."""
    said: dict[str, Any] = parse(response.content)
    code = said.get("code")
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and code not in CATALOGUE:
        raise Unreachable("server-unreachable", f"it answered {response.status_code}")
    if code == "fault" or code not in CATALOGUE:
        raise HedgerowError("fault")
    kind = _BY_STATUS.get(response.status_code, Refusal if CATALOGUE[code].kind else Invalid)
    raise kind(code, str(said.get("detail", "")), faults=[str(f) for f in said.get("faults", [])])


def _dialled(host: str) -> str:
    """Return the address to dial for one to listen on: "any address" is dialled at loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{host}]" if address.version == 6 else host


__all__ = ["CALL_SECONDS", "Client"]
