"""Cells in simulated fields of view: found, parted, cut out; nothing found where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_field import SimulatedField, empty_field, simulated_field

from nscweb.core.errors import WrongUse
from nscweb.core.field_settings import METHODS, SegmentationSettings, least_background_radius
from nscweb.core.plain import from_plain, to_plain
from nscweb.preprocess.field_background import background_of, curved_surface
from nscweb.preprocess.segmentation import MOST_PIXELS, cells_of_field, segment_field

SETTINGS = SegmentationSettings()
CLASSICAL = tuple(method for method in METHODS if method != "learnt")


def matched(labels: np.ndarray, field: SimulatedField) -> int:
    """True cells of which one label covers more than half, and hardly anything else."""
    good = 0
    for number in range(1, field.cells + 1):
        cell = field.truth == number
        best = int(np.bincount(labels[cell]).argmax())
        good += best > 0 and (cell & (labels == best)).sum() / (cell | (labels == best)).sum() > 0.5
    return good


@pytest.mark.parametrize("method", CLASSICAL)
@pytest.mark.parametrize("seed", [1, 2])
def test_cells_on_uneven_light_are_found(method: str, seed: int) -> None:
    field = simulated_field(cells=40, seed=seed, uneven=0.6)
    settings = SegmentationSettings(method=method, threshold=3.0 if method == "noise" else 1.0)  # type: ignore[arg-type]
    labels = segment_field(field.pixels, settings)
    assert labels.dtype == np.int32 and labels.shape == field.pixels.shape
    assert labels.max() == field.cells == matched(labels, field)


def test_touching_cells_are_parted_when_asked() -> None:
    field = simulated_field((600, 600), 30, touching=10, seed=2, radius=(14, 22))
    apart = segment_field(field.pixels, SETTINGS)
    assert field.cells == 40
    assert apart.max() >= 38 and matched(apart, field) >= 37
    together = segment_field(field.pixels, SegmentationSettings(split=False))
    assert together.max() == 30


@pytest.mark.parametrize("method", CLASSICAL)
def test_an_empty_field_gives_no_cell(method: str) -> None:
    settings = SegmentationSettings(method=method, threshold=3.0 if method == "noise" else 1.0)  # type: ignore[arg-type]
    for seed in range(3):
        assert not segment_field(empty_field(seed=seed), settings).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 2), (5, 7), (16, 16)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_tiny_and_constant_images_give_no_cell(shape: tuple[int, int], kind: type) -> None:
    assert not segment_field(np.full(shape, 7, kind), SETTINGS).any()
    tiny = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    assert segment_field(tiny, SETTINGS).shape == shape


def test_depth_gain_and_offset_do_not_matter() -> None:
    pixels = simulated_field(seed=3).pixels
    labels = segment_field(pixels, SETTINGS)
    same = {
        "16 bit": (pixels * 16).astype(np.uint16),
        "float": pixels.astype(np.float32) / 4095,
        "signed": pixels.astype(np.int32) - 2000,
        "offset": pixels.astype(np.float64) + 1e6,
    }
    for name, other in same.items():
        agree = np.mean((segment_field(other, SETTINGS) > 0) == (labels > 0))
        assert agree > 0.999, name
    eight = segment_field(np.rint(pixels / 16).astype(np.uint8), SETTINGS)
    assert abs(int(eight.max()) - int(labels.max())) <= 1
    assert np.mean((eight > 0) == (labels > 0)) > 0.99


def test_dark_bright_and_inverted_cells_are_found_alike() -> None:
    field = simulated_field(seed=4)
    labels = segment_field(field.pixels, SETTINGS)
    inverted = segment_field(4095 - field.pixels, SETTINGS)
    assert labels.max() == inverted.max() == field.cells
    assert np.mean((inverted > 0) == (labels > 0)) > 0.999


def test_large_fields_are_searched_at_a_lower_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    from nscweb.preprocess import segmentation

    field = simulated_field((500, 700), 15, radius=(20, 26), seed=5)
    monkeypatch.setattr(segmentation, "MOST_PIXELS", 500 * 700 // 3)
    labels = segment_field(field.pixels, SETTINGS)
    assert labels.shape == field.pixels.shape and labels.max() == field.cells
    assert matched(labels, field) == field.cells
    assert MOST_PIXELS > 2048 * 2048


def test_the_seam_of_a_stitched_scan_is_no_cell_and_stops_nothing() -> None:
    part = simulated_field((600, 600), 20, seed=5, uneven=0.3)
    stitched = np.hstack([part.pixels, part.pixels + 150])
    assert abs(int(segment_field(stitched, SETTINGS).max()) - 2 * part.cells) <= 2


def test_crowded_fields_are_parted() -> None:
    field = simulated_field((900, 900), 80, radius=(16, 20), touching=30, seed=4)
    labels = segment_field(field.pixels, SETTINGS)
    assert abs(int(labels.max()) - field.cells) <= 0.1 * field.cells
    assert matched(labels, field) >= 0.9 * field.cells


def test_the_background_follows_a_slope_to_the_border() -> None:
    rows, columns = np.mgrid[:300, :410]
    slope = (0.01 * rows + 0.02 * columns).astype(np.float32)
    assert np.abs(background_of(slope, 60) - slope).max() < 0.1
    bent = slope - (0.0001 * (rows - 100.0) ** 2).astype(np.float32)
    np.testing.assert_allclose(curved_surface(bent), bent, atol=0.01)
    bent[100:200, 150:300] += 3
    assert np.abs(background_of(bent, 1000)[:50] - bent[:50]).max() < 0.1


def test_sizes_outside_the_range_are_left_out() -> None:
    field = simulated_field(seed=6)
    areas = np.bincount(segment_field(field.pixels, SETTINGS).ravel())[1:]
    middle = int(np.median(areas))
    small = segment_field(field.pixels, SegmentationSettings(max_area=middle))
    large = segment_field(field.pixels, SegmentationSettings(min_area=middle))
    assert np.bincount(small.ravel())[1:].max() <= middle <= np.bincount(large.ravel())[1:].min()
    assert 0 < small.max() < field.cells and 0 < large.max() < field.cells


def test_a_colony_is_one_object_with_the_settings_for_colonies() -> None:
    field = simulated_field((1000, 1000), 5, radius=(45, 70), seed=2)
    labels = segment_field(field.pixels, SegmentationSettings.suggested(1.0, colonies=True))
    assert labels.max() == field.cells == matched(labels, field)


def test_crops_are_the_pixels_of_the_field() -> None:
    field = simulated_field(seed=7, border=True)
    planes = np.stack([field.pixels, field.pixels + 1])
    labels = segment_field(field.pixels, SETTINGS)
    keep = SegmentationSettings(drop_border=False, margin=9)
    found = cells_of_field(planes, labels, keep)
    assert len(found.cells) == labels.max() and found.dropped == 0
    for number, cell in enumerate(found.cells, start=1):
        ys, xs = np.nonzero(labels == number)
        top, left = max(0, ys.min() - 9), max(0, xs.min() - 9)
        h, w = cell.mask.shape
        assert (h, w) == (min(512, ys.max() + 10) - top, min(512, xs.max() + 10) - left)
        np.testing.assert_array_equal(cell.pixels, planes[:, top : top + h, left : left + w])
        np.testing.assert_array_equal(cell.mask, labels[top : top + h, left : left + w] == number)
        assert cell.area_px == len(ys)
        assert cell.x == pytest.approx(xs.mean()) and cell.y == pytest.approx(ys.mean())
        assert cell.pixels.base is None
    at_border = sum(cell.at_border for cell in found.cells)
    assert at_border > 0
    fewer = cells_of_field(field.pixels, labels, SegmentationSettings())
    assert fewer.dropped == at_border and len(fewer.cells) == labels.max() - at_border
    assert fewer.cells[0].pixels.shape[0] == 1


def test_settings_survive_json_and_suit_the_pixel_size() -> None:
    for settings in (SETTINGS, SegmentationSettings.suggested(0.3), SegmentationSettings.suggested(8.0)):
        assert from_plain(SegmentationSettings, to_plain(settings), "x") == settings
    fine, coarse = SegmentationSettings.suggested(0.25), SegmentationSettings.suggested(1.0)
    assert fine.min_area == 16 * coarse.min_area and fine.margin == 4 * coarse.margin
    assert not SegmentationSettings.suggested(0.5, colonies=True).split
    assert SegmentationSettings.suggested().max_area == SETTINGS.max_area


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"min_area": 500, "max_area": 400}, "largest area must be above"),
        ({"background_radius": 20}, "take objects of up to"),
        ({"threshold": 0.0}, "threshold lies between"),
        ({"threshold": float("nan")}, "must be a number"),
        ({"method": "guess"}, "noise, otsu, triangle"),
        ({"margin": -1}, "margin around a cell"),
        ({"min_area": 2.5}, "min_area is 2.5, where a whole number"),
        ({"split": "yes"}, "split is 'yes', where true or false"),
        ({"split_strength": 2}, "strength of splitting"),
        ({"colour": "red"}, "colour is not a name"),
    ],
)
def test_settings_that_make_no_sense_are_told_in_words(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        from_plain(SegmentationSettings, wrong, "The request")


def test_the_least_background_radius_is_accepted() -> None:
    least = least_background_radius(SETTINGS.max_area)
    SegmentationSettings(background_radius=least)
    SegmentationSettings(background_radius=0)
    with pytest.raises(WrongUse):
        SegmentationSettings(background_radius=least - 1)
