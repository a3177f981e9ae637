"""What every chart is made of: SVG that stands in a page, with real text, and the same bytes every time.

Drawn here and not by a plotting library, whose SVG breaks a strict content security policy, turns letters into
outlines that no screen reader reads, and is laid out for seven inches: on a phone its labels are under 6 pixels high.
"""

from __future__ import annotations

from collections.abc import Iterable

from privacy.page import Html, tag

BLUE, BAND, INK, GREY = "#005eb8", "#b6d3ee", "#212b32", "#4c6272"
WIDTH = 350  # user units; at 320 px one is a little less than a pixel
TEXT = 13
LETTER = 8  # the widest that letters are on the average, in whatever font stands in for Arial

Point = tuple[float, float]


def chart(key: str, title: str, finding: str, drawn: Iterable[Html], *, height: float) -> Html:
    """Return a chart, whose title and finding are told to who cannot see it; no other in its page has the ``key``."""
    said = [tag("title", title, id=f"{key}-title"), tag("desc", finding, id=f"{key}-desc")]
    named = f"{key}-title {key}-desc"
    return tag(
        "svg", *said, *drawn, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_labelledby=named,
        font_family="Arial, Helvetica, sans-serif", font_size=TEXT, fill=INK,
    )  # fmt: skip


def line(start: Point, end: Point, *, stroke: str = INK, **more: object) -> Html:
    """Return a straight line."""
    (x1, y1), (x2, y2) = ((f"{x:.1f}", f"{y:.1f}") for x, y in (start, end))
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, **more)


def dot(at: Point, *, fill: str = "#fff", stroke: str = BLUE) -> Html:
    """Return a point that is seen on a line, too."""
    return tag("circle", cx=f"{at[0]:.1f}", cy=f"{at[1]:.1f}", r=3.5, fill=fill, stroke=stroke, stroke_width=2)


def words(said: str, x: float, y: float, **more: object) -> Html:
    """Return a text that begins, ends or has its middle at x, by ``text_anchor``."""
    return tag("text", said, x=f"{x:.1f}", y=f"{y:.1f}", **more)


def bar(start: Point, *, width: float, height: float, fill: str = BLUE) -> Html:
    """Return a rectangle by its upper left corner."""
    x, y = start
    return tag("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}", fill=fill)


__all__ = [
    "BAND", "BLUE", "GREY", "INK", "LETTER", "TEXT", "WIDTH", "Point", "bar", "chart", "dot", "line", "words",
]  # fmt: skip
