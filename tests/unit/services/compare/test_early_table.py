"""How early as a table, and how many replicates would show a difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_runs import drawn_held_out, drawn_run, grid

from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.compare.early_table import early_table
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import TestSettings, statistics_of
from nscweb.services.compare.statistics_words import still_needed
from nscweb.services.context import open_app
from nscweb.settings import Settings

TIMES = (24.0, 72.0)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: drawn_held_out(list(TIMES)))
    app = open_app(Settings.from_environment({}, tmp_path))
    return comparison(app, drawn_run(app, "Early", grid(5, TIMES, 3), cells=150), CompareRequest(control="NGF"))


def test_every_group_and_time_has_the_numbers_of_the_groups_table(found: Comparison) -> None:
    order = answer_of(found, "neuron", 72.0).order
    made = early_table(found, "neuron", order)
    assert made is not None and made.times_h == TIMES and list(made.lines) == list(order)
    table = found.groups[found.groups["class"] == "neuron"].set_index(["group", "time_h"])
    for name, cells in made.lines.items():
        for hours, cell in zip(TIMES, cells, strict=True):
            assert cell is not None
            for column in ("mean", "low", "high", "light"):
                assert cell.row[column] == table.loc[(name, hours), column]


def test_arrows_are_the_tests_of_the_sentence(found: Comparison) -> None:
    made = early_table(found, "neuron", answer_of(found, "neuron", 72.0).order)
    assert made is not None and "NGF" in made.legend
    tests = found.tests[found.tests["class"] == "neuron"].set_index(["group", "time_h"])
    seen = set()
    for name, cells in made.lines.items():
        for hours, cell in zip(TIMES, cells, strict=True):
            assert cell is not None
            if name == "NGF":
                assert cell.arrow == ""
                continue
            row = tests.loc[(name, hours)]
            proven = row["p"] < 0.05 and (row["low"] > 0 or row["high"] < 0)
            assert cell.arrow == (("↑" if row["difference"] > 0 else "↓") if proven else "")
            seen.add(cell.arrow)
    assert "↑" in seen


def test_without_a_control_there_is_no_arrow_and_one_time_needs_no_table(found: Comparison) -> None:
    object.__setattr__(found, "control", "")
    made = early_table(found, "neuron", ("NT4",))
    assert made is not None and made.legend == "" and all(cell is None or not cell.arrow for cell in made.lines["NT4"])
    object.__setattr__(found, "groups", found.groups[found.groups["time_h"] == 24.0])
    assert early_table(found, "neuron", ("NT4",)) is None


def test_replicates_that_would_be_needed_stand_beside_what_is_not_proven(found: Comparison) -> None:
    told = [answer_of(found, fate, hours) for fate in found.classes.names for hours in TIMES]
    for said in told:
        text = " ".join(said.details)
        assert ("four times in five" in text) <= (said.verdict == "open")
    assert any("four times in five" in " ".join(said.details) for said in told)
    assert still_needed(3, 3, 1, 0.1) == "" and "11 replicates" in still_needed(11, 4, 3, 0.1)
    assert "more than 1,000 replicates" in still_needed(None, 3, 3, 0.1)


@pytest.mark.parametrize("variance", ["moderated", "own"])
def test_the_sentence_and_the_table_of_replicates_needed_plan_with_one_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variance: str
) -> None:
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: drawn_held_out(list(TIMES)))
    app = open_app(Settings.from_environment({}, tmp_path))
    run = drawn_run(app, "Alike", grid(5, (72.0,), 3, spread=0.6), cells=150)
    found = comparison(app, run, CompareRequest(control="", variance=variance))
    said = next(text for text in answer_of(found, "neuron", 72.0).details if "would show a true difference" in text)
    asked = TestSettings(pairs=True, classes=("neuron",), times_h=(72.0,))
    made = statistics_of(app, run, found.replicate_rows, asked, found.errors, found.hidden_rows)
    row = made.power.iloc[0]
    assert said.startswith(f"{row['needed_adjusted']} replicates") and row["needed_adjusted"] >= row["needed"]
    assert row["shared_sd"] > 0 and "only more labelled cells" in still_needed(4, 3, 3, 0.1, reach=False)
    assert row["sd_upper"] > row["sd"] and row["degrees"] >= 5 * 2
    assert found.errors.test == ("moderated t test" if variance == "moderated" else "Welch t test")
