"""Labelled simulated cells straight into memory: training and held-out sets without writing a zip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.simulation.camera import PROFILES, draw_illumination
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES

TIMES_H: tuple[float, ...] = (12.0, 24.0, 48.0, 72.0, 120.0)
SINGLES: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCell:
    """One simulated cell with what is known of it.

    Attributes:
        sample: e.g. ``neuron_2d_rep7``; all cells of a sample share fate, time and illumination.
        time_h: hours since induction.
        replicate: from 1.
        fate: index in `FATES`.
        object_number: within the sample.
        pixels: (C, h, w) uint8 or uint16, by profile.
    """

    sample: str
    time_h: float
    replicate: int
    fate: int
    object_number: int
    pixels: NDArray[Any]


def iter_labelled_cells(
    seed: int,
    cells: int,
    *,
    times_h: Sequence[float] = TIMES_H,
    replicates: int = 12,
    profile: str = "flowsight",
    channels: Sequence[str] = ("Ch1",),
) -> Iterator[LabelledCell]:
    """Draw `cells` single cells, spread evenly over fates, times and replicates.

    Each sample has its own illumination, drawn without looking at the fate, so that light tells nothing.
    """
    plans = [
        (fate, time_h, replicate)
        for time_h in times_h
        for replicate in range(1, replicates + 1)
        for fate in range(len(FATES))
    ]
    share, more = divmod(cells, len(plans))
    for index, (fate, time_h, replicate) in enumerate(plans):
        rng = np.random.default_rng([seed, 4, index])
        illumination = draw_illumination(rng, PROFILES[profile])
        ratios = [float(i == fate) for i in range(len(FATES))]
        name = f"{FATES[fate]}_{time_h / 24:g}d_rep{replicate}"
        drawn = draw_sample(
            rng,
            share + (index < more),
            ratios,
            time_h,
            PROFILES[profile],
            illumination,
            channels=channels,
            kind_shares=SINGLES,
        )
        for cell in drawn:
            yield LabelledCell(name, time_h, replicate, fate, cell.object_number, cell.pixels)
