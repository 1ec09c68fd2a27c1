"""Training from labels of single cells: which cells train, which judge, and what the card says of it."""

from __future__ import annotations

import numpy as np
import pytest
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.services.labels.labels import add_labels
from nscweb.services.train.class_sources import sources_of
from nscweb.services.train.model_audit import figures_again
from nscweb.services.train.request import TrainRequest
from nscweb.services.train.split_preview import labelled_cells, preview_split, split_choices
from nscweb.services.train.train import train_model
from nscweb.services.train.training_plan import labelled_studies, plan_training
from nscweb.store.cell_files import CellFile
from nscweb.training.data.cell_list import read_cell_list, write_cell_list
from nscweb.training.splits.folds import folds
from nscweb.training.splits.plan import SplitPlan, make_split


def label_all(app, study, share, how, *, drawn="", who="Anna", classes=None, seed=0):
    """Label a share of the cells of each sample by the class of the sample, or as told."""
    rng = np.random.default_rng(seed)
    keys = app.catalogue.sample_keys(study.study_id)
    cells, names = [], []
    for sample in study.samples:
        for row in np.flatnonzero(rng.random(sample.cells) < share):
            cells.append(f"{keys[sample.name]}:{row}")
            names.append((classes or {}).get(sample.true_class, sample.true_class))
    add_labels(app, study.name, cells, names, how, who, drawn=drawn)
    return cells


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A study without classes in its sheet; half of its cells labelled by query, a tenth blindly."""
    folder = tmp_path_factory.mktemp("labelled")
    app = fresh_app(folder)
    study = simulated_study(app, "training", cells=360, seed=3, replicates=4)
    queried = label_all(app, study, 0.5, "hand", drawn="uncertain")
    blind = label_all(app, study, 0.3, "blind", drawn="random", seed=1)
    return app, study, set(queried) - set(blind), set(blind)


def test_sources_are_the_labelled_cells_and_say_which_may_judge(labelled):
    app, study, queried, blind = labelled
    keys = app.catalogue.sample_keys(study.study_id)
    sources = sources_of(app, study, labels=("all",))
    found = {(f"{source.path.stem}:{row}", source.judges) for source in sources for row in source.rows}
    assert found == {(cell, False) for cell in queried} | {(cell, True) for cell in blind}
    assert {source.path.stem for source in sources} <= set(keys.values())
    only_blind = sources_of(app, study, labels=("blind",))
    assert sum(len(source.rows) for source in only_blind) == len(blind)
    with pytest.raises(WrongUse, match="not given by guess"):
        sources_of(app, study, labels=("guess",))


@pytest.mark.parametrize("by", ["sample", "cell", "replicate"])
def test_what_was_picked_is_never_held_out(labelled, by):
    app, study, queried, blind = labelled
    data = labelled_cells(app, [study.name], ("all",))
    assert len(data.labels) == len(queried) + len(blind) and int(data.judges.sum()) == len(blind)
    split = make_split(data, SplitPlan(by), 0)
    assert len(split.held_out) and data.judges[split.held_out].all()
    parts = np.concatenate((split.train, split.validation, split.held_out, split.aside))
    assert np.array_equal(np.sort(parts), np.arange(len(data.labels)))
    if by == "cell":
        assert not len(split.aside)
    else:
        assert not data.judges[split.aside].any() and "were left aside; such cells never judge" in split.sentence
        # Held out is a fifth of what may judge, whatever was picked.
        assert 0.1 < len(split.held_out) / len(blind) < 0.4
    judged = np.concatenate([part.held_out for part in folds(data, by, 3, 0)])
    assert np.array_equal(np.sort(judged), np.flatnonzero(data.judges))


def test_samples_with_picked_cells_alone_are_no_held_out_samples(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, "training", cells=360, seed=3, replicates=6)
    keys = app.catalogue.sample_keys(study.study_id)
    for sample in study.samples:
        cells = [f"{keys[sample.name]}:{row}" for row in range(sample.cells)]
        picked = sample.replicate in "123"
        how, drawn, number = ("hand", "far", 2) if picked else ("marker", "", len(cells))
        add_labels(app, study.name, cells[:number], sample.true_class, how, "Anna", drawn=drawn)
    split = make_split(labelled_cells(app, [study.name], ("all",)), SplitPlan("sample"), 0)
    assert not any("rep1" in name or "rep2" in name or "rep3" in name for name in split.groups)
    assert len(split.held_out) > 20 and not len(split.aside)


def test_preview_and_plan_count_labelled_cells(labelled):
    app, study, queried, blind = labelled
    shown = preview_split(app, [study.name], SplitPlan("sample"), labels=("all",))
    assert shown.cells == len(queried) + len(blind)
    assert {choice.by for choice in split_choices(app, [study.name], labels=("all",)) if choice.possible} > {"sample"}
    (offered,) = labelled_studies(app, ("all",))
    assert offered.cells == len(queried) + len(blind) and len(offered.classes) == 3
    request = TrainRequest((study.study_id,), "compact", app.folder.models_dir / "planned", labels=("all",), folds=1)
    assert plan_training(app, request).train_cells == shown.rows[0].cells


def test_a_model_from_labels_says_so_and_is_judged_by_blind_cells_alone(labelled):
    app, study, queried, blind = labelled
    request = TrainRequest((study.name,), "compact", app.folder.root / "mine", epochs=1, checks=False, labels=("all",))
    card = train_model(app, request).card
    assert f"{len(queried) + len(blind):,} simulated cells labelled one by one" in card.origin.data
    assert "by hand, asked blindly" in card.origin.data
    assert card.origin.settings["labels"] == ["all"]
    judged = int(np.asarray(card.performance.confusion).sum())
    assert 0 < judged <= len(blind) and "such cells never judge." in card.origin.split


def test_labels_that_disagree_train_nothing_and_the_card_counts_them(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, "training", cells=240, seed=3, replicates=4)
    label_all(app, study, 1.0, "marker", who="markers")
    other = label_all(app, study, 0.1, "hand", who="Ben", classes={"neuron": "astrocyte", "astrocyte": "neuron"})
    sources = sources_of(app, study, labels=("all",))
    disputed = 240 - sum(len(source.rows) for source in sources)
    assert 0 < disputed < len(other)
    request = TrainRequest((study.name,), "compact", tmp_path / "mine", epochs=1, checks=False, labels=("all",))
    entry = train_model(app, request)
    assert f"{disputed} on which the labels disagree were left out." in entry.card.origin.data
    assert figures_again(entry).card.performance.metric("accuracy") is not None


def test_a_class_that_was_only_picked_is_refused_with_what_to_do(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, "training", cells=240, seed=3, replicates=4)
    label_all(app, study, 1.0, "hand", drawn="far")
    with pytest.raises(InputRefused, match="how good the model is on astrocyte, neuron") as caught:
        preview_split(app, [study.name], SplitPlan("sample"), labels=("all",))
    assert "asked blindly" in caught.value.todo


def test_a_list_for_a_bare_machine_carries_rows_and_judges(labelled, tmp_path):
    app, study, *_ = labelled
    sources = sources_of(app, study, labels=("all",))
    write_cell_list(tmp_path / "list.json", sources, simulated=True, description="Toy.")
    back, _, _ = read_cell_list(tmp_path / "list.json")
    assert [(item.rows, item.judges, item.true_class) for item in back] == [
        (item.rows, item.judges, item.true_class) for item in sources
    ]
    with CellFile(back[0].path) as cells:
        assert max(back[0].rows) < len(cells)
