"""Populations made by hand: counted, used as true classes cell by cell, and taken back."""

from __future__ import annotations

import pytest
from asked import predict_study
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.errors import WrongUse
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.predict.runs import prediction_table, table_version
from nscweb.services.study import populations
from nscweb.store.further_columns import FurtherColumns, write_columns


@pytest.fixture
def tagged(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=48, truth=False)
    for sample in study.samples:
        further = FurtherColumns()
        for row in range(sample.cells):
            tags = [["GFAP+"], ["NeuN+"], ["GFAP+", "NeuN+"], []][row % 4]
            further.add(tags, {"Area": float(row)})
        key = app.catalogue.sample_keys(study.study_id)[sample.name]
        write_columns(app.folder.columns_path(study.study_id, key), further)
    return app, study


def test_they_are_counted_per_sample(tagged):
    app, study = tagged
    table = populations.population_table(app, study.study_id)
    assert set(table["population"]) == {"GFAP+", "NeuN+"}
    assert set(table["sample"]) == {sample.name for sample in study.samples}


def test_they_become_true_classes_and_the_scores_stay(tagged):
    app, study = tagged
    run = predict_study(app, study.name, "random")
    before, version = prediction_table(app, run), table_version(app, run)
    assert set(before["true_class"].astype(str)) == {""}
    populations.set_classes_of_populations(app, study.name, {"GFAP+": "astrocyte", "NeuN+": "neuron"})
    assert populations.known_classes(app, study.name) == {"astrocyte", "neuron"}
    after = prediction_table(app, run)
    assert table_version(app, run) != version
    rows = after["cell_id"].astype(str).str.rpartition(":")[2].astype(int)
    expected = rows.map(lambda row: {0: "astrocyte", 1: "neuron"}.get(row % 4, ""))
    assert list(after["true_class"].astype(str)) == list(expected)
    assert after["p_neuron"].equals(before["p_neuron"])
    assert evaluate_run(app, run).cells == int((expected != "").sum()) - sum(
        number for reason, number in evaluate_run(app, run).left_out.items() if "quality" in reason
    )


def test_taking_them_back_leaves_the_sheet(tagged):
    app, study = tagged
    populations.set_classes_of_populations(app, study.name, {"GFAP+": "astrocyte"})
    populations.set_classes_of_populations(app, study.name, {"GFAP+": "  "})
    assert populations.classes_of_populations(app, study.name) == {}
    assert populations.known_classes(app, study.name) == set()


def test_a_population_that_is_not_there_is_refused(tagged):
    app, study = tagged
    with pytest.raises(WrongUse, match="no population"):
        populations.set_classes_of_populations(app, study.name, {"Olig2+": "oligodendrocyte"})


def test_other_things_kept_about_the_study_stay(tagged):
    app, study = tagged
    app.catalogue.update_study(study.study_id, info={"skipped": 3})
    populations.set_classes_of_populations(app, study.name, {"GFAP+": "astrocyte"})
    assert app.catalogue.study_info(study.study_id)["skipped"] == 3
