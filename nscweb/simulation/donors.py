"""Simulated adherent stem cells of five donors, some multipotent, some not: a stand-in for Kim et al. 2023.

The paper calls a cell multipotent when its SSEA-3 stain is brighter than 90, and finds that such cells are round
while the others are long; the network sees the CD105 stain only. Here each cell has a hidden state, from which both
its SSEA-3 intensity and, with scatter, its shape follow. Donors S8 and S9 have more multipotent cells, as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

DONORS: dict[str, float] = {"S1": 0.15, "S5": 0.30, "S7": 0.20, "S8": 0.95, "S9": 0.80}
THRESHOLD = 90.0
CLASSES: tuple[str, ...] = ("multipotent", "not")
SIDE = 96


@dataclass(frozen=True, slots=True, eq=False)
class DonorCell:
    """One simulated cell.

    Attributes:
        donor: name in `DONORS`. slide: from 1; cells of a slide share stain and exposure.
        ssea3: intensity of the stain that decides the label; above 90 the cell is multipotent.
        pixels: (1, SIDE, SIDE) uint8, the CD105 stain, bright on dark.
        mask: (SIDE, SIDE) bool, inside of the cell.
    """

    donor: str
    slide: int
    ssea3: float
    pixels: NDArray[Any]
    mask: NDArray[np.bool_]

    @property
    def label(self) -> int:
        """Index in `CLASSES`."""
        return 0 if self.ssea3 > THRESHOLD else 1


def iter_donor_cells(seed: int, cells: int, slides: int = 4) -> Iterator[DonorCell]:
    """Draw `cells` cells, spread evenly over donors and slides."""
    plans = [(donor, slide) for donor in DONORS for slide in range(1, slides + 1)]
    share, more = divmod(cells, len(plans))
    for index, (donor, slide) in enumerate(plans):
        rng = np.random.default_rng([seed, 9, index])
        stain, dark = float(rng.uniform(0.55, 1.1)), float(rng.uniform(6, 22))
        for _ in range(share + (index < more)):
            state = rng.normal(DONORS[donor], 1)
            pixels, mask = _draw(rng, float(state), stain, dark)
            yield DonorCell(donor, slide, float(THRESHOLD + 28 * state), pixels, mask)


def _draw(
    rng: np.random.Generator, state: float, stain: float, dark: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    # Between 1.5 (round) and 4.2 (long) as the paper measures, with scatter that leaves some cells in doubt.
    long = 1 / (1 + np.exp(2.6 * (state + rng.normal(0, 0.45))))
    aspect = float(np.clip(1.5 + 2.7 * long + rng.normal(0, 0.25), 1.05, 5.5))
    radius = float(np.clip(rng.normal(15, 1.6), 10, 19))
    turn = rng.uniform(0, 2 * np.pi)
    grid = np.arange(SIDE, dtype=np.float64) - SIDE / 2
    dy, dx = grid[:, None] + rng.normal(0, 2), grid[None] + rng.normal(0, 2)
    u = (np.cos(turn) * dx + np.sin(turn) * dy) / np.sqrt(aspect)
    v = (np.cos(turn) * dy - np.sin(turn) * dx) * np.sqrt(aspect)
    angle, distance = np.arctan2(v, u), np.hypot(u, v)
    outline = np.ones_like(angle)
    for lobe in range(2, 7):
        outline += rng.normal(0, 0.05) * np.cos(lobe * angle + rng.uniform(0, 2 * np.pi))
    edge = radius * outline - distance
    body = 1 / (1 + np.exp(np.clip(-edge / 0.9, -30, 30)))
    noise = np.asarray(cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)), (0, 0), 1.6), np.float64)
    grain = noise / noise.std()
    nucleus = np.exp(-((np.hypot(u, v) / (0.42 * radius)) ** 2))
    light = body * (95 + 16 * grain - 40 * nucleus) * stain * np.exp(rng.normal(0, 0.15))
    pixels = dark + light + rng.normal(0, 2.5, light.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)[None], edge > 0
