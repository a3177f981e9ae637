"""What the demo found: a table for people, and ``report.json`` for programs (its fields are in docs/demo.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.demo.play import Site, Yardsticks
from privacy.terminal import figure

_NAME = 24  # characters of a site's name, in the table


@dataclass(frozen=True)
class SiteFigures:
    """One site's own figures, read from the local report that stays there; only a demo knows what is attainable."""

    name: str
    people: int
    auc_local: float | None
    auc_shared: float | None
    auc_attainable: float | None = None


@dataclass(frozen=True)
class Report:
    """All of the demo's figures; AUC on held-back people, each person weighing one; seconds are of the clock."""

    sites: Sequence[SiteFigures]
    auc_shared: float | None
    auc_shared_noise_sd: float | None
    auc_pooled: float
    auc_shared_exact: float
    auc_attainable: float | None
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
        attainable = self.auc_attainable is not None
        best = f"{'attainable':>12}" if attainable else ""
        lines = ["", f"{'site':<{_NAME}}{'people':>8}{'own model':>12}{'shared':>9}{best}"]
        for site in self.sites:
            best = f"{figure(site.auc_attainable):>12}" if attainable else ""
            own, shared = figure(site.auc_local), figure(site.auc_shared)
            lines.append(f"{site.name:<{_NAME}}{site.people:>8}{own:>12}{shared:>9}{best}")
        better = sum((s.auc_shared or 0) > (s.auc_local or 0) for s in self.sites)
        own, shared = (figure(_mean(self.sites, name)) for name in ("auc_local", "auc_shared"))
        ratio = self.auc_shared_exact / self.auc_pooled
        measured = f"{figure(self.auc_shared)} ± {figure(self.auc_shared_noise_sd)}"
        lines += [
            f"{'average':<{_NAME + 8}}{own:>12}{shared:>9}   better at {better} of {len(self.sites)} sites",
            "",
            "AUC on people held back, each person weighing one. Own model: that site's records alone, no privacy.",
            "A site's row comes from its own local report, which never leaves it in a real federation.",
            "",
            f"shared model, from private sums only           {measured}",
            f"shared model, exactly (only the demo can)      {figure(self.auc_shared_exact)}",
            f"records pooled, no privacy (only the demo can) {figure(self.auc_pooled)}",
            f"shared / pooled, both exactly                  {ratio:.3f}",
            *self._attained(),
            "",
            f"epsilon {self.epsilon:.2f} in all at delta {self.delta:g} for each person, evaluation included",
            f"{self.exchanges} exchanges, median {self.seconds_per_exchange:.2f} s",
            f"{self.seconds_total:.0f} s in all, {self.mode}",
        ]
        return "\n".join(lines)

    def _attained(self) -> Iterator[str]:
        """Say how far the model is from the best that anybody could, where people are made up and risks are known."""
        if self.auc_attainable is not None:
            yield f"{'attainable, by true risks (made-up people)':<47}{figure(self.auc_attainable)}"
            yield f"distance of the shared model to it, exactly    {self.auc_attainable - self.auc_shared_exact:.3f}"


def report_of(
    sites: Sequence[Site],
    result: Mapping[str, Any],
    exact: Yardsticks,
    *,
    seconds: float,
    mode: str,
) -> Report:
    """Gather the figures: a site's own from the local report it wrote, the rest from the coordinator's result."""
    local = [json.loads(site.report.read_text(encoding="utf-8")) for site in sites]
    facts = {step["step"]: step["facts"] for step in result["steps"]}["evaluation"]
    return Report(
        sites=[
            SiteFigures(site.name, own["people"], own["auc_local"], own["auc_shared"], exact.by_site.get(site.name))
            for site, own in zip(sites, local, strict=True)
        ],
        auc_shared=facts["auc"],
        auc_shared_noise_sd=facts["auc_noise_sd"],
        auc_pooled=exact.pooled,
        auc_shared_exact=exact.shared,
        auc_attainable=exact.attainable,
        epsilon=result["epsilon_spent"],
        delta=result["delta"],
        exchanges=result["exchanges"],
        seconds_per_exchange=result["seconds_per_exchange"],
        seconds_total=seconds,
        mode=mode,
    )


def _mean(sites: Sequence[SiteFigures], name: str) -> float:
    return float(np.mean([getattr(site, name) or 0.5 for site in sites]))


__all__ = ["Report", "SiteFigures", "report_of"]
