"""Class maps of cells by a loaded model, drawn in one of several ways.

Grad-CAM comes in closed form where the network allows it, else by gradients; integrated gradients need a network in
torch; occlusion only a model that scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import Progress, no_progress
from nscweb.inference.cam import Floats, finish_maps, gradient_maps
from nscweb.inference.map_methods import integrated_gradients, occluded
from nscweb.preprocess.pixel_steps import border_levels

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier

Method = Literal["closed-form", "grad-cam", "integrated-gradients", "occlusion", "auto"]


def chosen_method(classifier: Classifier, method: Method) -> Method:
    """What ``auto`` stands for with this model: the closed form, gradients, or occlusion where there are no places."""
    if method != "auto":
        return method
    if classifier.closed_form_cam:
        return "closed-form"
    return "grad-cam" if classifier.has_class_maps else "occlusion"


def class_maps(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    class_index: int | None = None,
    method: Method = "auto",
    pixel_size_um: float | None = None,
    progress: Progress = no_progress,
) -> Floats:
    """Maps (N, H, W) in 0..1 in the geometry of the network's input.

    Args:
        classifier: a loaded model.
        images: cells (C, h, w) at native depth.
        class_index: class to explain; None explains the predicted class of each cell.
        method: see `chosen_method` for ``auto``.
        pixel_size_um: micrometres per pixel of the images, when known.
        progress: of the ways that ask the model many times.
    """
    method = chosen_method(classifier, method)
    if method == "closed-form":
        return classifier.predict_with_maps(images, class_index, pixel_size_um)[1]
    batch = classifier.prepare(images, pixel_size_um)
    if not len(batch):
        return np.zeros((0, *batch.shape[2:]), np.float32)
    if class_index is None:
        wanted = classifier.predict_prepared(batch).argmax(axis=1).astype(np.int64)
    else:
        wanted = np.full(len(batch), class_index, np.int64)
    if method == "occlusion":
        return occluded(classifier.predict_prepared, batch, wanted, border_levels(list(batch)), progress=progress)
    if method == "integrated-gradients":
        found = integrated_gradients(classifier.network, batch, wanted, border_levels(list(batch)), progress=progress)
        return finish_maps(found, classifier.card.recipe.resize)
    return gradient_maps(classifier.network, batch, wanted)
