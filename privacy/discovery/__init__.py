"""What may be an identifier though nobody said so: detectors by kind, columns judged on samples of distinct texts."""

from privacy.discovery.discovery import Discovery, kind_of
from privacy.discovery.one_text import identifiers_in
from privacy.discovery.suspect import Kind, Suspect

__all__ = ["Discovery", "Kind", "Suspect", "identifiers_in", "kind_of"]
