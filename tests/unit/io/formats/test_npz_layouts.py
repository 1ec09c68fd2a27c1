"""Arrays as other programs store them: capitals, parts for training and test, one-hot labels, channels last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nscweb.core.errors import InputRefused

IMAGES = np.random.default_rng(0).integers(0, 255, (9, 20, 30)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0, 0, 0, 1])


def pixels(imported: Any) -> dict[str, list[np.ndarray]]:
    return {name: [cell.pixels[0] for cell in cells] for name, cells in imported.cells.items()}


@pytest.mark.parametrize("names", [("X", "Y"), ("x", "y"), ("Images", "Labels"), ("X", "Label")])
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.bool_])
def test_labels_in_any_form(
    names: tuple[str, str], one_hot: bool, dtype: Any, take: Callable[..., Any], tmp_path: Path
) -> None:
    labels = np.eye(3, dtype=dtype)[LABELS] if one_hot else LABELS[:, None]
    np.savez(tmp_path / "a.npz", **{names[0]: IMAGES, names[1]: labels})
    found = pixels(take(tmp_path / "a.npz"))
    assert {name: len(cells) for name, cells in found.items()} == {"0": 4, "1": 3, "2": 2}
    assert np.array_equal(found["2"][1], IMAGES[3])


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_parts_follow_one_another(labelled: bool, compressed: bool, take: Callable[..., Any], tmp_path: Path) -> None:
    arrays = {"x_train": IMAGES[:5], "x_val": IMAGES[5:6], "x_test": IMAGES[6:]}
    if labelled:
        arrays |= {"y_train": LABELS[:5], "y_val": LABELS[5:6], "y_test": LABELS[6:]}
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", **arrays)
    imported = take(tmp_path / "a.npz")
    found = pixels(imported)
    if labelled:
        assert all(np.array_equal(found[str(label)], IMAGES[label == LABELS]) for label in range(3))
    else:
        assert np.array_equal(*found.values(), IMAGES)
    assert "N-NPZ-PARTS" in imported.codes()


def test_parts_that_do_not_fit_are_refused(take: Callable[..., Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=IMAGES, x_test=IMAGES[:, 1:])
    with pytest.raises(InputRefused, match="differ"):
        take(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_a_last_axis_of_one_is_no_axis(kind: str, take: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    np.savez(path, x=IMAGES[..., None]) if kind == "npz" else np.save(path, IMAGES[..., None])
    assert np.array_equal(*pixels(take(path)).values(), IMAGES)
    single = tmp_path / f"b.{kind}"
    np.savez(single, x=IMAGES[0][..., None]) if kind == "npz" else np.save(single, IMAGES[0][..., None])
    assert np.array_equal(*pixels(take(single)).values(), IMAGES[:1])


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_last_axis_that_may_be_cells_or_channels_is_told(
    channels: int, take: Callable[..., Any], tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((40, 60, channels), np.uint8))
    with pytest.raises(InputRefused, match="cells or channels"):
        take(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("case", "cells"), [("npz_nhwc", 6), ("npz_train_test", 9), ("npz_xy_onehot", 6), ("npy_hwc", 0)]
)
def test_the_cases_are_read_or_told(case: str, cells: int, take: Callable[..., Any], shared: Path) -> None:
    (path,) = (shared / "cases" / case).iterdir()
    if cells:
        assert len(take(path).all_cells) == cells
    else:
        with pytest.raises(InputRefused, match="cells or channels"):
            take(path)
