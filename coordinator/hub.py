"""Everything that nodes and operators can ask of a serving coordinator, one plain function each; no HTTP in here."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from coordinator.checkpoints import Checkpoints
from coordinator.disclosed import Disclosure
from coordinator.histories import history_of
from coordinator.identity.tokens import Caller, Doorkeeper
from coordinator.journal import Journal
from coordinator.participants import Wish, participants, same_nodes
from coordinator.register import Register
from coordinator.registry import Registry
from coordinator.reports import result_of, status_of
from coordinator.runs import Run, Runner, Runs
from coordinator.studies import Studies
from models.version import ModelVersion
from privacy.canonical import Document, parse
from privacy.computation import Finder
from privacy.errors import Invalid, Refusal
from privacy.release import Notice, decode
from privacy.signing import PublicKey
from privacy.study import Study
from privacy.witnessing import Said, Word, is_word, read_word


class Presence(Protocol):
    """Knows which nodes are online."""

    def online(self) -> frozenset[str]:
        """Return their fingerprints."""


@dataclass(frozen=True)
class Hub:
    """A serving coordinator: what it keeps, who is online, and the thread that runs studies."""

    public_key: PublicKey
    doorkeeper: Doorkeeper
    register: Register
    studies: Studies
    registry: Registry
    checkpoints: Checkpoints
    runs: Runs
    runner: Runner
    journal: Journal
    presence: Presence
    finder: Finder
    now: Callable[[], datetime.datetime]
    disclosure: Disclosure

    def offered(self, node: Caller) -> Document:
        """Return the news for this node: the studies that invite it, and no others; those taken back; their models."""
        studies, back = self.studies.offered_to(node.name), self.studies.withdrawn_from(node.name)
        models, said = [*(study.hash for study in studies), *(w.study for w in back)], self.studies.said_by(node.name)
        return {
            "studies": [
                {
                    "hash": study.hash,
                    "document": study.document(),
                    "said": said.get(study.hash, "offered"),
                    "state": "finished" if self.registry.version(study) else "open",
                }
                for study in studies
            ],
            "withdrawn": [{"hash": w.study, "at": w.at, "reason": w.reason} for w in back],
            "models": [statement.document() for statement in self.registry.statements(models)],
            **self.checkpoints.news(node.name, (n.fingerprint for n in self.register.nodes()), self.register.key_of),
        }

    def note(self, node: Caller, content: bytes) -> None:
        """Keep a notice that this very node signed; a release may not come this way."""
        key = self.register.key_of(node.name)
        if key is None:
            raise Refusal("token-refused")
        if is_word(content):
            self._hear(read_word(content, key), Said(key, content))
            return
        notice = decode(content, key)
        if not isinstance(notice, Notice):
            raise Invalid("message-malformed")
        self.studies.note(notice, at=self.now())

    def _hear(self, word: Word, said: Said) -> None:
        """Take what a node says of its own log, or signs of another's."""
        if word.kind == "checkpoint":
            self.checkpoints.keep(word, said.content, at=self.now())
        elif word.kind == "asked":
            self.checkpoints.ask(word)
        elif (log := self.register.key_of(word.log)) is not None and word.log != word.by:
            self.checkpoints.note(said, log)
        else:
            raise Invalid("message-malformed")

    def model(self, caller: Caller, study_hash: str) -> bytes:
        """Return the sealed model of a study, named by its whole hash; to invited nodes, while it is published."""
        study = self.studies.with_hash(study_hash)
        if caller.role != "node":
            return self.registry.read(study)
        if caller.name not in {i.fingerprint for i in study.invited}:
            raise Invalid("study-unknown")
        return self.registry.published(study)

    def submit(self, content: bytes) -> Document:
        """Keep a study and offer it to the nodes that it invites."""
        return self._status(self.studies.submit(parse(content), at=self.now()), self.presence.online())

    def overview(self) -> Document:
        """Return where every study stands."""
        online = self.presence.online()
        return {"studies": [self._status(study, online) for study in self.studies.all()]}

    def status(self, named: str) -> Document:
        """Return where one study stands."""
        return self._status(self.studies.find(named), self.presence.online())

    def run(self, named: str, content: bytes = b"") -> Document:
        """Queue a study with the nodes that were named, or with all that approved it and are online.

        A study that began keeps its first roster: after a failure it goes on with that; one that was cancelled waits
        for ``resume``.
        """
        study, wish = self.studies.find(named), Wish.of(content)
        before, decisions = self.runs.last(study.hash), self.studies.decisions(study)
        if before:
            same_nodes(study, decisions, before.roster, wish)
            if before.state == "cancelled":
                raise Refusal("run-cancelled", study.name)
            return self._go_on(study, before, wish)
        self._check_runnable(study)
        roster = participants(study, decisions, self.presence.online(), wish)
        self.runner.queue(study.hash, roster, deadline_seconds=wish.deadline_seconds)
        return self._status(study, self.presence.online())

    def resume(self, named: str, content: bytes = b"") -> Document:
        """Let a run that was cancelled or failed go on: the same nodes, and nothing asked that was answered."""
        study, wish = self.studies.find(named), Wish.of(content)
        before = self.runs.last(study.hash)
        if before is None:
            raise Refusal("run-absent", study.name)
        return self._go_on(study, before, wish)

    def cancel(self, named: str) -> Document:
        """End a study's run within a second or so, whatever it waits for; ``resume`` goes on from there."""
        study = self.studies.find(named)
        self.runner.cancel(study.hash)
        return self._status(study, self.presence.online())

    def history(self, named: str) -> Document:
        """Return whom a study's runs asked for what, since when, and what came of it; kept after the end."""
        study = self.studies.find(named)
        names = {invited.fingerprint: invited.name for invited in study.invited}
        runs, contacts = self.runs.of(study.hash), self.journal.contacts(study.hash)
        return history_of(study, runs, self.runner.watch(study.hash), contacts, names)

    def _go_on(self, study: Study, before: Run, wish: Wish) -> Document:
        online = self.presence.online()
        if before.ended:  # asked while it runs: it runs once
            self._check_runnable(study)
            if len(online.intersection(before.roster)) < max(study.privacy.quorum, wish.at_least):
                raise Refusal("study-not-ready", study.name)
            deadline = wish.deadline_seconds or before.deadline_seconds
            self.runner.queue(study.hash, before.roster, deadline_seconds=deadline)
        return self._status(study, online)

    def _check_runnable(self, study: Study) -> None:
        self.studies.check_not_withdrawn(study)
        study.check_not_ended(self.now().date())
        self.studies.check_software(study)
        if self.registry.version(study):
            raise Refusal("study-finished", study.name)

    def document(self, named: str) -> Document:
        """Return a study as it was submitted."""
        return self.studies.find(named).document()

    def withdraw(self, named: str, content: bytes) -> Document:
        """Take a study back for good; nodes hear of it when they next ask. Of a finished one only the model can be."""
        study = self.studies.find(named)
        if self.registry.version(study):
            raise Refusal("study-finished", study.name)
        self.studies.withdraw(study, reason=str(parse(content).get("reason", "")), at=self.now())
        if (run := self.runs.last(study.hash)) and not run.ended:
            self.runner.cancel(study.hash)
        return self._status(study, self.presence.online())

    def result(self, named: str) -> Document:
        """Return what a study found."""
        study = self.studies.find(named)
        content = self.registry.read(study)
        model = ModelVersion.open(content, self.public_key)
        return result_of(content, model, self.runs.last(study.hash), self.disclosure.of(study))

    def _status(self, study: Study, online: frozenset[str]) -> Document:
        progress = self.runner.watch(study.hash)
        return status_of(
            study,
            submitted_at=self.studies.submitted_at(study),
            decisions=self.studies.decisions(study),
            online=online,
            run=self.runs.last(study.hash),
            progress=progress,
            contacts=self.journal.contacts(study.hash, progress.place) if progress else (),
            model=self.registry.version(study),
            withdrawal=self.studies.withdrawal(study),
        )


__all__ = ["Hub", "Presence"]
