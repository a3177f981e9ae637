"""A node at work with a coordinator's API: of a few lines, of a hub in this process, or one that co-signs logs."""

import base64
import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.checkpoints import SCHEMA, Checkpoints
from coordinator.identity.tokens import Caller
from node.federation.hub import News
from node.service import Service
from node.witnessing import SCHEMA as WITNESSED
from node.witnessing import Witnessed
from privacy.durable import Database
from privacy.envelope import Envelope
from privacy.errors import HedgerowError
from privacy.witnessing import Said, read_word, seal
from tests.builders import NOW as AT
from tests.nodes import NOW


class Wire:
    """A node's calls to a hub in this process, as its own client makes them."""

    def __init__(self, hub, node):
        self.hub, self.caller = hub, Caller("node", node.fingerprint)

    def news(self):
        return News.of(self.hub.offered(self.caller))

    def send_notice(self, content):
        self.hub.note(self.caller, content)


class Keeper:
    """A coordinator's API that keeps the newest checkpoint, and gives it back unless it is told to withhold it."""

    def __init__(self):
        self.newest, self.size, self.gives, self.sent = b"", -1, True, []

    def news(self):
        return News(checkpoint=base64.b64encode(self.newest).decode() if self.gives else "")

    def send_notice(self, content):
        self.sent.append(content)
        said = Envelope.decode(content).header
        if said["kind"] == "checkpoint" and said["size"] > self.size:
            self.newest, self.size = content, said["size"]

    def close(self):
        pass


class Serving:
    """A node at work with a keeper, its connection to Flower replaced by one that answers what the test asks."""

    def __init__(self, node, keeper, monkeypatch):
        self.node, self.stop, self.answers = node, threading.Event(), None
        node.__dict__["hub"] = keeper
        self.connected = threading.Event()

        def hold_connection(_settings, *, answer, stop, **_more):
            self.answers = answer
            self.connected.set()
            stop.wait()

        monkeypatch.setattr("node.federation.fleet.hold_connection", hold_connection)
        node.__dict__["settings"] = node.settings.model_copy(update={"poll_seconds": 0.05})

    def runs(self, work=lambda: None):
        """Serve until ``work`` is done, or the service ends by itself; return what it raised."""
        raised = []

        def target():
            try:
                Service(self.node, self.stop).run(lambda: None)
            except HedgerowError as error:
                raised.append(error.code)

        thread = threading.Thread(target=target)
        thread.start()
        work()
        if not raised:
            self.stop.set()
        thread.join(10)
        assert not thread.is_alive()
        return raised


class Peer:
    """Another node, that signs what it is shown of logs, as long as it is there."""

    def __init__(self, path, log):
        self.log, self.there = log, True
        self.witnessed = Witnessed(Database(path, WITNESSED), node=log.name)

    def looks(self, hub):
        words, _ = self.witnessed.look(hub.told(self.log.name)["logs"], at=AT)
        for word, seen in words:
            hub.note(Said(self.log.public, seal(word, self.log.key, seen)))


class Witnesses:
    """A coordinator's API over its real keeping of logs; it passes on what it is not told to withhold."""

    def __init__(self, path, node, *peers):
        self.checkpoints = Checkpoints(Database(path, SCHEMA), Ed25519PrivateKey.generate())
        self.peers, self.node = peers, node
        self.keys = {node.fingerprint: node, **{peer.log.name: peer.log.public for peer in peers}}
        self.withholds, self.sent = set(), []

    def told(self, name):
        return self.checkpoints.news(name, self.keys, self.keys.get)

    def note(self, said):
        self.checkpoints.note(said, self.node)

    def news(self):
        for peer in self.peers:
            if peer.there:
                peer.looks(self)
        told = self.told(self.node.fingerprint)
        return News.of({"studies": [], **{name: what for name, what in told.items() if name not in self.withholds}})

    def send_notice(self, content):
        word = read_word(content, self.node)
        self.sent.append(word)
        if word.kind == "asked":
            self.checkpoints.ask(word)
        elif word.kind == "checkpoint":
            self.checkpoints.keep(word, content, at=NOW)

    def close(self):
        pass
