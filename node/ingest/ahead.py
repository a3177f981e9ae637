"""Takes the next item in a thread while the one before is at work: reading and judging, sorting and writing overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items in the same order, one ahead; what goes wrong there is raised here, in its turn."""
    coming, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        next_one: Future[Item | object] = thread.submit(next, coming, end)
        while (item := next_one.result()) is not end:
            next_one = thread.submit(next, coming, end)
            yield cast("Item", item)


__all__ = ["Item", "ahead"]
