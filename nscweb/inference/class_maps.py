"""Class maps of cells by a loaded model: in closed form where its network allows it, else by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.inference.cam import Floats, gradient_maps

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier


def class_maps(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    class_index: int | None = None,
    method: Literal["closed-form", "grad-cam", "auto"] = "auto",
    pixel_size_um: float | None = None,
) -> Floats:
    """Maps (N, H, W) in 0..1 in the geometry of the network's input.

    Args:
        classifier: a loaded model.
        images: cells (C, h, w) at native depth.
        class_index: class to explain; None explains the predicted class of each cell.
        method: ``auto`` takes the closed form where the architecture allows it.
        pixel_size_um: micrometres per pixel of the images, when known.
    """
    if method == "closed-form" or (method == "auto" and classifier.closed_form_cam):
        return classifier.predict_with_maps(images, class_index, pixel_size_um)[1]
    batch = classifier.prepare(images, pixel_size_um)
    if class_index is None:
        wanted = classifier.predict(images, pixel_size_um).argmax(axis=1)
    else:
        wanted = np.full(len(batch), class_index)
    return gradient_maps(classifier.network, batch, wanted)
