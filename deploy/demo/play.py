"""What the demo plays with: its sites' folders, the study that is asked of them, and what only a demo can know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.version import ModelVersion

RUNNING = "running: private sums, each charged, noised, masked and logged at each site before it leaves"


@dataclass(frozen=True)
class Site:
    """A site's name and folder, and its data sets in the order of their loading: each its contract and its records.

    ``allowed.csv`` in the folder is the cleaned opt-out list.
    """

    name: str
    folder: Path
    data: tuple[tuple[Path, Path], ...]

    @property
    def records(self) -> Path:
        """Return the records of the first data set."""
        return self.data[0][1]

    @property
    def allowed(self) -> Path:
        """Return the list of those who did not opt out."""
        return self.folder / "allowed.csv"

    @property
    def scores(self) -> Path:
        """Return the site's own scores."""
        return self.folder / "scores.csv"

    @property
    def report(self) -> Path:
        """Return the site's own report, which stays there."""
        return self.folder / "local-report.json"


@dataclass(frozen=True)
class Yardsticks:
    """Exact AUC on the held-back people of all sites: of records pooled, of the shared model, and the best there is.

    ``attainable`` is that of the true risks, known where people are made up; ``by_site`` the same at each site.
    """

    pooled: float
    shared: float
    attainable: float | None = None
    by_site: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Play:
    """One demo: ``said`` tells whose records these are; ``study`` asks of the first data set of each site.

    ``write`` makes the sites' folders below a home. ``yardsticks`` works out what nobody in a federation could, from
    the demo's home, its sites, the key that says who is held back, and the model.
    """

    said: str
    study: Path
    write: Callable[[Path], list[Site]]
    yardsticks: Callable[[Path, Sequence[Site], bytes, ModelVersion], Yardsticks]


__all__ = ["RUNNING", "Play", "Site", "Yardsticks"]
