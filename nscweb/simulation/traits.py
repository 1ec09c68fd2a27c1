"""What distinguishes the fates in a simulated brightfield image, and how that grows with time in culture."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

FATES: tuple[str, ...] = ("astrocyte", "oligodendrocyte", "neuron")


@dataclass(frozen=True)
class Traits:
    """Mean shape and texture of a cell, lengths in pixels of the FlowSight-like profile (about 1 um).

    Attributes:
        radius: of a disc with the area of the cell body.
        aspect: long axis by short axis.
        roughness: relative amplitude of the outline's lobes (2 to 6 per turn).
        taper: relative amplitude of a drop shape.
        granules: strength of the inner texture.
        fine: share of fine granules in that texture, 0 to 1.
        nucleus: radius of the nucleus by radius of the body.
        processes: mean number of processes.
        process_length, process_width: of one process.
        flatness: 1 for a flat body with a weak rim, 0 for a sphere with a strong one.
    """

    radius: float
    aspect: float
    roughness: float
    taper: float
    granules: float
    fine: float
    nucleus: float
    processes: float
    process_length: float
    process_width: float
    flatness: float


STEM = Traits(7.9, 1.08, 0.035, 0.02, 0.55, 0.5, 0.55, 0.3, 3.0, 0.9, 0.3)
MATURE: tuple[Traits, ...] = (
    Traits(9.2, 1.22, 0.10, 0.03, 0.45, 0.15, 0.45, 2.6, 4.0, 1.15, 0.8),
    Traits(7.5, 1.05, 0.04, 0.02, 1.05, 0.95, 0.62, 4.2, 3.0, 0.65, 0.2),
    Traits(7.0, 1.55, 0.03, 0.14, 0.30, 0.5, 0.58, 1.6, 6.5, 0.85, 0.1),
)
# Cell-to-cell deviation of each trait; large enough that young fates overlap.
SPREAD = Traits(0.75, 0.10, 0.015, 0.025, 0.16, 0.18, 0.05, 0.4, 1.2, 0.18, 0.18)


def mean_maturity(time_h: float) -> float:
    """Mean maturity 0..1 of cells after `time_h` hours: about 0.28 at 12 h, 0.42 at 1 d, 0.95 at 5 d."""
    return float(1 - np.exp(-((time_h / 45.0) ** 0.85)))


def draw_traits(
    rng: np.random.Generator, fate: NDArray[np.int64], time_h: float, spread: float = 0.14
) -> dict[str, NDArray[np.float64]]:
    """Traits of single cells: name -> (N,) values, and ``maturity`` (N,).

    A trait lies between stem cell and mature fate by the maturity of the cell, plus cell-to-cell deviation.
    """
    count = len(fate)
    maturity = np.clip(mean_maturity(time_h) + rng.normal(0, spread, count), 0.02, 1.15)
    drawn: dict[str, NDArray[np.float64]] = {"maturity": maturity}
    for item in fields(Traits):
        stem = getattr(STEM, item.name)
        mature = np.array([getattr(traits, item.name) for traits in MATURE])[fate]
        values = stem + maturity * (mature - stem) + rng.normal(0, getattr(SPREAD, item.name), count)
        drawn[item.name] = np.asarray(values, np.float64)
    drawn["radius"] = np.clip(drawn["radius"], 5.2, 11.0)
    drawn["aspect"] = np.clip(drawn["aspect"], 1.0, 2.2)
    for name in ("roughness", "taper", "granules", "processes", "flatness", "fine"):
        drawn[name] = np.clip(drawn[name], 0.0, None)
    drawn["fine"] = np.clip(drawn["fine"], 0.0, 1.0)
    drawn["flatness"] = np.clip(drawn["flatness"], 0.0, 1.0)
    drawn["process_length"] = np.clip(drawn["process_length"], 1.0, None)
    drawn["process_width"] = np.clip(drawn["process_width"], 0.45, None)
    return drawn
