"""What the traffic light says: reasons with numbers, and what to do, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nscweb.core.rules import FAR_OUT, per_cent
from nscweb.evaluation.audit.shift import Shift
from nscweb.services.predict.lights import GREEN, RED, YELLOW

_FAR_OUT = f"farther out than {per_cent(1 - FAR_OUT)} of known cells"
LIE_FAR_OUT = f"lie {_FAR_OUT} do ({per_cent(FAR_OUT)} expected)"
TITLES: dict[str, str] = {
    "embedding": "network: distance",
    "input": "images: distance",
    "confidence": "score of the chosen class",
    "background": "background level",
    "contrast": "contrast of the cells",
    "noise": "noise",
    "focus": "sharpness",
    "area": "size of the cells",
    "slope": "slope of the illumination",
    "depth": "bit depth",
}
UNITS: dict[str, str] = {
    "embedding": f"1 = {_FAR_OUT}",
    "input": f"1 = {_FAR_OUT}",
    "confidence": "0 to 1",
    "background": "grey values",
    "contrast": "grey values",
    "noise": "share of the contrast of the cells",
    "focus": "share of fine detail",
    "area": "pixels",
    "slope": "share of the level of the light",
    "depth": "bits",
}
_CHECKS: dict[str, str] = {
    "background": "Check the illumination, and that the channel chosen on the Study page is brightfield.",
    "contrast": "Check illumination, focus and channel of this acquisition.",
    "noise": "Check exposure and gain of this acquisition.",
    "focus": "Check the focus of this acquisition: other sharpness changes what a network sees.",
    "area": "Check the magnification, and the pixel size on the Study page.",
    "slope": "Check that the light is even across the frame.",
    "cells": "Record more cells of this sample, or pool it with others of its culture in the sample sheet; the ratio "
    "of so few cells says little.",
    "known": "Train with more cells of known class, or choose control samples on the page Compare, tab Scores.",
    "size": "Check the magnification, and the pixel size on the Study page.",
    "slope of the light": "Check that the light is even across the frame.",
    "brightness": "Check the illumination of this acquisition.",
    "bit depth": "Export the images with the bit depth of the training images, if you can.",
    "compression": "Export the images without compression that loses detail, TIFF instead of JPEG.",
    "instrument": "Check instrument, magnification and the pixel size on the Study page.",
    "depth": "Export the images with the bit depth of the training images, if you can.",
}
# From three times the expected share on, the cells themselves tell why.
FAR_SHARE = 0.15
FEW_CELLS_START = "Too few cells to judge"
_LOOK = {
    RED: "Do not use the ratio of this sample. Check that cells, channel and magnification are those the model was "
    "made for; if they are, train a model on samples like this one.",
    YELLOW: "Look at cells of this sample under Cells, and compare its ratio with a count of your own before you "
    "rely on it.",
}


def decided_words(name: str, share: float, chance: float = 0.0) -> str:
    """Why a kind of distance speaks against a sample.

    Args:
        share: of its cells farther out than 95 % of known cells.
        chance: that a known sample differs as much.
    """
    what = (
        "The network sees something else here than in the samples it was tested on"
        if name == "embedding"
        else "The images differ from the training images in brightness, texture or size, even after background and "
        "contrast were evened out"
    )
    cells = f"{100 * share:.0f} % of the cells {LIE_FAR_OUT}"
    if share >= FAR_SHARE:
        return f"{what}: {cells}."
    odds = f"fewer than 1 in {_odds(chance):,} good samples differ so much"
    return f"{what}: by little in single cells, but by all of them in one direction; {odds}."


def few_cells_words(cells: int) -> str:
    """Why a sample of few cells is not called fitting."""
    return f"{FEW_CELLS_START} ({cells}): so few that foreign cells among them would not show."


def _odds(chance: float) -> int:
    """The round number of samples among which less than one is so far out, at most a million."""
    return int(10 ** min(6, np.floor(-np.log10(max(chance, 1e-9)))))


def shift_words(name: str, shift: Shift) -> str:
    """One shift as a sentence with its numbers, ending in a full stop."""
    known = f"{_number(name, shift.typical)} in training (samples there: {_range(name, shift)})"
    value = _number(name, shift.value)
    more = shift.value > shift.typical
    if name == "confidence":
        return (
            f"The model is less sure: its score of the chosen class is {value}, against "
            f"{_number(name, shift.typical)} in samples it was tested on ({_range(name, shift)})."
        )
    if name == "area":
        by = abs(100 * (shift.value / max(shift.typical, 1e-9) - 1))
        return f"Cells {by:.0f} % {'larger' if more else 'smaller'}: {value} against {known}."
    if name == "focus":
        return f"{'Sharper' if more else 'Less sharp'} images: share of fine detail {value} against {known}."
    if name == "noise":
        return f"{'More' if more else 'Less'} noise: {value} of the contrast of the cells against {known}."
    if name == "slope":
        return f"Light {'less' if more else 'more'} even: {value} from side to side against {known}."
    if name == "depth":
        return f"Images of {value} against {known}."
    if name == "contrast":
        return f"Cells stand out {'more' if more else 'less'}: contrast {value} against {known}."
    return f"{TITLES[name].capitalize()} {value} against {known}."


def advice_for(light: str, names: Sequence[str]) -> tuple[str, ...]:
    """What to do about a sample with this light; `names` are the numbers that speak against it."""
    if light == GREEN:
        return ()
    if set(names) == {"cells"}:
        return (_CHECKS["cells"],)
    return (_LOOK[light], *[_CHECKS[name] for name in dict.fromkeys(names) if name in _CHECKS])


def _range(name: str, shift: Shift) -> str:
    low, high = _number(name, shift.low), _number(name, shift.high)
    return low if low == high else f"{low} to {high}"


def _number(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "unknown"
    if name in ("noise", "slope"):
        return f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"
    if name in ("focus", "confidence"):
        return f"{value:.2f}"
    if name == "depth":
        return f"{value:.0f} bit" if value > 1 else "numbers from 0 to 1"
    if name == "area":
        return f"{value:.0f} px"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
