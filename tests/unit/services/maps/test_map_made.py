"""A map is made of arrays, kept, read again, and new cells find their places on it."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from predicted import predicted_app

from nscweb.core.errors import JobCancelled, StoreError, WrongUse
from nscweb.core.plain import from_plain, to_plain
from nscweb.services.maps import map as cell_map
from nscweb.services.maps import map_files, vectors
from nscweb.services.maps.alike import cells_like
from nscweb.services.maps.layout import place
from nscweb.services.maps.map import MapRequest, make_map, read_map

CELLS = 120


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    app, study, run = predicted_app(tmp_path_factory.mktemp("map"), CELLS)
    return app, study, make_map(app, MapRequest(study.study_id, "model", run.model))


def test_every_cell_has_a_place_and_ids_are_those_of_the_study(made):
    _, _, found = made
    assert found.places is not None
    assert found.places.shape == (CELLS, 2)
    assert np.isfinite(found.places).all()
    assert (found.laid_out, found.unplaced) == (CELLS, 0)
    assert found.ids(np.arange(2)) == ["c000001:0", "c000001:1"]
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape[1] <= vectors.DIMENSIONS


def test_nothing_is_pickled_and_reading_gives_the_same(made):
    app, study, found = made
    folder = map_files.map_folder(app, study.study_id, found.source.key)
    for path in folder.rglob("*.npy"):
        np.load(path, allow_pickle=False)
    for path in folder.glob("*.npz"):
        with zipfile.ZipFile(path) as archive:
            assert all(name.endswith(".npy") for name in archive.namelist())
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)
    read_map.clear()
    again = read_map(app, study.study_id, found.source)
    assert again is not None
    np.testing.assert_array_equal(again.places, found.places)
    np.testing.assert_array_equal(again.vectors, found.vectors)


def test_the_widest_directions_hold_the_most(made):
    _, _, found = made
    spread = found.vectors.var(axis=0)
    assert spread[0] >= spread[1] >= spread[2:].max()
    np.testing.assert_allclose(found.widest, found.vectors[:, :2])


def test_measured_features_need_no_job(made):
    app, study, _ = made
    source = vectors.source_of(app, study, "features")
    found = read_map(app, study.study_id, source)
    assert found is not None
    assert found.places is None
    assert len(found.widest) == CELLS
    assert sum(found.shares) > 0.3


def test_a_model_that_was_not_asked_yet_has_no_map(tmp_path):
    app, study, run = predicted_app(tmp_path, CELLS)
    assert read_map(app, study.study_id, vectors.source_of(app, study, "model", run.model)) is None


def test_cells_that_have_a_place_keep_it_and_new_ones_come_among_their_like(tmp_path):
    app, study, run = predicted_app(tmp_path, CELLS)
    request = MapRequest(study.study_id, "model", run.model)
    whole = make_map(app, request)
    layout = map_files.read_layout(app, study.study_id, whole.source.key)
    assert layout is not None
    gone = layout.counts[-1]
    kept = map_files.Layout(
        layout.keys[:-1], layout.counts[:-1], layout.xy[:-gone], layout.laid_out[:-gone], layout.info
    )
    map_files.write_layout(app, study.study_id, whole.source.key, kept)
    short = read_map(app, study.study_id, whole.source)
    assert short is not None
    assert short.unplaced == gone
    placed = make_map(app, request)
    assert placed.places is not None
    assert (placed.laid_out, placed.unplaced) == (CELLS - gone, 0)
    np.testing.assert_array_equal(placed.places[:-gone], whole.places[:-gone])


def test_samples_that_came_later_are_told_and_placed(tmp_path):
    app, study, run = predicted_app(tmp_path, CELLS)
    request = MapRequest(study.study_id, "model", run.model)
    whole = make_map(app, request)
    folder = map_files.map_folder(app, study.study_id, whole.source.key)
    layout = map_files.read_layout(app, study.study_id, whole.source.key)
    assert layout is not None
    gone = layout.counts[-1]
    kept = map_files.Layout(
        layout.keys[:-1], layout.counts[:-1], layout.xy[:-gone], layout.laid_out[:-gone], layout.info
    )
    map_files.write_layout(app, study.study_id, whole.source.key, kept)
    (folder / "vectors" / f"{layout.keys[-1]}.npy").unlink()
    short = read_map(app, study.study_id, whole.source)
    assert short is not None
    assert short.places is not None
    assert short.unplaced == gone
    np.testing.assert_array_equal(short.places[:-gone], whole.places[:-gone])
    again = make_map(app, request)
    assert again.unplaced == 0
    np.testing.assert_allclose(again.vectors, whole.vectors, atol=1e-4)


def test_beyond_the_limit_a_draw_makes_the_map_and_the_rest_is_placed(tmp_path, monkeypatch):
    monkeypatch.setattr(cell_map, "MOST_LAID_OUT", 80)
    app, study, _ = predicted_app(tmp_path, CELLS)
    found = make_map(app, MapRequest(study.study_id, "features"))
    assert found.laid_out == 80
    assert found.unplaced == 0


def test_a_copy_of_a_cell_is_placed_beside_it():
    rng = np.random.default_rng(3)
    known = np.concatenate([rng.normal(0, 1, (60, 5)), rng.normal(12, 1, (60, 5))]).astype(np.float32)
    places = np.concatenate([rng.normal(-20, 2, (60, 2)), rng.normal(20, 2, (60, 2))])
    new = place(known, places, known[[5, 70]], seed=0, threads=1, progress=lambda *_: None, cancel=lambda: False)
    assert new[0, 0] < 0 < new[1, 0]


def test_the_imagenet_network_makes_vectors_of_cells(tmp_path):
    app, study, _ = predicted_app(tmp_path, 36)
    found = make_map(app, MapRequest(study.study_id, "imagenet"))
    assert np.isfinite(found.vectors).all()
    assert found.source.sentence.startswith("features of EfficientNet-Lite0")


def test_a_stopped_map_leaves_none_and_a_damaged_one_is_named(tmp_path):
    app, study, run = predicted_app(tmp_path, 36)
    request = MapRequest(study.study_id, "model", run.model)
    with pytest.raises(JobCancelled):
        make_map(app, request, cancel=lambda: True)
    source = vectors.source_of(app, study, "model", run.model)
    assert read_map(app, study.study_id, source) is None
    make_map(app, request)
    (map_files.map_folder(app, study.study_id, source.key) / "layout.npz").write_bytes(b"no archive")
    read_map.clear()
    with pytest.raises(StoreError, match="damaged"):
        read_map(app, study.study_id, source)
    assert make_map(app, MapRequest(study.study_id, "model", run.model, anew=True)).unplaced == 0


def test_requests_and_sources_that_make_no_sense(made):
    app, study, _ = made
    with pytest.raises(WrongUse, match="taste"):
        make_map(app, MapRequest(study.study_id, "taste"))
    request = MapRequest(study.study_id, "model", "random", True)
    assert from_plain(MapRequest, to_plain(request), "request", WrongUse) == request


def test_cells_like_one_are_its_nearest_and_never_itself(made):
    _, _, found = made
    like = cells_like(found, found.ids(np.array([7]))[0], 5)
    distance = ((found.vectors - found.vectors[7]) ** 2).sum(axis=1)
    assert 7 not in like
    assert like.tolist() == [int(row) for row in np.argsort(distance) if row != 7][:5]
    with pytest.raises(WrongUse, match="not on this map"):
        cells_like(found, "c000099:1")
