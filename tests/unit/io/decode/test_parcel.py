"""A parcel holds what an excerpt is made of, and nothing that could run."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.cells import CellImage
from nscweb.core.errors import WrongUse
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.process_objects import pack, unpack
from nscweb.io.survey.cell_reader import nobody_watches


def through(value: object) -> object:
    said, payload = pack(value)
    return unpack(json.loads(json.dumps(said)), payload)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        1 << 60,
        0.1,
        float("inf"),
        "µm \ud800 \x00",
        b"\x00\xff",
        [1, [2, []]],
        (1, ("a",)),
        {1: "a", "b": [2], (3, 4): None},
        {"dict": [1], "path": "x"},
        {3, 1},
        frozenset({"a"}),
        Path("/a b/c.zip"),
        Limits(max_members=3),
        Finding("warn", "W", "m", "w"),
        nobody_watches,
    ],
)
def test_values_come_out_as_they_went_in(value: object) -> None:
    again = through(value)
    assert again == value and type(again) is type(value)


def test_arrays_and_objects_with_slots() -> None:
    for array in (np.arange(12, dtype=">u2").reshape(3, 4)[:, ::2], np.zeros((0, 5)), np.array(["a", "bcd"])):
        again = through(array)
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype
    cell = CellImage(3, ("Ch1",), np.ones((1, 4, 5), np.uint16), "x.tif", values={"area": 2.0})
    again = through(cell)
    np.testing.assert_array_equal(again.pixels, cell.pixels)
    assert (again.object_number, again.values, again.masks) == (3, {"area": 2.0}, None)
    log = FindingLog()
    log.add("note", "N", "m")
    assert list(through(log)) == list(log) and isinstance(through(ExitStack()), ExitStack)
    assert through(Counter("aab")) == {"a": 2, "b": 1} and through(np.int64(5)) == 5


def test_what_cannot_travel_is_told(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as stream:
        for value in (stream, lambda: None, object(), np.array([object()]), json.dumps):
            with pytest.raises(TypeError):
                pack([value])


@pytest.mark.parametrize(
    "tree",
    [
        {"object": ["os:system", None]},
        {"function": "os:system"},
        {"function": "subprocess:run"},
        {"object": ["nscweb.io.decode.process_objects:pack", {}]},
        {"object": ["builtins:list", None]},
    ],
)
def test_a_parcel_names_no_class_of_others(tree: object) -> None:
    with pytest.raises(TypeError):
        unpack({"tree": tree, "sizes": []}, b"")
    assert WrongUse is not None
