"""Checks of what a node dials: the coordinator's API and Fleet, certificates, both clocks, token and key; the service.

Only these need a network, and each says so when there is none.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509

from node.contact import CONNECTED
from node.doctor.subject import Subject
from node.witness import witness_of
from privacy.enrolment import JoinKit
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.health import Check, Look, beware, skipped, well
from privacy.soundness import look_at_certificate

if TYPE_CHECKING:
    from node.federation.hub import News
    from node.federation.reach import Sight

APART = datetime.timedelta(seconds=10)  # worth mending
TOO_FAR = datetime.timedelta(seconds=30)  # what the coordinator allows a token's times
SILENT_SECONDS = 180.0


class Outside:
    """What is seen of the coordinator, looked at once."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def here(self) -> Iterable[Check]:
        """Yield the checks that dial nobody."""
        return Check("authority", self._authority), Check("service", self._service)

    def checks(self) -> Iterable[Check]:
        """Yield all of them."""
        return (
            *self.here(),
            Check("api", self._api),
            Check("certificate", self._certificate),
            Check("clocks", self._clocks),
            Check("token", self._token),
            Check("newest", self._newest),
            Check("fleet", self._fleet),
        )

    @property
    def _kit(self) -> JoinKit:
        return self._subject.node.kit

    @cached_property
    def _sight(self) -> Sight:
        from node.federation.reach import look  # noqa: PLC0415 - httpx

        return look(self._kit.api, self._kit.root_certificate)

    @cached_property
    def _news(self) -> News:
        _ = self._sight
        hub = self._subject.node.hub
        try:
            return hub.news()
        finally:
            hub.close()

    def _authority(self) -> Look:
        try:
            authority = x509.load_pem_x509_certificate(self._kit.root_certificate.encode())
        except ValueError:
            raise Invalid("root-certificate-unreadable") from None
        return look_at_certificate(authority, self._subject.now, "Ask the hub for a new join kit.")

    def _api(self) -> Look:
        _ = self._sight
        return well(f"{self._kit.api} answers, by a certificate that the join kit's authority signed for that name")

    def _certificate(self) -> Look:
        shown = self._sight.certificate
        return look_at_certificate(shown, self._subject.now, "Tell the hub's operator, who renews it.")

    def _clocks(self) -> Look:
        theirs = self._sight.clock
        if theirs is None:
            return skipped("the coordinator tells no time")
        apart = abs(self._subject.now - theirs)
        if apart > TOO_FAR:
            raise Refusal("clocks-apart", f"by {apart.total_seconds():.0f} s")
        told = f"within {max(1, round(apart.total_seconds()))} s of the coordinator's"
        return beware(told, "timedatectl status") if apart > APART else well(told)

    def _token(self) -> Look:
        _ = self._news
        return well("the coordinator knows this node and accepts its token")

    def _newest(self) -> Look:
        """Hold the log against the coordinator's copy; what this node never signed says nothing, as in `serve`."""
        kept, node = self._news.checkpoint, self._subject.node
        if self._subject.served:
            return well("the service compared its log with the coordinator's copy when it started")
        _ = self._subject.database
        try:
            witness_of(node).compare(kept)
        except (Invalid, Tampered) as error:
            if error.code == "state-behind":
                raise
            return beware("the coordinator's copy is not this node's own word", "hedgerow-node audit verify")
        return well("the coordinator knows no longer log than the one here")

    def _fleet(self) -> Look:
        _ = self._sight
        if self._subject.served:  # a second connection would push the service's own aside
            state = self._subject.touch.connection
            if state == CONNECTED:
                return well("the service is connected to the Fleet")
            return beware(f"the service says: {state or 'nothing yet'}", "hedgerow-node doctor, again in a minute.")
        from node.federation.fleet import try_key  # noqa: PLC0415 - flwr

        try_key(self._subject.node.fleet())
        return well(f"{self._kit.fleet} answers and accepts this node's key")

    def _service(self) -> Look:
        if not self._subject.served:
            return beware("it does not run: nothing is answered", "hedgerow-node serve")
        silent = self._subject.touch.seconds(self._subject.now)
        if silent is None or silent > SILENT_SECONDS:
            since = "it never answered" if silent is None else f"the last answer is {silent:.0f} s old"
            raise Unreachable("coordinator-unreachable", f"the service runs; {since}")
        return well(f"it runs; the coordinator answered {silent:.0f} s ago")


__all__ = ["APART", "SILENT_SECONDS", "TOO_FAR", "Outside"]
