"""Which colour of a letter stands out from what is behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Between black and white every colour is at least 4.5 from one of them, which the guidelines ask for.
WHITE, BLACK = "#ffffff", "#000000"


def ink_on(place: float, scale: Sequence[tuple[float, str]]) -> str:
    """White or black, whichever has the higher contrast on a field of a colour scale.

    Args:
        place: 0..1 on the scale; NaN is an empty, light field.
        scale: (place, #rrggbb), rising.
    """
    if not np.isfinite(place):
        return BLACK
    stops = [stop for stop, _ in scale]
    colours = np.stack([_rgb(colour) for _, colour in scale])
    behind = np.array([np.interp(place, stops, colours[:, band]) for band in range(3)])
    return max((WHITE, BLACK), key=lambda colour: contrast(_rgb(colour), behind))


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Contrast ratio of two sRGB colours, 1..21 (Web Content Accessibility Guidelines 2.2, "contrast ratio")."""
    light = sorted((_luminance(one), _luminance(other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], np.float64) / 255


def _luminance(rgb: NDArray[np.float64]) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))
