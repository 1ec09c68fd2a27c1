"""Gates of a study: stored with it, put into its flags, tried before, and counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_studies import add_study, simulated_study

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.flags import flag
from nscweb.core.gates import DEFAULT_GATES
from nscweb.core.samples import Sample
from nscweb.preprocess.cell_quality import FEATURE_NAMES
from nscweb.services.study import gates, quality
from nscweb.services.study import quality as gate_store
from nscweb.services.study.study import change_study, quality_table
from nscweb.store.further_columns import FurtherColumns, write_columns

NAMES = ("empty", "constant", "several", "border", "blurred", "saturated", "size", "shape", "population", "drawn")


def all_flags(app, study):
    keys = app.catalogue.sample_keys(study.study_id)
    return np.concatenate(
        [quality.flags_of(app, study.study_id, keys[item.name], item.cells) for item in study.samples]
    )


def tagged(app, study):
    """Every other cell of the first sample is "live", every third "round"; other samples have no file."""
    sample = study.samples[0]
    further = FurtherColumns()
    for row in range(sample.cells):
        further.add(["live"] * (row % 2 == 0) + ["round"] * (row % 3 == 0), {"Area_M01": float(row)})
    key = app.catalogue.sample_keys(study.study_id)[sample.name]
    write_columns(app.folder.columns_path(study.study_id, key), further)
    return sample


def test_a_new_study_has_the_default_gates(opened):
    study = simulated_study(opened, cells=36)
    assert gates.get_gates(opened, study.name) == DEFAULT_GATES
    assert gates.get_gates(opened, study.study_id) == DEFAULT_GATES


def test_gates_are_stored_without_losing_what_else_is_known(opened):
    study = simulated_study(opened, cells=36)
    opened.catalogue.change_info(study.study_id, skipped=7, truth_from_populations={"a": "b"})
    chosen = DEFAULT_GATES.changed(area_low=100.0, off=("border",))
    gates.set_gates(opened, study.name, chosen)
    assert gates.get_gates(opened, study.name) == chosen
    info = opened.catalogue.study_info(study.study_id)
    assert (info["skipped"], info["truth_from_populations"]) == (7, {"a": "b"})


def test_setting_gates_flags_all_cells_anew_and_the_defaults_bring_the_old_flags_back(opened):
    study = simulated_study(opened, cells=120)
    before = all_flags(opened, study)
    areas = pd.concat([quality_table(opened, study.name, item.name) for item in study.samples])["area_px"]
    limit = float(areas.median())
    seen: list[tuple[int, int]] = []
    gates.set_gates(
        opened,
        study.name,
        DEFAULT_GATES.changed(area_low=limit),
        lambda done, total, step="": seen.append((done, total)),
    )
    after = all_flags(opened, study)
    small = (after & flag("size").bit) > 0
    judged = (before & flag("empty").bit) == 0
    assert (small == (areas.to_numpy() < limit) & judged).all()
    assert (after & ~flag("size").bit == before).all()
    assert seen[-1] == (120, 120)
    assert int(gates.funnel(opened, study.name)["size_alone"].sum()) == small.sum()
    gates.set_gates(opened, study.name, DEFAULT_GATES)
    assert (all_flags(opened, study) == before).all()


def test_populations_keep_only_their_cells(opened):
    study = simulated_study(opened, cells=60)
    sample = tagged(opened, study)
    assert gates.populations_of(opened, study.name) == {
        "live": (sample.cells + 1) // 2,
        "round": (sample.cells + 2) // 3,
    }
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(populations=("live",)))
    flags = quality_table(opened, study.name, sample.name)["flags"].to_numpy()
    out = (flags & flag("population").bit) > 0
    assert (out == (np.arange(sample.cells) % 2 == 1)).all()
    other = quality_table(opened, study.name, study.samples[1].name)["flags"].to_numpy()
    assert ((other & flag("population").bit) > 0).all()
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(populations=("live", "round")))
    flags = quality_table(opened, study.name, sample.name)["flags"].to_numpy()
    rows = np.arange(sample.cells)
    assert (((flags & flag("population").bit) == 0) == ((rows % 2 == 0) | (rows % 3 == 0))).all()


def test_an_unknown_population_is_refused_and_nothing_changes(opened):
    study = simulated_study(opened, cells=36)
    with pytest.raises(WrongUse, match="no population 'dead'"):
        gates.set_gates(opened, study.name, DEFAULT_GATES.changed(populations=("dead",)))
    assert gates.get_gates(opened, study.name) == DEFAULT_GATES


def test_the_funnel_adds_up_and_tries_gates_without_storing_them(opened):
    study = simulated_study(opened, cells=120)
    table = gates.funnel(opened, study.name)
    assert [item.name for item in gates.flag_columns()] == list(NAMES)
    assert table["imported"].sum() == 120
    assert (table["imported"] == table[list(NAMES)].sum(axis=1) + table["kept"]).all()
    for name in NAMES:
        assert (table[f"{name}_alone"] >= table[name]).all()
    tried = gates.funnel(opened, study.name, DEFAULT_GATES.changed(focus=0.95))
    assert tried["kept"].sum() < table["kept"].sum()
    assert gates.funnel(opened, study.name)["kept"].tolist() == table["kept"].tolist()
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(focus=0.95))
    assert gates.funnel(opened, study.name)["kept"].tolist() == tried["kept"].tolist()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("constant", "population", "drawn")])
def test_a_preview_counts_what_setting_the_gate_would_do(opened, name):
    study = simulated_study(opened, cells=90)
    limits = {"area_low": 150.0, "aspect_low": 0.7, "focus": 0.9, "signal": 5.0}
    chosen = DEFAULT_GATES.changed(**limits)
    before = all_flags(opened, study)
    shown = gates.preview(opened, study.name, None, name, chosen)
    assert (all_flags(opened, study) == before).all()
    assert shown.kept.sum() == shown.n_in
    assert shown.left_out.sum() == shown.n_out
    assert len(shown.edges) == len(shown.kept) + 1
    assert shown.unmeasured == 0
    gates.set_gates(opened, study.name, chosen)
    assert shown.n_out == np.count_nonzero(all_flags(opened, study) & flag(name).bit)
    for cell in (*shown.inside, *shown.outside):
        assert cell.image.dtype == np.uint8
        assert cell.image.ndim == 2
    if shown.n_out:
        worst = [abs(cell.value - (shown.low or shown.high or 0.0)) for cell in shown.outside]
        assert worst == sorted(worst)


def test_a_preview_of_one_sample_shows_only_its_cells(opened):
    study = simulated_study(opened, cells=90)
    sample = study.samples[2]
    shown = gates.preview(opened, study.name, sample.name, "size", DEFAULT_GATES)
    assert shown.n_in <= sample.cells
    assert {cell.sample for cell in shown.inside} == {sample.name}
    with pytest.raises(StudyError):
        gates.preview(opened, study.name, "nowhere", "size", DEFAULT_GATES)
    with pytest.raises(WrongUse):
        gates.preview(opened, study.name, None, "population", DEFAULT_GATES)


def test_populations_are_previewed_by_name(opened):
    study = simulated_study(opened, cells=60)
    sample = tagged(opened, study)
    chosen = DEFAULT_GATES.changed(populations=("live",))
    shown = gates.preview(opened, study.name, None, "population", chosen)
    assert shown.names == ("live", "round", "in none")
    assert shown.n_in == (sample.cells + 1) // 2 == shown.kept[0]
    assert shown.n_in + shown.n_out == 60
    assert "population" in {item.name for item in gates.gate_list(opened, study.name)}


def test_areas_are_in_micrometres_only_where_the_pixel_size_is_known(opened):
    study = simulated_study(opened, cells=36)
    change_study(opened, study.name, channel="Ch1", pixel_size_um=None)
    info = {item.name: item for item in gates.gate_list(opened, study.name)}
    assert (info["size"].unit, info["size"].factor) == ("pixels", 1.0)
    assert "population" not in info
    change_study(opened, study.name, channel="Ch1", pixel_size_um=0.5)
    sized = {item.name: item for item in gates.gate_list(opened, study.name)}["size"]
    assert (sized.unit, sized.factor) == ("µm²", 0.25)
    shown = gates.preview(opened, study.name, None, "size", DEFAULT_GATES.changed(area_low=100.0))
    assert shown.low == 25.0
    for item in info.values():
        low, high, step = item.slider
        assert low < high
        assert step > 0


def test_a_study_without_cells_has_no_gates_to_set(opened):
    study = add_study(opened, "none", [])
    assert gates.gate_list(opened, study.name) == ()
    assert gates.funnel(opened, study.name).empty


def test_tables_of_older_versions_are_measured_when_a_gate_needs_it(opened):
    study = simulated_study(opened, cells=36)
    keys = opened.catalogue.sample_keys(study.study_id)
    for sample in study.samples:
        path = opened.folder.quality_path(study.study_id, keys[sample.name])
        pd.read_parquet(path)[[*FEATURE_NAMES[:11], "flags"]].to_parquet(path)
    assert quality_table(opened, study.name, study.samples[0].name)["aspect_ratio"].isna().all()
    shown = gates.preview(opened, study.name, None, "shape", DEFAULT_GATES)
    assert shown.unmeasured > 0
    assert shown.n_in == 0
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(focus=0.5))
    assert quality_table(opened, study.name, study.samples[0].name)["aspect_ratio"].isna().all()
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(aspect_low=0.9))
    table = quality_table(opened, study.name, study.samples[0].name)
    assert table["aspect_ratio"].notna().all()
    hit = (table["flags"] & flag("shape").bit) > 0
    assert (hit == ((table["aspect_ratio"] < 0.9) & (table["area_px"] > 0))).all()


def test_gates_that_were_broken_off_are_made_good(opened, monkeypatch):
    study = simulated_study(opened, cells=36)
    chosen = DEFAULT_GATES.changed(area_low=200.0)
    with monkeypatch.context() as patch:
        patch.setattr(gate_store, "write_quality", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            gates.set_gates(opened, study.name, chosen)
    assert not (all_flags(opened, study) & flag("size").bit).any()
    assert gates.put_in_force(opened, study) == chosen
    assert (all_flags(opened, study) & flag("size").bit).any()


def test_measuring_another_channel_keeps_the_gates(opened):
    study = simulated_study(opened, cells=36)
    gates.set_gates(opened, study.name, DEFAULT_GATES.changed(area_low=200.0))
    before = all_flags(opened, study)
    quality.measure_again(opened, study, "Ch1")
    assert (all_flags(opened, study) == before).all()


def test_cells_without_a_brightfield_image_are_never_flagged_for_size(opened):
    table = quality.judged(np.full((3, len(FEATURE_NAMES)), np.nan), DEFAULT_GATES.changed(area_low=10.0))
    assert table["flags"].tolist() == [0, 0, 0]


def test_one_sample_with_every_fault_is_previewed(opened):
    images = [np.full((1, 40, 50), 101, np.uint8), np.zeros((1, 40, 50), np.uint16)]
    rng = np.random.default_rng(0)
    images += [rng.normal(101, 2, (1, 40, 50)).astype(np.uint8) for _ in range(4)]
    study = add_study(opened, "faults", [(Sample("one"), images)])
    for item in gates.gate_list(opened, study.name):
        shown = gates.preview(opened, study.name, None, item.name, DEFAULT_GATES)
        assert shown.n_in + shown.n_out + shown.unmeasured <= 6
