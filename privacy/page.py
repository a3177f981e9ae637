"""Writes a whole page that stands alone: no script, nothing fetched from anywhere, readable on a phone and in print."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Nothing may be loaded or run, whatever a text in the page says; its own style sheet is in the page itself.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# The look of NHS documents: Arial, one blue, high contrast. Their logo is not ours to use.
STYLE = """\
:root { color: #212b32; background: #fff; font: 1rem/1.5 Arial, Helvetica, sans-serif; }
body { margin: 0; }
header { background: #005eb8; color: #fff; padding: 1rem; }
header p { margin: 0; font-weight: bold; }
header h1 { margin: .25rem 0 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
main, footer, header > div { max-width: 60rem; margin: 0 auto; }
main, footer { padding: 0 1rem 2rem; }
h2 { margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 3px solid #005eb8; color: #005eb8; font-size: 1.375rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.125rem; }
p, li { max-width: 44rem; }
dl { display: grid; grid-template-columns: minmax(9rem, 13rem) 1fr; gap: .25rem 1rem; margin: .5rem 0; }
dt { font-weight: bold; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
.wide:focus { outline: 3px solid #ffeb3b; outline-offset: 2px; box-shadow: 0 0 0 5px #212b32; }
table { border-collapse: collapse; min-width: min(100%, 24rem); font-size: .9375rem; }
caption { text-align: left; font-weight: bold; padding: .25rem 0; }
th, td { border-bottom: 1px solid #aeb7bd; padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top; }
th { border-bottom-width: 2px; } tbody th { border-bottom-width: 1px; font-weight: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.room { min-width: 9rem; min-height: 2.5rem; }
.brief { white-space: nowrap; }
.long { min-width: 12rem; overflow-wrap: anywhere; }
code { font-size: .875rem; overflow-wrap: anywhere; }
strong.mark { border: 1px solid #212b32; padding: 0 .3rem; font-size: .8125rem; white-space: nowrap; }
.note { border-left: 6px solid #005eb8; padding: .25rem 0 .25rem 1rem; margin: 1rem 0; }
figure { margin: 1rem 0; } figcaption { max-width: 44rem; }
svg { display: block; width: 100%; max-width: 30rem; height: auto; }
footer { color: #4c6272; font-size: .875rem; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print {
  @page { margin: 18mm 15mm; }
  :root { font-size: 10pt; }
  header { background: none; color: #005eb8; border-bottom: 3px solid #005eb8; padding: 0 0 .5rem; }
  main, footer { padding: 0; } .wide { overflow: visible; } .long { min-width: 0; } table { font-size: 8pt; }
  h2, h3, caption { break-after: avoid; } tr, figure, dl > * { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""


_FIGURE = re.compile(r"-?\d+(?:%|\.\d+%?)")
BRIEF = 34  # letters; a column of no longer words is not broken into lines


class Html(str):
    """Text that is markup already; whatever else goes into a page is escaped."""

    __slots__ = ()


def tag(name: str, *inside: object, **attributes: object) -> Html:
    """Return an element; ``class_`` and ``stroke_width`` give the attributes class and stroke-width."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{said}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Return parts one after the other, each escaped that is not markup."""
    return Html("".join(part if isinstance(part, Html) else html.escape(str(part)) for part in parts))


def section(title: str, *inside: object) -> Html:
    """Return a part of the page under a heading."""
    return joined([tag("h2", title), *inside, Html("\n")])


def paragraphs(*texts: object) -> Html:
    """Return each text as a paragraph."""
    return joined(tag("p", text) for text in texts)


def bullets(items: Iterable[object]) -> Html:
    """Return a list."""
    return tag("ul", *(tag("li", item) for item in items))


def facts(pairs: Iterable[tuple[object, object]]) -> Html:
    """Return names and what they say, side by side where there is room."""
    return tag("dl", *(joined([tag("dt", name), tag("dd", said)]) for name, said in pairs))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, captioned: bool = True) -> Html:
    """Return a table that scrolls by itself where the page is narrow; numbers stand to the right, None is a dash.

    A text such as 4.2% or 0.31 is a number too.

    One that is not ``captioned`` shows no caption: the heading above says it; whoever hears the page is told it still.
    """
    body = [list(row) for row in rows]
    numeric = [bool(body) and all(row[i] is None or _is_number(row[i]) for row in body) for i in range(len(head))]
    brief = [all(len(str(shown(row[i]))) <= BRIEF for row in body) for i in range(len(head))]
    kinds = [{"class_": "number" if n else "brief" if b else "long"} for n, b in zip(numeric, brief, strict=True)]
    heads = [tag("th", name, scope="col", **kind) for name, kind in zip(head, kinds, strict=True)]
    lines = [
        tag(
            "tr",
            tag("th", shown(row[0]), scope="row", **kinds[0]),
            *(tag("td", shown(cell), **kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in body
    ]
    title = tag("caption", caption) if captioned else Html()
    inner = tag("table", title, tag("thead", tag("tr", *heads)), tag("tbody", *lines))
    return joined([tag("div", inner, class_="wide", role="region", aria_label=caption, tabindex="0"), Html("\n")])


def shown(value: object) -> object:
    """Return a cell for people: four digits of a fraction, a dash for what is not there."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else value


def page(title: str, *inside: object, kind: str, foot: str) -> bytes:
    """Return a whole page; ``kind`` says what it is, above its title, ``foot`` where it came from."""
    head = [
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title}, {kind.lower()}, Hedgerow"),
        tag("style", Html(STYLE)),
    ]
    body = [
        tag("header", tag("div", tag("p", f"Hedgerow: {kind.lower()}"), tag("h1", title))),
        tag("main", *inside),
        tag("footer", tag("p", foot)),
    ]
    lines = [Html("<!DOCTYPE html>\n"), tag("html", tag("head", *head), tag("body", *body), lang="en-GB"), Html("\n")]
    return joined(lines).encode()


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return _FIGURE.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


__all__ = [
    "BRIEF",
    "POLICY",
    "STYLE",
    "Html",
    "bullets",
    "facts",
    "joined",
    "page",
    "paragraphs",
    "section",
    "shown",
    "table",
    "tag",
]
