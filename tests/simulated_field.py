"""Simulated fields of view: textured cells, brighter and darker than the background, on uneven light with noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile


@dataclass(frozen=True)
class SimulatedField:
    """A simulated field.

    Attributes:
        pixels: (h, w) uint16, 12-bit range.
        truth: (h, w) int32, the number of the cell, 0 background.
    """

    pixels: np.ndarray
    truth: np.ndarray

    @property
    def cells(self) -> int:
        return len(np.unique(self.truth)) - 1


def simulated_field(
    size: tuple[int, int] = (512, 512),
    cells: int = 40,
    *,
    seed: int = 1,
    radius: tuple[float, float] = (9.0, 14.0),
    uneven: float = 0.4,
    touching: int = 0,
    border: bool = False,
) -> SimulatedField:
    """Draw a field of `cells` round cells that do not touch, and `touching` pairs that do.

    Args:
        uneven: by how much the light changes across the field, as a share of its level.
        border: cells may lie across the border of the field.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    truth = np.zeros(size, np.int32)
    taken = np.zeros(size, np.uint8)
    signal = np.zeros(size)
    number = 0
    for index in range(cells):
        r = rng.uniform(*radius)
        pair = index < touching
        for _ in range(500):
            keep = 0 if border else 3 * r + 4
            y, x = rng.uniform(keep, height - keep), rng.uniform(keep, width - keep)
            angle = rng.uniform(0, 2 * np.pi)
            centres = [(y, x)]
            if pair:
                centres.append((y + 1.7 * r * np.sin(angle), x + 1.7 * r * np.cos(angle)))
            room = np.zeros(size, np.uint8)
            for cy, cx in centres:
                cv2.circle(room, (round(cx), round(cy)), round(r + 10), 1, -1)
            if not (room & taken).any():
                break
        else:
            raise ValueError("no room for so many cells")
        taken |= room
        for cy, cx in centres:
            number += 1
            _draw(signal, truth, cy, cx, r, number, rng)
    return SimulatedField(_exposed(signal, uneven, rng), truth)


def empty_field(size: tuple[int, int] = (512, 512), *, seed: int = 1, uneven: float = 0.4) -> np.ndarray:
    """(h, w) uint16: uneven light and noise, nothing else."""
    return _exposed(np.zeros(size), uneven, np.random.default_rng(seed))


def write_field(path: Path, pixels: np.ndarray) -> Path:
    """Write a field as PNG or TIFF; the file's name says that it is simulated, a TIFF says so inside too."""
    assert "simulated" in path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, description="nscweb simulation", metadata=None)
    else:
        assert cv2.imwrite(str(path), pixels)
    return path


def _draw(
    signal: np.ndarray, truth: np.ndarray, y: float, x: float, r: float, number: int, rng: np.random.Generator
) -> None:
    rows, columns = np.mgrid[: signal.shape[0], : signal.shape[1]]
    near = (slice(max(0, int(y - 2 * r)), int(y + 2 * r)), slice(max(0, int(x - 2 * r)), int(x + 2 * r)))
    away = np.hypot(rows[near] - y, columns[near] - x)
    # A dark rim inside a bright halo, and grains in the middle, as in brightfield.
    rim = -0.22 * np.exp(-((away - 0.85 * r) ** 2) / (2 * (0.10 * r) ** 2))
    halo = 0.12 * np.exp(-((away - 1.05 * r) ** 2) / (2 * (0.08 * r) ** 2))
    grains = cv2.GaussianBlur(rng.normal(0, 1, away.shape), (0, 0), 0.12 * r)
    grains *= 0.07 / max(float(grains.std()), 1e-9) * (away < 0.8 * r)
    inside = (away <= r) & (truth[near] == 0)
    signal[near] += np.where(truth[near] == 0, rim + halo + grains, 0)
    truth[near][inside] = number


def _exposed(signal: np.ndarray, uneven: float, rng: np.random.Generator) -> np.ndarray:
    height, width = signal.shape
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = 1 + uneven * (0.6 * (columns - 0.5) - 0.8 * ((rows - 0.6) ** 2 + (columns - 0.4) ** 2))
    exposed = 1800 * light * (1 + signal) + rng.normal(0, 18, signal.shape)
    return np.asarray(np.clip(np.rint(exposed), 0, 4095), np.uint16)
