"""Light of samples: measured as drawn, and a warning where it gives the groups away."""

from __future__ import annotations

import numpy as np
import pytest
from small_studies import add_study, simulated_study

from nscweb.core.samples import Sample
from nscweb.services.study.illumination import illumination_report


def cells(rng, count, *, level=800.0, noise=8.0, slope=0.0, stripes=0.0, depth=250.0):
    """16-bit frames with a dark disc of varying size."""
    y, x = np.mgrid[:44, :52]
    images = []
    for _ in range(count):
        radius = rng.uniform(7, 11)
        image = level * (1 + rng.normal(0, 0.004) + slope * (x / 51 - 0.5)) + rng.normal(0, noise, x.shape)
        image += level * stripes * rng.normal(0, 1, (1, 52))
        image -= depth * (np.hypot(y - 22, x - 26) < radius)
        images.append(np.clip(image, 0, 65535).astype(np.uint16)[None])
    return images


def study_of(app, first, second, *, replicates=3, count=30, seed=0):
    rng = np.random.default_rng(seed)
    samples = []
    for group, how in (("A", first), ("B", second)):
        for replicate in range(1, replicates + 1):
            sample = Sample(f"{group}_{replicate}", group=group, replicate=str(replicate))
            samples.append((sample, cells(rng, count, **how)))
    return add_study(app, "light", samples, simulated=False)


def test_samples_of_equal_light_give_no_warning(opened):
    report = illumination_report(opened, study_of(opened, {}, {}).name)
    assert report.warnings == ()
    assert {check.feature for check in report.checks} == {"background", "noise", "gradient", "stripes"}
    assert {check.by for check in report.checks} == {"group"}
    row = report.samples.iloc[0]
    assert row["background"] == pytest.approx(800, rel=0.01)
    assert row["noise"] == pytest.approx(8, rel=0.15)
    assert row["gradient"] < 0.5
    assert row["stripes"] < 0.5
    assert row["cells"] == 30
    assert row["focus"] > 0


@pytest.mark.parametrize(
    ("feature", "other"),
    [
        ("background", {"level": 900.0}),
        ("noise", {"noise": 16.0}),
        ("gradient", {"slope": 0.05}),
        ("stripes", {"stripes": 0.02}),
    ],
)
def test_each_difference_between_groups_is_named(opened, feature, other):
    report = illumination_report(opened, study_of(opened, {}, other).name)
    told = [check for check in report.checks if check.told_apart]
    assert feature in {check.feature for check in told}
    check = next(item for item in told if item.feature == feature)
    assert check.auc > 0.9
    assert check.explained > 0.9
    assert check.difference > 1
    assert check.sentence in report.warnings
    assert "differs between the groups" in check.sentence
    assert "in B" in check.sentence
    assert "one sample each" not in check.sentence
    assert (
        report.samples.set_index("sample").loc["B_1", feature] > report.samples.set_index("sample").loc["A_1", feature]
    )


def test_a_difference_that_does_not_go_with_the_groups_is_no_warning(opened):
    rng = np.random.default_rng(1)
    samples = []
    for group in ("A", "B"):
        for replicate, level in enumerate((700, 800, 900, 1000), start=1):
            name = Sample(f"{group}_{replicate}", group=group, replicate=str(replicate))
            samples.append((name, cells(rng, 25, level=level)))
    report = illumination_report(opened, add_study(opened, "light", samples).name)
    assert report.warnings == ()


def test_a_difference_too_small_to_matter_is_no_warning(opened):
    report = illumination_report(opened, study_of(opened, {}, {"level": 808.0}).name)
    assert not [check for check in report.checks if check.feature == "background" and check.told_apart]


def test_one_sample_per_group_says_so(opened):
    report = illumination_report(opened, study_of(opened, {}, {"level": 1000.0}, replicates=1).name)
    assert any("one sample each" in sentence for sentence in report.warnings)


def test_a_study_without_groups_has_a_table_and_no_check(opened):
    rng = np.random.default_rng(0)
    study = add_study(opened, "plain", [(Sample("one"), cells(rng, 12)), (Sample("two"), cells(rng, 12))])
    report = illumination_report(opened, study.name)
    assert len(report.samples) == 2
    assert report.checks == ()
    assert illumination_report(opened, add_study(opened, "none", []).name).samples.empty


def test_the_same_split_is_checked_once_and_time_by_itself(opened):
    study = simulated_study(opened, cells=120)
    report = illumination_report(opened, study.name)
    assert {check.by for check in report.checks} == {"group", "time_h"}
