"""How a network holds up when the same cells are recorded otherwise: a table for the card.

Every row asks the whole way from the stored pixels through the recipe to the class. Strengths are stated in pixels,
micrometres, degrees, bits, or as a share of the contrast of the cell (the 99th percentile of what the cell adds to or
takes from the light of its frame).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.preprocess.pixel_steps import full_scale
from nscweb.simulation.camera import PROFILES, Profile
from nscweb.training.checks import changes
from nscweb.training.checks.changes import Camera
from nscweb.training.checks.network_probe import Probe
from nscweb.training.data.recordings import Array, Recording

# Level of the light and contrast of the cell, in grey values, on the other instrument: of the papers' images
# (`nscweb.simulation.camera`).
_TITLES = {"flowsight": "FlowSight", "imagestream": "ImageStream"}
_CAMERAS = {"flowsight": (126.0, 16.0), "imagestream": (793.0, 90.0)}


# Image, its light, random numbers and strength to the image as otherwise recorded.
Make = Callable[[Array, Recording, np.random.Generator, float], Array]


@dataclass(frozen=True)
class Change:
    """One row of the table to be.

    Attributes:
        kind: short key. name, strength: in words. amount: the strength as a number.
        make: makes the image.
        pixel_factor: new micrometres per pixel, per old.
    """

    kind: str
    name: str
    strength: str
    amount: float
    make: Make
    pixel_factor: float = 1.0


def robustness(
    probe: Probe | None, *, seed: int, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> tuple[dict[str, Any], ...]:
    """The table for the card, JSON-ready; empty when no held-out cells were kept as stored.

    Returns:
        Rows with ``change`` and ``strength`` in words, ``kind``, ``amount``, ``accuracy``, ``low``, ``high``,
        ``cost`` (accuracy lost) with ``cost_low`` and ``cost_high``, ``share_shift`` (mean absolute change of the
        share of cells that each class is given, 0..1), ``cells``, ``samples``, ``interval``. The first row is that
        of the unchanged cells.
    """
    if probe is None:
        return ()
    rows = [_row(probe, Change("none", "unchanged", "as recorded", 0.0, lambda image, own, rng, amount: image), None)]
    planned = planned_changes(probe.images[0], probe.data.pixel_size_um)
    for number, change in enumerate(planned):
        progress(number, len(planned), f"Robustness: {change.name}, {change.strength}")
        rng = np.random.default_rng([seed, 12, number])

        def made(
            place: int, image: Array, own: Recording, change: Change = change, rng: np.random.Generator = rng
        ) -> Array:
            return change.make(image, own, rng, change.amount)

        rows.append(_row(probe, change, probe.ask(made, cancel, change.pixel_factor)))
    return tuple(rows)


def planned_changes(like: Array, pixel_size_um: float | None = None) -> list[Change]:
    """Every change with its strengths, for images of the depth of `like` and a known or unknown pixel size."""
    eight_bit = full_scale(like) <= 255
    own = PROFILES["flowsight" if eight_bit else "imagestream"]
    pixel = pixel_size_um or own.pixel_size_um
    assumed = "" if pixel_size_um else f", at {pixel:g} µm per pixel"
    series: list[tuple[str, str, str, tuple[float, ...], Make]] = [
        ("blur", "blur", "{:g} px", (0.5, 1.0, 2.0), lambda i, r, g, s: changes.blurred(i, s)),
        (
            "defocus",
            "defocus",
            "{:g} µm" + assumed,
            (4.0, 8.0, 16.0),
            lambda i, r, g, s: changes.defocused(i, s, pixel),
        ),
        ("noise", "noise", "{:.0%} of contrast", (0.05, 0.1, 0.2), lambda i, r, g, s: changes.noisier(i, r, s, g)),
        (
            "gradient",
            "slope of the illumination",
            "{:.0%} of contrast, edge to edge",
            (0.1, 0.25, 0.5),
            lambda i, r, g, s: changes.sloped(i, r, s, g),
        ),
        ("light", "brightness of the illumination", "× {:g}", (0.7, 1.4), lambda i, r, g, s: changes.brighter(i, s)),
        (
            "contrast",
            "contrast of the cell",
            "× {:g}",
            (0.5, 0.75, 1.5),
            lambda i, r, g, s: changes.contrasted(i, r, s),
        ),
        ("rotation", "rotation", "{:g}°", (15.0, 45.0, 90.0), lambda i, r, g, s: changes.turned(i, s)),
        ("scale", "scale", "× {:g}", (0.8, 0.9, 1.1, 1.25), lambda i, r, g, s: changes.turned(i, 0.0, s)),
        (
            "depth",
            "bit depth",
            "{:g} bit",
            (7.0, 6.0, 5.0) if eight_bit else (10.0, 8.0, 6.0),
            lambda i, r, g, s: changes.shallower(i, int(s)),
        ),
        ("jpeg", "JPEG compression", "quality {:g}", (90.0, 50.0), lambda i, r, g, s: changes.compressed(i, int(s))),
    ]
    found = [
        Change(kind, name, words.format(amount).replace("%", " %"), amount, make)
        for kind, name, words, amounts, make in series
        for amount in amounts
    ]
    return [*found, *_other_instrument(own, PROFILES["imagestream" if eight_bit else "flowsight"])]


def _other_instrument(own: Profile, other: Profile) -> list[Change]:
    scale = other.scale / own.scale
    level, contrast = _CAMERAS[other.name]
    camera = Camera(scale, level, contrast, sum(other.noise) / 2, other.dtype, other.top)
    way = f"{_TITLES[own.name]} to {_TITLES[other.name]}, simulated"
    return [
        Change(
            "instrument",
            "other instrument",
            f"{way}, brought to the pixel size of this model",
            1.0,
            lambda i, r, g, s: changes.on_camera(i, r, camera, g, back=True),
        ),
        Change(
            "instrument",
            "other instrument",
            f"{way}, pixels as they come",
            scale,
            lambda i, r, g, s: changes.on_camera(i, r, camera, g, back=False),
            1 / scale,
        ),
    ]


def _row(probe: Probe, change: Change, probabilities: NDArray[np.float32] | None) -> dict[str, Any]:
    said = (probe.probabilities if probabilities is None else probabilities).argmax(axis=1)
    hits = np.asarray(said == probe.labels)
    accuracy, cost = probe.answers.accuracy(hits).as_dict(), probe.answers.cost(probe.hits, hits).as_dict()
    classes = len(probe.data.classes)
    shares = [
        np.bincount(names, minlength=classes) / len(names) for names in (probe.probabilities.argmax(axis=1), said)
    ]
    return {
        "change": change.name,
        "strength": change.strength,
        "kind": change.kind,
        "amount": change.amount,
        "accuracy": accuracy["value"],
        "low": accuracy["low"],
        "high": accuracy["high"],
        "cost": cost["value"],
        "cost_low": cost["low"],
        "cost_high": cost["high"],
        "share_shift": round(float(np.abs(shares[1] - shares[0]).mean()), 4),
        "cells": len(hits),
        "samples": probe.answers.samples,
        "interval": probe.answers.how.label,
    }
