"""Every cell judged by a network that never saw it; finished folds are kept; the gap between splits is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_cells import CLASSES, QUICK, RECIPE, toy_data

from nscweb.core.errors import JobCancelled, WrongUse
from nscweb.training.cross_validation import RESULT, SCORES, Fitted, cross_validate, fit_and_score
from nscweb.training.data.dataset import LabelledCell, SampleLabel, collect
from nscweb.training.split_gap import cell_split_like, split_gap
from nscweb.training.splits.folds import folds
from nscweb.training.splits.plan import SplitPlan, make_split


def nearest(config, data, split, folder, progress, cancel) -> Fitted:
    """A stand-in for a network: the class of the most similar training cell."""
    flat = data.fields.reshape(len(data), -1).astype(np.float32)
    flat = flat - flat.mean(axis=1, keepdims=True)
    distance = (flat[split.train] ** 2).sum(axis=1)[None] - 2 * flat[split.held_out] @ flat[split.train].T
    said = data.labels[split.train][distance.argmin(axis=1)]
    progress(1, 2, "half")
    return Fitted(np.eye(len(data.classes), dtype=np.float32)[said], [{"epoch": 1.0}], 1, 0.5, "none")


def recorded(nuisance: float, seed: int = 0, samples: int = 10, cells: int = 14):
    """Faint classes, and in each sample a pattern of its own: light and dirt of that day."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:26, :26]

    def made():
        for label in (0, 1):
            for number in range(samples):
                sample = SampleLabel(f"{label}-{number}", donor=f"D{number}")
                dirt = rng.normal(0, 1, (26, 26)) * nuisance
                for _ in range(cells):
                    wide = 4.0 if label == 0 else 5.0
                    y, x = rng.uniform(12, 14, 2)
                    body = -60 * np.exp(-(((ys - y) / 4) ** 2) - ((xs - x) / wide) ** 2)
                    image = 120 + body + dirt + rng.normal(0, 6, (26, 26))
                    yield LabelledCell(sample, label, np.clip(image, 0, 255).astype(np.uint8)[None])

    return collect(made(), CLASSES, RECIPE, simulated=True, description="", licence="")


@pytest.fixture(scope="module")
def data():
    return recorded(0.0)


def test_every_cell_has_a_score_of_its_own_fold_and_the_summary_fits(data, tmp_path):
    told: list[tuple[int, int, str]] = []
    result = cross_validate(
        QUICK,
        data,
        folds(data, "donor", 5, 0),
        tmp_path,
        lambda done, total, step="": told.append((done, total, step)),
        fitter=nearest,
    )
    assert result.judged.all()
    assert np.isfinite(result.probabilities).all()
    hits = result.probabilities.argmax(axis=1) == data.labels
    assert sum(map(sum, result.confusion)) == len(data)
    pooled = {(item.name, item.class_name): item for item in result.pooled}
    assert pooled["accuracy", ""].value == pytest.approx(hits.mean(), abs=1e-4)
    assert "bootstrap over 20 samples" in pooled["accuracy", ""].interval
    assert ("f1", "long") in pooled
    values = [row["accuracy"] for row in result.rows]
    assert result.summary["accuracy"] == {
        "mean": pytest.approx(np.mean(values), abs=1e-4),
        "sd": pytest.approx(np.std(values, ddof=1), abs=1e-4),
        "folds": 5,
    }
    assert "5 folds: mean accuracy" in result.summary["sentence"]
    assert sorted(name for row in result.rows for name in row["held_out"]) == sorted(f"D{i}" for i in range(10))
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (5000, 5000)
    assert "Fold 2 of 5: half" in [step for _, _, step in told]


