"""Fills in the defaults of a study's computations, so that its hash covers every number that will be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from privacy.computation import Finder
from privacy.study import Step, Study

PLAIN = (bool, int, float, str, list, tuple, dict, type(None))


def defaulted(study: Study, finder: Finder) -> Study:
    """Return the study with each default in its steps' parameters that its computation's ``plan`` falls back on.

    A computation says its defaults by reading them, so that whoever writes one says them once. Parameters
    that ``plan`` finds wrong are ``parameters-wrong``.
    """
    return replace(study, steps=tuple(_defaulted(study, step, finder) for step in study.steps))


def _defaulted(study: Study, step: Step, finder: Finder) -> Step:
    read = _Read(study.parameters(step))
    finder.find(step.use).plan(read)
    return replace(step, parameters={**read.defaults, **step.parameters})


class _Read(dict[str, Any]):
    """Parameters that remember what was asked of them and was not there."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.defaults: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        if name in self:
            return self[name]
        if name not in ("of", "variables") and isinstance(default, PLAIN):  # not the sentinel of what has no default
            self.defaults[name] = default
        return default


__all__ = ["PLAIN", "defaulted"]
