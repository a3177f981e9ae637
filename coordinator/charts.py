"""The charts of a result: who is found and by mistake, predicted and observed rates, people by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.curves import Bin, RocPoint
from privacy.canonical import Document
from privacy.charts import BAND, BLUE, GREY, INK, Point, bar, chart, dot, line, words
from privacy.page import Html, joined, tag

HEIGHT, LEFT, TOP, SIDE = 336, 56, 12, 280  # user units
DEVIATIONS = 2  # of the noise, to either side: about 19 of 20 times
AIR = 1.2  # above the highest point; a bar may go on beyond the frame
FULL_SCALES = (0.05, 0.1, 0.25, 0.5, 1.0)  # whose fifths are read at a glance

LONGEST_NAME = 18  # letters that fit beside a bar, as in "10.5 to under 12.4"
BAR, NAMES, BARS = 20, 152, 133  # a bar's height, and where names end; the widest interval leaves room for a number


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
                    line(self.at((t, 0)), self.at((t, self.top)), stroke="#d8dde0"),
                    line(self.at((0, t)), self.at((self.top, t)), stroke="#d8dde0"),
                    words(f"{t:.2g}", self.at((t, 0))[0], TOP + SIDE + 17, text_anchor="middle"),
                    words(f"{t:.2g}", LEFT - 6, self.at((0, t))[1] + 4, text_anchor="end"),
                ]
            )
            for t in ticks
        ]
        titles = [
            words(across, LEFT + SIDE / 2, HEIGHT - 6, text_anchor="middle"),
            words(up, 0, 0, text_anchor="middle", transform=f"translate(13 {TOP + SIDE / 2:.0f}) rotate(-90)"),
        ]
        frame = [line(self.at((0, 0)), self.at((self.top, 0))), line(self.at((0, 0)), self.at((0, self.top)))]
        return joined([*marks, *titles, *frame])

    def diagonal(self, label: str) -> Html:
        x, y = self.at((self.top * 0.62, self.top * 0.62))
        turned = f"translate({x:.0f} {y + 24:.0f}) rotate(-45)"
        dashes = line(self.at((0, 0)), self.at((self.top, self.top)), stroke=GREY, stroke_dasharray="5 4")
        return joined([dashes, words(label, 0, 0, text_anchor="middle", fill=GREY, transform=turned)])


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
        *(dot(plot.at(point)) for point in curve),
    ]
    return chart(key, title, finding, drawn, height=HEIGHT)


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
        drawn += [line(low, high, stroke=INK), line(near, far, stroke=BAND, stroke_width=9)]
    middle = [(predicted, observed) for predicted, observed, _, _ in there]
    drawn += [tag("polyline", points=plot.path(middle), fill="none", stroke=BLUE, stroke_width=2.5)]
    drawn += [dot(plot.at(point)) for point in middle]
    return chart(key, title, finding, drawn, height=HEIGHT)


def histogram_chart(bars: Sequence[tuple[str, Document]], *, key: str, title: str) -> Html:
    """Return a bar for each key and what is shown of it, with its interval; why it is withheld where it is."""
    reach = max([figure["high"] for _, figure in bars if figure["high"] is not None], default=0.0) or 1.0
    drawn = []
    for i, (name, figure) in enumerate(bars):
        middle = BAR * (i + 0.5)
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"  # the table has it whole
        drawn.append(words(short, NAMES - 6, middle + 4, text_anchor="end"))
        if figure["value"] is None:
            drawn.append(words(figure["reason"], NAMES + 4, middle + 4, fill=GREY))
            continue
        end, low, high = (NAMES + BARS * figure[part] / reach for part in ("value", "low", "high"))
        drawn.append(bar((NAMES, middle - BAR / 2 + 3), width=end - NAMES, height=BAR - 6, fill=BAND))
        drawn.append(line((low, middle), (high, middle), stroke=BLUE, stroke_width=3))
        drawn.append(words(f"{figure['value']:.0f}", high + 5, middle + 4))
    drawn.append(line((NAMES, 0), (NAMES, BAR * len(bars))))
    told = "People in each group; the line is the interval that the privacy noise leaves."
    return chart(key, title, told, drawn, height=BAR * len(bars) + 4)


__all__ = [
    "AIR",
    "BAR",
    "BARS",
    "DEVIATIONS",
    "FULL_SCALES",
    "HEIGHT",
    "INK",
    "LEFT",
    "LONGEST_NAME",
    "NAMES",
    "SIDE",
    "TOP",
    "calibration_chart",
    "histogram_chart",
    "roc_chart",
]
