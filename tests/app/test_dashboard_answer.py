"""One glance: verdict, who is highest at each time, ratios before counts, warnings about what is shown and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from app_walk import Walk, is_healthy, texts
from drawn_runs import drawn_run

from nscweb.core.run_record import Run
from nscweb.services.context import App
from nscweb.services.predict.light_samples import fitness_warnings, light_sentences, run_warnings
from nscweb.ui.compare import answer_block, answer_view

SHARES = {
    (name, hours, number): share
    for name, share in (("NGF & <b>SHH</b>", [0.1, 0.1, 0.8]), ("NT4", [0.4, 0.4, 0.2]))
    for hours in (24.0, 72.0)
    for number in (1, 2, 3)
}
RED = "NT4_24h_1"


@pytest.fixture
def run(app: App) -> Run:
    return drawn_run(app, "Glance (simulated)", SHARES, cells=150, lights={RED: "red"})


def opened(walk: Walk, run: Run, page: str):
    return walk(f"pages/{page}.py", study=run.study_id, run=run.run_id)


def test_the_answer_shows_who_is_highest_at_each_time(walk: Walk, data_folder: Path, run: Run) -> None:
    test = opened(walk, run, "predict")
    assert is_healthy(test), texts(test)
    block = next(item.value for item in test.get("html") if "nsc-answer" in str(item.value))
    assert block.count("· 2 groups</small>") == 2 and block.count('class="here"') == 1
    assert "All time points in words" in block and "Over time" in block
    assert "NGF &amp; &lt;b&gt;SHH&lt;/b&gt;" in block and "<b>SHH</b>" not in block
    assert block.index("verdict") < block.index("said") < block.index("times") < block.index("<details>")


def test_ratios_of_the_asked_fate_stand_before_counts(walk: Walk, data_folder: Path, run: Run) -> None:
    shown = opened(walk, run, "predict").dataframe[0].value
    names = list(shown.columns)
    assert names[1:4] == ["Group", "Time", "neuron"]
    assert names.index("Cells") > names.index("astrocyte")
    assert set(shown[" "]) == {"●", "■"}


def test_a_badge_says_in_words_what_its_colour_says() -> None:
    assert answer_view.badge("clear", "A", "") == "✓ Shown by a test"
    assert answer_view.badge("open", "A", "B") == "○ Not proven against B"
    assert answer_view.badge("open", "A", "B", "which has no cells then") == "○ Not tested against B"
    assert answer_view.badge("open", "B", "B") == "○ Not proven"
    assert answer_view.badge("none", "", "B") == "✕ No answer"


def test_only_what_is_red_stays_open_of_many_warnings() -> None:
    lights = {"A": "red", "B": "green"}
    bad, other = 'The sample "A" is odd.', 'The sample "B" has few cells.'
    assert answer_block.urgent([other], lights) == ([other], [])
    assert answer_block.urgent(["x" * 500], lights) == ([], ["x" * 500])
    yellow = 'The sample "B" is unlike the training data.'
    learnt = "The model m was trained on simulated cells only; its predictions of real cells have no known accuracy."
    assert answer_block.urgent([learnt, other], {}, real_cells=True) == ([learnt], [other])
    assert answer_block.urgent([learnt, other], {}) == ([], [learnt, other])
    assert answer_block.urgent([yellow, other], lights) == ([], [yellow, other])
    assert answer_block.urgent([other, bad, "All samples are unlike it."], lights) == (
        [bad, "All samples are unlike it."],
        [other],
    )


@pytest.mark.parametrize("page", ["predict", "compare"])
def test_the_answer_comes_before_filters_and_ways_of_counting(
    walk: Walk, data_folder: Path, run: Run, page: str
) -> None:
    test = opened(walk, run, page)
    assert is_healthy(test), texts(test)
    names = list(in_order(test.main))
    places = [
        next(place for place, name in enumerate(names) if part in name)
        for part in ("nsc-simulated", "nsc-answer", "Filters", "How it is counted")
    ]
    assert places == sorted(places)


def in_order(block: Any) -> Iterator[str]:
    """Labels of blocks and texts of elements, from top to bottom."""
    yield str(getattr(block, "label", "") or getattr(block, "value", ""))
    for child in getattr(block, "children", {}).values():
        yield from in_order(child)


def test_the_sentence_can_be_about_a_group(walk: Walk, data_folder: Path, run: Run) -> None:
    test = opened(walk, run, "compare")
    box = next(item for item in test.selectbox if item.label == "About")
    test = box.select("NT4").run()
    assert is_healthy(test), texts(test)
    block = next(item.value for item in test.get("html") if "nsc-answer" in str(item.value))
    said = block[block.index('class="said"') :]
    assert "NT4" in said[:300] and said.index("NT4") < said.index("NGF &amp;")


def test_a_tile_of_few_groups_is_no_winner() -> None:
    alone = answer_view.Tile(24.0, "A", "50 %", "open", 1, 9)
    assert alone.words == ("", "only group") and alone.few
    two = answer_view.Tile(24.0, "A", "50 %", "clear", 2, 9)
    assert two.few and two.words[0] == "✓"
    most = answer_view.Tile(24.0, "A", "50 %", "open", 5, 9, True)
    assert not most.few and most.words == ("○", "Not tested")
    assert answer_view.Tile(24.0, "", "", "none", 1, 9).words == ("✕", "No answer")


def test_cells_speak_of_matches_and_count_flags(walk: Walk, data_folder: Path, run: Run) -> None:
    test = opened(walk, run, "cells")
    flags = next(item for item in test.multiselect if item.label == "Only cells that are")
    assert all(option.endswith(")") and "(" in option for option in flags.options)


def test_warnings_about_samples_follow_the_filter(app: App, run: Run) -> None:
    rows = [dict(item) for item in run.extra["fitness"]]
    bad = next(item for item in rows if item["sample_id"] == RED)
    bad.update(far=100, unlike=True, sentence=f'The sample "{RED}" is unlike.', share=0.7)
    told = replace(
        run,
        provenance=replace(run.provenance, warnings=("The cells are simulated.", bad["sentence"])),
        extra={**run.extra, "fitness": rows},
    )
    names = [item["sample_id"] for item in rows]
    assert run_warnings(told) == run_warnings(told, names) == list(told.provenance.warnings)
    assert run_warnings(told, [name for name in names if name != RED]) == ["The cells are simulated."]
    assert run_warnings(told, [RED, names[0]])[1] == bad["sentence"]
    # Sentences of another making are kept: better one too many than one too few.
    other = replace(told, provenance=replace(told.provenance, warnings=("One sample is odd.",)))
    assert run_warnings(other, [names[0]]) == ["One sample is odd."]
    assert fitness_warnings([]) == light_sentences([]) == []


@pytest.mark.parametrize("name", ["Replicates and tests", "Time course", "Scores"])
def test_a_red_sample_is_marked_on_every_tab(walk: Walk, data_folder: Path, run: Run, name: str) -> None:
    test = opened(walk, run, "compare")
    test.session_state[f"compare_tab_{run.run_id}"] = name
    test = test.run()
    assert is_healthy(test), texts(test)
    drawn = [str(chart.proto.spec) for chart in test.get("plotly_chart")]
    if name == "Time course":
        assert len(drawn) == 2 and all("do not trust" in spec for spec in drawn)
