"""Quick look: one or a few images in, class scores and maps out; no study is made, nothing is stored.

Every image is scored and mapped, and has warnings of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.errors import ModelError
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.flags import unpack
from nscweb.services.cells.explain import maps_on_frames, overlay
from nscweb.services.kept import kept
from nscweb.services.models import default_model, model_by_name
from nscweb.services.predict import fitness
from nscweb.services.predict.quick_read import ReadImage
from nscweb.services.study.pixels import display
from nscweb.words.marks import mark

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App

# A quick look is for a few images; more belong into a study, which also keeps them.
MAX_FILES = 50


def check_one_channel(card: ModelCard) -> None:
    """A dropped image is one channel; a model that needs more cannot look at it.

    Raises:
        ModelError: the model needs several channels.
    """
    if len(card.recipe.channels) != 1:
        raise ModelError(
            f"The model {card.name} looks at {len(card.recipe.channels)} channels at once; a dropped image has one.",
            "Choose a model that looks at brightfield alone, or make a study.",
            "E-QUICK-CHANNELS",
        )


def scored(classifier: Classifier, read: Sequence[ReadImage]) -> tuple[list[QuickResult], list[str]]:
    """Results in the order given, and the sentences that belong beside them."""
    from nscweb.preprocess.cell_quality import measure_all

    planes = [image.pixels[None] for image in read]
    probabilities = classifier.predict(planes)
    names = classifier.card.classes.names
    best = [names[int(row.argmax())] for row in probabilities]
    maps, _ = maps_on_frames(classifier, planes, best, "auto", None)
    flags = measure_all([image.pixels for image in read])["flags"]
    results = []
    for index, image in enumerate(read):
        shown = display(image.pixels)
        results.append(
            QuickResult(
                name=image.name,
                image=shown,
                scores={name: float(p) for name, p in zip(names, probabilities[index], strict=True)},
                predicted=best[index],
                confidence=float(probabilities[index].max()),
                map=maps[index],
                overlay=overlay(shown, maps[index]),
                flags=unpack(int(np.asarray(flags)[index])),
            )
        )
        sentences = _warnings(classifier, planes)
    if any(image.simulated for image in read):
        sentences.insert(0, "The cells are simulated; they say nothing about real cultures.")
    return results, sentences


def _warnings(classifier: Classifier, planes: Sequence[NDArray[Any]]) -> list[str]:
    from nscweb.inference.familiarity import relative_distances

    sentences = fitness.model_warnings(classifier.card)
    measured = fitness.measure_fitness(relative_distances(classifier, planes))
    if measured is None:
        return sentences
    if measured.unlike:
        sentences.append(measured.sentence)
    elif measured.far:
        # A few images cannot prove anything about a sample; each far one is still worth a word.
        one, many = measured.cells == 1, f"{measured.far} of {measured.cells} images lie"
        sentences.append(
            f"{mark('yellow')}: {'this image lies' if one else many} farther from the training cells than 95 % of "
            "known cells do. Check the scores before you rely on them; a trust light needs the many cells of a sample."
        )
    return sentences


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


def _key(
    app: App, files: Sequence[tuple[str, bytes]], model: str = "", *, classifier: Classifier | None = None
) -> Hashable:
    """By the digests of the files, so that a key does not keep what they hold; None with a loaded model."""
    content = tuple((name, hashlib.sha256(data).hexdigest()) for name, data in files)
    return None if classifier else (app.settings.data_dir, content, model)


@kept(4, _key)
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
