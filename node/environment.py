"""What a node's surroundings are called: names that a command line needs before anything of the node is read."""

from __future__ import annotations

from typing import Literal

PREFIX = "HEDGEROW_NODE_"
HOME_VARIABLE = PREFIX + "HOME"
LogLevel = Literal["debug", "info", "warning", "error"]

__all__ = ["HOME_VARIABLE", "PREFIX", "LogLevel"]
