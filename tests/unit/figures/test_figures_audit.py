"""Figures of the checks of a card say what was done, in per cent, and never tell by colour alone."""

from __future__ import annotations

from nscweb.figures.shortcut_checks import robustness_data, robustness_figure, swap_data, swap_figure


def swap(kind: str, accuracy: float, control: float, *, decides: bool = True) -> dict[str, object]:
    cost = control - accuracy
    return {
        "what": kind,
        "kind": kind,
        "accuracy": accuracy,
        "low": accuracy - 0.02,
        "high": accuracy + 0.02,
        "control": control,
        "cost": cost,
        "cost_low": cost - 0.01,
        "cost_high": cost + 0.01,
        "limit": 0.05,
        "decides": decides,
    }


AUDIT = {
    "accuracy": {"value": 0.8, "low": 0.7, "high": 0.9},
    "swaps": [swap("background level", 0.5, 0.8), swap("noise", 0.78, 0.79), swap("padding", 0.2, 0.8, decides=False)],
}
ROWS = (
    {
        "change": "unchanged",
        "strength": "as recorded",
        "accuracy": 0.8,
        "low": 0.7,
        "high": 0.9,
        "cost": 0.0,
        "share_shift": 0.0,
        "cells": 300,
        "samples": 9,
    },
    {
        "change": "blur",
        "strength": "1 px",
        "accuracy": 0.7,
        "low": 0.6,
        "high": 0.75,
        "cost": 0.1,
        "share_shift": 0.05,
        "cells": 300,
        "samples": 9,
    },
    {
        "change": "noise",
        "strength": "10 % of <contrast>",
        "accuracy": 0.6,
        "low": 0.5,
        "high": 0.7,
        "cost": 0.2,
        "share_shift": 0.1,
        "cells": 300,
        "samples": 9,
    },
)


def test_swaps_are_drawn_in_per_cent_with_two_shapes():
    data = swap_data(AUDIT)
    assert data["swapped"].tolist() == ["background level", "noise"]
    assert data["other_class"].tolist() == [50, 78]
    figure = swap_figure(AUDIT, simulated=True)
    shapes = {trace.marker.symbol for trace in figure.data if trace.mode == "markers"}
    assert shapes == {"circle-open", "diamond"}
    assert "%" in figure.layout.xaxis.title.text
    assert "simulated" in figure.layout.title.text
    assert "nothing" not in str(swap_figure({}).layout.annotations)
    assert len(swap_figure({}).data) == 0


def test_changes_are_drawn_with_intervals_beside_the_unchanged_cells():
    assert robustness_data(ROWS)["accuracy"].tolist() == [80, 70, 60]
    figure = robustness_figure(ROWS)
    assert {trace.marker.symbol for trace in figure.data} == {"circle", "diamond"}
    assert figure.layout.shapes[0].x0 == 80
    assert "&lt;contrast&gt;" in str(figure.layout.yaxis.ticktext)
    assert round(figure.data[0].error_x.array[0], 6) == 5
    assert len(robustness_figure(()).data) == 0
