"""Cells of one simulated sample, drawn in batches: pixels, fate and kind of every object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.simulation.bodies import Bodies, TextureBank, draw_bodies
from nscweb.simulation.camera import Illumination, Profile, expose
from nscweb.simulation.markers import draw_marker
from nscweb.simulation.traits import FATES, draw_traits

KINDS: tuple[str, ...] = ("single", "doublet", "debris", "empty")
KIND_SHARES: tuple[float, ...] = (0.93, 0.04, 0.02, 0.01)
BATCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCell:
    """One object: number, true fate (index in `FATES`), kind, and pixels (C, h, w)."""

    object_number: int
    fate: int
    kind: str
    pixels: NDArray[np.generic]


def draw_sample(
    rng: np.random.Generator,
    count: int,
    ratios: Sequence[float],
    time_h: float,
    profile: Profile,
    illumination: Illumination | Sequence[Illumination],
    *,
    channels: Sequence[str] = ("Ch1",),
    kind_shares: Sequence[float] = KIND_SHARES,
) -> Iterator[SimulatedCell]:
    """Draw `count` objects of one acquisition, in order of their object numbers.

    Args:
        ratios: true shares of the fates.
        illumination: of the acquisition, or one per fate (only to reproduce a confounded study).
        channels: ``Ch1`` is brightfield, the others are markers (see `markers.MARKERS`).
        kind_shares: shares of `KINDS`.
    """
    bank = TextureBank(rng, profile.canvas, profile.scale)
    number = 0
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        fate = rng.choice(len(FATES), size, p=np.asarray(ratios) / np.sum(ratios))
        kind = rng.choice(len(KINDS), size, p=kind_shares)
        planes = _draw_batch(rng, fate, kind, time_h, profile, illumination, channels, bank)
        heights = rng.integers(profile.heights[0], profile.heights[1] + 1, size)
        widths = rng.integers(profile.widths[0], profile.widths[1] + 1, size)
        # Real object numbers have gaps, because objects outside a gate are not exported.
        steps = rng.geometric(0.7, size)
        for i in range(size):
            number += int(steps[i])
            top, left = (profile.canvas - heights[i]) // 2, (profile.canvas - widths[i]) // 2
            pixels = planes[i, :, top : top + heights[i], left : left + widths[i]]
            yield SimulatedCell(number, int(fate[i]), KINDS[kind[i]], pixels)


def _draw_batch(
    rng: np.random.Generator,
    fate: NDArray[np.int64],
    kind: NDArray[np.int64],
    time_h: float,
    profile: Profile,
    illumination: Illumination | Sequence[Illumination],
    channels: Sequence[str],
    bank: TextureBank,
) -> NDArray[np.generic]:
    size = len(fate)
    traits = draw_traits(rng, fate, time_h)
    traits["radius"] = np.where(kind == KINDS.index("debris"), rng.uniform(1.8, 3.2, size), traits["radius"])
    traits["processes"] = np.where(kind == KINDS.index("debris"), 0.0, traits["processes"])
    centre = profile.canvas / 2 + rng.normal(0, 2.2 * profile.scale, (size, 2))
    bodies = draw_bodies(rng, traits, centre, profile.canvas, profile.scale, bank)
    pairs = np.flatnonzero(kind == KINDS.index("doublet"))
    if len(pairs):
        bodies = _with_neighbours(rng, bodies, pairs, traits, centre, time_h, profile, bank)
    present = (kind != KINDS.index("empty")).astype(np.float32)[:, None, None]
    light, inside = bodies.light * present, bodies.inside * present
    planes = np.empty((size, len(channels), profile.canvas, profile.canvas), profile.dtype)
    for position, channel in enumerate(channels):
        if channel != "Ch1":
            planes[:, position] = draw_marker(rng, inside, fate, traits["maturity"], channel, profile)
        elif isinstance(illumination, Illumination):
            planes[:, position] = expose(rng, light, illumination, profile)
        else:
            for index in range(len(FATES)):
                chosen = fate == index
                planes[chosen, position] = expose(rng, light[chosen], illumination[index], profile)
    return planes


def _with_neighbours(
    rng: np.random.Generator,
    bodies: Bodies,
    pairs: NDArray[np.int64],
    traits: dict[str, NDArray[np.float64]],
    centre: NDArray[np.float64],
    time_h: float,
    profile: Profile,
    bank: TextureBank,
) -> Bodies:
    """A second cell, of any fate, touching those at the positions `pairs`."""
    others = draw_traits(rng, rng.integers(0, len(FATES), len(pairs)), time_h)
    turn = rng.uniform(0, 2 * np.pi, len(pairs))
    away = 0.92 * (traits["radius"][pairs] + others["radius"]) * profile.scale
    place = centre[pairs] + away[:, None] * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    second = draw_bodies(rng, others, place, profile.canvas, profile.scale, bank)
    light, inside = bodies.light.copy(), bodies.inside.copy()
    light[pairs] += second.light
    inside[pairs] = np.maximum(inside[pairs], second.inside)
    return Bodies(light, inside)
