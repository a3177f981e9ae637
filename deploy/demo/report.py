"""What the demo found: a table for people, and ``report.json`` for programs (its fields are in docs/demo.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.demo.people import Site, pooled_table, read_public_file
from models.alone import auc, fit_alone
from models.risk import log_odds
from models.variables import batch
from privacy.study import Study


@dataclass(frozen=True)
class SiteFigures:
    """One site's own figures, read from the local report that stays at that site."""

    name: str
    people: int
    auc_local: float | None
    auc_shared: float | None


@dataclass(frozen=True)
class Report:
    """All of the demo's figures; AUC on held-back people, each person weighing one; seconds are of the clock."""

    sites: Sequence[SiteFigures]
    auc_shared: float | None
    auc_shared_noise_sd: float | None
    auc_pooled: float
    auc_shared_exact: float
    epsilon: float
    delta: float
    exchanges: int
    seconds_per_exchange: float
    seconds_total: float
    mode: str

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def table(self) -> str:
        """Return the report as text."""
        lines = ["", f"{'site':<10}{'people':>8}{'own model':>12}{'shared':>9}"]
        lines += [f"{s.name:<10}{s.people:>8}{_three(s.auc_local):>12}{_three(s.auc_shared):>9}" for s in self.sites]
        better = sum((s.auc_shared or 0) > (s.auc_local or 0) for s in self.sites)
        own, shared = (_mean(self.sites, name) for name in ("auc_local", "auc_shared"))
        shared_auc = _three(self.auc_shared)
        ratio = self.auc_shared_exact / self.auc_pooled
        lines += [
            f"{'average':<18}{_three(own):>12}{_three(shared):>9}   better at {better} of {len(self.sites)} sites",
            "",
            "AUC on people held back, each person weighing one. Own model: that site's records alone, no privacy.",
            "A site's row comes from its own local report, which never leaves it in a real federation.",
            "",
            f"shared model, from private sums only           {shared_auc} ± {_three(self.auc_shared_noise_sd)}",
            f"shared model, exactly (only the demo can)      {_three(self.auc_shared_exact)}",
            f"records pooled, no privacy (only the demo can) {_three(self.auc_pooled)}",
            f"shared / pooled, both exactly                  {ratio:.3f}",
            "",
            f"epsilon {self.epsilon:.2f} in all at delta {self.delta:g} for each person, evaluation included",
            f"{self.exchanges} exchanges, median {self.seconds_per_exchange:.2f} s",
            f"{self.seconds_total:.0f} s in all, {self.mode}",
        ]
        return "\n".join(lines)


def report_of(
    sites: Sequence[Site],
    result: Mapping[str, Any],
    exact: tuple[float, float],
    *,
    seconds: float,
    mode: str,
) -> Report:
    """Gather the figures: a site's own from the local report it wrote, the rest from the coordinator's result."""
    local = [json.loads(site.report.read_text(encoding="utf-8")) for site in sites]
    facts = {step["step"]: step["facts"] for step in result["steps"]}["evaluation"]
    return Report(
        sites=[
            SiteFigures(site.name, own["people"], own["auc_local"], own["auc_shared"])
            for site, own in zip(sites, local, strict=True)
        ],
        auc_shared=facts["auc"],
        auc_shared_noise_sd=facts["auc_noise_sd"],
        auc_pooled=exact[0],
        auc_shared_exact=exact[1],
        epsilon=result["epsilon_spent"],
        delta=result["delta"],
        exchanges=result["exchanges"],
        seconds_per_exchange=result["seconds_per_exchange"],
        seconds_total=seconds,
        mode=mode,
    )


def yardsticks(study: Study, split_key: bytes, weights: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """Return, over the held-back people of all sites, the exact AUC of pooled records and of the shared model.

    From the public file, which only the demo has: nobody in a federation could compute these.
    """
    rows = read_public_file()
    training, held = (batch(pooled_table(rows, split_key, p), study.variables) for p in ("training", "held-back"))
    parameters: Mapping[str, Any] = study.steps[0].parameters
    features, outcome = parameters["features"], parameters["outcome"]
    pooled = auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome)))
    shared = auc(held, outcome, log_odds(held, features, {"weights": weights}))
    return float(pooled or 0), float(shared or 0)


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mean(sites: Sequence[SiteFigures], name: str) -> float:
    return float(np.mean([getattr(site, name) or 0.5 for site in sites]))


__all__ = ["Report", "SiteFigures", "report_of", "yardsticks"]
