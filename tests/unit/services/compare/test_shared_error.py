"""One mean, one interval: tabs, overview and comparison with counts all hold the error that samples share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run
from predicted import fresh_app

from nscweb.evaluation.groups.group_errors import ALONE
from nscweb.evaluation.groups.means import group_estimates, replicate_rows
from nscweb.evaluation.groups.shared_error import shared_error
from nscweb.evaluation.groups.time_course import time_course
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.compare.staining_counts import Count, compare_with_counts
from nscweb.services.compare.statistics import TestSettings, equivalence_of, odds_of, statistics_of

KEYS = ["group", "time_h", "class"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A comparison of two groups far apart, corrected with few held-out cells."""
    app = fresh_app(tmp_path_factory.mktemp("data"))
    far = {"NGF": [0.1, 0.2, 0.7], "NT4": [0.7, 0.2, 0.1]}
    shares = {(name, 24.0, number): share for name, share in far.items() for number in range(1, 6)}
    with pytest.MonkeyPatch.context() as patch:
        held = drawn_held_out([24.0], cells=600, sharpness=1.0)
        patch.setattr("nscweb.services.compare.ratios.held_out_of", lambda *_: held)
        run = drawn_run(app, "Shared", shares, cells=800, sharpness=1.0)
        made = comparison(app, run, CompareRequest(control="NT4"))
        assert ratios.estimates_of(app, run).method == made.estimates.method == "pacc"
    return app, made


def test_the_mean_of_a_group_has_one_interval(found):
    app, made = found
    assert made.errors.shared is not None
    table = statistics_of(app, made.run, made.replicate_rows, TestSettings(control="NT4"), made.errors).summary
    both = made.groups.merge(table, on=KEYS, suffixes=("", "_tab"))
    assert len(both) == 6
    for column in ("mean", "sd", "sem", "low", "high"):
        np.testing.assert_allclose(both[column], both[f"{column}_tab"], rtol=1e-5, atol=1e-7)


def test_the_sentence_and_the_tab_test_the_same_difference(found):
    app, made = found
    tests = statistics_of(app, made.run, made.replicate_rows, TestSettings(control="NT4"), made.errors).tests
    both = made.tests.merge(tests, left_on=[*KEYS, "other"], right_on=[*KEYS, "control"], suffixes=("", "_tab"))
    assert len(both) == 3
    for column in ("difference", "low", "high", "g"):
        np.testing.assert_allclose(both[column], both[f"{column}_tab"])
    np.testing.assert_allclose(both["p_single"], both["p_tab"])


def test_everything_that_compares_is_wider_with_it(found):
    app, made = found
    rows = made.replicate_rows
    settings = TestSettings(control="NT4")
    alone, full = (statistics_of(app, made.run, rows, settings, errors) for errors in (ALONE, made.errors))
    pairs = [
        (alone.tests, full.tests),
        (equivalence_of(rows, alone), equivalence_of(rows, full)),
        (odds_of(rows, alone), odds_of(rows, full)),
        (time_course(rows), time_course(rows, made.errors)),
    ]
    for before, after in pairs:
        width = (after["high"] - after["low"]) / (before["high"] - before["low"])
        assert width.max() > 1.05 and width.min() > 0.9
    assert "held-out cells leave uncertain" in " ".join(full.sentences)
    assert "held-out cells leave uncertain" not in " ".join(alone.sentences)


def test_a_count_is_not_found_different_for_an_error_of_the_correction(found):
    _, made = found
    neurons = made.groups[(made.groups["class"] == "neuron") & (made.groups["group"] == "NGF")].iloc[0]
    # At the edge of the interval that holds the shared error.
    counted = [Count("NGF", 24.0, "neuron", percent=100 * float(neurons["high"]))]
    alone = compare_with_counts(made.replicate_rows, counted).iloc[0]
    full = compare_with_counts(made.replicate_rows, counted, errors=made.errors).iloc[0]
    assert alone["p"] < full["p"] <= 0.06
    assert full["high"] >= alone["high"] and full["low"] <= alone["low"]


def test_counted_labels_share_no_error(found):
    app, made = found
    naive = comparison(app, made.run, CompareRequest(method="naive"))
    assert naive.errors.shared is None
    estimates = made.estimates
    assert shared_error(estimates) is not None
    empty = pd.DataFrame(columns=estimates.table.columns)
    assert shared_error(type(estimates)(empty, estimates.shared, "pacc", "")) is None
    assert len(replicate_rows(estimates)) == 30 and len(group_estimates(estimates)) == 6
