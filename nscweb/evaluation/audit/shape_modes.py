"""Shape modes: the few outlines that the cells of a study come in, and how mixed each group is.

After VAMPIRE (Phillip, Han, Chen, Wirtz and Wu 2021, Nature Protocols 16, 754: visually aided morpho-phenotyping
image recognition), with which Kim et al. 2023 compared their donors (50 points, 20 modes):

1. the boundary of each cell is sampled at 50 points, equidistant along it;
2. each contour is centred on the mean of its points and divided by their root mean square distance from it, so that
   place and size say nothing;
3. each contour is turned, and its first point chosen, so that it lies as close as possible to the mean contour;
   mean and turns are found in turn, starting from the long axes. Mirror images stay apart;
4. principal components of the 100 coordinates, as many as hold 95 % of the variance;
5. k-means on their scores; a mode is the mean contour of its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import InputRefused, WrongUse

Float64 = NDArray[np.float64]

POINTS = 50
MODES = 20
_VARIANCE = 0.95
_ROUNDS = 10
ALL = "all cells"


@dataclass(frozen=True)
class ShapeModes:
    """What `shape_modes` finds. K modes, N cells, P points of a contour, C components; the commonest mode is first.

    Attributes:
        modes: (K, P, 2) mean contours of the modes, x and y, centred, with root mean square radius 1.
        labels: (N,) mode of each cell.
        shares: group -> (K,) share of its cells in each mode; "all cells" first.
        entropy: group -> Shannon entropy of these shares in nats, from 0 (one mode) to ln K (all alike common);
            the heterogeneity of Phillip et al. 2021.
        cells: group -> number of cells.
        mean: (P, 2) mean contour.
        components: (C, 2 P) principal components, x and y of each point in turn.
        explained: (C,) share of the variance that each holds.
        scores: (N, C) of the cells.
    """

    modes: Float64
    labels: NDArray[np.int64]
    shares: dict[str, Float64]
    entropy: dict[str, float]
    cells: dict[str, int]
    mean: Float64
    components: Float64
    explained: Float64
    scores: Float64


def resample(contour: ArrayLike, points: int = POINTS) -> Float64:
    """(P, 2) closed contour to (points, 2), equidistant along it, counter-clockwise (x right, y up).

    Raises:
        WrongUse: fewer than three different points, or coordinates that are not numbers.
    """
    path = np.asarray(contour, np.float64).reshape(-1, 2)
    if len(path) >= 2:
        path = path[np.any(path != np.roll(path, 1, axis=0), axis=1)]
    if len(path) < 3 or not np.isfinite(path).all():
        raise WrongUse("A contour needs at least three different points.", "Leave such a cell out.")
    x, y = path.T
    if np.dot(x, np.roll(y, -1)) < np.dot(y, np.roll(x, -1)):
        path = path[::-1]
    closed = np.concatenate([path, path[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(points) * (along[-1] / points)
    return np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def aligned(contours: Sequence[ArrayLike], points: int = POINTS) -> Float64:
    """Contours, each (P, 2) of any length, as (N, points, 2): resampled, centred, scaled, turned.

    Raises:
        WrongUse: a contour with fewer than three different points.
    """
    sampled = np.stack([resample(contour, points) for contour in contours])
    # As complex numbers a turn is a product, and all first points are tried at once by a Fourier transform.
    shapes: NDArray[np.complex128] = sampled[:, :, 0] + 1j * sampled[:, :, 1]
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    shapes /= np.sqrt((np.abs(shapes) ** 2).mean(axis=1, keepdims=True))
    # The mean square of the numbers themselves points along twice the angle of the long axis.
    shapes *= np.exp(-0.5j * np.angle((shapes**2).mean(axis=1, keepdims=True)))
    start = np.argmax(shapes.real, axis=1)
    shapes = np.take_along_axis(shapes, (np.arange(points) + start[:, None]) % points, axis=1)
    for _ in range(_ROUNDS):
        mean = shapes.mean(axis=0)
        match = np.fft.ifft(np.fft.fft(shapes, axis=1) * np.conj(np.fft.fft(mean)), axis=1)
        shift = np.argmax(np.abs(match), axis=1)
        turn = np.angle(np.take_along_axis(match, shift[:, None], axis=1))
        moved = (np.arange(points) + shift[:, None]) % points
        shapes = np.take_along_axis(shapes, moved, axis=1) * np.exp(-1j * turn)
        if not shift.any() and np.abs(turn).max() < 1e-6:
            break
    return np.stack([shapes.real, shapes.imag], axis=2)


def shape_modes(
    contours: Sequence[ArrayLike],
    groups: Sequence[str] | None = None,
    *,
    modes: int = MODES,
    points: int = POINTS,
    seed: int = 0,
) -> ShapeModes:
    """Shape modes of some cells and their shares in each group.

    Args:
        contours: one (P, 2) boundary per cell, x and y in pixels, of any length.
        groups: (N,) what each cell belongs to, such as its donor; None for all together.
        modes: K, at most the number of cells; Kim et al. 2023 took 20.
        points: of a resampled contour.
        seed: of k-means.

    Raises:
        InputRefused: fewer cells than modes.
        WrongUse: fewer than two modes, groups of another length, a contour without extent.
    """
    if modes < 2:
        raise WrongUse("Shape modes start at two.")
    if len(contours) < modes:
        raise InputRefused(
            f"{modes} shape modes need at least as many outlines; there are {len(contours)}.",
            "Ask for fewer modes or give more cells.",
        )
    if groups is not None and len(groups) != len(contours):
        raise WrongUse("There must be one group for each contour.")
    shapes = aligned(contours, points)
    flat = shapes.reshape(len(shapes), -1)
    mean = flat.mean(axis=0)
    components, explained = _principal_components(flat - mean)
    scores = (flat - mean) @ components.T
    labels = _clusters(scores, modes, seed)
    # Numbered by how common they are, so that a mode keeps its number when the seed changes.
    order = np.argsort(-np.bincount(labels, minlength=modes), kind="stable")
    labels = np.argsort(order)[labels]
    contour_of = np.stack([shapes[labels == mode].mean(axis=0) for mode in range(modes)])
    names = np.full(len(labels), "") if groups is None else np.asarray(list(groups), object)
    members: dict[str, NDArray[np.bool_]] = {ALL: np.ones(len(labels), bool)}
    if groups is not None:
        members.update({str(name): names == name for name in sorted(set(groups))})
    shares = {
        name: np.bincount(labels[rows], minlength=modes) / np.count_nonzero(rows) for name, rows in members.items()
    }
    return ShapeModes(
        modes=contour_of,
        labels=labels,
        shares=shares,
        entropy={name: entropy(share) for name, share in shares.items()},
        cells={name: int(np.count_nonzero(rows)) for name, rows in members.items()},
        mean=mean.reshape(points, 2),
        components=components,
        explained=explained,
        scores=scores,
    )


def entropy(shares: ArrayLike) -> float:
    """Shannon entropy in nats of shares that sum to 1; empty modes count nothing."""
    values = np.asarray(shares, np.float64)
    values = values[values > 0]
    return float(max(0.0, -(values * np.log(values)).sum()))


def _principal_components(centred: Float64) -> tuple[Float64, Float64]:
    """(C, D) components and (C,) shares of the variance, as many as hold 95 % of it, at least one."""
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    share = singular**2 / max(float((singular**2).sum()), 1e-30)
    count = min(len(share), int(np.searchsorted(np.cumsum(share), _VARIANCE)) + 1)
    return np.asarray(axes[:count], np.float64), np.asarray(share[:count], np.float64)


def _clusters(scores: Float64, modes: int, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    if len(np.unique(scores.round(12), axis=0)) < modes:
        raise InputRefused(f"The outlines show fewer than {modes} different shapes.", "Ask for fewer shape modes.")
    found: Any = KMeans(n_clusters=modes, n_init=10, random_state=seed).fit(scores)
    return np.asarray(found.labels_, np.int64)
