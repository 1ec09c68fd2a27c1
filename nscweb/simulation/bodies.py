"""Draws cell bodies on a canvas: outline, rim, nucleus, granules, processes, as relative brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
MAX_PROCESSES = 7


@dataclass(frozen=True)
class Bodies:
    """What was drawn: `light` relative brightness and `inside` soft masks, both (N, S, S) float32."""

    light: Float
    inside: Float


class TextureBank:
    """Band-limited noise to cut granules from; fresh noise for each cell would take most of the time."""

    def __init__(self, rng: np.random.Generator, size: int, scale: float) -> None:
        self.size = size
        side = 8 * size
        self._fields = []
        # Finer optics show finer granules, so texture grows slower than the cell.
        for sigma in (0.75 * scale**0.15, 1.7 * scale**0.45):
            noise = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), sigma)
            self._fields.append(noise / noise.std())

    def cut(self, rng: np.random.Generator, count: int, fine: NDArray[np.float64]) -> Float:
        """Texture of unit deviation, (count, size, size): `fine` (count,) is the share of the fine field."""
        limit = self._fields[0].shape[0] - self.size
        corners = rng.integers(0, limit, (count, 2, 2))
        share = fine.astype(np.float32)
        out = np.empty((count, self.size, self.size), np.float32)
        for i in range(count):
            (y0, x0), (y1, x1) = corners[i]
            a = self._fields[0][y0 : y0 + self.size, x0 : x0 + self.size]
            b = self._fields[1][y1 : y1 + self.size, x1 : x1 + self.size]
            out[i] = share[i] * a + (1 - share[i]) * b
        return out


def draw_bodies(
    rng: np.random.Generator,
    traits: dict[str, NDArray[np.float64]],
    centre: NDArray[np.float64],
    size: int,
    scale: float,
    bank: TextureBank,
) -> Bodies:
    """Cells on canvases of `size` pixels: `centre` (N, 2) in pixels (y, x), `scale` pixels per trait unit.

    A body is darker and brighter than the background like a weak phase object slightly out of focus: a dark
    rim with a bright halo or the reverse, a nucleus, granules, and processes with the profile of
    thin threads.
    """
    count = len(centre)
    u: NDArray[Any]
    v: NDArray[Any]
    grid = np.arange(size, dtype=np.float32)
    dy = grid[None, :, None] - centre[:, 0].astype(np.float32)[:, None, None]
    dx = grid[None, None, :] - centre[:, 1].astype(np.float32)[:, None, None]
    turn = rng.uniform(0, 2 * np.pi, count)
    c, s = np.cos(turn).astype(np.float32)[:, None, None], np.sin(turn).astype(np.float32)[:, None, None]
    stretch = np.sqrt(traits["aspect"]).astype(np.float32)[:, None, None]
    u, v = (c * dx + s * dy) / stretch, (c * dy - s * dx) * stretch
    distance = np.sqrt(u * u + v * v) + np.float32(1e-3)
    angle = np.arctan2(v, u)
    outline = np.ones_like(distance)
    lobes = (rng.normal(0, 1, (5, count)) * traits["roughness"]).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, (5, count)).astype(np.float32)
    for k in range(5):
        # Higher lobes are weaker, or every rough cell would be a regular star.
        outline += (
            lobes[k][:, None, None] / np.float32(1 + 0.35 * k) * np.cos((k + 2) * angle + phases[k][:, None, None])
        )
    outline += traits["taper"].astype(np.float32)[:, None, None] * np.cos(angle)
    radius: Float = (traits["radius"] * scale).astype(np.float32)[:, None, None]
    edge = radius * outline - distance  # > 0 inside, in pixels
    soft = rng.uniform(0.55, 1.0, count).astype(np.float32)[:, None, None] * np.float32(scale**0.15)
    inside = 1.0 / (1.0 + np.exp(np.clip(-edge / soft, -30, 30)))

    focus = rng.normal(0.35, 0.75, count).astype(np.float32)[:, None, None]
    flat = traits["flatness"].astype(np.float32)[:, None, None]
    width = np.float32(1.25 * scale**0.6) * (1 + 0.35 * np.abs(focus))
    rim = np.exp(-((edge / width) ** 2))
    halo = np.exp(-(((edge + 2.3 * np.float32(scale)) / (1.25 * width)) ** 2))
    second = np.exp(-(((edge - 2.6 * np.float32(scale)) / (1.3 * width)) ** 2))
    strength = (1.25 - 0.65 * flat) * np.sign(focus) * np.sqrt(np.abs(focus) + 0.25)
    light = strength * (-1.0 * rim + 0.42 * halo + 0.35 * second)

    texture = bank.cut(rng, count, traits["fine"])
    grain = traits["granules"].astype(np.float32)[:, None, None]
    tone = rng.normal(-0.35, 0.45, count).astype(np.float32)[:, None, None]
    light += inside * (1.15 * (grain + 0.15) * texture + tone)
    light += _nucleus(rng, traits, u, v, radius, focus, scale)
    light += _processes(rng, traits, dy, dx, turn, radius, scale, np.sign(focus))
    return Bodies(light.astype(np.float32), inside.astype(np.float32))


def _nucleus(
    rng: np.random.Generator,
    traits: dict[str, NDArray[np.float64]],
    u: NDArray[Any],
    v: NDArray[Any],
    radius: Float,
    focus: Float,
    scale: float,
) -> Float:
    count = len(radius)
    shift = (rng.normal(0, 0.16, (2, count)).astype(np.float32)[:, :, None, None]) * radius
    size = radius * np.clip(traits["nucleus"], 0.3, 0.75).astype(np.float32)[:, None, None]
    depth = size - np.sqrt((u - shift[0]) ** 2 + (v - shift[1]) ** 2)
    body = 1.0 / (1.0 + np.exp(np.clip(-depth / np.float32(0.9 * scale), -30, 30)))
    membrane = np.exp(-((depth / np.float32(0.9 * scale)) ** 2))
    tone = rng.normal(0.3, 0.12, count).astype(np.float32)[:, None, None]
    return np.asarray(tone * body * np.sign(focus) - 0.28 * membrane, np.float32)


def _processes(
    rng: np.random.Generator,
    traits: dict[str, NDArray[np.float64]],
    dy: Float,
    dx: Float,
    turn: NDArray[np.float64],
    radius: Float,
    scale: float,
    sign: Float,
) -> Float:
    """Short threads that leave the body, radially; those of long cells leave at the poles."""
    count = len(turn)
    light = np.zeros(np.broadcast_shapes(dy.shape, dx.shape), np.float32)
    number = np.minimum(rng.poisson(traits["processes"]), MAX_PROCESSES)
    polar = np.clip((traits["aspect"] - 1.15) / 0.35, 0, 1)
    for k in range(MAX_PROCESSES):
        chosen = np.flatnonzero(number > k)
        free = rng.uniform(0, 2 * np.pi, count)
        pole = turn + (k % 2) * np.pi + rng.normal(0, 0.25, count)
        direction = np.where(rng.uniform(0, 1, count) < polar, pole, free)
        length = traits["process_length"] * scale * rng.uniform(0.6, 1.3, count)
        bend = rng.normal(0, 0.03, count) / scale
        if not len(chosen):
            continue
        a = direction[chosen].astype(np.float32)[:, None, None]
        on_pole = np.abs(np.cos(direction - turn))[chosen].astype(np.float32)[:, None, None]
        stretch = np.sqrt(traits["aspect"])[chosen].astype(np.float32)[:, None, None]
        start = radius[chosen] * (on_pole * stretch + (1 - on_pole) / stretch) * np.float32(0.9)
        along = np.cos(a) * dx[chosen] + np.sin(a) * dy[chosen] - start
        reach = length[chosen].astype(np.float32)[:, None, None]
        across = np.cos(a) * dy[chosen] - np.sin(a) * dx[chosen]
        across = across - bend[chosen].astype(np.float32)[:, None, None] * along * along
        width = (traits["process_width"][chosen] * scale).astype(np.float32)[:, None, None]
        ends = (
            1.0 / (1.0 + np.exp(np.clip(-along * 2, -30, 30))) / (1.0 + np.exp(np.clip((along - reach) * 2, -30, 30)))
        )
        core = np.exp(-((across / width) ** 2)) - 0.45 * np.exp(-((across / (2.2 * width)) ** 2))
        light[chosen] -= 1.15 * sign[chosen] * ends * core
    return light
