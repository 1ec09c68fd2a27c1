"""Quick look: one or a few images in, class scores and maps out; no study is made, nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.findings import Finding

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class QuickResult:
    """One image of a quick look.

    Attributes:
        name: file name as the user gave it.
        image: (h, w) uint8 for display.
        scores: class -> probability.
        predicted, confidence: the class with the highest score.
        map: (h, w) float32 in 0..1 on the frame, of the predicted class.
        overlay: (h, w, 3) uint8.
        flags: names of quality flags.
    """

    name: str
    image: NDArray[np.uint8]
    scores: dict[str, float]
    predicted: str
    confidence: float
    map: NDArray[np.float32]
    overlay: NDArray[np.uint8]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuickLook:
    """All images of a quick look.

    Attributes:
        results: one per readable image, in the order given.
        findings: what was noticed, and why an image could not be read.
        warnings: sentences that belong beside the scores.
        model: name of the model.
    """

    results: tuple[QuickResult, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    model: str


def look(
    app: App, files: Sequence[tuple[str, bytes]], model: str = "", *, channel: str | None = None
) -> QuickLook:
    """Class scores and maps of a few images at once.

    Args:
        files: (name, content) of each dropped file.
        model: name of a model, "" for the default one.
        channel: which image of a file with several; None takes the brightfield guess.

    Raises:
        ModelNotFound: there is no such model.
    """
    from nscweb.services.quick_images import look_at

    return look_at(app, files, model, channel)
