"""Simulated colonies of blood stem cells (CFU) under an inverted microscope: clumps of many small cells.

A stand-in for the 728 images of Zamani et al. 2023, which are not public, made from how such colonies are described:
CFU-E are small and tight, CFU-GM large with a dense middle and a loose rim, CFU-PreB small, loose and even.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

COLONIES: tuple[str, ...] = ("CFU-E", "CFU-GM", "CFU-PreB")
SIDE = 160
_LEVEL = 128.0


@dataclass(frozen=True)
class Kind:
    """Mean build of a colony: number of cells, spread of their places (px), radius of a cell (px), its darkness
    (grey values), and the share of cells in a dense middle."""

    cells: float
    spread: float
    radius: float
    darkness: float
    core: float


_KINDS: dict[str, Kind] = {
    "CFU-E": Kind(55, 9.0, 2.2, 34, 0.0),
    "CFU-GM": Kind(150, 25.0, 2.8, 26, 0.45),
    "CFU-PreB": Kind(75, 13.0, 2.0, 24, 0.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Colony:
    """One simulated image: dish it lies in, index in `COLONIES`, pixels (1, SIDE, SIDE) uint8."""

    dish: str
    kind: int
    pixels: NDArray[Any]


def iter_colonies(seed: int, counts: Mapping[str, int], dishes: int = 8) -> Iterator[Colony]:
    """Draw colonies of each kind, dish by dish; a dish holds all kinds and has one light.

    Args:
        seed: the same seed gives the same images.
        counts: name of `COLONIES` -> number of images.
        dishes: that they are spread over.
    """
    for dish in range(dishes):
        rng = np.random.default_rng([seed, 8, dish])
        slope = rng.normal(0, 5, 2)
        gain, focus = float(rng.uniform(0.9, 1.5)), float(rng.uniform(0.5, 1.2))
        level = _LEVEL + rng.normal(0, 14)
        for index, name in enumerate(COLONIES):
            share, more = divmod(counts.get(name, 0), dishes)
            for _ in range(share + (dish < more)):
                yield Colony(f"dish {dish + 1}", index, _draw(rng, _KINDS[name], level, slope, gain, focus))


def _draw(
    rng: np.random.Generator, kind: Kind, level: float, slope: NDArray[np.float64], gain: float, focus: float
) -> NDArray[np.uint8]:
    number = max(12, int(rng.poisson(kind.cells * np.exp(rng.normal(0, 0.22)))))
    spread = kind.spread * np.exp(rng.normal(0, 0.16))
    width = np.where(rng.uniform(0, 1, number) < kind.core, 0.4, 1.0)[:, None] * spread
    stretch = np.exp(rng.normal(0, 0.12))
    places = SIDE / 2 + rng.normal(0, 8, 2) + rng.normal(0, 1, (number, 2)) * width * (stretch, 1 / stretch)
    light = np.zeros((SIDE, SIDE), np.float32)
    _cells(rng, light, places, kind)
    # Single cells and debris that belong to no colony.
    _cells(rng, light, rng.uniform(0, SIDE, (int(rng.poisson(4)), 2)), kind, 0.35)
    light = cv2.GaussianBlur(light, (0, 0), focus) * np.float32(gain)
    ramp = np.linspace(-1, 1, SIDE)
    pixels = level + light + slope[0] * ramp[:, None] + slope[1] * ramp[None]
    pixels = pixels + rng.normal(0, 1.6, pixels.shape)
    return np.asarray(np.clip(np.rint(pixels), 0, 255)[None], np.uint8)


def _cells(
    rng: np.random.Generator, light: NDArray[np.float32], places: NDArray[np.float64], kind: Kind, strength: float = 1.0
) -> None:
    """Small discs with a bright middle and a dark rim, added to `light`."""
    for y, x in places:
        radius = max(1.2, kind.radius * float(np.exp(rng.normal(0, 0.15))))
        top, left = round(float(y)) - 6, round(float(x)) - 6
        if not (0 <= top < SIDE - 13 and 0 <= left < SIDE - 13):
            continue
        grid = np.arange(13)
        distance = np.hypot(top + grid[:, None] - y, left + grid[None] - x)
        ring = np.exp(-(((distance - radius) / 0.8) ** 2)) - 0.7 * np.exp(-((distance / (0.7 * radius)) ** 2))
        light[top : top + 13, left : left + 13] -= (strength * kind.darkness * ring).astype(np.float32)
