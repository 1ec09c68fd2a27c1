"""Gallery and class maps of a run: filtered, sorted, paged, and drawn on the raw frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from predicted import predicted, predicted_app
from rounding import network_rounding

from nscweb.core.errors import ModelNotFound, StoreError, WrongUse
from nscweb.models.loading import load_model
from nscweb.services.cells.cells import CellFilter, gallery, matching_rows
from nscweb.services.cells.explain import explain, overlay, representative_cells, save_overlays, scale_bar
from nscweb.services.study.pixels import display


def test_the_surest_cells_come_first_and_pages_do_not_overlap():
    found = predicted()
    first = gallery(found.app, found.run, CellFilter(), limit=10)
    second = gallery(found.app, found.run, CellFilter(), limit=10, offset=10)
    assert first.total == 240
    sure = [cell.confidence for cell in (*first.cells, *second.cells)]
    assert sure == sorted(sure, reverse=True)
    ids = {cell.cell_id for cell in first.cells}
    assert not ids & {cell.cell_id for cell in second.cells}
    assert len(ids) == 10


def test_each_filter_keeps_only_what_it_names():
    found = predicted()
    name = found.study.samples[0].name
    assert set(matching_rows(found.app, found.run, CellFilter(sample=name))["sample_id"]) == {name}
    rows = matching_rows(found.app, found.run, CellFilter(predicted="neuron", min_confidence=0.6))
    assert set(rows["predicted"]) == {"neuron"}
    assert rows["confidence"].min() >= 0.6
    wrong = matching_rows(found.app, found.run, CellFilter(truth="wrong"))
    right = matching_rows(found.app, found.run, CellFilter(truth="right"))
    assert (wrong["predicted"].astype(str) != wrong["true_class"].astype(str)).all()
    assert len(wrong) + len(right) == 240
    assert len(matching_rows(found.app, found.run, CellFilter(truth="unknown"))) == 0
    blurred = matching_rows(found.app, found.run, CellFilter(only_flags=("blurred",)))
    rest = matching_rows(found.app, found.run, CellFilter(exclude_flags=("blurred",)))
    assert len(blurred) + len(rest) == 240


def test_sorting_by_the_score_of_a_class_and_refusing_an_unknown_class():
    found = predicted()
    rows = matching_rows(found.app, found.run, CellFilter(sort="score", score_class="neuron"))
    assert rows["p_neuron"].is_monotonic_decreasing
    with pytest.raises(WrongUse, match="glia"):
        matching_rows(found.app, found.run, CellFilter(sort="score", score_class="glia"))


def test_a_gallery_cell_shows_the_pixels_that_the_instrument_wrote():
    found = predicted()
    cell = gallery(found.app, found.run, CellFilter(sort="object"), limit=1).cells[0]
    assert cell.cell_id == "c000001:0"
    assert cell.object_number == 1
    assert cell.image.dtype == np.uint8
    assert cell.image.shape[1] == 60
    assert abs(sum(cell.scores.values()) - 1) < 1e-5


def test_display_gives_equal_background_at_any_depth_and_no_contrast_to_an_empty_frame():
    rng = np.random.default_rng(1)
    field = rng.normal(0, 1, (50, 60))
    cell = field.copy()
    cell[20:30, 25:35] += 60
    eight = display(np.clip(cell + 101, 0, 255).astype(np.uint8))
    twelve = display(np.clip(cell * 10 + 1510, 0, 4095).astype(np.uint16))
    assert abs(int(np.median(eight)) - int(np.median(twelve))) <= 2
    assert eight[25, 30] > 230
    assert display(field).std() < 25
    assert display(np.full((10, 10), 7)).std() == 0


def test_closed_form_and_gradients_give_the_same_maps():
    found = predicted()
    ids = representative_cells(found.app, found.run, 6)
    closed = explain(found.app, found.run, ids, method="closed-form")
    graded = explain(found.app, found.run, ids, method="grad-cam")
    assert [item.cell.cell_id for item in closed] == ids
    for one, other in zip(closed, graded, strict=True):
        assert one.map.shape == one.cell.image.shape
        assert one.overlay.shape == (*one.cell.image.shape, 3)
        # What is left of the sum of a map is more than a twentieth of its terms.
        np.testing.assert_allclose(one.map, other.map, rtol=0, atol=network_rounding(load_model(found.model), 20))


def test_the_class_to_explain_can_be_chosen_and_must_exist():
    found = predicted()
    ids = representative_cells(found.app, found.run, 2)
    for item in explain(found.app, found.run, ids, class_name="astrocyte"):
        assert item.explained == "astrocyte"
    with pytest.raises(WrongUse, match="glia"):
        explain(found.app, found.run, ids, class_name="glia")
    with pytest.raises(WrongUse, match="no cell"):
        explain(found.app, found.run, ["c000099:1"])


def test_representative_cells_take_the_classes_in_turn():
    found = predicted()
    table = matching_rows(found.app, found.run, CellFilter()).set_index("cell_id")
    ids = representative_cells(found.app, found.run, 3)
    assert set(table.loc[ids, "predicted"].astype(str)) == set(found.run.class_names)


def test_saved_overlays_carry_class_score_and_object_number_in_their_names(tmp_path):
    found = predicted()
    maps = explain(found.app, found.run, representative_cells(found.app, found.run, 3))
    paths = save_overlays(found.app, found.run, maps, tmp_path)
    for path, item in zip(paths, maps, strict=True):
        assert path.name.startswith(f"{item.cell.predicted}-{item.cell.confidence:.2f}")
        assert f"object-{item.cell.object_number:06d}" in path.name
        with Image.open(path) as picture:
            assert picture.width > 2 * item.cell.image.shape[1]
            assert "simulated" in picture.text["Description"]


def test_an_overlay_leaves_the_image_alone_where_the_map_is_zero():
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    class_map = np.zeros((6, 8), np.float32)
    class_map[2, 3] = 1.0
    drawn = overlay(image, class_map)
    untouched = class_map == 0
    assert (drawn[untouched] == image[untouched][:, None]).all()
    assert not (drawn[2, 3] == image[2, 3]).all()


def test_a_scale_bar_needs_a_pixel_size_and_fits_the_frame():
    assert scale_bar(60, None) is None
    assert scale_bar(60, 0.5) == (10.0, 20.0)
    length, pixels = scale_bar(60, 0.33)
    assert pixels <= 24
    assert length / 0.33 == pytest.approx(pixels)


def test_maps_are_refused_when_the_weights_of_the_run_are_gone(tmp_path):
    app, _, run = predicted_app(tmp_path, cells=36)
    (tmp_path / "models" / "random" / "card.json").unlink()
    with pytest.raises(ModelNotFound, match="not installed"):
        explain(app, run, ["c000001:0"])


def test_a_gallery_of_a_run_whose_cells_are_gone_says_so(tmp_path):
    app, _, run = predicted_app(tmp_path, cells=36)
    for path in (tmp_path / "studies").rglob("*.arrow"):
        path.unlink()
    with pytest.raises(StoreError, match="gone"):
        gallery(app, run)
