"""Finds where a smooth function is least: limited-memory BFGS with backtracking (Nocedal and Wright 2006, 7.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from privacy.arrays import Floats

Function = Callable[[Floats], tuple[float, Floats]]
KEPT = 10  # earlier steps from which the curvature is guessed
ENOUGH = 1e-4  # of what the slope promises, a step must bring (Armijo)
SHORTEST = 1e-10
FALL = 1e-11  # of the value: a step that brings less is the last


def least(function: Function, start: Floats, *, steps: int) -> Floats:
    """Return a point near ``start`` where ``function``, which gives value and gradient, is least.

    It ends after so many steps, or when a step brings less than ``FALL`` of the value.
    """
    x, (value, gradient) = start, function(start)
    moves: deque[tuple[Floats, Floats]] = deque(maxlen=KEPT)
    for _ in range(steps):
        way = -_bent(gradient, moves)
        if not (slope := float(gradient @ way)) < 0:  # the guess has gone wrong: begin anew, straight down
            moves.clear()
            way, slope = -gradient, -float(gradient @ gradient)
        length = 1.0
        following, (lower, there) = x + way, function(x + way)
        while not lower <= value + ENOUGH * length * slope and length > SHORTEST:
            length /= 2
            following = x + length * way
            lower, there = function(following)
        if not value - lower > FALL * max(1.0, abs(value)):
            return following if lower < value else x
        move, turn = following - x, there - gradient
        if float(move @ turn) > 0:
            moves.append((move, turn))
        x, value, gradient = following, lower, there
    return x


def _bent(gradient: Floats, moves: deque[tuple[Floats, Floats]]) -> Floats:
    """Return the gradient over the curvature that earlier moves showed, by the two loops."""
    if not moves:
        return np.asarray(gradient / max(float(np.linalg.norm(gradient)), SHORTEST))
    way, parts = gradient.copy(), []
    for move, turn in reversed(moves):
        part = float(move @ way) / float(move @ turn)
        parts.append(part)
        way -= part * turn
    move, turn = moves[-1]
    way *= float(move @ turn) / float(turn @ turn)
    for (move, turn), part in zip(moves, reversed(parts), strict=True):
        way += move * (part - float(turn @ way) / float(move @ turn))
    return np.asarray(way)


__all__ = ["ENOUGH", "FALL", "KEPT", "SHORTEST", "Function", "least"]
