"""What is asked next, which part of it blindly, and what further labels are said to bring."""

from __future__ import annotations

import numpy as np
import pytest
from predicted import fresh_app, predicted_app
from small_studies import simulated_study

from nscweb.core.errors import WrongUse
from nscweb.services.labels import ask as asking
from nscweb.services.labels.ask import ask, images_to_label
from nscweb.services.labels.gain import ExpectedGain, expected_gain
from nscweb.services.labels.labels import add_labels, labels_of
from nscweb.services.predict.runs import prediction_table


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    return predicted_app(tmp_path_factory.mktemp("asked"))


@pytest.fixture
def own(tmp_path):
    return predicted_app(tmp_path)


def reserve_of(app, study):
    cells = asking._askable(app, study.study_id)
    return set(cells.loc[cells["reserve"], "cell_id"])


def test_the_least_sure_come_first_and_a_tenth_is_asked_blindly(predicted):
    app, study, run = predicted
    asked = ask(app, study.name, "uncertain", "Anna", 20, run=run)
    assert len(asked) == 20 == len({item.cell_id for item in asked})
    blind = [item for item in asked if item.how == "blind"]
    assert len(blind) == 2 and {item.drawn for item in blind} == {"random"}
    reserve = reserve_of(app, study)
    assert {item.cell_id in reserve for item in blind} == {True}
    queried = [item for item in asked if item.how == "hand"]
    assert {item.drawn for item in queried} == {"uncertain"} and not {item.cell_id for item in queried} & reserve
    table = prediction_table(app, run).set_index("cell_id")
    sure = table["confidence"]
    assert sure[[item.cell_id for item in queried]].mean() < sure.mean()
    assert ask(app, study.name, "uncertain", "Anna", 20, run=run) == asked


@pytest.mark.parametrize("order", ["uncertain", "far"])
def test_no_query_ever_takes_a_cell_of_the_reserve(own, order):
    app, study, run = own
    reserve, seen = reserve_of(app, study), []
    while asked := ask(app, study.name, order, "Anna", 60, run=run):
        for how, drawn in {(item.how, item.drawn) for item in asked}:
            cells = [item.cell_id for item in asked if item.how == how]
            add_labels(app, study.name, cells, "neuron", how, "Anna", drawn=drawn)
        seen += asked
    assert {item.cell_id for item in seen if item.how == "blind"} == reserve
    judging = labels_of(app, study.name)
    assert set(judging.loc[judging["judges"], "cell_id"]) == reserve


def test_what_was_labelled_or_passed_over_is_not_asked_again_and_another_person_is_asked(own):
    app, study, run = own
    first = ask(app, study.name, "uncertain", "Anna", 10, run=run)
    add_labels(app, study.name, [item.cell_id for item in first[:5]], "neuron", "hand", "Anna", drawn="uncertain")
    passed = [item.cell_id for item in first[5:]]
    second = ask(app, study.name, "uncertain", "Anna", 10, run=run, passed_over=passed)
    assert not {item.cell_id for item in first} & {item.cell_id for item in second}
    # What nobody has labelled comes before what somebody has.
    others = {item.cell_id for item in ask(app, study.name, "uncertain", "Ben", 10, run=run)}
    assert not {item.cell_id for item in first[:5] if item.how == "hand"} & others


def test_disagreement_of_labellers_comes_before_that_of_the_model(own):
    app, study, run = own
    table = prediction_table(app, run)
    reserve = reserve_of(app, study)
    rows = [row for row in table.to_dict("records") if row["cell_id"] not in reserve and row["flags"] == 0][:8]
    for row in rows:
        add_labels(app, study.name, [row["cell_id"]], row["predicted"], "marker", "markers")
    against = next(name for name in run.class_names if name != rows[0]["predicted"])
    add_labels(app, study.name, [rows[0]["cell_id"]], against, "csv", "Ben")
    other = next(name for name in run.class_names if name != rows[1]["predicted"])
    add_labels(app, study.name, [rows[1]["cell_id"]], other, "marker", "markers")
    asked = ask(app, study.name, "disagreeing", "Anna", 10, run=run)
    queried = {item.cell_id for item in asked if item.how == "hand"}
    assert queried == {rows[0]["cell_id"], rows[1]["cell_id"]}
    without_run = ask(app, study.name, "disagreeing", "Anna", 10)
    assert {item.cell_id for item in without_run if item.how == "hand"} == {rows[0]["cell_id"]}


def test_random_cells_judge_all_and_need_no_run(predicted):
    app, study, _ = predicted
    asked = ask(app, study.name, "random", "Anna", 10)
    assert {(item.how, item.drawn) for item in asked} == {("hand", "random")}
    with pytest.raises(WrongUse, match="after a prediction only"):
        ask(app, study.name, "uncertain", "Anna", 10)


def test_far_out_cells_are_unlike_the_median_cell():
    measured = np.random.default_rng(0).normal(size=(50, 7))
    measured[7] = 30.0
    assert int(asking._far(measured).argmax()) == 7


def test_pictures_of_asked_cells_are_for_people(predicted):
    app, study, _ = predicted
    asked = ask(app, study.name, "random", "Anna", 3)
    pictures = images_to_label(app, study.name, asked)
    assert set(pictures) == {item.cell_id for item in asked}
    assert all(picture.dtype == np.uint8 and picture.ndim == 2 for picture in pictures.values())


def test_the_gain_of_further_labels_is_told_from_those_that_are_there(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=240)
    assert "from 8 cells of each" in expected_gain(app, study.name)
    keys = app.catalogue.sample_keys(study.study_id)
    for sample in study.samples:
        cells = [f"{keys[sample.name]}:{row}" for row in range(sample.cells)]
        add_labels(app, study.name, cells, sample.true_class, "sheet", "sample sheet")
    found = expected_gain(app, study.name)
    assert isinstance(found, ExpectedGain)
    assert [size for size, _ in found.steps] == [60, 120, 240] and found.points >= 0
    assert "of 240 labels that it did not see; with 120 of them" in found.sentence
    assert expected_gain(app, study.name) is found


def test_where_numbers_tell_nothing_no_gain_is_promised(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=240, only=("neuron_1d_rep1", "neuron_1d_rep2"))
    keys = app.catalogue.sample_keys(study.study_id)
    cells = [f"{keys[sample.name]}:{row}" for sample in study.samples for row in range(sample.cells)]
    names = np.where(np.random.default_rng(0).random(len(cells)) < 0.4, "left", "right")
    add_labels(app, study.name, cells, names.tolist(), "hand", "Anna")
    assert "always names the most frequent one" in expected_gain(app, study.name)
