"""NHS numbers are found in any dress that people and programs give them, and no order of the texts matters."""

import unicodedata
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from privacy.discovery import Discovery, kind_of
from privacy.discovery.cells import Cells
from tests.nodes import nhs_numbers

NUMBERS = nhs_numbers(300)
SPACES = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Zs"]
DASHES = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Pd"]
NOTHING = ["", "\u200b", "\ufeff", "\u2060", "\u00ad"]
GAPS = [*SPACES, *DASHES, *NOTHING, ".", "/", "_", ". ", " - "]
BEFORE = ["", "NHS", "NHS: ", "NHS No. ", "nhs number ", "'", '="', "(", "No ", "id:", "\ufeff"]
AFTER = ["", "'", '"', ")", " (verified)", ".0", ";", "\u00a0"]
DIGITS = ["0123456789", "".join(chr(0xFF10 + d) for d in range(10)), "".join(chr(0x0660 + d) for d in range(10))]


@st.composite
def dressed(draw):
    """Return the numbers in one dress: groups, what stands between them, before and after, and which digits."""
    cuts = draw(st.sampled_from([(3, 6), (5,), (), (2, 4, 6, 8), (4, 7)]))
    gap, before, after = (draw(st.sampled_from(each)) for each in (GAPS, BEFORE, AFTER))
    digits = str.maketrans(DIGITS[0], draw(st.sampled_from(DIGITS)))
    if gap in {"/", " - ", ". "} or len(gap.strip(".")) > 1:
        cuts = (3, 6)  # odder groups than 3-3-4 with these between them are dates and sums
    if after == ".0":
        gap = ""
    parts = [0, *cuts, 10]
    return [
        before + gap.join(n[a:b] for a, b in pairwise(parts)).translate(digits) + after
        for n in NUMBERS[: draw(st.integers(20, 60))]
    ]


@given(dressed())
def test_nhs_numbers_are_found_in_any_dress(texts):
    suspects = kind_of("ref", texts)
    assert [suspect.kind for suspect in suspects] == ["nhs-number"]
    assert not [number for number in NUMBERS if number in str(suspects)]


@given(st.lists(st.text(max_size=40), max_size=60), st.randoms(use_true_random=False))
def test_any_texts_in_any_order_and_parts_give_the_same_findings(texts, rng):
    distinct = sorted(set(texts))
    shuffled = rng.sample(distinct, len(distinct))
    parts = Discovery()
    cut = rng.randint(0, len(shuffled))
    for part in (shuffled[:cut], shuffled[cut:]):
        parts.look("x", part)
    assert parts.findings() == kind_of("x", distinct)


@given(st.lists(st.text(max_size=40), max_size=60))
def test_every_text_is_counted_as_it_reads(texts):
    cells = Cells(texts)
    assert len(cells) == len(cells.digits) == len(cells.lengths)
    for line, digits, length in zip(cells.lines, cells.digits, cells.lengths, strict=True):
        assert "\n" not in line
        assert line.strip() == line != ""
        assert (digits, length) == (sum(c in "0123456789" for c in line), len(line))
