"""One canonical form for whatever is hashed or signed, RFC 8785 JSON and SHA-256 of it; and one that people read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import rfc8785

from privacy.errors import Invalid

JSON = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | float | bool | None
Document = dict[str, Any]
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def canonical(value: JSON) -> bytes:
    """Return the one byte string that stands for ``value`` (RFC 8785); equal documents give equal bytes."""
    return rfc8785.dumps(cast("Any", value))


def sha256(content: bytes) -> str:
    """Return ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def hash_of(value: JSON) -> str:
    """Return the SHA-256 of a document's canonical form."""
    return sha256(canonical(value))


def legible(document: object) -> bytes:
    """Return a document as JSON that people can read, for a file: its keys in their own order, a line each."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def parse(content: bytes) -> Document:
    """Return the JSON object in ``content``; anything else, or a key given twice, is ``message-malformed``."""
    try:
        value = json.loads(content, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise Invalid("message-malformed") from error
    if not isinstance(value, dict):
        raise Invalid("message-malformed")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is given twice")
    return document


__all__ = ["JSON", "SHA256", "Document", "canonical", "hash_of", "legible", "parse", "sha256"]