def test_finished_folds_are_kept_and_damaged_ones_trained_again(data, tmp_path):
    made = folds(data, "donor", 3, 0)
    trained: list[int] = []

    def counting(config, data, split, folder, progress, cancel):
        if len(trained) == 2:
            raise JobCancelled("stop")
        trained.append(len(split.held_out))
        return nearest(config, data, split, folder, progress, cancel)

    with pytest.raises(JobCancelled):
        cross_validate(QUICK, data, made, tmp_path, fitter=counting)
    whole = cross_validate(QUICK, data, made, tmp_path, fitter=nearest)
    again = cross_validate(QUICK, data, made, tmp_path, fitter=counting)
    assert whole.rows == again.rows
    assert np.array_equal(whole.probabilities, again.probabilities)
    for name, text in ((SCORES, "half"), (SCORES, "PK\x03\x04"), (RESULT, "{")):
        (tmp_path / "fold-02" / name).write_text(text, "utf-8")
        assert cross_validate(QUICK, data, made, tmp_path, fitter=nearest).rows == whole.rows
    with pytest.raises(WrongUse, match="other data, settings or splits"):
        cross_validate(replace(QUICK, learning_rate=1.0), data, made, tmp_path, fitter=nearest)
    with pytest.raises(WrongUse, match="no fold"):
        cross_validate(QUICK, data, [], tmp_path)


def test_cells_without_a_fold_have_no_score_and_pure_groups_no_foreign_f1(data, tmp_path):
    made = folds(data, "sample", 0, 0)[:3]
    result = cross_validate(QUICK, data, made, tmp_path, fitter=nearest)
    assert result.judged.sum() == sum(len(split.held_out) for split in made)
    assert np.isnan(result.probabilities[~result.judged]).all()
    assert all(len(row["f1"]) == 1 for row in result.rows)


def test_a_real_network_learns_in_each_fold(tmp_path):
    cells = toy_data(per_sample=24, replicates=4)
    made = folds(cells, "replicate", 2, 0)
    quick = replace(QUICK, epochs=12, batch=16, patience=12, learning_rate=5e-3)
    result = cross_validate(quick, cells, made, tmp_path)
    assert result.summary["accuracy"]["mean"] > 0.8
    assert [len(row["history"]) for row in result.rows] == [12, 12]
    assert all(row["best_epoch"] >= 1 and row["seconds"] > 0 for row in result.rows)
    assert not list(tmp_path.rglob("unfinished*"))


def test_a_split_by_cell_looks_better_when_samples_have_a_mark_of_their_own(tmp_path):
    marked = recorded(12.0)
    gap = split_gap(QUICK, marked, SplitPlan("donor", held_out=0.3), 0, tmp_path, fitter=nearest)
    assert gap.points > 10
    assert gap.low > 0
    assert "points are acquisition, not biology" in gap.sentence
    assert f"{gap.points:.1f} points better" in gap.sentence
    assert gap.as_dict()["by"] == "donor"
    assert gap.by_cell[0].cells == gap.grouped[0].cells
    assert "too good" in gap.splits[0]


def test_without_such_a_mark_there_is_no_gap(data, tmp_path):
    gap = split_gap(QUICK, data, SplitPlan("donor", held_out=0.3), 0, tmp_path, fitter=nearest)
    assert gap.low <= 0 <= gap.high
    assert "No gap" in gap.sentence


def test_both_splits_have_as_many_cells_of_each_class(data):
    grouped = make_split(data, SplitPlan("donor"), 1)
    single = cell_split_like(data, grouped, 1)
    for name in ("train", "validation", "held_out"):
        one, other = (data.labels[getattr(split, name)] for split in (grouped, single))
        assert np.array_equal(np.bincount(one), np.bincount(other))
    rows = np.concatenate((single.train, single.validation, single.held_out))
    assert np.array_equal(np.sort(rows), np.arange(len(data)))
    with pytest.raises(WrongUse, match="itself"):
        split_gap(QUICK, data, SplitPlan("cell"), 0, None)


def test_a_stopped_training_keeps_its_checkpoint(tmp_path):
    cells = toy_data(per_sample=6, replicates=3)
    split = folds(cells, "replicate", 3, 0)[0]
    with pytest.raises(JobCancelled):
        fit_and_score(QUICK, cells, split, tmp_path, cancel=lambda: True)
