"""Images of a quick look: scored, mapped, and warned about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.errors import ModelError
from nscweb.core.flags import unpack
from nscweb.services.explain import maps_on_frames
from nscweb.services.overlays import overlay
from nscweb.services.predict import fitness
from nscweb.services.predict.quick_read import ReadImage
from nscweb.services.quick_look import QuickResult
from nscweb.services.study.pixels import display
from nscweb.words.marks import mark

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier


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
