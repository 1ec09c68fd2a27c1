"""Random streams follow their names."""

from __future__ import annotations

import numpy as np

from nscweb.core.streams import stream
from nscweb.evaluation.scores.intervals import resampled_counts


def test_a_stream_is_that_of_its_seed_and_names() -> None:
    first = stream(1, "group", "NT3").random(4)
    np.testing.assert_array_equal(first, stream(1, "group", "NT3").random(4))
    for other in (stream(2, "group", "NT3"), stream(1, "group", "NT4"), stream(1, "fate", "NT3")):
        assert not np.array_equal(first, other.random(4))


def test_samples_of_one_class_do_not_move_the_draws_of_another() -> None:
    full = resampled_counts(np.array([0, 0, 0, 1, 1, 1, 1]), 20, seed=3)
    part = resampled_counts(np.array([0, 1, 1, 1, 1]), 20, seed=3)
    np.testing.assert_array_equal(full[:, 3:], part[:, 1:])
