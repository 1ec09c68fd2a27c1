"""Cells chosen on a chart become pictures, populations, labels and files."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from predicted import predicted_app

from nscweb.core.errors import WrongUse
from nscweb.services.cells.cells import CellFilter, gallery
from nscweb.services.labels.labels import labels_of
from nscweb.services.maps import chosen as services
from nscweb.services.maps.map import read_map
from nscweb.services.maps.points import chosen_in, colourings, colours, order_of, points_of
from nscweb.services.maps.vectors import source_of
from nscweb.services.predict.runs import prediction_table
from nscweb.services.study.populations import population_table

CELLS = 120


@pytest.fixture
def points(tmp_path):
    app, study, run = predicted_app(tmp_path, CELLS)
    found = read_map(app, study.study_id, source_of(app, study, "features"))
    assert found is not None
    return app, points_of(app, found, run)


def test_points_carry_the_scores_of_their_own_cells(points):
    app, found = points
    table = prediction_table(app, found.run)
    ids = found.map.ids(np.arange(CELLS))
    assert table["cell_id"].astype(str).to_numpy()[found.table_row].tolist() == ids
    np.testing.assert_array_equal(table["object_number"].to_numpy()[found.table_row], found.object_number)


def test_every_colouring_gives_a_value_for_every_cell(points):
    app, found = points
    for item in colourings(app, found):
        values = colours(app, found, item.key)
        assert len(values) == CELLS, item
        if item.numbers:
            assert values.dtype == np.float64, item
        else:
            assert set(order_of(found, item.key, values)) == set(values.tolist()), item


def test_box_lasso_and_click_choose_cells_that_are_not_drawn_too():
    places = np.array([[0, 0], [1, 1], [2, 2], [np.nan, 0]], np.float32)
    assert chosen_in(places, {"box": [{"x": [1.5, -0.5], "y": [-0.5, 1.5]}]}).tolist() == [0, 1]
    lasso = {"lasso": [{"x": [1.5, 2.5, 2.5], "y": [1.5, 1.5, 2.5]}], "points": [{"customdata": 0}]}
    assert chosen_in(places, lasso).tolist() == [2]
    assert chosen_in(places, {"points": [{"customdata": [1]}, {"customdata": 9}, {}]}).tolist() == [1]
    assert chosen_in(places, {}).tolist() == []


def test_a_kept_population_holds_these_cells_and_its_name_is_taken_once(points):
    app, found = points
    chosen = np.array([0, 3, CELLS - 1])
    study = found.map.study.study_id
    assert services.keep_chosen(app, found, chosen, " bright ", "chosen on the map") == 3
    assert int(population_table(app, study).query("population == 'bright'")["cells"].sum()) == 3
    assert np.flatnonzero(colours(app, found, "population bright") == "in bright").tolist() == chosen.tolist()
    shown = gallery(app, found.run, CellFilter(population="bright", sort="object"))
    assert [cell.cell_id for cell in shown.cells] == found.map.ids(chosen)
    with pytest.raises(WrongUse, match="already"):
        services.keep_chosen(app, found, chosen, "bright", "again")
    with pytest.raises(WrongUse):
        services.keep_chosen(app, found, chosen, "  ", "no name")


def test_labels_of_chosen_cells_say_who_and_where_from(points):
    app, found = points
    said = services.label_chosen(app, found, np.array([1, 2]), "neuron", "Ada", "chosen on the map")
    rows = labels_of(app, found.map.study.study_id)
    assert "2 cells" in said
    assert rows["cell_id"].tolist() == found.map.ids(np.array([1, 2]))
    assert set(rows["how"]) == {"map"}
    assert not rows["judges"].any()
    assert np.flatnonzero(colours(app, found, "label") == "neuron").tolist() == [1, 2]


def test_files_name_the_same_cells(points):
    app, found = points
    chosen = np.array([0, 1, CELLS - 1])
    table = pd.read_csv(io.BytesIO(services.chosen_csv(app, found, chosen)))
    assert table["cell_id"].tolist() == found.map.ids(chosen)
    assert {"map_x", "map_y", "neuron_score", "predicted_class", "simulated"} <= set(table.columns)
    with zipfile.ZipFile(io.BytesIO(services.chosen_populations(found, chosen, "mine"))) as archive:
        numbers = [int(line) for name in archive.namelist() for line in archive.read(name).split()]
        assert all(name.endswith("001_mine.pop") for name in archive.namelist())
    assert sorted(numbers) == sorted(found.object_number[chosen].tolist())


def test_pictures_come_with_scores_where_there_is_a_run_and_without_where_not(points):
    app, found = points
    (cell,) = services.shown_cells(app, found, [5])
    bare = points_of(app, found.map, None)
    (plain,) = services.shown_cells(app, bare, [5])
    assert cell.cell_id == plain.cell_id
    assert cell.scores
    assert not plain.scores
    np.testing.assert_array_equal(cell.image, plain.image)
