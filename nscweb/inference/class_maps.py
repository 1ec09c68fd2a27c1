"""Class maps of cells by a loaded model: in closed form where its network allows it, by gradients, or by covering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.inference.cam import Floats, gradient_maps
from nscweb.inference.occlusion import occlusion_maps

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier

Method = Literal["auto", "closed-form", "grad-cam", "occlusion"]


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
) -> Floats:
    """Maps (N, H, W) in 0..1 in the geometry of the network's input.

    Args:
        classifier: a loaded model.
        images: cells (C, h, w) at native depth.
        class_index: class to explain; None explains the predicted class of each cell.
        method: see `chosen_method` for ``auto``.
        pixel_size_um: micrometres per pixel of the images, when known.
    """
    method = chosen_method(classifier, method)
    if method == "closed-form":
        return classifier.predict_with_maps(images, class_index, pixel_size_um)[1]
    if class_index is None:
        wanted = classifier.predict(images, pixel_size_um).argmax(axis=1)
    else:
        wanted = np.full(len(images), class_index)
    if method == "occlusion":
        return occlusion_maps(classifier, images, wanted, pixel_size_um)
    return gradient_maps(classifier.network, classifier.prepare(images, pixel_size_um), wanted)
