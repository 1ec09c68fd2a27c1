"""Does a network beat plain features with a classifier that is fitted in seconds, on the same held-out cells?

On few cells it often does not, and whoever trains one should know. The features learn from the same training cells as
the network, and both name the same held-out cells, so that the difference is paired (`evaluation.scores.model_pairs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.feature_fit import FEATURES, fit_features, options_for
from nscweb.training.splits.plan import Split

KEY = "baseline"
# Cells that the features learn from, and cells that both name: more would take minutes and change little.
_MOST_TRAIN, _MOST_HELD_OUT = 6_000, 6_000


def with_baseline(
    card: ModelCard,
    data: TrainingData,
    split: Split,
    scored: HeldOut,
    *,
    seed: int,
    balance: float = 0.0,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ModelCard:
    """The card with ``audit["baseline"]``; as it is for a model that is plain features itself.

    It also stays as it is on a compute node without scikit-learn and pandas.

    Args:
        scored: what the network said of all held-out cells, in the order of `split.held_out`.
        balance: of the settings of the network, see `options_for`.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    if card.architecture == FEATURES or not _can_compare():
        return card
    train = split.train[_some(len(split.train), _MOST_TRAIN, seed)]
    some = _some(len(split.held_out), _MOST_HELD_OUT, seed)
    options = options_for(balance)
    fitted = fit_features(data, train, options=options, seed=seed, progress=progress, cancel=cancel)
    logits = predict_rows(fitted.network, data, split.held_out[some], torch.device("cpu"))
    scores = torch.softmax(torch.from_numpy(logits), dim=1).numpy()
    found = beside_features(scored.take(some), scores, fitted.chosen, seed=seed)
    return replace(card, audit={**card.audit, KEY: {**found, "train_cells": len(train)}})


def _can_compare() -> bool:
    """Whether the packages are there that training alone does without."""
    return all(find_spec(name) is not None for name in ("sklearn", "pandas"))


def _some(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of `count` places, drawn by chance, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, 43]).permutation(count)[:most])


def beside_features(network: HeldOut, scores: NDArray[np.float32], chosen: str, *, seed: int) -> dict[str, Any]:
    """What the card keeps: accuracy and macro F1 of both, the paired difference with its interval, and a sentence.

    Args:
        network: what the network said of cells that it was not trained on.
        scores: (N, K) of plain features for the same cells, which they were not fitted on either.
        chosen: the classifier of the features in words.
    """
    from nscweb.evaluation.scores.model_pairs import Paired, differences

    named = network.scores.argmax(axis=1).astype(np.int64)
    plain = np.asarray(scores).argmax(axis=1).astype(np.int64)
    pairs = Paired(network.labels, plain, named, network.samples, network.times, network.classes)
    table = differences(pairs, seed=seed, by_time=False)
    rows = {row["figure"]: row for row in table[table["class"] == ""].to_dict("records")}
    figures = {
        str(name): {
            key: round(float(row[column]), 5)
            for key, column in (("features", "first"), ("network", "second"), ("low", "low"), ("high", "high"))
        }
        for name, row in rows.items()
    }
    accuracy = figures["accuracy"]
    verdict = "better" if accuracy["low"] > 0 else "worse" if accuracy["high"] < 0 else "no better"
    return {
        "classifier": chosen,
        "cells": len(network),
        "figures": figures,
        "interval": str(rows["accuracy"]["interval"]),
        "verdict": verdict,
        "sentence": baseline_sentence(accuracy, chosen, verdict),
    }


def baseline_sentence(accuracy: Mapping[str, float], chosen: str, verdict: str) -> str:
    """``Plain features with a support vector machine reach 71.7 % on the same held-out cells; this network ...``.

    Args:
        accuracy: of ``features`` and ``network``, with the ends ``low`` and ``high`` of the difference.
        verdict: ``better``, ``worse`` or ``no better``.
    """
    low, high = 100 * accuracy["low"], 100 * accuracy["high"]
    return (
        f"Plain features with a {chosen.split(' (')[0]} reach {100 * accuracy['features']:.1f} % on the same held-out "
        f"cells; this network {100 * accuracy['network']:.1f} %: {verdict} than plain features (95 % interval of the "
        f"difference {low:+.1f} to {high:+.1f} points)."
    )
