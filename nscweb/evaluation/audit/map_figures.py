"""Numbers about maps of cells: how much lies in the cell, how alike two maps are, means with intervals over cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from nscweb.evaluation.scores.intervals import percentile_interval, resampled_counts

Float64 = NDArray[np.float64]
ROUNDS = 1_000


def inside_share(maps: NDArray[Any], masks: NDArray[np.bool_]) -> Float64:
    """(N,) share of each map that lies in the cell, 0 to 1; NaN for an empty map or a field without a cell.

    Args:
        maps: (N, H, W), not negative.
        masks: (N, H, W), True in the cell.
    """
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    there = (total > 0) & masks.any(axis=(1, 2))
    inside = (maps * masks).sum(axis=(1, 2), dtype=np.float64)
    return np.where(there, inside / np.where(there, total, 1.0), np.nan)


def likeness(first: NDArray[Any], second: NDArray[Any]) -> Float64:
    """(N,) rank correlation (Spearman) of two maps (N, H, W), -1 to 1; 0 where one of them is the same everywhere.

    A map that marks nothing has nothing in common with any other, hence 0 and not undefined.
    """
    ranked = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    left, right = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in ranked)
    length = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return np.asarray((left * right).sum(axis=1) / np.where(length > 0, length, 1.0), np.float64)


def shifted(inputs: NDArray[Any], by: tuple[int, int], fill: Float64 | float = 0.0) -> NDArray[np.float32]:
    """Inputs (N, C, H, W) moved by (down, right) pixels; what comes in is `fill`, a number or (N, C)."""
    down, right = by
    height, width = inputs.shape[-2:]
    level = np.asarray(fill, np.float64)
    moved = np.empty(inputs.shape, np.float32)
    moved[:] = level[:, :, None, None] if level.ndim else level
    to_y, from_y = _overlap(height, down)
    to_x, from_x = _overlap(width, right)
    moved[..., to_y, to_x] = inputs[..., from_y, from_x]
    return moved


def in_both(maps: NDArray[Any], moved: NDArray[Any], by: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The parts of maps (N, H, W) and of maps of moved inputs that show the same pixels, each (N, h, w)."""
    to_y, from_y = _overlap(maps.shape[1], by[0])
    to_x, from_x = _overlap(maps.shape[2], by[1])
    return maps[:, from_y, from_x], moved[:, to_y, to_x]


def _overlap(length: int, by: int) -> tuple[slice, slice]:
    """Where pixels go to, and where they come from."""
    return slice(max(by, 0), length + min(by, 0)), slice(max(-by, 0), length - max(by, 0))


def with_interval(values: Float64, seed: int) -> dict[str, float]:
    """``value``, ``low``, ``high``: mean over cells (N,) and its 95 % bootstrap interval; NaN are left out.

    The same cells are drawn for every figure of one seed, so that differences of figures can be read.
    """
    usable = values[np.isfinite(values)]
    if not usable.size:
        return {}
    mean = float(usable.mean())
    counts = resampled_counts(np.zeros(len(usable), np.int64), ROUNDS, seed)
    low, high = percentile_interval(counts @ usable / len(usable), mean)
    return {"value": round(mean, 4), "low": round(low, 4), "high": round(high, 4)}
