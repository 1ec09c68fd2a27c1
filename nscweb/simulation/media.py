"""Cells labelled by the medium that they grew in, as the papers on neural stem cells label theirs.

Each medium drives its cells to one fate, some faster than others. Two media of one fate (RA+SHH and NT3 both make
neurons) differ only in how far their cells have come, so telling them apart is the harder task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.simulation.camera import PROFILES, draw_illumination
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES

SINGLES: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Medium:
    """A differentiation medium.

    Attributes:
        name: as on a sample sheet.
        shares: of the fates among its cells, in the order of `FATES`.
        pace: how fast its cells mature; 1 is the simulator's own time course.
    """

    name: str
    shares: tuple[float, float, float]
    pace: float = 1.0


MEDIA: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        Medium("astrocyte medium", (1.0, 0.0, 0.0)),
        Medium("oligodendrocyte medium", (0.0, 1.0, 0.0)),
        Medium("RA+SHH", (0.0, 0.0, 1.0)),
        Medium("NT3", (0.0, 0.0, 1.0), 0.35),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class MediumCell:
    """One simulated cell: sample, medium, hours since induction, replicate from 1, fate, pixels (C, h, w)."""

    sample: str
    medium: str
    time_h: float
    replicate: int
    fate: int
    pixels: NDArray[Any]


def iter_medium_cells(
    seed: int,
    cells: Mapping[str, int],
    *,
    times_h: Sequence[float],
    replicates: int = 3,
    shares: Mapping[str, Sequence[float]] | None = None,
    channels: Sequence[str] = ("Ch1",),
    profile: str = "flowsight",
) -> Iterator[MediumCell]:
    """Draw single cells of each medium, spread evenly over times and replicates.

    A sample is one medium at one time in one replicate and has its own illumination, drawn without looking at the
    medium: light tells nothing about the class, but it does tell the cells of one sample from those of another.

    Args:
        seed: the same seed gives the same cells.
        cells: medium -> number of cells.
        times_h: hours since induction.
        replicates: of each medium and time.
        shares: medium -> shares of the fates in place of those of `MEDIA`; media that `MEDIA` lacks need them.
        channels: ``Ch1`` is brightfield, the others are markers.
        profile: instrument.
    """
    for place, (name, count) in enumerate(cells.items()):
        medium = MEDIA.get(name, Medium(name, (1.0, 0.0, 0.0)))
        ratios = tuple((shares or {}).get(name, medium.shares))
        plans = [(time_h, replicate) for time_h in times_h for replicate in range(1, replicates + 1)]
        share, more = divmod(count, len(plans))
        for index, (time_h, replicate) in enumerate(plans):
            rng = np.random.default_rng([seed, 7, place, index])
            light = draw_illumination(rng, PROFILES[profile])
            sample = f"{name.replace(' ', '-')}_{time_h / 24:g}d_rep{replicate}"
            number = share + (index < more)
            if not number:
                continue
            drawn = draw_sample(
                rng,
                number,
                ratios,
                time_h * medium.pace,
                PROFILES[profile],
                light,
                channels=channels,
                kind_shares=SINGLES,
            )
            for cell in drawn:
                yield MediumCell(sample, name, time_h, replicate, cell.fate, cell.pixels)


def fate_shares(fate: str, share: float) -> tuple[float, float, float]:
    """Shares of the fates when `fate` has `share` (0..1) and the other two halve the rest."""
    rest = (1 - share) / (len(FATES) - 1)
    first, second, third = (share if name == fate else rest for name in FATES)
    return first, second, third
