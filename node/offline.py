"""A word from a person who comes by with their key, where no node answers: a question in a file, and an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.atomic import SHARED, put
from privacy.canonical import Document, canonical, parse
from privacy.errors import Invalid, Tampered, Unreachable
from privacy.signing import PublicKey
from privacy.witnessing import Said, Word, cosign, read_word

QUESTION, ANSWER = "witness.question", "witness.answer"  # in the node's directory


def leave_question(home: Path, content: bytes, node: PublicKey) -> None:
    """Put the question of this start where a person can take it from."""
    with suppress(OSError):  # whoever looks for it will see that it is not there
        put(home / QUESTION, canonical(Said(node, content).document()), mode=SHARED, replace=True)


def take_answers(home: Path) -> list[Document]:
    """Return what a person's answer says, if there is one; what it is worth is for the caller to tell."""
    try:
        return [dict(json.loads((home / ANSWER).read_bytes()))]
    except (OSError, ValueError, TypeError):
        return []


def clear(home: Path) -> None:
    """Take away the question and the answer of an earlier start, or of one that needs neither any more."""
    for name in (QUESTION, ANSWER):
        with suppress(OSError):
            (home / name).unlink(missing_ok=True)


def bring_answer(home: Path, file: Path) -> None:
    """Put a person's answer where the service looks for it; what is none is ``message-malformed``."""
    document = parse(_content(file))
    Said.of(document)
    try:
        put(home / ANSWER, canonical(document), mode=SHARED, replace=True)
    except OSError as error:
        raise Unreachable("home-unwritable", str(home)) from error


def asked_in(file: Path) -> tuple[Word, PublicKey]:
    """Return the question in a file, and the key of the node whose it is; anything else is ``message-malformed``."""
    said = Said.of(parse(_content(file)))
    word = read_word(said.content, said.key)
    if word.kind != "asked":
        raise Invalid("message-malformed", str(file))
    return word, said.key


def vouch(
    question: Word, node: PublicKey, kept: Sequence[Path], key: Ed25519PrivateKey, *, at: str
) -> tuple[Word, bytes]:
    """Return the newest checkpoint that this person kept, and their answer with it, for a file.

    A node that says that its log is shorter than that, or another, is ``state-behind``: an older state was put back.
    """
    seen = [(read_word(content, node), content) for content in map(_content, kept)]
    if not seen or any(word.kind != "checkpoint" for word, _ in seen):
        raise Invalid("message-malformed", "not a checkpoint of this node")
    newest, content = max(seen, key=lambda each: each[0].size)
    if newest.size > question.size or (newest.size == question.size and newest.root != question.root):
        raise Tampered("state-behind", f"it says {question.size} leaves; it has signed one of {newest.size}")
    answer = cosign(node.fingerprint, (newest, content), key, at=at, nonce=question.nonce)
    return newest, canonical(Said(PublicKey.of(key), answer).document())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error


__all__ = ["ANSWER", "QUESTION", "asked_in", "bring_answer", "clear", "leave_question", "take_answers", "vouch"]
