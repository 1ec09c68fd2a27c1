"""Points in drawn regions, against shapes whose inside is known."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.errors import WrongUse
from nscweb.core.gates import DEFAULT_GATES, Gates, Region, box, inside
from nscweb.core.plain import from_plain, to_plain

SQUARE = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))


def test_a_fine_polygon_holds_what_its_circle_holds():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-2, 2, (2, 4000))
    turn = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    corners = tuple(zip(np.cos(turn).tolist(), np.sin(turn).tolist(), strict=True))
    radius = np.hypot(x, y)
    far_from_the_line = np.abs(radius - 1) > 1e-3
    assert (inside(x, y, corners) == (radius < 1))[far_from_the_line].all()


def test_a_star_is_hollow_where_its_line_goes_round_twice():
    turn = 2 * np.pi * np.arange(5) * 2 / 5
    star = tuple(zip(np.cos(turn).tolist(), np.sin(turn).tolist(), strict=True))
    assert inside([0.0, 0.6], [0.0, 0.0], star).tolist() == [False, True]


def test_a_box_in_any_order_and_cells_without_numbers():
    assert (
        inside([1.0, 3.0, np.nan, 1.0], [1.0, 1.0, 1.0, np.inf], box((2, 0), (2, 0))).tolist() == [True] + [False] * 3
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 61},
        {"corners": SQUARE[:2]},
        {"corners": (*SQUARE, (np.nan, 0.0))},
        {"use": "sometimes"},
    ],
)
def test_regions_that_make_no_sense_are_refused(wrong):
    with pytest.raises(WrongUse):
        Region(**{"name": "a", "x": "area_px", "y": "focus", "corners": SQUARE, **wrong})


def test_a_region_is_part_of_the_gates_only_where_it_leaves_cells_out():
    named = DEFAULT_GATES.changed(regions=(Region("round", "area_px", "focus", SQUARE),))
    used = DEFAULT_GATES.changed(regions=(Region("round", "area_px", "focus", SQUARE, "inside"),))
    other_name = DEFAULT_GATES.changed(regions=(Region("else", "area_px", "focus", SQUARE, "inside"),))
    assert named.digest() == DEFAULT_GATES.digest()
    assert used.digest() == other_name.digest() != DEFAULT_GATES.digest()
    assert (named.on("drawn"), used.on("drawn"), used.switched("drawn", False).on("drawn")) == (False, True, False)
    assert "outside the drawn gate round (area against focus)" in used.sentence()
    assert "in round (area_px against focus)" in used.brief()
    assert from_plain(Gates, to_plain(used), "gates", WrongUse) == used
    assert used.changed(focus=0.9).reset() == named
    with pytest.raises(WrongUse, match="two drawn gates"):
        DEFAULT_GATES.changed(regions=used.regions * 2)
