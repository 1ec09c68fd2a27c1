"""Every figure shows exactly its table, names its units, and takes user text as text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nscweb.core.classes import ClassScheme
from nscweb.core.flags import FLAGS
from nscweb.evaluation.audit.shortcuts import shortcut_check
from nscweb.evaluation.scores.confusion import classification_metrics, confusion
from nscweb.evaluation.scores.curves import pr, roc
from nscweb.figures import confusion_and_curves, flag_counts, model_history, ratio_stacks
from nscweb.figures.look import figure_config, hyphenated, legend_rows, plain, time_unit


def counted_means(predictions, names):
    """Mean shares over samples: the columns of the groups of a comparison that stacked bars are drawn from."""
    keys = ["group", "time_h"]
    shares = pd.crosstab(predictions["sample_id"], predictions["predicted"], normalize="index").reindex(columns=names)
    shares = shares.fillna(0.0).rename_axis("sample_id").reset_index()
    sizes = predictions.groupby(["sample_id", *keys], dropna=False).size().rename("cells").reset_index()
    long = sizes.merge(shares, on="sample_id").melt([*keys, "sample_id", "cells"], list(names), "class", "mean")
    grouped = long.groupby([*keys, "class"], dropna=False)
    return grouped.agg(replicates=("mean", "size"), cells=("cells", "sum"), mean=("mean", "mean")).reset_index()


@pytest.fixture(scope="module")
def ratios(predictions, classes):
    return counted_means(predictions, classes.names)


@pytest.fixture(scope="module")
def every_figure(predictions, classes, ratios):
    """All figures of the room, on simulated data."""
    metrics = classification_metrics(predictions, classes.names, seed=0, by_time=True)
    matrix = confusion(predictions["true_class"], predictions["predicted"], classes.names)
    positive = {name: predictions["true_class"] == name for name in classes.names}
    receiver = {name: roc(positive[name], predictions[f"p_{name}"]) for name in classes.names}
    precision = {name: pr(positive[name], predictions[f"p_{name}"]) for name in classes.names}
    areas = {item.class_name: item for item in metrics if item.name == "auc" and item.time_h is None}
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(100, 5, (len(predictions), 2)), columns=["background", "height"])
    report = shortcut_check(features, predictions["true_class"], predictions["sample_id"], seed=0).as_dict()
    history = [{"epoch": e, "train_loss": 1 / e, "validation_loss": 1 / e + 0.1, "train_accuracy": 0.5} for e in (1, 2)]
    summary = pd.DataFrame(
        {
            "sample": ["a", "b"],
            "imported": [20, 30],
            "kept": [11, 12],
            **{f.name: [1, 2] for f in FLAGS},
            **{f"{f.name}_alone": [2, 2] for f in FLAGS},
        }
    )
    say = {"simulated": True}
    return {
        "stacked": ratio_stacks.stacked_ratios(ratios, classes, **say),
        "confusion": confusion_and_curves.confusion_figure(matrix, classes, **say),
        "roc": confusion_and_curves.roc_figure(receiver, areas, classes, **say),
        "pr": confusion_and_curves.pr_figure(
            {name: table for name, (table, _) in precision.items()},
            {name: area for name, (_, area) in precision.items()},
            classes,
            **say,
        ),
        "by_time": confusion_and_curves.accuracy_by_time(metrics, classes, **say),
        "shortcuts": confusion_and_curves.shortcut_bars(report, **say),
        "training": model_history.training_curves(history, **say),
        "funnel": flag_counts.quality_funnel(summary, **say),
    }


def test_every_figure_says_simulated_has_a_height_and_units_on_its_axes(every_figure):
    for name, figure in every_figure.items():
        assert "simulated cells" in figure.layout.title.text, name
        assert 150 < figure.layout.height < 1200 and figure.layout.width is None, name
        titles = [axis.title.text or "" for axis in (*figure.select_xaxes(), *figure.select_yaxes())]
        notes = [note.text for note in figure.layout.annotations]
        unit = ("%", "days", "epoch", "recall", "precision", "cross", "class")
        assert any(word in text for text in [*titles, *notes, figure.layout.title.text] for word in unit), name


def test_without_simulated_no_figure_says_so(ratios, classes):
    figure = ratio_stacks.stacked_ratios(ratios, classes)
    assert "simulated" not in json.dumps(figure.to_plotly_json(), default=str)


def test_stacked_bars_are_the_table(ratios, classes):
    table = ratio_stacks.stacked_ratios_data(ratios, classes)
    figure = ratio_stacks.stacked_ratios(ratios, classes)
    drawn = [value for trace in figure.data for value in trace.y]
    assert sorted(drawn) == pytest.approx(sorted(table["percent"]))
    assert table.groupby(["group", "time_h"])["percent"].sum().tolist() == pytest.approx([100] * 7)
    assert {trace.name for trace in figure.data if trace.showlegend} == set(classes.names)
    assert figure.data[0].marker.color == classes.colours[0]


def test_samples_without_time_and_group_are_drawn(predictions, classes):
    groups = counted_means(predictions.assign(group="", time_h=float("nan")), classes.names)
    assert "no group given" in ratio_stacks.stacked_ratios(groups, classes).layout.annotations[0].text
    assert ratio_stacks.stacked_ratios_data(groups, classes)["time"].unique().tolist() == ["no time given"]


def test_nothing_to_draw_is_said_in_words(classes):
    empty = pd.DataFrame(columns=["group", "time_h", "class", "replicates", "cells", "mean"])
    for figure in (
        ratio_stacks.stacked_ratios(empty, classes),
        confusion_and_curves.confusion_figure(np.zeros((3, 3)), classes),
        confusion_and_curves.roc_figure({}, {}, classes),
        confusion_and_curves.accuracy_by_time([], classes),
        model_history.training_curves([]),
        flag_counts.quality_funnel(pd.DataFrame({"imported": [], "kept": []})),
    ):
        assert figure.layout.annotations[0].text.endswith(".") and figure.layout.height < 250


def test_confusion_shows_counts_and_row_percent(classes):
    matrix = [[8, 1, 1], [0, 0, 0], [5, 0, 15]]
    table = confusion_and_curves.confusion_data(matrix, classes)
    assert table["percent_of_true_class"].tolist() == [80, 10, 10, 0, 0, 0, 25, 0, 75]
    figure = confusion_and_curves.confusion_figure(matrix, classes)
    assert "<b>15</b><br>75.0 %" in [note.text for note in figure.layout.annotations]


def test_the_legend_of_a_curve_gives_the_area_with_its_interval(every_figure):
    for trace in every_figure["roc"].data:
        assert ", AUC 0." in trace.name and " to " in trace.name
    assert all(", AP 0." in trace.name for trace in every_figure["pr"].data)


def test_the_epoch_that_was_kept_is_marked(every_figure):
    assert "kept: epoch 2" in [note.text for note in every_figure["training"].layout.annotations]


def test_names_of_users_are_never_markup(predictions, classes):
    evil = '<a href="http://x.invalid">x</a><img src=y> & \u202e' + "long " * 50
    figure = ratio_stacks.stacked_ratios(counted_means(predictions.assign(group=evil), classes.names), classes)
    text = json.dumps(figure.to_plotly_json(), default=str)
    assert "<a href" not in text and "<img" not in text and "\\u202e" not in text


def test_class_names_and_colours_come_from_the_scheme():
    scheme = ClassScheme(("G1", "S", "G2"), ("#111111", "#222222", "#333333"))
    table = pd.DataFrame(
        {"sample_id": ["a"] * 3, "group": "x", "time_h": 1.0, "replicate": "1", "predicted": ["G1", "S", "G2"]}
    )
    figure = ratio_stacks.stacked_ratios(counted_means(table, scheme.names), scheme)
    assert [trace.marker.color for trace in figure.data] == list(scheme.colours)


def test_the_buttons_send_nothing_anywhere():
    config = figure_config("name", "png")
    assert config["showSendToCloud"] is False and "sendChartToCloud" in config["modeBarButtonsToRemove"]
    assert config["toImageButtonOptions"] == {"format": "png", "filename": "name", "scale": 2}


def test_words_of_the_style():
    assert plain("a<b>&c\x00\u202ed") == "a&lt;b&gt;&amp;c d"
    assert plain("x" * 100, 10) == "x" * 9 + "…"
    assert hyphenated("oligodendrocyte", 11) == "oligodendr-<br>ocyte"
    assert time_unit([12, 24, 120]) == (24, "days since induction")
    assert time_unit([1, 24]) == (1, "hours since induction")
    assert time_unit([float("nan")]) == (1, "time not given")
    assert legend_rows([]) == 0 and legend_rows(["a"]) == 1 and legend_rows(["a" * 60] * 3) == 3
