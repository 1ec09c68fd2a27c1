"""Numbers of a recording, the plain classifier on them, and the cells that are kept as stored."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_cells import toy_data

from nscweb.training.data.raw_cells import RawKeeper
from nscweb.training.data.recording_features import PlainClassifier, nuisance_batch, nuisance_names


def test_numbers_of_a_recording_are_those_that_were_put_in():
    ramp = np.linspace(-0.05, 0.05, 60)
    rng = np.random.default_rng(0)
    frames = [(200 * (1 + ramp[None, :]) + rng.normal(0, 3, (44, 60))).astype(np.float32)[None] for _ in range(200)]
    found = nuisance_batch(frames).mean(axis=0)
    named = dict(zip(nuisance_names(("brightfield",)), found, strict=True))
    assert named["background"] == pytest.approx(200, abs=1)
    assert named["gradient_x"] == pytest.approx(0.1, abs=0.02)
    assert named["gradient_y"] == pytest.approx(0, abs=0.005)
    assert (named["height"], named["width"]) == (44, 60)
    assert named["mean_intensity"] == pytest.approx(200, abs=0.5)


def test_several_channels_have_their_own_columns():
    image = np.stack([np.full((20, 30), 5, np.uint16), np.full((20, 30), 900, np.uint16)])
    row = nuisance_batch([image])[0]
    names = nuisance_names(("Ch1", "Ch2"))
    assert len(row) == len(names) == 12
    assert row[names.index("background of Ch2")] == 900
    assert nuisance_batch([]).shape == (0, 7)


def test_the_plain_classifier_finds_what_squares_of_numbers_tell_and_nothing_in_noise():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 3000)
    told = np.stack([labels * 5.0 + rng.normal(0, 1, 3000), rng.normal(0, 1, 3000)], axis=1)
    told[:, 1] *= 1 + (labels == 1)
    clear = PlainClassifier(told[:2000], labels[:2000], 3).probabilities(told[2000:])
    assert (clear.argmax(axis=1) == labels[2000:]).mean() > 0.97
    assert np.allclose(clear.sum(axis=1), 1, atol=1e-5)
    noise = rng.normal(0, 1, (3000, 7))
    blind = PlainClassifier(noise[:2000], labels[:2000], 3).probabilities(noise[2000:])
    assert abs((blind.argmax(axis=1) == labels[2000:]).mean() - 1 / 3) < 0.06


def test_the_plain_classifier_agrees_with_a_reference_implementation():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 600)
    values = rng.normal(0, 1, (600, 4)) + labels[:, None] * np.array([0.8, -0.3, 0.0, 0.1])
    ours = PlainClassifier(values, labels, 3).probabilities(values)
    unit = np.clip((values - values.mean(axis=0)) / values.std(axis=0), -6, 6)
    # The same penalty: ridge / 2 of all coefficients beside the mean loss, that is C = 1 / (N ridge).
    known = linear.LogisticRegression(C=1 / (600 * 1e-3), class_weight="balanced", max_iter=1000)
    theirs = known.fit(np.hstack([unit, unit**2]), labels).predict_proba(np.hstack([unit, unit**2]))
    assert np.abs(ours - theirs).max() < 0.01


def test_columns_that_never_vary_and_classes_without_cells_do_no_harm():
    values = np.array([[1.0, 60.0], [2.0, 60.0], [8.0, 60.0], [9.0, 60.0]])
    labels = np.array([0, 0, 2, 2])
    scores = PlainClassifier(values, labels, 3).probabilities(np.array([[1.5, 400.0], [8.5, np.nan]]))
    assert scores.argmax(axis=1).tolist() == [0, 2]
    assert np.all(scores[:, 1] == 0)


def test_kept_cells_are_spread_over_samples_and_classes_and_stay_within_bounds():
    keeper = RawKeeper(most=120)
    row = 0
    for sample, count in enumerate((1000, 30, 30, 500)):
        images = [np.full((1, 2, 3), row + i, np.int64) for i in range(count)]
        keeper.add(images, [sample] * count, [sample % 2] * count)
        row += count
    kept = keeper.kept()
    assert len(kept) <= 120
    assert np.all(np.diff(kept.rows) > 0)
    assert all(image[0, 0, 0] == number for image, number in zip(kept.images, kept.rows, strict=True))
    per_sample = np.histogram(kept.rows, [0, 1000, 1030, 1060, 1560])[0]
    assert per_sample.max() - per_sample.min() <= 1
    assert per_sample.min() >= 20
    assert len(kept.among(np.arange(1000))) == per_sample[0]


def test_kept_cells_are_bounded_in_bytes():
    keeper = RawKeeper(most_bytes=50 * 8)
    keeper.add([np.zeros((1, 1, 1))] * 400, [0] * 200 + [1] * 200, [0] * 400)
    kept = keeper.kept()
    assert 40 <= len(kept) <= 50
    assert kept.rows.min() < 200 <= kept.rows.max()


def test_training_data_bring_the_numbers_and_the_kept_cells():
    data = toy_data(10)
    assert data.nuisance is not None and data.nuisance.shape == (len(data), 7)
    assert data.raw is not None and len(data.raw) == len(data)
    place = 17
    assert np.allclose(nuisance_batch([data.raw.images[place]])[0], data.nuisance[data.raw.rows[place]])
