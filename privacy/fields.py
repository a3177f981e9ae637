"""Reads one table of a document field by field, and notes every fault instead of stopping at the first."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
LONGEST_TEXT = 500
LARGEST_NUMBER = 1e300  # nobody means more; and differences of two stay finite
LARGEST_WHOLE = 2**53 - 1  # RFC 8785 has no larger whole number
_REQUIRED = object()


class Fields:
    """The fields of one table; ``where`` names it in faults. Faults gather in the list that all tables share."""

    def __init__(self, table: object, where: str, faults: list[str]) -> None:
        self.where = where
        self.faults = faults
        self._table: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
        self._seen: set[str] = set()
        if not isinstance(table, Mapping):
            faults.append(f"{where}: a table is missing")

    def __contains__(self, name: str) -> bool:
        """Say whether a field is given at all."""
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        """Give the names of the fields that are given, in order."""
        return iter(sorted(map(str, self._table)))

    def text(self, name: str, default: object = _REQUIRED, *, choices: Collection[str] = ()) -> str:
        """Return a text that is not empty, one of ``choices`` where given."""
        value = self._take(name, default, str)
        if value and not (value.isprintable() and "  " not in value and len(value) <= LONGEST_TEXT):
            # a new line, an escape sequence or a run of spaces could forge what an approver reads
            self.fault(name, f"is one line of at most {LONGEST_TEXT} characters that print, with single spaces")
        if choices and value not in choices:
            self.fault(name, f"is one of {', '.join(sorted(choices))}")
        elif value == "" and default is _REQUIRED:
            self.fault(name, "is empty")
        return str(value or "")

    def name(self, name: str, default: object = _REQUIRED) -> str:
        """Return a name: small letters, digits, hyphens and underscores."""
        value = self.text(name, default)
        if value and not NAME.fullmatch(value):
            self.fault(name, "is a name of small letters, digits, - and _")
        return value

    def names(self, name: str) -> list[str]:
        """Return a list of names, at least one."""
        values = self._take(name, _REQUIRED, (list, tuple)) or []
        if not values or not all(isinstance(v, str) and NAME.fullmatch(v) for v in values):
            self.fault(name, "is a list of names, at least one")
            return []
        if len(set(values)) < len(values):
            self.fault(name, "has a name twice")
        return list(values)

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts, whatever is in them."""
        values = self._table.get(name, default)
        self._seen.add(name)
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            self.fault(name, "is a list of texts")
            return default
        return tuple(values)

    def numbers(self, name: str, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        """Return a list of finite numbers; ``default`` when it is not given."""
        values = self._take(name, default, (list, tuple)) or ()
        if not all(type(value) in (int, float) and abs(value) <= LARGEST_NUMBER for value in values):
            self.fault(name, "is a list of finite numbers")
            return ()
        return tuple(float(value) for value in values)

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return a list of pairs of texts; empty when it is not given."""
        values = self._take(name, (), (list, tuple)) or ()
        if not all(isinstance(v, list | tuple) and [type(text) for text in v] == [str, str] for v in values):
            self.fault(name, "is a list of pairs of texts")
            return ()
        return tuple((pair[0], pair[1]) for pair in values)

    def number(self, name: str, default: object = _REQUIRED, *, above: float = -LARGEST_NUMBER) -> float:
        """Return a finite number above ``above``."""
        value = self._take(name, default, (int, float))
        if value is None or not above < value <= LARGEST_NUMBER:
            self.fault(name, f"is a number above {above:g}" if above > -LARGEST_NUMBER else "is a finite number")
            return 1.0
        return float(value)

    def whole(self, name: str, default: object = _REQUIRED, *, least: int = 0) -> int:
        """Return a whole number of at least ``least``, and small enough for RFC 8785."""
        value = self._take(name, default, int)
        if value is None or not least <= value <= LARGEST_WHOLE:
            self.fault(name, f"is a whole number of at least {least}")
            return least
        return int(value)

    def flag(self, name: str) -> bool:
        """Return true or false; false when it is not given."""
        self._seen.add(name)
        value = self._table.get(name, False)
        if not isinstance(value, bool):
            self.fault(name, "is true or false")
        return value is True

    def date(self, name: str) -> str:
        """Return a date as ISO text; TOML dates and ISO texts both do."""
        value = self._take(name, _REQUIRED, (str, datetime.date))
        try:
            return datetime.date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self.fault(name, "is a date such as 2027-06-30")
            return "1970-01-01"

    def table(self, name: str) -> Fields:
        """Return a table inside this one."""
        return Fields(self._take(name, {}, Mapping), f"{self.where}.{name}" if self.where else name, self.faults)

    def tables(self, name: str) -> list[Fields]:
        """Return a list of tables inside this one."""
        items = self._take(name, [], (list, tuple)) or []
        where = f"{self.where}.{name}" if self.where else name
        return [Fields(item, f"{where}[{i + 1}]", self.faults) for i, item in enumerate(items)]

    def anything(self, name: str) -> dict[str, Any]:
        """Return a table whose fields somebody else will check."""
        return dict(self._take(name, {}, Mapping) or {})

    def fault(self, name: str, what: str) -> None:
        """Note a fault in one field; the first one of a field is enough."""
        field = f"{self.where}.{name}" if self.where else name
        if not any(known.startswith(f"{field}: ") for known in self.faults):
            self.faults.append(f"{field}: {what}")

    def finish(self) -> None:
        """Note every field that nobody asked for: a misspelt term must not pass as a default."""
        for name in sorted(set(self._table) - self._seen):
            self.fault(name, "is not known")

    def _take(self, name: str, default: object, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - see the callers
        self._seen.add(name)
        value = self._table.get(name, default)
        if value is _REQUIRED:
            self.fault(name, "is missing")
            return None
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            self.fault(name, "is of the wrong type")
            return None
        if isinstance(value, int) and abs(value) > LARGEST_NUMBER:  # TOML's have any length, a float's have not
            self.fault(name, "is too large")
            return None
        return value


__all__ = ["LARGEST_NUMBER", "LARGEST_WHOLE", "LONGEST_TEXT", "NAME", "Fields"]
