"""Every cell trains and is judged by a network that never saw it; features help only where unseen cells say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny_cells import QUICK, toy_data

from nscweb.core.card import JUDGES_FILE
from nscweb.core.errors import InputRefused, JobCancelled, WrongUse
from nscweb.inference.embeddings import QUANTILES, feature_reference
from nscweb.inference.held_out_file import read_held_out
from nscweb.models.architectures import blend, compact
from nscweb.models.architectures.feature_measures import Features
from nscweb.models.loading import load_model, replay_example
from nscweb.training.blending import BLEND, shares_of
from nscweb.training.card_writer import CardText
from nscweb.training.cross_fitting import cross_fit, mean_history
from nscweb.training.jury import Jury, read_judges
from nscweb.training.make_model import train
from nscweb.training.splits.duplicates import duplicates_summary
from nscweb.training.splits.folds import CROSS_FIT_BELOW, FOLDS, cross_split, folds_for, folds_said, split_for
from nscweb.training.splits.plan import SplitPlan, split_by_sample

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z")
CROSSED = SplitPlan("sample", folds=None)
SHORT = replace(QUICK, epochs=2, members=2)


@pytest.fixture(scope="module")
def data():
    return toy_data(20)


@pytest.fixture(scope="module")
def entry(data, tmp_path_factory):
    return train(SHORT, data, tmp_path_factory.mktemp("models") / "toys", TEXT, plan=CROSSED)


def test_each_cell_is_judged_once_by_others_of_its_sample_and_the_sentence_is_read_back(data):
    split = split_for(data, CROSSED, 0)
    held = np.concatenate([rows for _, rows in split.folds])
    assert np.array_equal(np.sort(held), np.arange(len(data))) and np.array_equal(split.train, np.arange(len(data)))
    for train_rows, rows in split.folds:
        assert not np.intersect1d(data.sample_of[train_rows], data.sample_of[rows]).size
        assert set(data.labels[train_rows]) == set(data.labels)
    assert split.by_sample and not len(split.validation)
    assert folds_said(split.sentence) == len(split.folds) == folds_for(data, "sample") <= FOLDS
    assert folds_said(split_by_sample(data, 0).sentence) == 1
    alone = cross_split(data, "sample", 0, 0)
    assert folds_said(alone.sentence) == 0 and len(alone.folds) == len(data.samples)
    by_cell = cross_split(data, "cell", 4, 0)
    assert not by_cell.by_sample and "too good" in by_cell.sentence and folds_said(by_cell.sentence) == 4
    assert split.shown == len(data) + sum(len(rows) for rows, _ in split.folds)


def test_many_cells_hold_a_part_out_and_few_groups_make_fewer_folds(data):
    many = replace(
        data, labels=np.resize(data.labels, CROSS_FIT_BELOW), sample_of=np.resize(data.sample_of, CROSS_FIT_BELOW)
    )
    assert folds_for(many, "sample") == 1 and not split_for(many, CROSSED, 0).folds
    few = toy_data(8, replicates=1)
    assert len(split_for(few, CROSSED, 0).folds) == 2
    single = replace(few, samples=tuple(replace(sample, name=sample.group) for sample in few.samples))
    with pytest.raises(InputRefused, match="sample"):
        split_for(single, SplitPlan("sample", folds=2), 0)


def test_the_card_says_how_its_figures_came_and_every_score_is_out_of_fold(data, entry):
    card = entry.card
    assert card.origin.cells == len(data) and card.origin.split.startswith("Cross-fitted")
    assert "networks that had not seen it" in card.performance.data
    found = read_held_out(entry)
    assert found is not None and len(found) == len(data) and card.held_out["by_sample"]
    folds = card.performance.curves["cross_validation"]
    assert sum(row["cells"] for row in folds["rows"]) == len(data)
    assert np.asarray(card.performance.confusion).sum() == len(data)
    assert card.performance.curves["best_epoch"] == SHORT.epochs == len(card.performance.curves["history"])
    judges = read_judges(entry)
    split = split_for(data, CROSSED, SHORT.seed)
    again = Jury(load_model(entry), judges, data, split).scored(card.temperature)
    assert np.allclose(again.scores, found.scores, atol=2e-3)
    assert replay_example(entry).largest_difference < 1e-4
    assert not list(entry.folder.glob("fold-*"))


def test_distances_of_its_own_cells_are_widened_by_what_the_folds_show(data, entry):
    reference = feature_reference(entry.card)
    assert reference is not None
    split = split_for(data, CROSSED, SHORT.seed)
    kept = load_model(entry)
    judges = read_judges(entry)
    widened = Jury(kept, judges, data, split).reference()
    plain = Jury(kept, (kept,) * len(judges), data, split).reference()
    assert widened is not None and plain is not None
    assert all(reference.quantiles[q] == pytest.approx(widened.quantiles[q], rel=1e-3) for q in QUANTILES)
    assert all(plain.quantiles[q] >= 0 for q in QUANTILES)


def test_a_stopped_run_goes_on_with_the_fold_it_was_in_to_the_same_weights(data, entry, tmp_path):
    def soon() -> bool:
        return (tmp_path / "toys" / "fold-02").exists()

    told: list[tuple[int, int]] = []
    with pytest.raises(JobCancelled):
        train(SHORT, data, tmp_path / "toys", TEXT, plan=CROSSED, cancel=soon, checks=False)
    assert (tmp_path / "toys" / "fold-01" / "fold.json").exists()
    again = train(
        SHORT,
        data,
        tmp_path / "toys",
        TEXT,
        plan=CROSSED,
        checks=False,
        progress=lambda done, total, _="": told.append((done, total)),
    )
    ours = safetensors.torch.load((again.folder / "weights.safetensors").read_bytes())
    theirs = safetensors.torch.load((entry.folder / "weights.safetensors").read_bytes())
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in ours)
    cells = [done for done, total in told if total > 100]
    assert cells == sorted(cells) and cells[-1] == max(total for _, total in told)


def test_a_network_that_cannot_be_blended_is_cross_fitted_alone(tmp_path):
    data = toy_data(6)
    config = replace(QUICK, architecture="zhu2021-15x10", options={}, epochs=1)
    split = split_for(data, SplitPlan("sample", folds=2), 0)
    found = cross_fit(config.for_cells(len(data), crossed=True), data, split, tmp_path)
    assert found.shares is None and found.plain is not None and not found.trained.architecture
    assert len(found.jury.judges) == 2 and found.jury.crossed
    scored = found.jury.scored()
    assert len(scored) == len(data)
    with pytest.raises(ValueError, match="no judge"):
        Jury(found.jury.kept, found.jury.judges, data, split_by_sample(data, 0)).logits(split_by_sample(data, 0).train)


def test_plain_features_alone_are_cross_fitted_like_a_network(tmp_path):
    data = toy_data(10)
    config = replace(QUICK, architecture="features", options={}, epochs=0)
    entry = train(config, data, tmp_path / "plain", TEXT, plan=SplitPlan("sample", folds=3), checks=False)
    assert entry.card.architecture == "features" and entry.card.origin.split.startswith("Cross-fitted, 3 folds")
    found = read_held_out(entry)
    assert found is not None and len(found) == len(data)
    assert len(read_judges(entry)) == 3 and replay_example(entry).largest_difference < 1e-4


def test_what_a_training_comes_to_cannot_be_asked_for(data, tmp_path):
    with pytest.raises(WrongUse, match="compact"):
        train(replace(QUICK, architecture=BLEND), data, tmp_path / "toys", TEXT)


@pytest.mark.parametrize("samples", [None, 40])
def test_features_help_only_where_unseen_cells_say_so(samples):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1200)
    fold_of = np.arange(1200) % 4
    sample_of = None if samples is None else np.arange(1200) % samples
    truth = np.eye(3)[labels]
    network = 1.2 * truth + rng.normal(0, 1, (1200, 3))
    useful = 1.2 * truth + rng.normal(0, 1, (1200, 3))
    noise = rng.normal(0, 1, (1200, 3))
    assert shares_of(network, noise, labels, fold_of, sample_of) is None
    assert shares_of(network, network, labels, fold_of, sample_of) is None
    found = shares_of(network, useful, labels, fold_of, sample_of)
    assert found is not None and found.gain > 2 * found.error
    assert found.network == pytest.approx(found.features, rel=0.6)


def test_a_blend_says_the_weighted_sum_of_its_parts_and_maps_leave_the_features_out():
    torch.manual_seed(0)
    networks = [compact.build(1, 3, width=12, depth=1).eval() for _ in range(2)]
    plain = Features(1, 3).eval()
    torch.nn.init.normal_(plain.final.weight)
    made = blend.blended(networks, plain, (0.8, 0.3))
    x = torch.randn(4, 1, 48, 48)
    with torch.inference_mode():
        wanted = 0.8 * (networks[0](x) + networks[1](x)) / 2 + 0.3 * plain(x)
        assert torch.allclose(made(x), wanted, atol=1e-4)
        maps = torch.einsum("nfhw,kf->nkhw", made.forward_features(x), made.map_weight)
        own = [torch.einsum("nfhw,kf->nkhw", n.forward_features(x), n.classifier.weight) for n in networks]
        assert torch.allclose(maps, 0.4 * (own[0] + own[1]), atol=1e-4)


def test_twins_are_looked_for_between_folds(data):
    split = split_for(data, CROSSED, 0)
    clean = duplicates_summary(data, split)
    fields = data.fields.copy()
    first, second = split.folds[0][1][0], split.folds[1][1][0]
    fields[second] = fields[first]
    found = duplicates_summary(replace(data, fields=fields), split)
    assert found["exact"] == clean["exact"] + 1 and not found["passed"]
    assert {found["pairs"][0]["part"], found["pairs"][0]["other_part"]} == {"fold 1", "fold 2"}


def test_curves_are_means_over_folds_and_times_add_up():
    rows = [[{"epoch": 1.0, "train_loss": 1.0, "seconds": 2.0}], [{"epoch": 1.0, "train_loss": 3.0, "seconds": 3.0}]]
    assert mean_history(rows) == [{"epoch": 1.0, "train_loss": 2.0, "seconds": 5.0}]


def test_judges_that_were_not_kept_or_are_others_are_named(entry, tmp_path):
    path = entry.folder / JUDGES_FILE
    kept = path.read_bytes()
    try:
        path.unlink()
        with pytest.raises(WrongUse, match="not kept"):
            read_judges(entry)
        path.write_bytes(b"x")
        with pytest.raises(Exception, match="not the one"):
            read_judges(entry)
    finally:
        path.write_bytes(kept)
