"""The shortcut check finds a confounded recording and lets a clean one pass; published values are as printed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nscweb.core.errors import WrongUse
from nscweb.evaluation.audit.shortcuts import MAX_CELLS, shortcut_check
from nscweb.evaluation.ratios.published_counts import PREDICTED, published_group, published_reference, reference_for

NAMES = np.array(["astrocyte", "oligodendrocyte", "neuron"])


def recorded(cells=3000, samples=27, light=0.0, size=0.0, seed=0):
    """Features, classes and samples; `light` and `size` tie illumination and frame height to a class."""
    rng = np.random.default_rng(seed)
    sample = rng.integers(0, samples, cells)
    truth = sample % 3
    level = rng.normal(100, 2, samples)[sample] + light * (truth == 1)
    features = pd.DataFrame(
        {
            "background": level,
            "height": rng.integers(37, 58, cells) + size * (truth == 2),
            "width": np.full(cells, 60),
            "mean_intensity": level + rng.normal(0, 3, cells),
        }
    )
    return features, NAMES[truth], np.char.add("s", sample.astype(str))


def test_a_clean_recording_gives_little_away():
    report = shortcut_check(*recorded(), seed=0)
    assert report.verdict == "little" and report.grouped
    assert report.sentence.startswith("Background level, frame size and mean intensity alone name the right class for ")
    assert "(chance 33 %" in report.sentence and report.sentence.endswith("the images give little away.")
    assert report.low <= report.accuracy <= report.high


def test_illumination_that_follows_the_class_is_named():
    report = shortcut_check(*recorded(light=50), seed=0)
    assert report.verdict == "much" and report.given_away == "oligodendrocyte" and report.given_away_auc > 0.95
    assert "be careful, above all the background level gives the class oligodendrocyte away" in report.sentence
    assert report.features[0].feature == "background"


def test_frame_size_that_follows_the_class_is_named():
    report = shortcut_check(*recorded(size=30), seed=0)
    assert report.verdict == "much" and report.features[0].feature == "height"


def test_one_sample_per_class_is_checked_and_said():
    report = shortcut_check(*recorded(300, samples=3, light=50), seed=0)
    assert not report.grouped and "A class has only one sample" in report.sentence


def test_many_cells_are_thinned_and_the_seed_decides():
    data = recorded(40_000)
    first, second = shortcut_check(*data, seed=5), shortcut_check(*data, seed=5)
    assert first == second and first.cells == MAX_CELLS and first.samples == 27
    assert first.as_dict()["features"][0].keys() == {"feature", "label", "accuracy", "auc"}


def test_a_check_without_two_classes_is_refused_in_a_sentence():
    features, _, sample = recorded(50)
    with pytest.raises(WrongUse, match="at least two true classes"):
        shortcut_check(features, np.full(50, "neuron"), sample, seed=0)


def test_constant_features_do_no_harm():
    features, truth, sample = recorded(200)
    report = shortcut_check(features * 0, truth, sample, seed=0)
    assert report.verdict == "little" and report.accuracy == pytest.approx(1 / 3, abs=0.05)


def test_published_values_are_as_printed():
    table = published_reference()
    assert len(table) == 9 * 4 and set(table["fate"]) == {"neuron", "astrocyte", "oligodendrocyte"}
    assert table["percent"].between(0, 100).all()
    row = table[(table["group"] == "NT3") & (table["time_h"] == 72)]
    assert row["percent"].item() == 55.293 and row["marker"].item() == "NeuN"
    early = table[(table["group"] == "astrocyte medium") & (table["kind"] != PREDICTED)]
    assert early["time_h"].tolist() == [12, 24, 48]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("RA + SHH", "RA+SHH"),
        ("ra/shh", "RA+SHH"),
        ("nt-3", "NT3"),
        ("LDH_NT3", "LDH-NT3"),
        ("Astrocyte medium", "astrocyte medium"),
        ("astrocyte differentiation medium", "astrocyte medium"),
        ("Melatonin", "MT"),
        ("NT33", None),
        ("", None),
    ],
)
def test_the_users_spelling_finds_the_published_group(name, group):
    assert published_group(name) == group


def test_reference_rows_carry_the_users_names():
    table = reference_for(["ra/shh", "my own", "NT3", "ra/shh"])
    assert table["group"].tolist() == ["ra/shh"] * 3 + ["NT3"] * 3
    assert reference_for(["nothing"]).empty
