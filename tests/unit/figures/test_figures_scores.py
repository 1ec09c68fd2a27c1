"""Figures of honest scores: what is drawn is what the table says, and every set has a look of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from known_model import CLASSES, drawn_cells

from nscweb.core.classes import ClassScheme
from nscweb.evaluation.scores.reliability import reliability
from nscweb.figures.reliability_and_sets import (
    MANY,
    NONE,
    mixtures_data,
    mixtures_figure,
    reliability_figure,
    sets_data,
    sets_figure,
)

SCHEME = ClassScheme(CLASSES)
SETS = ["neuron", "astrocyte or neuron", "astrocyte, oligodendrocyte or neuron", NONE]


def groups() -> pd.DataFrame:
    rows = [
        {
            "group": group,
            "time_h": hours,
            "set": name,
            "replicates": 3,
            "cells": 900,
            "share": share,
            "low": share - 0.05,
            "high": share + 0.05,
        }
        for group in ("NT4", "<b>RA</b>")
        for hours in (24.0, 72.0)
        for name, share in zip(SETS, (0.5, 0.3, 0.15, 0.05), strict=True)
    ]
    return pd.DataFrame(rows)


def test_reliability_is_drawn_with_its_intervals():
    found = reliability(drawn_cells(3000), rounds=50)
    figure = reliability_figure(found, simulated=True)
    np.testing.assert_allclose(figure.data[1].y, 100 * found.share)
    assert "simulated cells" in figure.layout.title.text
    assert "named rightly" in figure.layout.yaxis.title.text
    own = reliability_figure(reliability(drawn_cells(3000), "neuron", 2, rounds=50))
    assert "neuron" in own.layout.yaxis.title.text


def test_sets_fill_each_bar_and_larger_ones_are_joined():
    figure = sets_figure(groups(), SETS, SCHEME, simulated=True)
    bars = [bar for bar in figure.data if bar.type == "bar"]
    assert {bar.name for bar in bars} == {"neuron", "astrocyte or neuron", MANY, NONE}
    for place in range(2):
        assert sum(bar.y[place] for bar in bars[:4]) == 100
    striped = next(bar for bar in bars if bar.name == "astrocyte or neuron")
    assert striped.marker.pattern.fgcolor == SCHEME.colour("neuron")
    assert "<b>" not in "".join(item.text for item in figure.layout.annotations)
    assert sets_data(groups(), SETS)["percent"].sum() == 400
    assert "No cell" in sets_figure(groups().iloc[:0], SETS, SCHEME).layout.annotations[0].text


def test_mixtures_are_drawn_by_class_and_refused_ones_left_out():
    table = pd.DataFrame(
        {
            "mixture": [1, 1, 1, 2, 2, 2],
            "time_h": 24.0,
            "cells": 100,
            "class": list(CLASSES) * 2,
            "true": [0.2, 0.3, 0.5] * 2,
            "recovered": [0.21, 0.29, 0.5, np.nan, np.nan, np.nan],
            "low": [0.1, 0.2, 0.4, np.nan, np.nan, np.nan],
            "high": [0.3, 0.4, 0.6, np.nan, np.nan, np.nan],
            "naive": [0.3, 0.3, 0.4] * 2,
            "inside": True,
        }
    )
    figure = mixtures_figure(table, SCHEME, naive=True)
    assert len(figure.data) == 7
    assert list(figure.data[1].y) == [21.0]
    assert mixtures_data(table)["true"].tolist() == [20.0, 30.0, 50.0] * 2
    assert "No mixture" in mixtures_figure(table.iloc[3:], SCHEME).layout.annotations[0].text


def test_sets_follow_the_order_of_the_answer_and_mark_lights() -> None:
    table = groups()
    names = sorted(set(table["group"]), reverse=True)
    figure = sets_figure(table.assign(light="red"), SETS, SCHEME, order=names)
    assert list(dict.fromkeys(sets_data(table, SETS, names)["group"])) == names
    assert any(note.text == "■" for note in figure.layout.annotations)
    assert "do not trust" in {trace.name for trace in figure.data}
    assert not any(note.text == "■" for note in sets_figure(table, SETS, SCHEME).layout.annotations)
