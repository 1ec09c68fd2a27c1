"""Figures of a comparison: one order everywhere, marks on yellow and red, room for 12 groups x 6 times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_runs import drawn_run, grid
from plotly import graph_objects as go

from nscweb.figures import group_data, group_times, ratio_stacks
from nscweb.figures import groups as figures_compare
from nscweb.figures.group_marks import add_signs, group_label
from nscweb.figures.look import contrast, ink_on, rgb_of
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.score_spread import score_bins
from nscweb.services.context import open_app
from nscweb.settings import Settings

LIGHTS = {"NT3_24h_2": "yellow", "EGF_24h_1": "red", "NGF_120h_3": "red"}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, pd.DataFrame]:
    app = open_app(Settings.from_environment({}, tmp_path_factory.mktemp("large")))
    run = drawn_run(app, "Large", grid(12, (12, 24, 48, 72, 96, 120), 5), cells=25, lights=LIGHTS)
    return comparison(app, run), score_bins(app, run)


def test_every_figure_has_the_order_of_the_answer(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found, "neuron", 24.0).order
    assert len(order) == 12
    means = group_data.group_data(found.groups, order, ["neuron"])
    assert list(dict.fromkeys(means["group"])) == list(order)
    assert list(means["time_h"][:6]) == [12.0, 24.0, 48.0, 72.0, 96.0, 120.0]
    stacked = ratio_stacks.stacked_ratios_data(found.groups, found.classes, order)
    assert list(dict.fromkeys(stacked["group"])) == list(order)
    side = figures_compare.superplot(found.groups, found.replicate_rows, bins, found.classes, order, 24.0)
    shown = [text.split("<")[0] for text in reversed(sorted_ticks(side))]
    assert shown == list(order)
    heat = group_times.heat_map(found.groups, found.classes, order, "neuron")
    assert list(heat.layout.yaxis.ticktext) == list(order)


def sorted_ticks(figure: object) -> list[str]:
    axis = figure.layout.yaxis
    return [text for _, text in sorted(zip(axis.tickvals, axis.ticktext, strict=True))]


def test_panels_of_the_largest_study_keep_readable_heights(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found).order
    side = figures_compare.superplot(found.groups, found.replicate_rows, bins, found.classes, order, 24.0)
    domain = side.layout.yaxis.domain
    inner = side.layout.height - side.layout.margin.t - side.layout.margin.b
    # A row holds a name and, below it, a mark: two lines of text.
    assert (domain[1] - domain[0]) * inner / 12 >= 28
    small = group_times.over_time(found.groups, found.replicate_rows, bins, found.classes, order, "neuron")
    inner = small.layout.height - small.layout.margin.t - small.layout.margin.b
    assert (small.layout.yaxis.domain[1] - small.layout.yaxis.domain[0]) * inner >= 110
    heat = group_times.heat_map(found.groups, found.classes, order, "neuron")
    assert (heat.layout.height - heat.layout.margin.t - heat.layout.margin.b) / 12 >= 24


def test_yellow_and_red_are_marked_in_every_figure_and_table(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found).order
    side = figures_compare.superplot(found.groups, found.replicate_rows, bins, found.classes, order, 24.0)
    ticks = " ".join(side.layout.yaxis.ticktext)
    assert "■ do not trust" in ticks and "▲ look closer" in ticks
    heat = group_times.heat_map(found.groups, found.classes, order, "neuron")
    written = [note.text for note in heat.layout.annotations]
    assert sum("■" in text for text in written) == 2 and sum("▲" in text for text in written) == 1
    small = group_times.over_time(found.groups, found.replicate_rows, bins, found.classes, order, "neuron")
    assert sum("■" in str(note.text) for note in small.layout.annotations) == 2
    bars = ratio_stacks.stacked_ratios(found.groups, found.classes, order=order)
    assert sum(str(note.text) == "■" for note in bars.layout.annotations) == 2
    gaps = figures_compare.differences(found.tests, found.groups, order, "neuron", 24.0, order[0])
    assert "■ do not trust" in " ".join(gaps.layout.yaxis.ticktext)
    for table in (
        group_data.group_data(found.groups, order, ["neuron"]),
        group_data.point_data(found.replicate_rows, order, ["neuron"]),
        group_data.difference_data(found.tests, order, "neuron", 24.0, order[0]),
    ):
        assert table["light"].str.contains("do not trust").any()


def test_hover_tells_cells_replicates_method_and_light(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found).order
    args = (found.groups, found.replicate_rows, bins, found.classes, order)
    side = figures_compare.superplot(*args, 24.0)
    small = group_times.over_time(*args, "neuron")
    for figure, time in ((side, "1 d"), (small, "12 h")):
        mean = next(trace for trace in figure.data if trace.name == "mean, 95 % interval").text[0]
        for word in (f"{order[0]}, {time}: mean ", "95 % interval", "5 replicates", "cells", "trust light:"):
            assert word in mean
        assert "counted labels, not corrected" in mean
        point = next(trace for trace in figure.data if trace.name == "replicate").text[0]
        for word in ("one of 5 replicates", "cells", "counted labels, not corrected", "trust light: "):
            assert word in point
    heat = group_times.heat_map(found.groups, found.classes, order, "neuron")
    gaps = figures_compare.differences(found.tests, found.groups, order, "neuron", 24.0, order[0])
    bars = ratio_stacks.stacked_ratios(found.groups, found.classes, order=order)
    assert "counted labels" in bars.data[0].customdata[0][3] and "replicates" in bars.data[0].hovertemplate
    for said in (next(trace for trace in heat.data if trace.type == "heatmap").text[0][0], gaps.data[0].text[0]):
        assert "replicates" in said and "cells" in said and "trust light: " in said and "95 % interval" in said


def test_a_difference_of_few_cells_has_no_p_at_its_edge(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, _ = large
    groups, order = found.groups.copy(), answer_of(found).order
    few = order[-1]
    groups.loc[groups["group"] == few, "cells"] = 12
    figure = figures_compare.differences(found.tests, groups, order, "neuron", 24.0, order[0])
    edges = [note.text for note in figure.layout.annotations if note.xref == "paper" and note.x == 1]
    assert edges[-1] == "few cells" and "few cells" not in edges[:-1]
    said = figure.data[0].text
    assert ", 12 and " in said[-1].replace("<br>5 and 5 replicates", "") and "cells: too few to rely on" in said[-1]
    assert "too few" not in said[0]


def test_marks_stand_in_the_legend_and_on_the_points(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found).order
    args = (found.groups, found.replicate_rows, bins, found.classes, order)
    side = figures_compare.superplot(*args, 24.0)
    figures = (
        side,
        group_times.over_time(*args, "neuron"),
        group_times.heat_map(found.groups, found.classes, order, "neuron"),
        figures_compare.differences(found.tests, found.groups, order, "neuron", 24.0, order[0]),
        ratio_stacks.stacked_ratios(found.groups, found.classes, order=order),
    )
    for figure in figures:
        assert {"look closer", "do not trust"} <= {trace.name for trace in figure.data}
        assert figure.layout.showlegend
    forms = [form for trace in side.data if trace.name == "replicate" for form in trace.marker.symbol]
    assert forms.count("square") == 3 and forms.count("triangle-up") == 3
    green = found.groups.assign(light="green"), found.replicate_rows.assign(light="green")
    plain_one = figures_compare.superplot(*green, bins, found.classes, order, 24.0)
    assert "do not trust" not in {trace.name for trace in plain_one.data}


def test_long_names_keep_two_lines_and_the_sign(large: tuple[Comparison, pd.DataFrame]) -> None:
    label = group_label("Retinoic acid + SHH 100 nM", "red")
    assert label.count("<br>") == 1 and "100 nM" in label and "■" in label
    assert group_label("Layered double hydroxide NT3 50 ng/mL").endswith("hydroxide NT3 50 ng/mL</span>")


def test_the_fate_asked_about_stands_on_top(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    order = answer_of(found).order
    figure = figures_compare.superplot(
        found.groups, found.replicate_rows, bins, found.classes, order, 24.0, first="neuron"
    )
    titles = [note.text for note in figure.layout.annotations if "■</span>" in str(note.text)]
    assert ["neuron" in text for text in titles] == [True, False, False]


def test_a_ratio_that_cannot_be_recovered_is_words_and_no_number(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    lost = found.groups.assign(recovered=False, mean=np.nan, low=np.nan, high=np.nan)
    order = answer_of(found).order
    side = figures_compare.superplot(lost, found.replicate_rows, bins, found.classes, order, 24.0)
    assert sum(note.text == figures_compare.LOST for note in side.layout.annotations) == 36
    heat = group_times.heat_map(lost, found.classes, order, "neuron")
    assert all(note.text.startswith("?") for note in heat.layout.annotations)
    assert all(
        str(note.text).strip("■▲") == "?"
        for note in ratio_stacks.stacked_ratios(lost, found.classes, order=order).layout.annotations
        if "?" in str(note.text)
    )


def test_a_difference_is_turned_so_that_the_control_comes_second(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, _ = large
    order = answer_of(found, "neuron", 24.0).order
    means = found.groups[(found.groups["class"] == "neuron") & (found.groups["time_h"] == 24.0)]
    mean = means.set_index("group")["mean"]
    for against in (order[0], order[-1]):
        table = group_data.difference_data(found.tests, order, "neuron", 24.0, against)
        assert len(table) == 11 and set(table["other"]) == {against}
        expected = 100 * (mean[list(table["group"])].to_numpy() - mean[against])
        np.testing.assert_allclose(table["difference_points"], expected, atol=1e-9)
        assert (table["low"] <= table["difference_points"]).all()
        assert (table["high"] >= table["difference_points"]).all()


def test_names_of_users_are_text_and_empty_tables_say_so(large: tuple[Comparison, pd.DataFrame]) -> None:
    found, bins = large
    evil = "<b>x</b>"
    groups = found.groups.replace({"group": {"NT3": evil}})
    rows = found.replicate_rows.replace({"group": {"NT3": evil}})
    figure = figures_compare.superplot(groups, rows, bins, found.classes, [evil], 24.0)
    assert evil not in figure.to_json()
    nothing = found.groups.iloc[:0]
    assert "Loosen" in group_times.heat_map(nothing, found.classes, [], "neuron").to_json()
    assert (
        "no second group"
        in figures_compare.differences(found.tests.iloc[:0], nothing, [], "neuron", 24.0, "x").to_json()
    )


def test_score_bins_count_every_kept_cell(tmp_path: Path) -> None:
    app = open_app(Settings.from_environment({}, tmp_path))
    run = drawn_run(app, "Small", grid(2, (24,), 2), cells=50)
    bins = score_bins(app, run)
    kept = comparison(app, run).data.kept
    assert bins.groupby("class")["cells"].sum().tolist() == [kept] * 3
    places, heights = group_data.outline(bins, "NT3", 24.0, "neuron")
    assert places[0] == 0 and places[-1] == 100 and heights.max() == 1


def test_signs_stand_above_points_and_in_the_legend() -> None:
    figure = go.Figure()
    said = add_signs(figure, [1.0, 2.0, 3.0], [10.0, 20.0, 30.0], ["green", "red", "yellow"])
    assert said == ["look closer", "do not trust"]
    assert list(figure.data[0].text) == ["■", "▲"] and list(figure.data[0].x) == [2.0, 3.0]
    assert add_signs(figure, [1.0], [1.0], ["green"]) == []


def test_every_number_of_a_heat_map_can_be_read() -> None:
    scale = group_times._SCALE
    for percent in range(101):
        place = percent / 100
        ink = ink_on(place, scale)
        stops = [stop for stop, _ in scale]
        colours = np.stack([rgb_of(colour) for _, colour in scale])
        behind = np.array([np.interp(place, stops, colours[:, band]) for band in range(3)])
        assert contrast(rgb_of(ink), behind) >= 4.5
    assert ink_on(float("nan"), scale) == ink_on(0.0, scale) != ink_on(1.0, scale)
