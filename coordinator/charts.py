"""Charts as SVG that stands in a page: real text that grows with the reader's, and the same bytes every time.

Drawn here and not by a plotting library, whose SVG breaks a strict content security policy, turns letters into
outlines that no screen reader reads, and is laid out for seven inches: on a phone its labels are under 6 pixels high.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.curves import Bin, RocPoint
from privacy.canonical import Document
from privacy.page import Html, joined, tag

BLUE, BAND, INK, GREY = "#005eb8", "#b6d3ee", "#212b32", "#4c6272"
WIDTH, HEIGHT, LEFT, TOP, SIDE = 350, 336, 56, 12, 280  # user units; at 320 px one is a little less than a pixel
TEXT = 13
DEVIATIONS = 2  # of the noise, to either side: about 19 of 20 times
AIR = 1.2  # above the highest point; a bar may go on beyond the frame
FULL_SCALES = (0.05, 0.1, 0.25, 0.5, 1.0)  # whose fifths are read at a glance

LONGEST_NAME = 18  # letters that fit beside a bar, as in "10.5 to under 12.4"
LETTER = 8  # the widest that letters are on the average, in whatever font stands in for Arial
BAR, NAMES, BARS = 20, 152, 133  # a bar's height, and where names end; the widest interval leaves room for a number

Point = tuple[float, float]


@dataclass(frozen=True)
class _Square:
    """A square plot: both axes from 0 to ``top``."""

    top: float

    def at(self, point: Point) -> Point:
        x, y = (min(max(value / self.top, 0.0), 1.0) for value in point)
        return LEFT + SIDE * x, TOP + SIDE * (1 - y)

    def path(self, points: Iterable[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.at, points))

    def axes(self, across: str, up: str) -> Html:
        ticks = [self.top * i / 5 for i in range(6)]
        marks = [
            joined(
                [
                    _line(self.at((t, 0)), self.at((t, self.top)), stroke="#d8dde0"),
                    _line(self.at((0, t)), self.at((self.top, t)), stroke="#d8dde0"),
                    _text(f"{t:.2g}", self.at((t, 0))[0], TOP + SIDE + 17, text_anchor="middle"),
                    _text(f"{t:.2g}", LEFT - 6, self.at((0, t))[1] + 4, text_anchor="end"),
                ]
            )
            for t in ticks
        ]
        titles = [
            _text(across, LEFT + SIDE / 2, HEIGHT - 6, text_anchor="middle"),
            _text(up, 0, 0, text_anchor="middle", transform=f"translate(13 {TOP + SIDE / 2:.0f}) rotate(-90)"),
        ]
        frame = [_line(self.at((0, 0)), self.at((self.top, 0))), _line(self.at((0, 0)), self.at((0, self.top)))]
        return joined([*marks, *titles, *frame])

    def diagonal(self, label: str) -> Html:
        x, y = self.at((self.top * 0.62, self.top * 0.62))
        turned = f"translate({x:.0f} {y + 24:.0f}) rotate(-45)"
        line = _line(self.at((0, 0)), self.at((self.top, self.top)), stroke=GREY, stroke_dasharray="5 4")
        return joined([line, _text(label, 0, 0, text_anchor="middle", fill=GREY, transform=turned)])


def roc_chart(points: Sequence[RocPoint], *, key: str, title: str, finding: str) -> Html:
    """Return the ROC curve, with the band in which two standard deviations of the noise keep each point."""
    plot, n = _Square(1.0), DEVIATIONS
    upper = [(p.false_positive - n * p.false_positive_sd, p.true_positive + n * p.true_positive_sd) for p in points]
    lower = [(p.false_positive + n * p.false_positive_sd, p.true_positive - n * p.true_positive_sd) for p in points]
    curve = [(p.false_positive, p.true_positive) for p in points]
    drawn = [
        plot.axes("called at risk, of those without the outcome", "of those with it"),
        tag("polygon", points=plot.path([*upper, *reversed(lower)]), fill=BAND, stroke="none"),
        plot.diagonal("no better than chance"),
        tag("polyline", points=plot.path(curve), fill="none", stroke=BLUE, stroke_width=2.5),
        *(_dot(plot.at(point)) for point in curve),
    ]
    return _chart(key, title, finding, drawn)


def calibration_chart(bins: Sequence[Bin], *, key: str, title: str, finding: str) -> Html:
    """Return observed against predicted rates; a bar spans the noise, a thin line noise and chance together."""
    known = [(b.predicted, b.observed, b.noise_sd, b.chance_sd) for b in bins]
    there = [
        (p, o, n, (n**2 + c**2) ** 0.5) for p, o, n, c in known if o is not None and n is not None and c is not None
    ]
    reach = max([rate for both in there for rate in both[:2]], default=1.0) * AIR
    plot = _Square(next((scale for scale in FULL_SCALES if scale >= reach), 1.0))
    drawn = [plot.axes("predicted risk", "observed rate"), plot.diagonal("as predicted")]
    for predicted, observed, noise, both in there:
        around = [(predicted, observed + DEVIATIONS * sd) for sd in (-both, both, -noise, noise)]
        low, high, near, far = map(plot.at, around)
        drawn += [_line(low, high, stroke=INK), _line(near, far, stroke=BAND, stroke_width=9)]
    middle = [(predicted, observed) for predicted, observed, _, _ in there]
    drawn += [tag("polyline", points=plot.path(middle), fill="none", stroke=BLUE, stroke_width=2.5)]
    drawn += [_dot(plot.at(point)) for point in middle]
    return _chart(key, title, finding, drawn)


def histogram_chart(bars: Sequence[tuple[str, Document]], *, key: str, title: str) -> Html:
    """Return a bar for each key and what is shown of it, with its interval; why it is withheld where it is."""
    reach = max([figure["high"] for _, figure in bars if figure["high"] is not None], default=0.0) or 1.0
    drawn = []
    for i, (name, figure) in enumerate(bars):
        middle = BAR * (i + 0.5)
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"  # the table has it whole
        drawn.append(_text(short, NAMES - 6, middle + 4, text_anchor="end"))
        if figure["value"] is None:
            drawn.append(_text(figure["reason"], NAMES + 4, middle + 4, fill=GREY))
            continue
        end, low, high = (NAMES + BARS * figure[part] / reach for part in ("value", "low", "high"))
        size = {"width": f"{end - NAMES:.1f}", "height": BAR - 6}
        drawn.append(tag("rect", x=NAMES, y=f"{middle - BAR / 2 + 3:.1f}", **size, fill=BAND))
        drawn.append(_line((low, middle), (high, middle), stroke=BLUE, stroke_width=3))
        drawn.append(_text(f"{figure['value']:.0f}", high + 5, middle + 4))
    drawn.append(_line((NAMES, 0), (NAMES, BAR * len(bars))))
    told = "People in each group; the line is the interval that the privacy noise leaves."
    return _chart(key, title, told, drawn, height=BAR * len(bars) + 4)


def _chart(key: str, title: str, finding: str, drawn: Iterable[Html], height: float = HEIGHT) -> Html:
    said = [tag("title", title, id=f"{key}-title"), tag("desc", finding, id=f"{key}-desc")]
    named = f"{key}-title {key}-desc"
    return tag(
        "svg", *said, *drawn, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_labelledby=named,
        font_family="Arial, Helvetica, sans-serif", font_size=TEXT, fill=INK,
    )  # fmt: skip


def _line(start: Point, end: Point, *, stroke: str = INK, **more: object) -> Html:
    (x1, y1), (x2, y2) = ((f"{x:.1f}", f"{y:.1f}") for x, y in (start, end))
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, **more)


def _dot(at: Point) -> Html:
    return tag("circle", cx=f"{at[0]:.1f}", cy=f"{at[1]:.1f}", r=3.5, fill="#fff", stroke=BLUE, stroke_width=2)


def _text(words: str, x: float, y: float, **more: object) -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", **more)


__all__ = [
    "AIR",
    "BAND",
    "BAR",
    "BARS",
    "BLUE",
    "DEVIATIONS",
    "FULL_SCALES",
    "GREY",
    "HEIGHT",
    "INK",
    "LEFT",
    "LETTER",
    "LONGEST_NAME",
    "NAMES",
    "SIDE",
    "TEXT",
    "TOP",
    "WIDTH",
    "calibration_chart",
    "histogram_chart",
    "roc_chart",
]
