"""A place that was asked: the request that stands for it, and what counts as an answer to it."""

from __future__ import annotations

from dataclasses import dataclass

from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.programme import Place
from privacy.release import Notice, Protocol, Release
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.study import Study

ATTEMPTS = 3  # of a request or a stage: a node that did answer gives the same bytes, at no further charge


@dataclass(frozen=True)
class Asked:
    """A place, and the request for it that stands, as it was signed."""

    place: Place
    request: Request
    content: bytes

    def release(self, outgoing: Release | Notice | Protocol) -> Release:
        """Return a reply that is what was asked for: this study, place, request and mechanism, of the right length."""
        if not isinstance(outgoing, Release):
            raise Refusal("node-refused", outgoing.code if isinstance(outgoing, Notice) else "message-malformed")
        receipt, place, request = outgoing.receipt, self.place, self.request
        expected = (request.study, place.index, request.hash, place.mechanism.document())
        if (receipt.study, receipt.place, receipt.request, receipt.mechanism) != expected:
            raise Invalid("release-unexpected", place.title)
        outgoing.vector()
        return outgoing


def standing_request(study: Study, place: Place, content: bytes, coordinator: PublicKey) -> Asked:
    """Return the request that stands; one that is not whole any more stops the run before anybody is asked."""
    try:
        request = Request.decode(content, coordinator)
    except HedgerowError:
        raise Tampered("journal-request-damaged", place.title) from None
    if (request.study, request.place) != (study.hash, place.index):
        raise Tampered("journal-request-damaged", place.title)
    return Asked(place, request, content)


__all__ = ["ATTEMPTS", "Asked", "standing_request"]
