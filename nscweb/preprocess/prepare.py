"""The recipe of a model card, carried out: images as stored -> (N, C, H, W) float32 for the network.

`apply_recipe` is `finish_field` after `prepare_field`. Training augments between the two, on a field with a
margin, so that a rotated or shifted cell brings real surroundings with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.core.rules import SAME_PIXEL_SIZE
from nscweb.preprocess.outline import outline_of
from nscweb.preprocess.pixel_steps import (
    Array,
    Float32,
    border_levels,
    centred_slices,
    crop_box,
    divide_by_deviation,
    equalise,
    full_scale,
    pad_or_crop,
    resampled,
    resize_planes,
)

# Objectives of 4x and 100x with the same camera are 25 times apart; no model for one sees cells of the other.
_MOST_TIMES = 32.0


def field_size(recipe: InputRecipe, pixel_size_um: float | None = None) -> tuple[int, int] | None:
    """(height, width) in pixels of the field that a recipe keeps, None for the whole frame.

    Raises:
        WrongUse: the recipe gives the field in micrometres and the pixel size is not known.
    """
    if recipe.field_px is not None:
        return recipe.field_px
    if recipe.field_um is None:
        return None
    if not pixel_size_um or pixel_size_um <= 0:
        raise WrongUse(
            "This model looks at a field given in micrometres, and the pixel size of the study is not known.",
            "Enter the micrometres per pixel on the Study page.",
            "E-PIXEL-SIZE",
        )
    height, width = (max(1, round(length / pixel_size_um)) for length in recipe.field_um)
    return height, width


def pixel_factor(recipe: InputRecipe, pixel_size_um: float | None) -> float:
    """New pixels per old pixel when images are brought to the pixel size of the training images; 1 leaves them.

    1 where one of the sizes is not known, where they are the same (`rules.SAME_PIXEL_SIZE`), where the field is given
    in micrometres, and where the whole frame is stretched to the input of the network, whatever its pixels are.

    Raises:
        WrongUse: one is so many times the other that it cannot be true, and images would grow beyond all bounds.
    """
    own = recipe.pixel_size_um
    in_pixels = recipe.field_px is not None or recipe.crop_to_object is not None
    if not own or not pixel_size_um or pixel_size_um <= 0 or not in_pixels:
        return 1.0
    factor = pixel_size_um / own
    if not 1 / _MOST_TIMES <= factor <= _MOST_TIMES:
        raise WrongUse(
            f"The pixel size of the study ({pixel_size_um:g} µm) and that of the model ({own:g} µm) are too far apart.",
            "Correct the micrometres per pixel on the Study page.",
            "E-PIXEL-SIZE",
        )
    return 1.0 if abs(factor - 1) <= SAME_PIXEL_SIZE else factor


def at_pixel_size(
    recipe: InputRecipe, images: Sequence[NDArray[Any]], pixel_size_um: float | None
) -> Sequence[NDArray[Any]]:
    """The images (C, h, w) at the pixel size of the training images; see `pixel_factor`."""
    factor = pixel_factor(recipe, pixel_size_um)
    return images if factor == 1.0 else [resampled(image, factor) for image in images]


def prepare_field(
    recipe: InputRecipe, images: Sequence[NDArray[Any]], margin: int = 0, *, pixel_size_um: float | None = None
) -> Float32:
    """Crop, contrast, background, field: images (C, h, w) of any depth -> (N, C, fh + 2 margin, fw + 2 margin).

    Images are brought to the pixel size of the model before anything else, see `pixel_factor`. Cropping to the object
    and equalising contrast come next, in the order of Zamani et al. 2022, and make a new image of each; all that
    follows sees only that one.
    With ``border-median`` each image and channel has the median of its own border subtracted, and what the
    frame does not cover is 0, that is background. Integers of 16 bit keep their full range. When the recipe
    divides by 255, deeper images are first brought to 0..255 by `full_scale`.
    A recipe without a field stretches the whole frame to the network input here, because frames differ in
    size; its margin repeats the outermost pixels.

    Raises:
        WrongUse: number of channels differs from the recipe, or the pixel size is missing.
    """
    planes = [_three_axes(image, len(recipe.channels)) for image in images]
    planes = [_enhanced(recipe, image) for image in at_pixel_size(recipe, planes, pixel_size_um)]
    size = field_size(recipe, pixel_size_um)
    height, width = size if size is not None else recipe.resize
    result = np.zeros((len(planes), len(recipe.channels), height + 2 * margin, width + 2 * margin), np.float32)
    if not planes:
        return result
    subtract = recipe.background == "border-median"
    levels = border_levels(planes) if subtract else np.zeros((len(planes), len(recipe.channels)))
    for target, image, level in zip(result, planes, levels, strict=True):
        gain = 255.0 / full_scale(image) if recipe.divide_by == 255 else 1.0
        if size is None:
            _whole_frame(target, image, level, gain, recipe, margin)
            continue
        from_y, to_y = centred_slices(image.shape[1], target.shape[1])
        from_x, to_x = centred_slices(image.shape[2], target.shape[2])
        part = image[:, from_y, from_x]
        if not subtract and part.shape[1:] != target.shape[1:]:
            # Without subtraction 0 is not background, so the missing rim takes the level of the border.
            target[:] = border_levels([image])[0][:, None, None] * gain
        np.subtract(part, level[:, None, None], out=target[:, to_y, to_x], casting="unsafe", dtype=np.float64)
        if gain != 1.0:
            target[:, to_y, to_x] *= gain
    return result


def finish_field(recipe: InputRecipe, fields: Float32, *, pixel_size_um: float | None = None) -> Float32:
    """Contrast, resize, divide, clip: fields (N, C, h, w) from `prepare_field` -> (N, C, H, W) float32.

    A margin that is still there is cut off first.
    """
    size = field_size(recipe, pixel_size_um) or recipe.resize
    if tuple(fields.shape[2:]) != tuple(size):
        fields = np.ascontiguousarray(pad_or_crop(fields, size, 0.0))
    if recipe.contrast == "deviation":
        fields = divide_by_deviation(fields)
    result = resize_planes(fields, recipe.resize, recipe.interpolation)
    if recipe.divide_by != 1.0:
        result = result / np.float32(recipe.divide_by)
    if recipe.clip is not None:
        result = np.clip(result, np.float32(recipe.clip[0]), np.float32(recipe.clip[1]))
    return np.ascontiguousarray(result, dtype=np.float32)


def apply_recipe(recipe: InputRecipe, images: Sequence[NDArray[Any]], *, pixel_size_um: float | None = None) -> Float32:
    """Network input of a list of images (C, h, w): (N, C, H, W) float32.

    With the default recipe the result does not depend on the offset, the gain or the depth of the image, nor
    on the size of the frame around the field. See `prepare_field` and `finish_field`.
    """
    fields = prepare_field(recipe, images, pixel_size_um=pixel_size_um)
    return finish_field(recipe, fields, pixel_size_um=pixel_size_um)


def seen_box(recipe: InputRecipe, image: Array) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the part of an image (C, h, w) that a recipe starts from.

    The whole frame, or the bounding box of the object with its margin, which may reach beyond the frame. The
    object is looked for in the brightfield channel, or in the first one.
    """
    whole = (0, 0, image.shape[1], image.shape[2])
    if recipe.crop_to_object is None or min(image.shape[1:]) < 1:
        return whole
    seen = recipe.channels.index("brightfield") if "brightfield" in recipe.channels else 0
    outline = outline_of(image[seen])
    if outline is None:
        return whole
    left, top, width, height = cv2.boundingRect(outline)
    margin = recipe.crop_to_object
    return top - margin, left - margin, height + 2 * margin, width + 2 * margin


def _enhanced(recipe: InputRecipe, image: Array) -> Array:
    if recipe.crop_to_object is not None:
        image = crop_box(image, seen_box(recipe, image), border_levels([image])[0])
    if recipe.clahe is not None:
        image = equalise(image, *recipe.clahe)
    return image


def _three_axes(image: Array, channels: int) -> Array:
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[0] != channels:
        raise WrongUse(
            f"The model takes {channels} channel{'s' if channels > 1 else ''}, the image has the shape {array.shape}.",
            "Choose the channels that the model card names.",
            "E-CHANNELS",
        )
    return array


def _whole_frame(
    target: Float32, image: Array, level: NDArray[np.float64], gain: float, recipe: InputRecipe, margin: int
) -> None:
    if gain == 1.0 and not level.any():
        values = image.astype(np.float32)  # the same numbers, without a detour through float64
    else:
        values = ((image - level[:, None, None]) * gain).astype(np.float32)
    stretched = resize_planes(values[None], recipe.resize, recipe.interpolation)[0]
    for plane, source in zip(target, stretched, strict=True):
        plane[:] = (
            cv2.copyMakeBorder(source, margin, margin, margin, margin, cv2.BORDER_REPLICATE) if margin else source
        )
