"""What a figure of the statistics says of a point, and that no name of a pair is cut."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.time_course import agreement
from nscweb.figures.differences import differences, dose_figure
from nscweb.figures.fate_over_time import bland_altman, course_bands
from nscweb.figures.reliability_and_sets import sets_figure
from nscweb.services.compare.courses import courses_of

LONG = "Neurotrophin 4 fifty ng per ml, second lot"


def replicates(groups: tuple[str, ...]) -> pd.DataFrame:
    lines = [
        (group, hours, str(number), "neuron", 0.3 + 0.1 * place + 0.02 * number + hours / 1000, 100)
        for place, group in enumerate(groups)
        for hours in (24.0, 72.0)
        for number in range(3)
    ]
    return pd.DataFrame(lines, columns=["group", "time_h", "replicate", "class", "ratio", "cells"])


def test_a_difference_names_both_groups_whole_with_cells_replicates_and_method() -> None:
    rows = replicates(("NGF", "RA", LONG))
    tests = group_tests(rows[rows["time_h"] == 24])
    cells = dict.fromkeys(("NGF", "RA", LONG), 300)
    figure = differences(tests, cells=cells, counted="corrected by PACC")
    labels = [text.replace("<br>", " ") for text in figure.layout.yaxis.ticktext]
    assert any(f"against {LONG}" in text or f"{LONG} against" in text for text in labels)
    assert not any("…" in text for text in labels)
    several = max(1 + text.count("<br>") for text in figure.layout.yaxis.ticktext)
    assert figure.layout.height >= 90 + 3 * 14 * several
    told = next(trace for trace in figure.data if trace.name == "difference of the means").customdata[0]
    assert "3 and 3 replicates, 300 and 300 cells" in told and "Welch t test" in told and "PACC" in told
    assert " minus " in told and re.search(r"<br>p [=<>] [\d.]+, adjusted for \d+ comparisons<br>", told)
    near = differences(tests.assign(p_adjusted=0.0496)).data
    told = next(trace for trace in near if trace.name == "difference of the means").customdata[0]
    assert "<br>p = 0.0496, adjusted for" in told


def test_points_over_time_and_pairs_tell_replicates_cells_and_method() -> None:
    rows = replicates(("NGF", "RA"))
    found = courses_of(rows)
    figure = course_bands(found.course, rows, ["NGF", "RA"], fate="neuron", counted="corrected by PACC")
    told = next(trace for trace in figure.data if trace.name == "NGF").customdata[0]
    assert "3 replicates, 300 cells" in told and "t interval over replicates" in told and "PACC" in told
    agreed = agreement(found.pairs["first"].to_numpy(np.float64), found.pairs["final"].to_numpy(np.float64))
    pair = bland_altman(found.pairs, agreed, counted="corrected by PACC").data[0].customdata[0]
    assert "replicate 0" in pair and "1 d: " in pair and "PACC" in pair


def test_doses_and_sets_tell_them_too() -> None:
    classes = ClassScheme(("neuron", "astrocyte"))
    points = pd.DataFrame(
        [(dose, "neuron", "1", 0.1 * dose, 50) for dose in (1.0, 2.0)],
        columns=["dose", "class", "replicate", "ratio", "cells"],
    )
    told = dose_figure(points, {}, classes, unit="nM", counted="corrected by PACC").data[0].customdata[0]
    assert told.startswith("1 nM: 10.0 %") and "replicate 1, 50 cells" in told and "PACC" in told
    groups = pd.DataFrame(
        [("NGF", 24.0, "neuron", 0.6, 0.5, 0.7, 3, 1200)],
        columns=["group", "time_h", "set", "share", "low", "high", "replicates", "cells"],
    )
    bar = sets_figure(groups, ["neuron"], classes, method="error rate 10 %").data[0]
    assert "replicates" in bar.hovertemplate and "error rate 10 %" in bar.hovertemplate
