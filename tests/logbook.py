"""A log held in memory, by whoever has a key: it tells its checkpoints as a node does, honest or not."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.proofs import consistency_path, grown, leaf_hash, node_hash, root_of
from privacy.signing import PublicKey
from privacy.witnessing import Word, seal


class Logbook:
    def __init__(self, key=None, leaves=()):
        self.key = key or Ed25519PrivateKey.generate()
        self.leaves = list(leaves)

    @property
    def public(self):
        return PublicKey.of(self.key)

    @property
    def name(self):
        return self.public.fingerprint

    def grow(self, count, what="leaf"):
        self.leaves += [f"{what} {len(self.leaves) + i}".encode() for i in range(count)]
        return self

    def forked(self, size):
        """Return the log of the same key as it would be, had it gone another way after ``size`` leaves."""
        return Logbook(self.key, self.leaves[:size])

    def root(self, size=None):
        frontier = []
        for i, leaf in enumerate(self.leaves[:size]):
            frontier = grown(frontier, i, leaf_hash(leaf))
        return root_of(frontier)

    def subtree(self, start, end):
        if end - start == 1:
            return leaf_hash(self.leaves[start])
        middle = (start + end) // 2
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))

    def word(self, old=0, **said):
        size = len(self.leaves)
        path = consistency_path(self.subtree, old, size) if old <= size else ()
        fields = {"size": size, "root": self.root(), "old": old, "path": path} | said
        return Word("checkpoint", self.name, self.name, **fields)

    def checkpoint(self, old=0, **said):
        return seal(self.word(old, **said), self.key)

    def asked(self, witness, nonce):
        return seal(Word("asked", self.name, self.name, witness=witness, nonce=nonce), self.key)
