"""Clusters find planted islands, and groups differ in them by replicates; a sample that lies apart is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from predicted import predicted

from nscweb.core.samples import Sample, Study
from nscweb.services.maps.clusters import cluster_tests, clusters_of, differing, samples_apart, typical_cells, values_of
from nscweb.services.maps.map import StudyMap
from nscweb.services.maps.points import Points
from nscweb.services.maps.vectors import Source

GROUPS, REPLICATES, EACH = ("base", "inducer", "other"), 4, 60


def planted(seed: int, shift: float = 0.0) -> Points:
    """Two islands; `inducer` has four cells of five in the first, the others one of two. Sample 0 lies `shift` off."""
    rng = np.random.default_rng(seed)
    samples = tuple(
        Sample(name=f"{group}_{number}", group=group, time_h=24.0, replicate=str(number), cells=EACH)
        for group in GROUPS
        for number in range(REPLICATES)
    )
    vectors, owner = [], []
    for place, sample in enumerate(samples):
        share = (0.8 if sample.group == "inducer" else 0.5) + rng.normal(0, 0.02)
        first = rng.random(EACH) < share
        part = rng.normal(0, 1, (EACH, 4)) + np.where(first, 10.0, 0.0)[:, None] * np.array([1.0, 0, 0, 0])
        vectors.append(part + (shift if place == 0 else 0.0) * np.array([0, 1.0, 0, 0]))
        owner += [place] * EACH
    found = np.concatenate(vectors).astype(np.float32)
    study = Study("s000001", "Planted", "", "Ch1", ("Ch1",), True, None, samples)
    source = Source("features", "", "features-test", "planted", ("Ch1",))
    cells = len(found)
    made = StudyMap(
        study=study,
        source=source,
        keys=tuple(f"c{number:06d}" for number in range(len(samples))),
        sample=np.array(owner),
        row=np.tile(np.arange(EACH), len(samples)),
        vectors=found,
        widest=found[:, :2],
        shares=(0.9, 0.1),
        places=None,
        mark=("planted", seed, shift),
    )
    return Points(made, None, np.arange(cells), np.zeros(cells, np.int64), np.full(cells, -1))


@pytest.fixture
def app():
    return predicted().app


def test_as_many_clusters_as_there_are_islands(app):
    points = planted(1)
    found = clusters_of(app, points)
    assert len(found.centres) == 2
    first = points.map.vectors[:, 0] > 5
    assert max(np.mean(first == (found.number == 0)), np.mean(first == (found.number == 1))) > 0.99
    typical = typical_cells(points, found, 0)
    assert (found.number[typical] == 0).all()
    assert set(values_of(app, points, "clusters 0").tolist()) == set(found.names)
    assert found.cells(0) + found.cells(1) == len(points.map.row)


def test_the_group_with_another_share_is_found_and_no_other(app):
    found = clusters_of(app, planted(2))
    tests = cluster_tests(found, 24.0, "base")
    shown = {word.partition(" ")[0] for name in found.names for word in differing(tests, name)}
    assert shown == {"inducer"}
    assert (tests["n_group"] == REPLICATES).all()
    assert tests["method"].iloc[0].endswith("t test on replicates, Holm over 4 comparisons")


def test_left_out_cells_count_in_no_share(app):
    points = planted(3)
    flags = points.flags.copy()
    flags[: EACH // 2] = 1
    found = clusters_of(app, replace(points, map=replace(points.map, mark="left out"), flags=flags))
    row = found.rows[(found.rows["group"] == "base") & (found.rows["replicate"] == "0")]
    assert set(row["cells"]) == {EACH - EACH // 2}
    assert row["ratio"].sum() == pytest.approx(1.0)


def test_a_sample_that_lies_apart_from_its_replicates_is_named_and_groups_are_not():
    plain, shifted = samples_apart(planted(4)), samples_apart(planted(4, shift=6.0))
    assert plain.sentence == "None of 12 samples lies apart from those of its group and time."
    assert shifted.table["sample"].iloc[0] == "base_0"
    assert shifted.sentence.startswith("1 of 12 samples lies apart")
    assert "base_0" in shifted.sentence
