"""Whatever is done to the bytes of a source, a load is taken or refused by a code; refused, it changes nothing."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privacy.errors import CATALOGUE
from tests.laden import EVENTS_HEADER, NUMBERS, Laden, event_row, events_file, people_file

TRIES = 25  # for each kind and seed
ODD = (
    b"\0", b'"', b'"""', b"\n", b"\r", b",", b";", b"\t", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1", b"PARE",
    b"9" * 400, b"1e400", b"nan", b"-0", b"0x1F", b"0000-00-00", b"9999-12-31", b"\xc2\xa0", b"\x1b[31m", b"=1+1",
    "\u0663\u0664".encode(), "\u2028".encode(), "\U0001f489".encode(),
)  # fmt: skip


def parquet() -> bytes:
    cells = zip(*(event_row(i).split(",") for i in range(200)), strict=True)
    out = io.BytesIO()
    table = pa.table({name: list(column) for name, column in zip(EVENTS_HEADER.split(","), cells, strict=True)})
    pq.write_table(table, out, row_group_size=50)
    return out.getvalue()


KINDS = {"people": people_file().encode(), "events": events_file().encode(), "parquet": parquet()}


def mangled(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a content with one to four things done to it: bytes changed, put in, left out, repeated, cut off."""
    bytes_ = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, some = int(rng.integers(0, len(bytes_) + 1)), int(rng.integers(1, 60))
        match rng.integers(0, 5):
            case 0:
                bytes_[at : at + some] = rng.bytes(some)
            case 1:
                bytes_[at:at] = ODD[rng.integers(0, len(ODD))]
            case 2:
                del bytes_[at : at + some]
            case 3:
                bytes_[at:at] = bytes_[at // 2 : at // 2 + some]
            case _ if some < 10:
                del bytes_[at:]
    return bytes(bytes_)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return Laden.made(tmp_path_factory.mktemp("node"))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mangled_source_is_taken_or_refused_by_a_code(node, kind, seed):
    rng, codes = np.random.default_rng([seed, len(kind)]), []
    for _ in range(TRIES):
        before = {path.name for path in (node.home / "store").iterdir()}
        done = node.load("people" if kind == "people" else "events", node.write("mangled", mangled(KINDS[kind], rng)))
        codes.append(done.code)
        assert done.status in {0, 3, 5}, done.err
        assert done.code in {"", *CATALOGUE}
        assert not any(number in done.out + done.err for number in NUMBERS)
        assert done.status == 0 or {path.name for path in (node.home / "store").iterdir()} == before
    assert any(codes)
    assert node.seen()
