"""Train once per fold, so that every cell is judged by a network that never saw it; finished folds are kept.

Each fold lies in a folder of its own, so that a run that was stopped goes on with the fold it was in. The spread
over folds says how much hangs on which samples were held out; the pooled figures rest on all cells, each judged once,
with the intervals of every other evaluation.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import Metric
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.evaluation.scores.confusion import confusion_counts, figures_of, held_out_confusion, held_out_metrics
from nscweb.inference.device import choose_device
from nscweb.training.checkpoint import write_atomically
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.loop import CHECKPOINT, fit
from nscweb.training.splits.plan import Split

RESULT, SCORES = "fold.json", "fold.npz"
_PARTS = 1000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """What one training says about its held-out cells.

    Attributes:
        probabilities: (n, K) of `split.held_out`, in that order.
        history: rows of the training history.
        best_epoch: epoch that was kept.
        seconds: training time.
        device: where, in words.
    """

    probabilities: Floats
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    device: str


Fitter = Callable[[TrainConfig, TrainingData, Split, Path, Progress, CancelAsked], Fitted]


@dataclass(frozen=True)
class CrossValidated:
    """All folds.

    Attributes:
        rows: one per fold: ``fold``, ``held_out`` (names of groups), ``cells``, ``accuracy``, ``macro_f1``, ``f1``
            (class -> F1, classes without a held-out cell left out), ``seconds``, ``best_epoch``, ``history``,
            ``device``, ``split`` (sentence).
        probabilities: (N, K) of every cell by the network that never saw it; NaN where there is none.
        judged: (N,) cells that have one.
        summary: ``folds``; for accuracy, macro_f1 and ``f1 CLASS`` a dict of ``mean``, ``sd`` (over folds, NaN-free:
            None for a single fold) and ``folds``; ``sentence``.
        pooled: figures over all judged cells with their intervals.
        confusion: (K, K) counts over all judged cells, rows true.
    """

    rows: tuple[dict[str, Any], ...]
    probabilities: Floats
    judged: NDArray[np.bool_]
    summary: dict[str, Any]
    pooled: tuple[Metric, ...]
    confusion: tuple[tuple[int, ...], ...]


def fit_and_score(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Fitted:
    """Train a network and let it judge the held-out cells; what it learnt is then thrown away."""
    trained = fit(config, data, split, folder, progress, cancel)
    device = choose_device(config.device, config.threads)
    logits = predict_rows(trained.model.to(device), data, split.held_out, device)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return Fitted(
        torch.softmax(torch.from_numpy(logits), dim=1).numpy(),
        trained.history,
        trained.best_epoch,
        trained.seconds,
        trained.device,
    )


def cross_validate(
    config: TrainConfig,
    data: TrainingData,
    splits: Sequence[Split],
    folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    *,
    fitter: Fitter = fit_and_score,
) -> CrossValidated:
    """Train and judge once per split.

    Args:
        config: settings of every training.
        data: labelled cells.
        splits: of `nscweb.training.splits.folds.folds`, or any others; a cell that several of them hold out is
            judged by the mean of its probabilities.
        folder: gets a folder per fold; folds that are there already are read, not trained again.
        progress: receives thousandths of the whole, and a sentence.
        cancel: asked before each step; finished folds stay.
        fitter: trains and judges one fold.

    Raises:
        WrongUse: no splits, or the folder holds folds of other data, settings or splits.
        JobCancelled: somebody asked to stop.
    """
    if not splits:
        raise WrongUse("There is no fold to train.", "Ask for two folds or more.")
    found = []
    data_digest = data.digest()
    for index, split in enumerate(splits):
        inner = share_of(progress, index, len(splits), f"Fold {index + 1} of {len(splits)}")
        place = folder / f"fold-{index + 1:02d}"
        key = fold_key(config, data_digest, split)
        kept = _read(place, key)
        if kept is None:
            fitted = fitter(config, data, split, place, inner, cancel)
            kept = kept_fold(data, split, fitted), fitted.probabilities
            _write(place, key, *kept)
        found.append(kept)
        inner(1, 1)
    return gathered(data, splits, found)


def gathered(
    data: TrainingData, splits: Sequence[Split], found: Sequence[tuple[dict[str, Any], Floats]]
) -> CrossValidated:
    """All folds together.

    Args:
        data, splits: see `cross_validate`.
        found: of each fold its row (`kept_fold`) and the probabilities of its held-out cells.
    """
    total = np.zeros((len(data), len(data.classes)), np.float64)
    times = np.zeros(len(data), np.int64)
    rows = []
    for index, (split, (row, probabilities)) in enumerate(zip(splits, found, strict=True)):
        rows.append({"fold": index + 1, **row})
        total[split.held_out] += probabilities
        times[split.held_out] += 1
    judged = times > 0
    mean = np.full(total.shape, np.nan, np.float32)
    mean[judged] = total[judged] / times[judged, None]
    # Over all time points together: folds are too small to look at each.
    scored = data.scored(np.flatnonzero(judged), mean[judged])
    pooled = held_out_metrics(scored, by_time=False)
    matrix = held_out_confusion(scored)
    return CrossValidated(
        rows=tuple(rows),
        probabilities=mean,
        judged=judged,
        summary=summarise(rows, pooled),
        pooled=pooled,
        confusion=tuple(tuple(int(count) for count in line) for line in matrix),
    )


def share_of(progress: Progress, index: int, count: int, name: str) -> Progress:
    """The progress of part `index` of `count` equal parts, told in thousandths of the whole under its name."""

    def inner(done: int, total: int, step: str = "") -> None:
        share = min(1.0, done / total) if total else 0.0
        progress(int(_PARTS * (index + share)), _PARTS * count, f"{name}: {step}" if step else name)

    return inner


def summarise(rows: Sequence[dict[str, Any]], pooled: Sequence[Metric]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1) over folds of each figure, and a sentence with the pooled accuracy."""
    summary: dict[str, Any] = {"folds": len(rows)}
    for name in ("accuracy", "macro_f1"):
        summary[name] = _spread([row[name] for row in rows])
    for name in dict.fromkeys(name for row in rows for name in row["f1"]):
        summary[f"f1 {name}"] = _spread([row["f1"][name] for row in rows if name in row["f1"]])
    accuracy = summary["accuracy"]
    spread = "" if accuracy["sd"] is None else f" with a standard deviation of {100 * accuracy['sd']:.1f} points"
    text = f"{len(rows)} fold{'' if len(rows) == 1 else 's'}: mean accuracy {100 * accuracy['mean']:.1f} %{spread}."
    for item in pooled:
        if item.name == "accuracy" and not item.class_name:
            text += (
                f" All {item.cells:,} held-out cells together: {100 * item.value:.1f} % "
                f"(95 % interval {100 * item.low:.1f} to {100 * item.high:.1f}, {item.interval})."
            )
    return {**summary, "sentence": text}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {
        "mean": round(float(np.mean(values)), 5),
        "sd": None if deviation is None else round(deviation, 5),
        "folds": len(values),
    }


