"""Gates drawn over two numbers: they flag, name, count and undo what they draw round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_studies import simulated_study

from nscweb.core.errors import WrongUse
from nscweb.core.flags import flag
from nscweb.core.gates import Region, box
from nscweb.services.report.features import feature_table
from nscweb.services.study import gates, quality
from nscweb.services.study.drawn.axes import LIGHT, axes_of, axis_values, study_values
from nscweb.services.study.populations import made_populations, population_table, set_classes_of_populations
from nscweb.store.further_columns import FurtherColumns, write_columns

EVERYTHING = box((-1e9, 1e9), (-1e9, 1e9))


def half(app, study, use="inside", name="small ones"):
    """A region that holds the smaller half of the cells."""
    areas = study_values(app, study, ("area_px",))[:, 0]
    return Region(name, "area_px", "aspect_ratio", box((0, float(np.median(areas))), (-1, 2)), use)


def carry(app, study):
    keys = app.catalogue.sample_keys(study.study_id)
    masks = [quality.flags_of(app, study.study_id, keys[item.name], item.cells) for item in study.samples]
    return (np.concatenate(masks) & flag("drawn").bit) > 0


def test_a_drawn_gate_flags_exactly_what_lies_outside_and_its_population_what_lies_inside(opened):
    study = simulated_study(opened, cells=120)
    before = gates.funnel(opened, study.name)
    region = half(opened, study)
    values = study_values(opened, study, ("area_px", "aspect_ratio"))
    inside = region.holds(values[:, 0], values[:, 1])
    tried = gates.funnel(opened, study.name, gates.get_gates(opened, study.name).changed(regions=(region,)))
    assert tried["drawn_alone"].sum() > 0 == before["drawn_alone"].sum()
    gates.save_region(opened, study.name, region)
    np.testing.assert_array_equal(carry(opened, study), ~inside)
    assert int(population_table(opened, study.name)["cells"].sum()) == int(inside.sum())
    assert gates.funnel(opened, study.name).equals(tried)
    table = feature_table(opened, study.name)
    assert (table["populations"] == "small ones").to_numpy().tolist() == inside.tolist()
    assert "drawn" in set(" ".join(table["flags"]).split())


def test_the_other_uses_leave_the_inside_out_or_nothing(opened):
    study = simulated_study(opened, cells=120)
    region = half(opened, study, "outside")
    gates.save_region(opened, study.name, region)
    outside = carry(opened, study)
    assert 0 < outside.sum() < 120
    gates.save_region(opened, study.name, replace(region, use="name"))
    assert not carry(opened, study).any()
    assert list(made_populations(opened, study.name)) == ["small ones"]


def test_dropping_a_gate_brings_the_flags_back_and_its_population_goes(opened):
    study = simulated_study(opened, cells=60)
    before = gates.funnel(opened, study.name)
    gates.save_region(opened, study.name, half(opened, study))
    gates.drop_region(opened, study.name, "small ones")
    assert gates.funnel(opened, study.name).equals(before)
    assert population_table(opened, study.name).empty
    with pytest.raises(WrongUse, match="no drawn gate"):
        gates.drop_region(opened, study.name, "small ones")


def test_what_rests_on_a_drawn_gate_keeps_it_from_being_deleted(opened):
    study = simulated_study(opened, cells=60)
    gates.save_region(opened, study.name, half(opened, study, "name"))
    with pytest.raises(WrongUse, match="belongs to a drawn gate"):
        gates.delete_population(opened, study.name, "small ones")
    gates.set_gates(opened, study.name, gates.get_gates(opened, study.name).changed(populations=("small ones",)))
    with pytest.raises(WrongUse, match="keep only cells of small ones"):
        gates.drop_region(opened, study.name, "small ones")
    gates.set_gates(opened, study.name, gates.get_gates(opened, study.name).changed(populations=()))
    set_classes_of_populations(opened, study.name, {"small ones": "neuron"})
    with pytest.raises(WrongUse, match="stands for a true class"):
        gates.drop_region(opened, study.name, "small ones")
    assert gates.get_gates(opened, study.name).regions


def test_columns_of_files_are_axes_and_cells_without_them_are_left_out_by_none(opened):
    study = simulated_study(opened, cells=60)
    sample = study.samples[0]
    key = opened.catalogue.sample_keys(study.study_id)[sample.name]
    further = FurtherColumns()
    for row in range(sample.cells):
        further.add(["live"], {"Intensity": float(row), "Word": "text"})
    write_columns(opened.folder.columns_path(study.study_id, key), further)
    names = [item.name for item in axes_of(opened, study.name)]
    assert names[-1] == "file: Intensity"
    assert "area_px" in names
    region = Region("bright", "file: Intensity", "area_px", box((1.5, 1e9), (-1e9, 1e9)), "inside")
    gates.save_region(opened, study.name, region)
    assert np.flatnonzero(carry(opened, study)).tolist() == [0, 1]
    values = axis_values(opened, study.study_id, key, sample.cells, ("file: Intensity",))
    assert values[:, 0].tolist() == list(range(sample.cells))


def test_names_and_numbers_that_a_study_does_not_have_are_refused(opened):
    study = simulated_study(opened, cells=60)
    with pytest.raises(WrongUse, match="do not have"):
        gates.save_region(opened, study.name, Region("a", "taste", "area_px", EVERYTHING))
    key = opened.catalogue.sample_keys(study.study_id)[study.samples[0].name]
    further = FurtherColumns()
    for _ in range(study.samples[0].cells):
        further.add(["live"], {})
    write_columns(opened.folder.columns_path(study.study_id, key), further)
    with pytest.raises(WrongUse, match="population live already"):
        gates.save_region(opened, study.name, Region("live", "focus", "area_px", EVERYTHING))
    assert gates.get_gates(opened, study.name).regions == ()


def test_light_of_markers_is_an_axis_once_it_was_measured(opened):
    study = simulated_study(opened, cells=60)
    assert not [item for item in axes_of(opened, study.name) if item.name.startswith(LIGHT)]
    sample = study.samples[0]
    key = opened.catalogue.sample_keys(study.study_id)[sample.name]
    path = opened.folder.markers_path(study.study_id, key)
    path.parent.mkdir(parents=True)
    pd.DataFrame({"Ch1_intensity": np.arange(sample.cells, dtype=float)}).to_parquet(path)
    (axis,) = [item for item in axes_of(opened, study.name) if item.name.startswith(LIGHT)]
    assert axis.heading == "Light in Ch1 (grey values)"
    values = study_values(opened, study, (axis.name,))[:, 0]
    assert values[: sample.cells].tolist() == list(range(sample.cells))
    assert np.isnan(values[sample.cells :]).all()
