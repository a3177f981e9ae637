"""The charts of a report: two sides of a population, bars with a mark, several figures on a line, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from privacy.charts import BAND, BLUE, GREY, INK, LETTER, WIDTH, Point, bar, chart, dot, line, words
from privacy.page import Html, tag

ROW, TOP, NAMES, LEGEND = 20, 4, 128, 20
LONGEST_NAME = 15  # letters beside a row; the table below the chart has them all
ROOM = 58  # right of the longest bar, for its number
PALE = "#d8dde0"
HUES = (BLUE, "#ae2573", "#007f3b", "#ed8b00", INK, "#00a499")  # of the NHS colours, dark enough on white
ROUND = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
STEPS = (1, 2, 5, 10)  # times a power of ten: what an axis may count in
OVER = 18  # a name too long to stand beside its row stands over it
SIDE, LEFT = 200, 46  # of a plot of curves


@dataclass(frozen=True)
class Look:
    """How one series is drawn: its name in the legend, its colour, and whether its points are filled."""

    name: str
    stroke: str = BLUE
    filled: bool = False
    dashed: bool = False


# what every page that compares margins calls them, and how it draws the data and what they are held against
WAYS: Mapping[int, str] = {1: "single columns", 2: "pairs", 3: "threes"}
DATA, APART = Look("the data", filled=True), Look("unrelated columns", GREY)


def bars_chart(
    rows: Sequence[tuple[str, float, float | None]], *, key: str, title: str, finding: str, form: str = "{:.1%}"
) -> Html:
    """Return a bar for each row's value, and a mark where its second value is, the published one."""
    reach = max([v for _, value, mark in rows for v in (value, mark or 0.0)], default=0.0) or 1.0
    first, over = _beside([name for name, *_ in rows])
    room, drawn = WIDTH - first - ROOM, []
    for i, (name, value, mark) in enumerate(rows):
        top = TOP + (ROW + over) * i + over
        drawn += [
            _name(name, top, first, over),
            bar((first, top + 3), width=room * value / reach, height=ROW - 6, fill=BAND),
        ]
        if mark is not None:
            at = first + room * mark / reach
            drawn.append(line((at, top + 1), (at, top + ROW - 1), stroke=INK, stroke_width=2.5))
        end = first + room * max(value, mark or 0.0) / reach
        drawn.append(words(form.format(value), end + 5, top + 15))
        drawn.append(line((first, top), (first, top + ROW)))
    height = TOP + (ROW + over) * len(rows)
    return chart(key, title, finding, drawn, height=height + 4)


def pyramid_chart(
    rows: Sequence[tuple[str, float, float, float, float]],
    *,
    key: str,
    title: str,
    finding: str,
    sides: tuple[str, str],
) -> Html:
    """Return ages from the bottom up, two sexes to two sides; each row has both shares, and both published ones."""
    reach = max([share for _, *shares in rows for share in shares], default=0.0) or 1.0
    middle, gap, high = WIDTH / 2, 24, 16
    room, top = middle - gap - 4, 20
    drawn = [words(sides[0], middle - gap, 13, text_anchor="end"), words(sides[1], middle + gap, 13)]
    foot = top + high * len(rows)
    marks_of, form = _ticks(reach, 3)
    for share in (each for each in marks_of if each <= reach):
        for at in (middle - gap - room * share / reach, middle + gap + room * share / reach):
            drawn.append(line((at, top), (at, foot + 3), stroke=PALE))
            drawn.append(words(form.format(share), at, foot + 16, text_anchor="middle"))
    marks: tuple[list[Point], list[Point]] = ([], [])
    for i, (name, *shares) in enumerate(reversed(rows)):
        y = top + high * i
        drawn.append(words(name, middle, y + 12, text_anchor="middle"))
        for side, (share, published, sign) in enumerate(zip(shares[:2], shares[2:], (-1, 1), strict=True)):
            width, inner = room * share / reach, middle + sign * gap
            drawn.append(bar((min(inner, inner + sign * width), y + 1), width=width, height=high - 2, fill=BAND))
            marks[side].extend((inner + sign * room * published / reach, y + at) for at in (0, high))
    drawn += [tag("polyline", points=_path(each), fill="none", stroke=INK, stroke_width=1.5) for each in marks]
    return chart(key, title, finding, drawn, height=foot + 20)