def kept_fold(data: TrainingData, split: Split, fitted: Fitted) -> dict[str, Any]:
    """What is kept of a fold, JSON-ready; a row of `CrossValidated` without its number."""
    labels = data.labels[split.held_out]
    matrix = confusion_counts(labels, fitted.probabilities.argmax(axis=1), len(data.classes))
    figures = figures_of(matrix[None])
    # A class that this fold does not hold out has no F1 here; the pooled figures have it.
    f1 = {
        name: round(float(value), 5)
        for name, value, cells in zip(data.classes.names, figures["f1"][0], matrix.sum(axis=1), strict=True)
        if cells
    }
    return {
        "held_out": list(split.groups),
        "cells": len(labels),
        "accuracy": round(float(figures["accuracy"][0]), 5),
        "macro_f1": round(float(np.mean(list(f1.values()))), 5),
        "f1": f1,
        "seconds": round(fitted.seconds, 2),
        "best_epoch": fitted.best_epoch,
        "device": fitted.device,
        "split": split.sentence,
        "history": [{key: _finite(value) for key, value in row.items()} for row in fitted.history],
    }


def fold_key(config: TrainConfig, data_digest: str, split: Split) -> str:
    """Fingerprint of a fold, so that results of other data, settings or splits are never taken for its own."""
    settings = {key: value for key, value in config.as_dict().items() if key not in ("device", "threads")}
    text = json.dumps(settings, sort_keys=True, default=str) + data_digest + split.sentence
    digest = hashlib.sha256(text.encode("utf-8"))
    for rows in (split.train, split.validation, split.held_out):
        digest.update(np.ascontiguousarray(rows, "<i8").tobytes() + b"|")
    return digest.hexdigest()


def _read(place: Path, key: str) -> tuple[dict[str, Any], Floats] | None:
    """A finished fold, or None; one that cannot be read is trained again."""
    try:
        kept = json.loads((place / RESULT).read_text("utf-8"))
        with (place / SCORES).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            probabilities = np.asarray(arrays["probabilities"], np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if kept.get("key") != key:
        raise WrongUse(
            f"The folder {place.parent.name} holds folds of other data, settings or splits.",
            "Choose another folder, or delete it to begin again.",
        )
    return kept["row"], probabilities


def _write(place: Path, key: str, row: dict[str, Any], probabilities: Floats) -> None:
    place.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    np.savez_compressed(stream, probabilities=probabilities)
    write_atomically(place / SCORES, stream.getvalue())
    # Written last: a fold with this file is finished.
    write_atomically(place / RESULT, json.dumps({"key": key, "row": row}, indent=1).encode("utf-8"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
