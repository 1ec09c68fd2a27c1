"""Dose response with a known EC50: how often its 95 % interval holds it, and how often a curve is seen in no effect.


Cells are nested in replicates: a replicate has its own share of a fate (beta distribution around the curve with
intra-class correlation rho), 2,000 cells are drawn from it. Doses are 0 and six steps of half a decade from 0.1 to 30.
Errors of coverage and of shares are Wilson's 95 % intervals over the studies.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.groups.dose_response import DoseCurve, dose_curve, four_parameters
from nscweb.evaluation.scores.intervals import wilson

DOSES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
CELLS = 2000


@dataclass(frozen=True)
class Design:
    """What is drawn."""

    name: str
    replicates: int
    ec50: float = 1.7
    slope: float = 1.5
    bottom: float = 0.1
    top: float = 0.6
    rho: float = 0.005


DESIGNS = (
    Design("2 replicates a dose", 2),
    Design("3 replicates a dose", 3),
    Design("4 replicates a dose", 4),
    Design("6 replicates a dose", 6),
    Design("3 replicates, twice the spread", 3, rho=0.02),
    Design("3 replicates, steep (Hill slope 4)", 3, slope=4.0),
    Design("3 replicates, shallow (Hill slope 0.7)", 3, slope=0.7),
    Design("3 replicates, inhibition", 3, bottom=0.6, top=0.1),
    Design("3 replicates, EC50 near the largest dose", 3, ec50=15.0),
    Design("3 replicates, small effect (10 to 25 %)", 3, top=0.25),
)
NO_EFFECT = Design("3 replicates, no effect", 3, top=0.1)


def drawn(rng: np.random.Generator, design: Design) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dose and ratio of each replicate."""
    dose = np.repeat(DOSES, design.replicates)
    share = four_parameters(dose, design.bottom, design.top, np.log(design.ec50), design.slope)
    spread = (1 - design.rho) / design.rho
    own = rng.beta(share * spread, (1 - share) * spread)
    return dose, rng.binomial(CELLS, own) / CELLS


def curves(design: Design, studies: int) -> list[DoseCurve]:
    """The curve of each study."""
    found = []
    for study in range(studies):
        rng = np.random.default_rng([study, design.replicates, int(1000 * design.ec50), int(1000 * design.top)])
        dose, ratio = drawn(rng, design)
        found.append(dose_curve(dose, ratio))
    return found


def share(hits: int, of: int) -> str:
    """Percent with Wilson's interval."""
    low, high = wilson(float(hits), float(of))
    return f"{100 * hits / max(1, of):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    asked = parser.parse_args()
    print("| design | curves shown, % | with an interval | EC50 covered, % | EC50 found / true, median | high / low |")
    print("|---|---|---|---|---|---|")
    for design in DESIGNS:
        start = time.process_time()
        found = [curve for curve in curves(design, asked.studies) if curve.fitted]
        sure = [curve for curve in found if np.isfinite(curve.low)]
        held = sum(curve.low <= design.ec50 <= curve.high for curve in sure)
        middle = np.median([curve.ec50 for curve in found]) / design.ec50
        width = np.median([curve.high / curve.low for curve in sure]) if sure else np.nan
        print(
            f"| {design.name} | {100 * len(found) / asked.studies:.0f} | {len(sure)} | {share(held, len(sure))} | "
            f"{middle:.2f} | {width:.2f} |",
            f"{time.process_time() - start:.0f} s" if asked.studies < 300 else "",
            flush=True,
        )
    flat = [curve.fitted for curve in curves(NO_EFFECT, asked.studies)]
    print(f"\nCurve shown although the dose has no effect: {share(sum(flat), len(flat))} % of {len(flat)} studies")


if __name__ == "__main__":
    main()
