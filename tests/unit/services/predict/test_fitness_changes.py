"""Lights of the shipped weights: fresh samples are green, what harms them is not, foreign cells are red."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.card import CardEntry, read_card
from nscweb.inference.classifier import Classifier
from nscweb.inference.familiarity import values_of
from nscweb.models.loading import load_model
from nscweb.services.predict.light_samples import judge_sample
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.training.checks import changes
from nscweb.training.checks.known_samples import with_known_samples
from nscweb.training.data.recordings import recordings_of
from nscweb.training.data.simulated import simulated_data
from nscweb.training.jury import Jury
from nscweb.training.splits.plan import Split

WEIGHTS = Path(__file__).parents[4] / "weights" / "nsc-simulated-compact"


@lru_cache(maxsize=1)
def _classifier() -> Classifier:
    """The shipped network with a card that knows a few simulated samples, drawn with another seed than its own."""
    entry = read_card(WEIGHTS)
    data = simulated_data(180 * 8, 51, entry.card.recipe)
    rows = np.arange(len(data))
    calibration = {name: value for name, value in entry.card.calibration.items() if name != "known_samples"}
    known = with_known_samples(
        calibration, Jury.alone(load_model(entry).eval(), data, Split(rows[:0], rows[:0], rows, "By sample."))
    )
    return Classifier(CardEntry(entry.folder, replace(entry.card, calibration=known)), device="cpu", threads=1)


@lru_cache(maxsize=1)
def _fresh() -> dict[str, list[np.ndarray]]:
    found: dict[str, list[np.ndarray]] = {}
    for cell in iter_labelled_cells(52, 24 * 30, replicates=2, times_h=(12.0, 24.0, 48.0, 120.0)):
        found.setdefault(cell.sample, []).append(cell.pixels)
    return found


def _light(images: list[np.ndarray]) -> str:
    known = _classifier()
    scores, embeddings = known.predict_and_embed(images)
    values = values_of(known, images, embeddings)
    found = judge_sample(known.card, "s", images, values, scores, known.card.temperature)
    assert found is not None
    return found.light


def test_fresh_samples_are_green():
    lights = [_light(images) for images in _fresh().values()]
    assert lights.count("red") == 0
    assert lights.count("green") >= len(lights) - 1


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("blur", lambda image, own, rng: changes.blurred(image, 2.0)),
        ("defocus", lambda image, own, rng: changes.defocused(image, 16.0, 1.0)),
        ("noise", lambda image, own, rng: changes.noisier(image, own, 0.2, rng)),
        ("scale", lambda image, own, rng: changes.turned(image, 0.0, 1.5)),
        ("light", lambda image, own, rng: changes.sloped(image, own, 1.0, rng)),
    ],
)
def test_what_costs_accuracy_is_not_green(name, make):
    rng = np.random.default_rng(0)
    for images in list(_fresh().values())[::6]:
        changed = [make(image, own, rng) for image, own in zip(images, recordings_of(images), strict=True)]
        assert _light(changed) != "green", name


def test_jurkat_cells_are_red(shared):
    with np.load(shared / "data/jurkat_cycle/brightfield_tiles.npz") as data:
        tiles, phases = data["x"], data["y"]
    for phase in range(7):
        assert _light([tile[None] for tile in tiles[phases == phase][:60]]) == "red"


def test_the_real_images_of_the_paper_are_not_green_for_weights_that_learnt_from_simulated_cells(shared):
    import cv2

    files = sorted((shared / "data/zhu2021/named_bmp").glob("*.bmp"))
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)[None] for file in files]
    assert len(images) == 12
    assert _light(images) != "green"
