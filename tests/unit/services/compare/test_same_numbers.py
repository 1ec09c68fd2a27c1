"""One number everywhere: sentence, tables, figures and files of one question hold the same digits."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run, grid

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.figures.group_data import difference_data, group_data, point_data
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import TestSettings, statistics_of
from nscweb.services.context import App, open_app
from nscweb.services.report import export
from nscweb.settings import Settings
from nscweb.words.numbers import p_value, points, share_with_interval

FATE, DAY = "neuron", 24.0


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Run]]:
    """One run that all methods count, and its held-out cells."""
    known = drawn_held_out([24.0, 72.0])
    app = open_app(Settings.from_environment({}, tmp_path_factory.mktemp("same")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ratios, "known_cells", lambda app, run: known)
        yield app, drawn_run(app, "Same", grid(4, (24.0, 72.0), 3), cells=120)


@pytest.fixture(scope="module", params=["pacc", "acc", "em", "naive", "filtered"])
def found(request: pytest.FixtureRequest, drawn: tuple[App, Run]) -> Comparison:
    filters = (
        Filters(groups=("NT3", "NT4", "LDH-NT3"), min_confidence=0.6) if request.param == "filtered" else Filters()
    )
    return comparison(*drawn, CompareRequest(filters, "pacc" if request.param == "filtered" else request.param))


def read(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), encoding="utf-8-sig")


def test_sentence_table_figure_and_file_hold_the_same_share(found: Comparison) -> None:
    said = answer_of(found, FATE, DAY)
    table = found.groups[(found.groups["class"] == FATE) & (found.groups["time_h"] == DAY)].set_index("group")
    drawn = group_data(found.groups, said.order, found.classes.names).set_index(["group", "time_h", "class"])
    file = read(export.groups_csv(found)).set_index(["group", "time_h", "class"])
    for name, row in table.iterrows():
        place = (name, DAY, FATE)
        for column, shown in (("mean", "percent"), ("low", "low"), ("high", "high")):
            assert drawn.loc[place, shown] == 100 * row[column]
            assert file.loc[place, f"{column}_percent"] == pytest.approx(100 * row[column], abs=0.005001)
    leader = table.loc[said.leader]
    text = share_with_interval(leader["mean"], leader["low"], leader["high"])
    assert text.replace(" %", " % neurons at day 1", 1) in said.headline
    # The mean is that of the replicate points of the figure.
    ends = point_data(found.replicate_rows, said.order, found.classes.names)
    mean = ends[(ends["class"] == FATE) & (ends["time_h"] == DAY)].groupby("group")["percent"].mean()
    np.testing.assert_allclose(mean[table.index], 100 * table["mean"], atol=1e-9)


def test_sentence_table_figure_and_file_hold_the_same_difference(found: Comparison) -> None:
    said = answer_of(found, FATE, DAY)
    drawn = difference_data(found.tests, said.order, FATE, DAY, said.leader).set_index("group")
    file = read(export.tests_csv(found))
    file = file[(file["class"] == FATE) & (file["time_h"] == DAY)]
    tests = found.tests[(found.tests["class"] == FATE) & (found.tests["time_h"] == DAY)]
    # A filter by group hides pairs from the file, and p values count them nevertheless.
    hidden = 3 if found.filters.groups else 0
    assert len(file) == len(tests) == int(tests["comparisons"].iloc[0]) - hidden
    for (_, row), (_, line) in zip(tests.iterrows(), file.iterrows(), strict=True):
        assert (line["group"], line["compared_with"]) == (row["group"], row["other"])
        assert line["difference_points"] == pytest.approx(100 * row["difference"], abs=0.005001)
        if said.leader not in (row["group"], row["other"]):
            continue
        sign = 1 if row["group"] == said.leader else -1
        other = row["other"] if sign > 0 else row["group"]
        assert drawn.loc[other, "difference_points"] == pytest.approx(-100 * sign * row["difference"], abs=1e-9)
        assert drawn.loc[other, "p_adjusted"] == row["p"]
        if f"apart from {other} (" in said.headline or f"higher than {other} by" in said.headline:
            assert points(sign * row["difference"]).split(" ")[0] in said.headline
            assert p_value(row["p"]) in said.headline


def test_statistics_start_from_the_same_numbers(found: Comparison) -> None:
    settings = TestSettings(pairs=True, classes=(FATE,), times_h=(DAY,))
    rows = found.replicate_rows[["group", "time_h", "replicate", "class", "ratio", "cells"]]
    made = statistics_of(None, found.run, rows, settings, found.errors, found.hidden_rows)  # type: ignore[arg-type]
    mine = found.tests[(found.tests["class"] == FATE) & (found.tests["time_h"] == DAY)]
    theirs = made.tests.set_index(["group", "control"])
    for row in mine.to_dict("records"):
        other = theirs.loc[(row["group"], row["other"])]
        for column, name in (("difference", "difference"), ("low", "low"), ("high", "high"), ("p_single", "p")):
            assert other[name] == pytest.approx(row[column], abs=1e-12)
        assert other["p_adjusted"] == pytest.approx(row["p"], abs=1e-12)
    groups = found.groups[(found.groups["class"] == FATE) & (found.groups["time_h"] == DAY)].set_index("group")
    summary = made.summary.set_index("group")
    for column in ("mean", "sd", "sem", "low", "high"):
        np.testing.assert_allclose(summary.loc[groups.index, column], groups[column], atol=1e-12)
