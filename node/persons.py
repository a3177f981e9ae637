"""Where an NHS number becomes a person: the one place at the node that turns numbers into pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from node.keystore import Keystore
from privacy.errors import Refusal
from privacy.identifiers import Checked, Verdict, check_nhs_number_bytes, check_nhs_numbers, ten_digits
from privacy.pseudonyms import PSEUDONYM_BYTES, Bits, Domain, Mode, Pseudonyms, Tag, held_back, spelled

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES: Mapping[Mode, str] = {"k": "pseudonym", "r": "reversible"}  # pseudonym@1, reversible@2 …: root keys by epoch
SPLIT_KEY = "split@1"
PEOPLE, TEXTS = "records", "records-texts"  # domains: one for all data sets of a node, so that its tables join
FIELD = "nhs_number"


@dataclass(frozen=True, eq=False)
class Persons:
    """For each text: a ``Verdict``, a pseudonym's 16 bytes (zeros unless the verdict is OK), held back or not."""

    verdicts: NDArray[np.uint8]
    bits: Bits
    held_back: NDArray[np.bool_]
    tag: Tag

    @cached_property
    def pseudonyms(self) -> NDArray[np.str_]:
        """Return the pseudonyms as text, empty unless the verdict is OK."""
        texts = spelled(self.bits, self.tag)
        texts[self.verdicts != Verdict.OK] = b""
        return texts.astype(np.str_)

    @cached_property
    def texts(self) -> pa.Array:
        """Return the pseudonyms as an Arrow array of text, null unless the verdict is OK; a quarter of the memory."""
        return arrow_texts(self.bits, self.tag, self.verdicts == Verdict.OK)


def recognise(
    texts: Sequence[str] | pa.Array, keystore: Keystore, *, allow_test_numbers: bool, tag: Tag | None = None
) -> Persons:
    """Return the persons behind these texts under the key in force, or that of ``tag``.

    Give distinct texts: two HMACs cost a microsecond each. An Arrow array is read where it lies.
    """
    tag = tag or tag_in_force(keystore)
    judged = checked(texts, allow_test_numbers=allow_test_numbers)
    found = persons_of(judged.values[judged.ok], keystore, tag=tag)
    bits = np.zeros((len(judged.ok), PSEUDONYM_BYTES), dtype=np.uint8)
    held = np.zeros(len(judged.ok), dtype=bool)
    bits[judged.ok], held[judged.ok] = found.bits, found.held_back
    return Persons(judged.verdicts, bits, held, tag)


def persons_of(numbers: NDArray[np.int64], keystore: Keystore, *, tag: Tag | None = None) -> Persons:
    """Return the persons of NHS numbers that were judged already; give distinct ones."""
    tag = tag or tag_in_force(keystore)
    written = ten_digits(numbers)
    bits = names_of_people(keystore, tag).bits(written)
    return Persons(np.zeros(len(numbers), np.uint8), bits, held_back(keystore.secret(SPLIT_KEY), written), tag)


def arrow_texts(bits: Bits, tag: Tag, known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return pseudonyms as an Arrow array of text, null where not ``known``, without a Python object for each."""
    import pyarrow as pa  # noqa: PLC0415 - who asks for an Arrow array has it already

    texts = spelled(bits, tag)
    ends = np.arange(0, len(texts) * texts.dtype.itemsize + 1, texts.dtype.itemsize, dtype=np.int32)  # 61 million fit
    whole = pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(texts)])
    return whole if known is None or known.all() else pa.compute.if_else(pa.array(known), whole, None)


def keyed_texts(texts: pa.Array, keystore: Keystore, column: str, tag: Tag) -> pa.Array:
    """Return the pseudonyms of a column's texts, none null, as 16 bytes each: give distinct ones where many repeat."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    bits = names_of_texts(keystore, column, tag).bits(texts.cast(pa.binary()).to_pylist())
    return pa.Array.from_buffers(pa.binary(PSEUDONYM_BYTES), len(texts), [None, pa.py_buffer(bits)])


def spelled_out(keyed: pa.Array, tag: Tag) -> pa.Array:
    """Return what ``keyed_texts`` made as texts; null stays null, and any other column as it is."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if not pa.types.is_fixed_size_binary(keyed.type):
        return keyed
    return arrow_texts(bits_in(keyed), tag, keyed.is_valid().to_numpy(zero_copy_only=False))


def bits_in(keyed: pa.Array) -> Bits:
    """Return what ``keyed_texts`` made where it lies, ``(n, 16)``; anything at all where it is null."""
    start, length = keyed.offset * PSEUDONYM_BYTES, len(keyed) * PSEUDONYM_BYTES
    return np.frombuffer(keyed.buffers()[1], np.uint8)[start : start + length].reshape(-1, PSEUDONYM_BYTES)


def tag_in_force(keystore: Keystore) -> Tag:
    """Return mode and epoch of the newest key that names people, as the keystore's file has it now."""
    tags = [Tag(mode, _epoch(key_id)) for mode, family in FAMILIES.items() for key_id in keystore.family(family)]
    if not tags:
        raise Refusal("key-unknown", FAMILIES["k"])
    return max(tags, key=lambda tag: tag.epoch)


def key_of(tag: Tag) -> str:
    """Return the id of the key that makes pseudonyms of this tag."""
    return f"{FAMILIES[tag.mode]}@{tag.epoch}"


def source_key(keystore: Keystore) -> bytes:
    """Return the key under which this node knows a source again, until the key of pseudonyms rotates."""
    return keystore.derive(key_of(tag_in_force(keystore)), purpose="source")


def names_of_people(keystore: Keystore, tag: Tag) -> Pseudonyms:
    """Return what names people under the key of an epoch; ``key-unknown`` when that key is not here any more."""
    return Pseudonyms.under(keystore.secret(key_of(tag)), Domain(PEOPLE, FIELD, tag.epoch), tag.mode)


def names_of_texts(keystore: Keystore, column: str, tag: Tag) -> Pseudonyms:
    """Return what names the texts of a column: hospital or practice numbers; columns of one name join.

    Always irreversible: a text fits in no block, and nobody needs to be found by it. Its domain is not the people's,
    so that no column can be named as to show who is who.
    """
    return Pseudonyms.under(keystore.secret(key_of(tag)), Domain(TEXTS, column, tag.epoch))


def _epoch(key_id: str) -> int:
    return int(key_id.rpartition("@")[2])


def checked(texts: Sequence[str] | pa.Array, *, allow_test_numbers: bool) -> Checked:
    """Judge texts; those of an Arrow array go without a Python object for each."""
    if isinstance(texts, Sequence):
        return check_nhs_numbers(texts, allow_test_numbers=allow_test_numbers)
    import pyarrow as pa  # noqa: PLC0415 - who passes an Arrow array has it already

    array = texts.cast(pa.large_string()).fill_null("")
    _, offsets, content = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    letters = np.zeros(0, dtype=np.uint8) if content is None else np.frombuffer(content, dtype=np.uint8)
    return check_nhs_number_bytes(letters, ends, allow_test_numbers=allow_test_numbers)


__all__ = [
    "FAMILIES",
    "FIELD",
    "PEOPLE",
    "SPLIT_KEY",
    "TEXTS",
    "Persons",
    "arrow_texts",
    "bits_in",
    "checked",
    "key_of",
    "keyed_texts",
    "names_of_people",
    "names_of_texts",
    "persons_of",
    "recognise",
    "source_key",
    "spelled_out",
    "tag_in_force",
]
