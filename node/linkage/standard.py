"""One canonical form for names, dates, postcodes and addresses, so that what means the same compares the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from privacy.columns import ISO_DATE
from privacy.linkage import Extract
from privacy.written import NO_FIXED_ABODE, POSTCODE, day_of

SEXES = {"M": "M", "MALE": "M", "1": "M", "F": "F", "FEMALE": "F", "2": "F"}  # NHS data dictionary: 1 male, 2 female
PLACEHOLDER_DAYS = {"1800-01-01", "1900-01-01", "1901-01-01"}  # what systems write for a day that nobody knew
_SHORT = {
    "APARTMENT": "FLAT", "APT": "FLAT", "AVENUE": "AVE", "CLOSE": "CL", "COURT": "CT", "CRESCENT": "CRES",
    "DRIVE": "DR", "GARDENS": "GDNS", "GROVE": "GR", "LANE": "LN", "PLACE": "PL", "ROAD": "RD", "SAINT": "ST",
    "SQUARE": "SQ", "STREET": "ST", "TERRACE": "TER",
}  # fmt: skip
# one root a family of English short forms; far from complete, and a name without one is its own root
_FAMILIES = (
    "ALEXANDER ALEX ALEC SANDY", "ALEXANDRA ALEXA LEXI", "ALBERT BERT BERTIE", "ANDREW ANDY DREW", "ANTHONY TONY",
    "BENJAMIN BEN BENNY", "CATHERINE KATHERINE KATHRYN CATHY KATHY KATE KATIE KITTY", "CHARLES CHARLIE CHAS",
    "CHRISTOPHER CHRIS KIT", "DANIEL DAN DANNY", "DAVID DAVE DAVY", "DEBORAH DEBRA DEB DEBBIE", "DOROTHY DOT DOLLY",
    "EDWARD ED EDDIE TED TEDDY NED", "ELIZABETH ELISABETH LIZ LIZZIE BETH BETTY BESS LIBBY ELSIE", "FLORENCE FLO",
    "FRANCES FRAN FANNY", "FREDERICK FRED FREDDIE", "GEOFFREY JEFFREY GEOFF JEFF", "GERALD GERRY", "HENRY HARRY HAL",
    "JACQUELINE JACKIE", "JAMES JIM JIMMY JAMIE", "JENNIFER JEN JENNY", "JOHN JACK JOHNNY", "JONATHAN JON JONNY",
    "JOSEPH JOE JOEY", "JOSHUA JOSH", "KENNETH KEN KENNY", "LAWRENCE LAURENCE LARRY", "LEONARD LEN LENNY",
    "MARGARET MAGGIE MEG PEGGY PEG MADGE", "MARY MOLLY POLLY", "MATTHEW MATT", "MICHAEL MIKE MICK MICKEY",
    "MOHAMMED MUHAMMAD MOHAMMAD MOHAMED MOHD", "NICHOLAS NICK NICKY", "NATHANIEL NATHAN NATE", "PATRICIA PAT PATSY",
    "PATRICK PADDY", "PAMELA PAM", "PETER PETE", "PHILIP PHILLIP PHIL", "REBECCA BECKY BECCA", "REGINALD REG",
    "RICHARD RICK RICKY DICK RICHIE", "ROBERT ROB ROBBIE BOB BOBBY BERT", "RONALD RON RONNIE", "SAMUEL SAM SAMMY",
    "STEPHEN STEVEN STEVE", "SUSAN SUE SUSIE SUZANNE", "THERESA TERESA TESS TERRI", "THOMAS TOM TOMMY",
    "TIMOTHY TIM", "VICTORIA VICKY VICKI", "VINCENT VINCE", "WILLIAM WILL BILL BILLY WILLIE LIAM",
)  # fmt: skip
_ROOTS = {name: family.split()[0] for family in reversed(_FAMILIES) for name in family.split()}

Form = Callable[[str], str | None]


def name(text: str) -> str | None:
    """Return letters only, without accents: ``O'Brien-Müller`` is ``OBRIENMULLER``."""
    return "".join(c for c in _plain(text) if c.isalpha()) or None


def root(text: str) -> str | None:
    """Return the long form of a given name's first word: ``Bill`` and ``William J`` are both ``WILLIAM``."""
    words = re.findall(r"[A-Z]+", _plain(text).replace("'", ""))
    return _ROOTS.get(words[0], words[0]) if words else None


def sex(text: str) -> str | None:
    """Return M or F; what says neither says nothing."""
    return SEXES.get(_plain(text).strip())


def postcode(text: str) -> str | None:
    """Return a whole postcode without its space; what is none is missing, and so is no fixed abode: no shared place."""
    compact = re.sub(r"[^A-Z0-9]", "", _plain(text))
    return compact if re.fullmatch(POSTCODE, compact) and not compact.startswith(NO_FIXED_ABODE) else None


def address(text: str) -> str | None:
    """Return words and numbers, the usual ones in their short form."""
    words = re.findall(r"[A-Z0-9]+", _plain(text).replace("'", ""))
    return " ".join(_SHORT.get(word, word) for word in words) or None


def local_id(text: str) -> str | None:
    """Return an id in the one form under which it is keyed: outer spaces gone, wide forms made narrow."""
    return unicodedata.normalize("NFKC", text).strip() or None


def day(formats: Sequence[str]) -> Form:
    """Return a reader of dates in these formats, or as ISO has them; what fits none, and a placeholder, is missing."""

    def read(text: str) -> str | None:
        found = day_of(text, (*formats, ISO_DATE))
        return None if found is None or found.isoformat() in PLACEHOLDER_DAYS else found.isoformat()

    return read


def transposed(date: str) -> str | None:
    """Return the date with day and month in each other's place, where that is another date."""
    year, month, of_month = date.split("-")
    return f"{year}-{of_month}-{month}" if int(of_month) <= 12 and month != of_month else None


def standardise(texts: Mapping[str, pa.ChunkedArray], extract: Extract) -> dict[str, pa.Array]:
    """Return each compared column in its canonical form, with ``root`` and ``transposed`` beside name and date."""
    read: dict[str, Form] = {
        "shared_id": local_id,
        "given_name": name,
        "surname": name,
        "sex": sex,
        "postcode": postcode,
        "address": address,
    }
    forms = {**read, "date_of_birth": day(extract.dates)}
    columns = {column: of_each(texts[column], forms[column]) for column in extract.headings}
    columns["root"] = of_each(texts["given_name"], root)
    columns["transposed"] = of_each(columns["date_of_birth"], transposed)
    return columns


def of_each(texts: pa.Array | pa.ChunkedArray, form: Form) -> pa.Array:
    """Return the form of each text, worked out once for each distinct one; null stays null."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = whole.cast(pa.string()).dictionary_encode()
    made = pa.array([None if t is None else form(t) for t in encoded.dictionary.to_pylist()], pa.string())
    return made.take(encoded.indices)


def _plain(text: str) -> str:
    """Return capitals without accents; ``ß`` and ``Ł`` go the way that passports write them."""
    folded = text.upper().translate(_SPELT)
    return "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


_SPELT = str.maketrans({"Æ": "AE", "Ø": "O", "Œ": "OE", "Ł": "L", "Đ": "D", "Þ": "TH", "ʼ": "'", "’": "'", "‘": "'"})

__all__ = [
    "PLACEHOLDER_DAYS",
    "SEXES",
    "Form",
    "address",
    "day",
    "local_id",
    "name",
    "of_each",
    "postcode",
    "root",
    "sex",
    "standardise",
    "transposed",
]
