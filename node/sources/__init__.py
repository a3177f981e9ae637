"""Where records come from: each kind of source gives the same batches of rows, one after the other."""

from node.sources.opening import open_source
from node.sources.source import Rows, Source

__all__ = ["Rows", "Source", "open_source"]
