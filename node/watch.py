"""What a service does about logs: its own held against what others say, told to them, and theirs looked at."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from node.clock import stamp
from node.offline import clear, leave_question, take_answers
from node.witness import witness_of
from node.witnessing import Witnessed
from privacy.audit import Checkpoint
from privacy.canonical import Document
from privacy.errors import HedgerowError

if TYPE_CHECKING:
    from node.assemble import Node
    from node.federation.hub import News


class Watch:
    """One start's watch over the logs; whatever it sends leaves by the door."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._witness = witness_of(node)
        self._witnessed = Witnessed(node.database, node=node.fingerprint)
        self._settled = False

    def begin(self) -> None:
        """Take away the question of an earlier start, and its answer: they are worth nothing now."""
        clear(self._node.home)

    def hear(self, news: News) -> HedgerowError | None:
        """Hold the log against all that is said of it; return why anything was ignored. An older one: ``state-behind``.

        Each part is looked at, whatever the others are worth.
        """
        ignored = self._witness.hear([*news.cosigned, *take_answers(self._node.home)])
        try:
            self._witness.compare(news.checkpoint)
        except HedgerowError as error:
            if error.code == "state-behind":
                raise
            ignored.append(error)
        self._witness.to_prove(news.prove_from)
        return ignored[0] if ignored else None

    def admits(self) -> bool:
        """Say whether those whom the policy pins have spoken since this start; if not, ask them."""
        if not self._settled and self._witness.admitted:
            self.begin()
            self._settled = True
        if not self._settled:
            leave = partial(leave_question, self._node.home, node=self._node.audit.public_key)
            self._node.door.notify(self._witness.asks_anybody(), leave)
            for word in self._witness.asks():
                self._node.door.notify(word, self._node.hub.send_notice)
        return self._settled

    def overdue(self) -> bool:
        """Say whether the log is ahead, for too long, of what those who are pinned have signed."""
        return self._witness.overdue(self._node.now())

    def look(self, logs: Iterable[Document]) -> None:
        """Sign of other nodes' logs what continues what was signed here before."""
        words, ignored = self._witnessed.look(logs, at=stamp(self._node.now()))
        for word, seen in words:
            self._node.door.notify(word, self._node.hub.send_notice, seen)
        if ignored:
            raise ignored[0]

    def due(self, now: datetime.datetime) -> bool:
        """Say whether the coordinator should hear of the log now."""
        return self._witness.due(now)

    def tell(self, signed: Checkpoint) -> None:
        """Tell the coordinator how long the log is, proven from where it and the witnesses stand."""
        for word in self._witness.words(signed):
            self._node.door.notify(word, self._node.hub.send_notice)
            self._witness.was_told(word, self._node.now())


__all__ = ["Watch"]
