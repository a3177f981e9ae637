"""Every figure of a table has the noise that it says, drawn for real: full noise at each node, and masked shares."""

import numpy as np
import pytest

from privacy.figures import figures_of
from tests.builders import FINDER
from tests.rehearsal import no_noise, rehearse
from tests.tabled import site, table_study

DRAWS = 40
MASKED = {"epsilon": 3.0, "quorum": 3, "masking": "secure-aggregation", "colluders": 1}
FULL = {"epsilon": 3.0, "quorum": 3}


@pytest.mark.parametrize("privacy", [FULL, MASKED], ids=["full", "shares"])
@pytest.mark.parametrize("step", ["groups", "spread"])
def test_measured_over_claimed_noise(step, privacy):
    """Of 40 draws of 56 to 120 figures the ratio has a standard deviation of 1 to 1.5 %: alarms beyond three."""
    study = table_study(privacy=privacy)
    alone = table_study(privacy=privacy, steps=[s for s in study.document()["steps"] if s["name"] == step])
    sites = [site(20, seed=s) for s in range(3)]
    truth = figures_of(rehearse(alone, FINDER, sites, no_noise)[step])
    off = []
    for _ in range(DRAWS):
        for figures, exact in zip(figures_of(rehearse(alone, FINDER, sites)[step]), truth, strict=True):
            off.append(((figures.people.value - exact.people.value) / figures.sd).ravel())
    measured = float(np.sqrt(np.mean(np.concatenate(off) ** 2)))
    assert 0.95 < measured < 1.05
    assert not 0.95 < measured / 2 < 1.05  # control: half the noise would be found
