"""What a recording tells without its cell: background, noise, slope of the light, mean, and size of the frame.

These are measured on the pixels as stored, before the recipe takes any of it away, so that it can be asked how far
they alone would go (`nscweb.training.checks.shortcut_audit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.preprocess.frame_light import measure_illumination

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

PER_CHANNEL = ("background", "noise", "gradient_x", "gradient_y", "mean_intensity")
FRAME = ("height", "width")
# Cells whose numbers are that far from the mean are only "very far"; squares of more mean nothing.
_FARTHEST = 6.0
_RIDGE = 1e-3
_ROUNDS = 60


def nuisance_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of `nuisance_batch`: plain ones for one channel, else ``background of Ch2``."""
    if len(channels) == 1:
        return (*PER_CHANNEL, *FRAME)
    return (*(f"{name} of {channel}" for channel in channels for name in PER_CHANNEL), *FRAME)


def nuisance_batch(images: Sequence[NDArray[Any]]) -> Float32:
    """(N, 5 C + 2) numbers of images (C, h, w) of any depth and size.

    For each channel the level and the spread of the border in grey values, the slope of the light to the right and
    downwards as a share of its level (`preprocess.frame_light`), and the mean of the frame in grey values; then
    height and width of the frame in pixels. All images have the same number of channels.
    """
    if not images:
        return np.zeros((0, len(PER_CHANNEL) + 2), np.float32)
    channels = images[0].shape[0]
    result = np.empty((len(images), len(PER_CHANNEL) * channels + 2), np.float32)
    for channel in range(channels):
        planes = [image[channel] for image in images]
        first = channel * len(PER_CHANNEL)
        lights = measure_illumination(planes)
        result[:, first : first + 4] = [
            (light.background, light.noise, light.gradient_x, light.gradient_y) for light in lights
        ]
        result[:, first + 4] = [plane.mean(dtype=np.float64) for plane in planes]
    result[:, -2:] = [image.shape[1:] for image in images]
    return result


class PlainClassifier:
    """Multinomial logistic regression on standardised numbers and their squares, each class weighing the same.

    Fitted to the ridge-penalised likelihood by conjugate gradients in the metric of Boehning's bound of the Hessian
    (1992, doi:10.1007/BF00048682). A step is only kept when it helps, so it always ends, and it needs no package
    beyond NumPy.
    """

    def __init__(self, values: NDArray[Any], labels: NDArray[np.int64], classes: int) -> None:
        """Fit to (N, F) numbers and (N,) class indices; a class without cells is never predicted."""
        table = np.nan_to_num(np.asarray(values, np.float64), posinf=0.0, neginf=0.0)
        self._centre = table.mean(axis=0)
        spread = table.std(axis=0)
        # A column that does not vary tells nothing, and must not blow up on other cells.
        self._unit = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(self._centre)), spread, np.inf)
        inputs = self._inputs(table)
        counts = np.bincount(labels, minlength=classes)
        present = counts > 0
        weights = np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 0.0)[labels]
        wanted = np.eye(classes)[labels]
        self._absent = np.where(present, 0.0, -np.inf)
        self._theta = _fit(inputs, wanted, weights, self._absent)

    def probabilities(self, values: NDArray[Any]) -> Float32:
        """(N, F) numbers to (N, K) probabilities."""
        table = np.nan_to_num(np.asarray(values, np.float64), posinf=0.0, neginf=0.0)
        return _softmax(self._inputs(table) @ self._theta + self._absent).astype(np.float32)

    def _inputs(self, table: Float64) -> Float64:
        unit = np.clip((table - self._centre) / self._unit, -_FARTHEST, _FARTHEST)
        return np.hstack([unit, unit**2, np.ones((len(unit), 1))])


def _fit(inputs: Float64, wanted: Float64, weights: Float64, absent: Float64) -> Float64:
    """(F, K) coefficients by conjugate gradients along preconditioned directions with a line search by halving."""
    total = weights.sum()
    curvature = (inputs * weights[:, None]).T @ inputs / total
    ridge = _RIDGE * np.eye(len(curvature))
    # The bound of the Hessian of a softmax is half the curvature of the inputs, the same for every class.
    inverse = np.linalg.inv(0.5 * curvature + ridge)
    theta = np.zeros((inputs.shape[1], wanted.shape[1]))
    loss, gradient = _loss(theta, inputs, wanted, weights / total, absent)
    direction = np.zeros_like(theta)
    before, step = 1.0, 1.0
    for _ in range(_ROUNDS):
        move = inverse @ gradient
        size = float((move * gradient).sum())
        if size < 1e-9:
            break
        direction = -move + min(size / before, 5.0) * direction
        if float((direction * gradient).sum()) >= 0:
            direction = -move
        before, step = size, min(step * 4, 64.0)
        for _ in range(30):
            tried = theta + step * direction
            tried_loss, tried_gradient = _loss(tried, inputs, wanted, weights / total, absent)
            if tried_loss < loss + 1e-4 * step * float((direction * gradient).sum()):
                break
            step /= 2
        else:
            break
        theta, loss, gradient = tried, tried_loss, tried_gradient
    return theta


def _loss(theta: Float64, inputs: Float64, wanted: Float64, shares: Float64, absent: Float64) -> tuple[float, Float64]:
    likely = _softmax(inputs @ theta + absent)
    chosen = np.maximum((likely * wanted).sum(axis=1), 1e-300)
    loss = -float(shares @ np.log(chosen)) + 0.5 * _RIDGE * float((theta**2).sum())
    return loss, inputs.T @ ((likely - wanted) * shares[:, None]) + _RIDGE * theta


def _softmax(scores: Float64) -> Float64:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Float64 = raised / raised.sum(axis=1, keepdims=True)
    return found