def dots_chart(
    rows: Sequence[tuple[str, Mapping[str, float]]], looks: Sequence[Look], *, key: str, title: str, finding: str,
    low: float = 0.0, high: float | None = None,
) -> Html:  # fmt: skip
    """Return a line for each row with a point for each series, all on one scale from ``low``; and the legend."""
    most = max([value for _, values in rows for value in values.values()], default=0.0)
    top = high if high is not None else next((r for r in (*ROUND, most) if r >= most), 1.0) or 1.0
    drawn, legend = _legend(looks)
    first = legend + TOP
    left, over = _beside([name for name, _ in rows])
    left = max(left, 10)  # room for half of the scale's first number
    room, height = WIDTH - left - 14, first + (ROW + over) * len(rows)

    def at(value: float, y: float) -> Point:
        return left + room * (min(max(value, low), top) - low) / (top - low), y

    for i in range(5):
        value = low + (top - low) * i / 4
        drawn.append(line(at(value, first), at(value, height), stroke=PALE))
        drawn.append(words(f"{value:.3g}", at(value, 0)[0], height + 15, text_anchor="middle"))
    for i, (name, values) in enumerate(rows):
        y = first + (ROW + over) * i + over + ROW / 2
        drawn.append(_name(name, y - ROW / 2, left, over))
        drawn.append(line(at(low, y), at(top, y), stroke=PALE))
        drawn += [dot(at(values[s.name], y), stroke=s.stroke, fill=s.stroke if s.filled else "#fff")
                  for s in reversed(looks) if s.name in values]  # fmt: skip
    return chart(key, title, finding, drawn, height=height + 20)


def curves_chart(
    across: Sequence[str], curves: Sequence[tuple[Look, Sequence[float]]], *, key: str, title: str, finding: str,
    axis: str,
) -> Html:  # fmt: skip
    """Return curves over named steps, such as ages; every second step is named where there is no room for all."""
    marks, form = _ticks(max([value for _, values in curves for value in values], default=0.0) or 1.0, 5)
    most = marks[-1]
    drawn, legend = _legend([look for look, _ in curves])
    top, first = legend + 2 * TOP, LEFT
    step = (WIDTH - first - 14) / max(len(across) - 1, 1)

    def at(place: float, value: float) -> Point:
        return first + step * place, top + SIDE * (1 - value / most)

    for mark in marks:
        drawn.append(line(at(0, mark), at(len(across) - 1, mark), stroke=PALE))
        drawn.append(words(form.format(mark), first - 5, at(0, mark)[1] + 4, text_anchor="end"))
    every = 1 if LETTER * max(map(len, across), default=0) < step else 2
    drawn += [
        words(n, at(i, 0)[0], top + SIDE + 16, text_anchor="middle") for i, n in enumerate(across) if i % every == 0
    ]
    drawn.append(words(axis, first + (WIDTH - first) / 2, top + SIDE + 34, text_anchor="middle"))
    for look, values in curves:
        path = [at(i, value) for i, value in enumerate(values)]
        dash = {"stroke_dasharray": "5 4"} if look.dashed else {}
        drawn.append(tag("polyline", points=_path(path), fill="none", stroke=look.stroke, stroke_width=2.5, **dash))
        drawn += [dot(each, stroke=look.stroke, fill=look.stroke if look.filled else "#fff") for each in path]
    return chart(key, title, finding, drawn, height=top + SIDE + 40)


def _legend(looks: Sequence[Look]) -> tuple[list[Html], float]:
    """Return what each series looks like, and how high that is: as many to a line as there is room for."""
    drawn, x, y = [], 8.0, 10.0
    for look in looks:
        width = 20 + LETTER * len(look.name)
        if x > 8 and x + width > WIDTH:
            x, y = 8.0, y + LEGEND
        drawn += [dot((x, y), stroke=look.stroke, fill=look.stroke if look.filled else "#fff")]
        drawn += [words(look.name, x + 8, y + 4.5)]
        x += width
    return drawn, y + LEGEND / 2


def _beside(names: Sequence[str]) -> tuple[float, float]:
    """Return where rows begin, and how much room each has over it: names that are too long stand there, whole."""
    return (1, OVER) if any(len(name) > LONGEST_NAME for name in names) else (NAMES, 0)


def _name(name: str, top: float, first: float, over: float) -> Html:
    return words(name, 0, top - 2) if over else words(name, first - 6, top + 15, text_anchor="end")


def _ticks(most: float, count: int) -> tuple[list[float], str]:
    """Return round shares from nothing to at least the most, at the most one more than ``count``, and their form."""
    power = 10.0 ** floor(log10(most / count))
    step = next(each * power for each in STEPS if each * power * count >= most * (1 - 1e-9))
    digits = max(0, -floor(log10(step * 100) + 1e-9))
    return [step * i for i in range(ceil(most / step - 1e-9) + 1)], f"{{:.{digits}%}}"


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


__all__ = [
    "APART", "DATA", "HUES", "LEFT", "LEGEND", "LONGEST_NAME", "NAMES", "OVER", "PALE", "ROOM", "ROUND", "ROW",
    "SIDE", "STEPS", "TOP", "WAYS", "Look", "bars_chart", "curves_chart", "dots_chart", "pyramid_chart",
]  # fmt: skip
