"""Numbers that users see stay what they are: the whole road with the shipped weights against stored tables.

After a change on purpose: ``python tests/golden/regenerate.py``, and look at the difference.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from regenerate import GROUPS, KEYS, METRICS, evaluate_small, predict_small

from nscweb.core.errors import ModelNotFound

# One cell of a sample of about 48 may fall on the other side between processors.
RATIO_TOLERANCE = 0.022
METRIC_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def road():
    with TemporaryDirectory() as name:
        try:
            app, data, run = predict_small(Path(name))
        except ModelNotFound:
            pytest.skip("no shipped weights here")
        yield Path(name), app, data, run


def test_the_golden_tables_belong_to_the_shipped_weights(road):
    stored = pd.read_csv(GROUPS)["weights_sha256"].unique().tolist()
    assert stored == [road[3].provenance.weights_sha256], "weights changed: python tests/golden/regenerate.py"


def test_group_ratios_are_those_of_the_golden_table(road):
    stored = pd.read_csv(GROUPS).set_index(KEYS)
    found = road[2].group_ratios.set_index(KEYS).reindex(stored.index)
    assert found["replicates"].tolist() == stored["replicates"].tolist()
    np.testing.assert_allclose(found["cells"], stored["cells"], atol=3)
    np.testing.assert_allclose(found["mean"], stored["mean"], atol=RATIO_TOLERANCE)


def test_neurons_grow_with_time_in_the_neuronal_inducer(road):
    table = road[2].group_ratios
    rows = table[(table["group"] == "RA+SHH") & (table["class"] == "neuron")].sort_values("time_h")
    assert rows["mean"].is_monotonic_increasing


def test_figures_are_those_of_the_golden_table(road):
    stored = pd.read_csv(METRICS, keep_default_na=False).set_index(["figure", "class"])
    found = evaluate_small(road[0], road[1]).set_index(["figure", "class"]).reindex(stored.index)
    np.testing.assert_allclose(found["value"], stored["value"].astype(float), atol=METRIC_TOLERANCE)
    np.testing.assert_allclose(found["low"], stored["low"].astype(float), atol=3 * METRIC_TOLERANCE)
