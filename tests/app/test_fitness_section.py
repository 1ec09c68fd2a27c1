"""Lights of a run on a page: counts first, then every sample that is not green with its reasons; old runs say so."""

from __future__ import annotations

import numpy as np
import pytest
from app_walk import is_healthy, texts
from streamlit.testing.v1 import AppTest

from nscweb.core.run_record import Provenance, Run
from nscweb.figures.sample_distances import EDGE, fitness_data, fitness_dots
from nscweb.services.predict.light_tables import fitness_table, lights_table
from nscweb.services.predict.lights import NOT_JUDGED


def _figure(t: float) -> dict[str, float | int]:
    return {"value": 1.0 + t, "typical": 1.0, "low": 0.5, "high": 1.5, "effect": t, "t": t, "p": 0.5, "samples": 40}


def _item(name: str, light: str, t: float) -> dict[str, object]:
    bad = light != "green"
    return {
        "sample_id": name,
        "cells": 120,
        "light": light,
        "unlike": light == "red",
        "reasons": [f"Reason of {name}."] if bad else [],
        "advice": ["Look at it."] if bad else [],
        "notes": [] if bad else ["Background level 151 against 101 in training; it does not matter."],
        "shares": {"embedding": 0.1, "input": 0.2},
        "figures": {"embedding": _figure(t), "background": _figure(t), "input_pattern": {"p": 0.001}},
    }


def _run(items: list[dict[str, object]], rules: bool = True) -> Run:
    made = Provenance("s", "s1", "", "model", "1", "", "Ch1", {}, {}, "2026-01-01T00:00:00Z", 1.0, True, True, ())
    extra = {"fitness": items, **({"fitness_rules": {"version": 1}} if rules else {})}
    return Run("r000001", "s1", "model", "2026-01-01T00:00:00Z", 100, ("a", "b"), made, extra)


@pytest.fixture
def run() -> Run:
    items = [_item(f"good{n}", "green", 0.3 * n) for n in range(3)]
    items += [_item(f"odd{n}", "yellow", 5.0) for n in range(5)]
    return _run([*items, _item("<b>alien</b>", "red", 60.0)])


def _page() -> None:
    import streamlit as st

    from nscweb.ui.compare.fitness_view import show_lights

    show_lights(None, st.session_state["run"], st.session_state.get("names"))


def _shown(run: Run, names: list[str] | None = None) -> AppTest:
    test = AppTest.from_function(_page, default_timeout=60)
    test.session_state["run"] = run
    test.session_state["names"] = names
    return test.run()


def test_counts_come_first_then_the_worst_samples_with_reasons_and_the_rest_folded(run):
    test = _shown(run)
    assert is_healthy(test)
    said = texts(test)
    assert "9 samples" in said
    for words in ("● 3", "▲ 5", "■ 1", "fits", "look closer", "do not trust"):
        assert words in said
    assert said.index("&lt;b&gt;alien&lt;/b&gt;") < said.index("odd0")
    assert "Reason of odd4." in said
    assert "<b>alien" not in said
    assert [item.label for item in test.expander] == [
        "2 more samples with a trust light that is not green",
        "How far the samples lie from those that the model knows",
    ]
    assert "All samples: Background level 151 against 101" in said


def test_only_the_named_samples_are_shown(run):
    said = texts(_shown(run, ["good1"]))
    assert "1 sample:" in said
    assert "odd" not in said


def test_a_run_of_before_says_predict_again_and_a_silent_card_is_told(run):
    assert NOT_JUDGED in texts(_shown(_run([{"sample_id": "a", "unlike": False}], rules=False)))
    assert "says nothing of the cells that it knows" in texts(_shown(_run([])))


def test_the_figure_draws_every_sample_within_its_axis_and_its_file_has_the_numbers(run):
    table = fitness_table(run)
    figure = fitness_dots(table, simulated=True)
    assert [trace.name for trace in figure.data] == ["fits", "look closer", "do not trust"]
    drawn = np.concatenate([np.asarray(trace.x, float) for trace in figure.data])
    assert len(drawn) == len(table) == 27
    assert np.abs(drawn).max() == EDGE
    data = fitness_data(table)
    assert data["deviations_from_known_samples"].max() == 60
    assert {"sample", "light", "what", "unit", "value", "typical", "p"} <= set(data)
    assert not fitness_dots(table.head(0)).data
    assert lights_table(run)["light"].tolist()[0] == "red"
