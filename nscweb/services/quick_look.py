"""Quick look: one or a few images in, class scores and maps out; no study is made, nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.findings import Finding, FindingLog
from nscweb.services.models import default_model, model_by_name

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App

# A quick look is for a few images; more belong into a study, which also keeps them.
MAX_FILES = 50


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
    app: App, files: Sequence[tuple[str, bytes]], model: str = "", *, classifier: Classifier | None = None
) -> QuickLook:
    """Class scores and maps of a few images at once. Files that cannot be read become findings.

    Args:
        files: (name, content) of each dropped file.
        model: name of a model, "" for the default one.
        classifier: the same model, loaded before, to save loading it again.

    Raises:
        ModelError: there is no such model, or it needs more channels than an image has.
    """
    from nscweb.inference.classifier import Classifier
    from nscweb.services.predict.quick_read import read_images
    from nscweb.services.quick_images import check_one_channel, scored

    log = FindingLog()
    entry = classifier.entry if classifier else (model_by_name(app, model) if model else default_model(app))
    check_one_channel(entry.card)
    if len(files) > MAX_FILES:
        log.add(
            "ignored",
            "N-QUICK-MANY",
            f"A quick look takes the first {MAX_FILES} images; make a study for more.",
            f"{len(files) - MAX_FILES} images",
        )
    read = read_images(files[:MAX_FILES], app.settings.limits, log)
    if not read:
        return QuickLook((), tuple(log), (), entry.card.name)
    used = classifier or Classifier(entry, threads=app.settings.threads)
    results, warnings = scored(used, read)
    return QuickLook(tuple(results), tuple(log), tuple(warnings), entry.card.name)
