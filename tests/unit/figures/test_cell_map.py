"""Points of a map: every drawn cell once, with its position; no name on top of all others; names are plain text."""

from __future__ import annotations

import numpy as np

from nscweb.core.gates import Region
from nscweb.figures.cell_map import cell_points, drawn_points

CELLS = 400
XY = np.random.default_rng(1).normal(size=(CELLS, 2)).astype(np.float32)
NAMES = np.array(["first", "<b>second"], object)[np.arange(CELLS) % 2]
EVERY = np.arange(CELLS)


def test_names_are_drawn_in_turns_and_every_cell_once():
    figure = cell_points(XY, EVERY, NAMES, title="Group", names=("first", "<b>second"))
    drawn = np.concatenate([np.asarray(trace.customdata) for trace in figure.data])
    assert sorted(drawn.tolist()) == EVERY.tolist()
    assert [trace.name for trace in figure.data[:3]] == ["first", "&lt;b&gt;second", "first"]
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2
    for trace in figure.data:
        np.testing.assert_array_equal(np.asarray(trace.x), XY[np.asarray(trace.customdata), 0])


def test_numbers_have_a_scale_between_their_usual_ends_and_unknown_ones_are_grey():
    values = np.arange(CELLS, dtype=float)
    values[:10], values[-1] = np.nan, 1e9
    grey, coloured = cell_points(XY, EVERY, values, title="Area").data
    assert len(grey.x) == 10
    assert coloured.marker.cmax < 1e3


def test_gates_and_rings_lie_over_the_points():
    region = Region("mine", "area_px", "focus", ((0, 0), (1, 0), (1, 1)), "outside")
    figure = cell_points(
        XY, EVERY, NAMES, title="Group", names=("first",), axes=("a", "b"), regions=[region], rings=[3]
    )
    line, ring = figure.data[-2:]
    assert np.asarray(line.x).tolist() == [0, 1, 1, 0]
    assert line.line.dash == "dash"
    assert np.asarray(ring.customdata).tolist() == [3]
    assert figure.layout.xaxis.title.text == "a"


def test_of_too_many_points_a_draw_is_shown_that_is_always_the_same():
    known = np.ones(CELLS, bool)
    known[0] = False
    turn = np.random.default_rng(2).random(CELLS)
    some = drawn_points(known, turn, 50)
    assert len(some) == 50
    assert 0 not in some
    assert (np.diff(some) > 0).all()
    assert len(drawn_points(known, turn, CELLS)) == CELLS - 1
