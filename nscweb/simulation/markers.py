"""Fluorescent markers of a simulated cell: dark background, intensity follows the fate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nscweb.simulation.camera import Profile

# Channel of each marker in Zhu et al. 2021, and the fate index that it marks.
MARKERS: dict[str, tuple[str, int]] = {"Ch2": ("GFAP", 0), "Ch3": ("Olig2", 1), "Ch11": ("NeuN", 2)}


def draw_marker(
    rng: np.random.Generator,
    inside: NDArray[np.float32],
    fate: NDArray[np.int64],
    maturity: NDArray[np.float64],
    channel: str,
    profile: Profile,
) -> NDArray[np.generic]:
    """Marker images (N, S, S) of cells with soft masks `inside` (N, S, S).

    Positive cells shine with their maturity, so that young fates overlap in the markers too; GFAP fills the
    body, Olig2 and NeuN sit in the nucleus.
    """
    name, marked = MARKERS[channel]
    positive = fate == marked
    signal = np.where(positive, 0.10 + 0.55 * maturity, 0.05) * np.exp(rng.normal(0, 0.35, len(fate)))
    # Squared twice: the general power takes longer than all the rest of a cell.
    shape = inside if name == "GFAP" else np.square(np.square(inside))
    top = profile.top * 0.8
    dark = 0.03 * profile.top
    light = dark + top * signal.astype(np.float32)[:, None, None] * shape
    light += rng.standard_normal(inside.shape, np.float32) * np.float32(0.006 * profile.top)
    stored: NDArray[np.generic] = np.clip(np.rint(light), 0, profile.top).astype(profile.dtype)
    return stored
