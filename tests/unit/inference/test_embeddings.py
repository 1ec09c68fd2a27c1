"""Known cells look known, others do not, and the description survives the trip through a card."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import write_random_model

from nscweb.inference.embeddings import CALIBRATION_KEY, feature_reference, fit_reference


@pytest.fixture(scope="module")
def known() -> np.ndarray:
    generator = np.random.default_rng(3)
    mixing = generator.normal(size=(40, 40)) * np.linspace(0.05, 3, 40)[:, None]
    return (generator.normal(size=(6000, 40)) @ mixing + 5).astype(np.float32)


def share_unlike(distances, reference):
    return np.mean(distances > reference.quantiles[0.99])


def test_new_cells_of_the_same_kind_are_as_unlike_as_chance_says(known):
    reference = fit_reference(known[:4000])
    fresh = share_unlike(reference.distance(known[4000:]), reference)
    assert 0.003 < fresh < 0.03
    assert 0.8 < np.sqrt(np.mean(reference.distance(known) ** 2)) < 1.2


def test_cells_of_another_kind_lie_far_out(known):
    reference = fit_reference(known)
    assert share_unlike(reference.distance(known + 15), reference) > 0.9
    # A direction in which known cells hardly differ counts, too.
    assert share_unlike(reference.distance(known[:, ::-1]), reference) > 0.5


def test_features_that_never_move_do_no_harm():
    values = np.zeros((100, 8), np.float32)
    values[:, :3] = np.random.default_rng(0).normal(size=(100, 3))
    reference = fit_reference(values)
    assert np.isfinite(reference.distance(values)).all()


def test_the_description_survives_the_trip_through_a_card(known, tmp_path):
    reference = fit_reference(known)
    card = write_random_model(tmp_path / "random").card
    assert feature_reference(card) is None
    kept = replace(card, calibration={CALIBRATION_KEY: {"embedding": reference.as_dict()}})
    back = feature_reference(kept)
    assert np.allclose(back.distance(known), reference.distance(known), rtol=1e-2)
    assert back.cells == 6000
