"""What the simulator's own codes mean, for the dictionary of a pack."""

from __future__ import annotations

from synthetic.lives.codes import codes
from synthetic.lives.records import METHODS, STREAMS
from synthetic.pack.dictionary import Meanings

EVENTS = "events"
SOURCES = {
    "gp": "general practice",
    "ecds": "emergency departments (Emergency Care Data Set)",
    "apc": "stays in hospital (admitted patient care)",
    "op": "outpatient appointments",
    "mental-health": "mental health services",
    "community": "community health services",
    "social-care": "adult social care",
    "housing": "housing and homelessness services",
    "police": "police",
    "fire": "fire service",
}


def meanings() -> Meanings:
    """Return what the codes of events mean, in our own words; of codes with the system that each is of."""
    return {
        (EVENTS, "source"): SOURCES,
        (EVENTS, "setting"): {stream.setting: stream.setting.replace("-", " ") for stream in STREAMS},
        (EVENTS, "method"): {method: method.replace("-", " ") for method in METHODS},
        (EVENTS, "code"): {each.code: f"{each.title} ({each.system})" for each in codes()},
    }


__all__ = ["EVENTS", "SOURCES", "meanings"]
