"""Whether the coordinator can be reached from here, and what it shows before anybody has said who they are."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx
from cryptography import x509

from node.federation.tls import certificate_refusal, trust_only
from privacy.errors import Unreachable

LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Sight:
    """What a server showed: its certificate, which our authority signed for this name, and its clock."""

    certificate: x509.Certificate
    clock: datetime.datetime | None


def look(address: str, root_certificate: str) -> Sight:
    """Dial ``https://…`` without a token, read what any caller would see, and hang up."""
    try:
        with (
            httpx.Client(verify=trust_only(root_certificate), timeout=LOOK_SECONDS) as http,
            http.stream("GET", address) as response,
        ):
            connection = response.extensions["network_stream"].get_extra_info("ssl_object")
            shown = x509.load_der_x509_certificate(connection.getpeercert(True))  # noqa: FBT003 - it takes no name
            return Sight(shown, _clock(response.headers.get("date")))
    except httpx.HTTPError as error:
        if refusal := certificate_refusal(error):
            raise refusal from None
        raise Unreachable("coordinator-unreachable", address) from None


def _clock(header: str | None) -> datetime.datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None


__all__ = ["LOOK_SECONDS", "Sight", "look"]
