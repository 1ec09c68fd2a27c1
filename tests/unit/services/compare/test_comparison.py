"""Groups compared: numbers, lights and sentences of a run whose scores are drawn from known shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run, grid
from statsmodels.stats.multitest import multipletests

from nscweb.evaluation.groups.p_values import adjusted
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison, default_fate, default_time, times_of, usual_fate
from nscweb.services.compare.facts import cells_counted, cells_left_out
from nscweb.services.compare.statistics import TestSettings, equivalence_of, family_words, statistics_of
from nscweb.services.context import App, open_app
from nscweb.settings import Settings


@pytest.fixture
def app(tmp_path: Path) -> App:
    return open_app(Settings.from_environment({}, tmp_path))


def far_apart(replicates: int = 3) -> dict[tuple[str, float, int], list[float]]:
    high, low = [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]
    return {
        (name, hours, number): share
        for name, share in (("NGF", high), ("NT4", low))
        for hours in (24.0, 72.0)
        for number in range(1, replicates + 1)
    }


def test_a_clear_difference_is_told_and_kept_in_memory(app: App) -> None:
    run = drawn_run(app, "Clear", far_apart(), cells=400)
    found = comparison(app, run)
    assert comparison(app, run) is found
    said = answer_of(found, "neuron", 24.0)
    assert said.verdict == "clear" and said.leader == "NGF"
    assert "higher than NT4" in said.headline and said.headline.startswith("Simulated cells.")
    assert "from day 1 on" in said.details[0]
    assert default_fate(found.classes) == "neuron" and default_time(found) == 72.0
    assert times_of(found) == (24.0, 72.0)
    assert found.sentences[-1] == found.estimates.sentence


def test_the_default_time_is_the_last_at_which_two_groups_can_be_compared(app: App) -> None:
    shares = {**far_apart(), **{("SHH", 24.0, n): [0.4, 0.3, 0.3] for n in (1, 2, 3)}}
    shares[("NGF", 120.0, 1)] = [0.1, 0.1, 0.8]
    found = comparison(app, drawn_run(app, "Ends", shares, cells=60))
    assert default_time(found) == 72.0
    text = " ".join(found.sentences)
    assert "day 3, the last with at least two groups to compare" in text and "day 5 (1 group)" in text
    assert default_time(comparison(app, found.run, CompareRequest(control="SHH"))) == 24.0


def test_two_replicates_give_no_p(app: App) -> None:
    found = comparison(app, drawn_run(app, "Two", far_apart(2), cells=400))
    assert found.tests["p"].isna().all()
    said = answer_of(found, "neuron", 24.0)
    assert said.verdict == "open" and "p =" not in said.headline and "p <" not in said.headline


def test_lights_reach_groups_replicates_tests_and_sentences(app: App) -> None:
    lights = {"NGF_24h_2": "red", "NT4_72h_1": "yellow"}
    found = comparison(app, drawn_run(app, "Lights", far_apart(), cells=300, lights=lights))
    by_group = found.groups.drop_duplicates(["group", "time_h"]).set_index(["group", "time_h"])["light"]
    assert by_group[("NGF", 24.0)] == "red" and by_group[("NT4", 72.0)] == "yellow"
    red = found.replicate_rows[found.replicate_rows["light"] == "red"]
    assert set(red["replicate"]) == {"2"} and set(red["group"]) == {"NGF"}
    assert set(found.tests.loc[found.tests["time_h"] == 24.0, "light"]) == {"red"}
    said = answer_of(found, "neuron", 24.0)
    assert said.leader == "NT4" and "red trust light): NGF" in said.headline
    assert "1 ▲ look closer, 1 ■ do not trust" in " ".join(found.sentences)


def test_a_run_without_lights_says_so(app: App) -> None:
    found = comparison(app, drawn_run(app, "Old", far_apart(), cells=50, lights={}))
    assert set(found.groups["light"]) == {""} and "was not judged" in " ".join(found.sentences)


def test_one_tiny_sample_is_not_oversold(app: App) -> None:
    run = drawn_run(app, "Tiny", {("NGF", 24.0, 1): [0.1, 0.1, 0.8]}, cells=9)
    said = answer_of(comparison(app, run))
    assert "1 replicate of 9 cells" in said.headline and "Only 9 cells" in said.headline


def test_a_control_narrows_the_tests_and_filters_narrow_the_groups(app: App) -> None:
    run = drawn_run(app, "Grid", grid(4, (24, 72), 3), cells=200)
    against = comparison(app, run, CompareRequest(control="NT3"))
    assert set(against.tests["other"]) == {"NT3"} and set(against.tests["comparisons"]) == {3}
    assert set(comparison(app, run).tests["comparisons"]) == {6}
    two = comparison(app, run, CompareRequest(Filters(groups=("NT3", "NT4")), control="RA+SHH"))
    assert two.control == "" and set(two.groups["group"]) == {"NT3", "NT4"}
    nothing = comparison(app, run, CompareRequest(Filters(groups=("nobody",))))
    assert nothing.sentences == ("No cell is left to count.",) and nothing.groups.empty


@pytest.mark.parametrize("control", ["", "NT4"])
@pytest.mark.parametrize("adjust", ["holm", "fdr_bh"])
def test_a_filter_by_group_makes_no_p_smaller(
    app: App, adjust: str, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = drawn_held_out([24.0, 72.0])
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: known)
    run = drawn_run(app, "Nine", grid(9, (24.0, 72.0), 3), cells=150)
    keys = ["class", "time_h", "group", "other"]
    every = comparison(app, run, CompareRequest(method="pacc", control=control, adjust=adjust))
    for names in (("NGF", "NT4"), ("NT4", "RA+SHH", "MT")):
        some = comparison(app, run, CompareRequest(Filters(groups=names), "pacc", control, adjust))
        assert set(some.tests["group"]) | set(some.tests["other"]) == set(names)
        own = every.tests[every.tests["group"].isin(names) & every.tests["other"].isin(names)]
        pd.testing.assert_frame_equal(
            some.tests.sort_values(keys, ignore_index=True), own.sort_values(keys, ignore_index=True)
        )
        for hours in times_of(some):
            said = answer_of(some, "neuron", hours).headline
            assert "p values still count their comparisons" in said
            settings = TestSettings(
                control=control or None, pairs=not control, adjust=adjust, classes=("neuron",), times_h=(hours,)
            )
            rows = some.replicate_rows[["group", "time_h", "replicate", "class", "ratio", "cells"]]
            made = statistics_of(app, run, rows, settings, some.errors, some.hidden_rows)
            here = some.tests[(some.tests["class"] == "neuron") & (some.tests["time_h"] == hours)]
            assert sorted(made.tests["p_adjusted"]) == pytest.approx(sorted(here["p"]), abs=1e-12)
            assert family_words(rows, made).startswith("9 groups") and set(made.tests["group"]) <= set(names)
            assert set(equivalence_of(rows, made)["group"]) <= set(names)


@pytest.mark.parametrize("method", ["pacc", "naive"])
def test_cells_counted_are_those_behind_the_ratios(app: App, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = drawn_held_out([24.0, 72.0])
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: known)
    run = drawn_run(app, "Unsure", far_apart(), cells=100)
    found = comparison(app, run, CompareRequest(Filters(min_confidence=0.8), method))
    assert found.estimates.method == method and found.data.kept < run.cells
    # Corrected ratios rest on all cells, whatever their confidence; counted labels follow the filter.
    counted, left = cells_counted(found), cells_left_out(found)
    everything = comparison(app, run, CompareRequest(method=method)).data
    assert counted == (everything.kept if method == "pacc" else found.data.kept)
    assert counted == found.groups[found.groups["class"] == "neuron"]["cells"].sum()
    assert counted + sum(left.values()) == run.cells
    assert any(reason.startswith("confidence") for reason in left) == (method == "naive")


@pytest.mark.parametrize("adjust", ["holm", "fdr_bh"])
def test_adjusted_p_values_are_those_of_statsmodels(adjust: str) -> None:
    p = np.random.default_rng(0).random(40) ** 3
    p[[3, 17]] = np.nan
    known = np.isfinite(p)
    pd.testing.assert_series_equal(
        pd.Series(adjusted(p, adjust)[known]), pd.Series(multipletests(p[known], method=adjust)[1])
    )
    assert np.isnan(adjusted(p, adjust)[~known]).all()


def test_the_fate_that_is_asked_about_first_is_the_same_for_pages_and_files():
    assert usual_fate(("astrocyte", "Neurons")) == "Neurons"
    assert usual_fate(("glia", "neuronal precursor")) == "glia"
