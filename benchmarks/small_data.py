"""The default training on few real cells: what it reaches, what it costs, and whether its own figures can be trusted.

    NSCWEB_THREADS=1 python -m benchmarks.small_data [--splits 5] [--phases 3 7] [--write docs/measured/SMALL_DATA.md]

2,278 labelled Jurkat cells of seven cell cycle phases, and the 2,000 or so of the three large ones. A fifth is kept
back, stratified; the rest goes through `nscweb.training.make_model.train` with its defaults, which cross-fits: networks
of the folds, plain features, and both together. Then the network that is kept names the fifth, which nobody had seen.
Per fifth: accuracy, macro F1 and calibration error of the kept network on the fifth, those that the card says (out of
fold), those of its parts, processor time, and how well ratios of mixtures of the fifth are corrected by the card's
scores. Finished fifths are kept in a file and not run again. The data do not name their samples, so every split is by
cell and all figures are somewhat too good; what is compared is compared on the same cells.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy_real import jurkat
from benchmarks.mixtures_real import cells_of
from nscweb.core.classes import ClassScheme
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.scores.confusion import held_out_metrics
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.reliability import reliability
from nscweb.inference.held_out_file import read_held_out
from nscweb.models.architectures.blend import Blend
from nscweb.models.loading import load_model
from nscweb.training.card_writer import CardText
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.make_model import train
from nscweb.training.splits.plan import SplitPlan

FIFTHS = 5
TEXT = CardText("Cell cycle", "Phases of Jurkat cells.", "benchmarks/small_data.py", "2026-01-01T00:00:00Z")


def cells_of_phases(phases: int) -> TrainingData:
    """The cells of the first `phases` phases."""
    data = jurkat(48)
    rows = np.flatnonzero(data.labels < phases)
    return taken(data, rows, data.classes.names[:phases])


def taken(data: TrainingData, rows: NDArray[np.int64], names: tuple[str, ...]) -> TrainingData:
    """Some of the cells; without those that were kept as stored, so that no check of the light is made."""
    return replace(
        data,
        fields=data.fields[rows],
        labels=data.labels[rows],
        sample_of=data.sample_of[rows],
        classes=ClassScheme(names, kind=data.classes.kind),
        nuisance=None,
        raw=None,
    )


def fifth_of(labels: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
    """(N,) the cells that are kept back: a fifth of every class."""
    rng = np.random.default_rng(17)
    away = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        away[rows[number::FIFTHS]] = True
    return away


def figures(labels: NDArray[np.int64], logits: NDArray[Any], temperature: float, names: tuple[str, ...]) -> Any:
    """Accuracy, macro F1 and calibration error."""
    scores = torch.softmax(torch.as_tensor(logits) / temperature, dim=1).numpy().astype(np.float32)
    held = HeldOut(scores, labels, np.zeros(len(labels), np.int64), np.full(len(labels), np.nan), names)
    found = {item.name: item.value for item in held_out_metrics(held, by_time=False) if not item.class_name}
    return held, {
        "accuracy": round(found["accuracy"], 4),
        "macro_f1": round(found["macro_f1"], 4),
        "ece": round(reliability(held, rounds=20).ece, 4),
    }


def one(phases: int, number: int) -> dict[str, Any]:
    """Train on four fifths and look at the other one."""
    every = cells_of_phases(phases)
    away = fifth_of(every.labels, number)
    names = every.classes.names
    data = taken(every, np.flatnonzero(~away), names)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        entry = train(
            TrainConfig(threads=1, device="cpu"), data, Path(folder) / "m", TEXT, plan=SplitPlan("cell", folds=None)
        )
        seconds = time.process_time() - began
        network, known = load_model(entry), read_held_out(entry)
    assert known is not None
    fresh = np.flatnonzero(away)
    labels = every.labels[fresh]

    def said(part: torch.nn.Module) -> NDArray[np.float32]:
        return predict_rows(part, every, fresh, torch.device("cpu"))

    held, kept = figures(labels, said(network), entry.card.temperature, names)
    row: dict[str, Any] = {
        "phases": phases,
        "fifth": number,
        "cells": len(data),
        "seconds": round(seconds, 1),
        "kept": kept,
        "card": {
            item.name: round(item.value, 4)
            for item in entry.card.performance.metrics
            if not item.class_name and item.name in ("accuracy", "macro_f1")
        },
        "shares": entry.card.origin.settings.get("shares"),
        "baseline": entry.card.audit.get("baseline", {}).get("figures"),
        "epochs": entry.card.origin.settings["epochs"],
    }
    if isinstance(network, Blend):
        row["networks"] = figures(labels, _networks_alone(network, every, fresh), 1.0, names)[1]
        if network.plain is not None:
            row["plain"] = figures(labels, said(network.plain), 1.0, names)[1]
    if phases == 3:
        row["ratios"] = _ratios(held, known, number)
    return row


def _networks_alone(network: Blend, data: TrainingData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, K) logits without what plain features add."""
    with torch.inference_mode():
        pooled = network.forward_features(torch.from_numpy(data.inputs(rows))).mean(dim=(2, 3))
        placed, head = network.placed, network.classifier
        return (pooled[:, :placed] @ head.weight[:, :placed].T + head.bias).numpy()


def mixtures(labels: NDArray[np.int64], classes: int, seed: int) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Rows of 40 mixtures of 50 to 150 cells, ratios even over all possible ones, and their true shares (M, K)."""
    rng = np.random.default_rng([seed, 31])
    by_class = [np.flatnonzero(labels == label) for label in range(classes)]
    rows: list[NDArray[np.int64]] = []
    while len(rows) < 40:
        counts = rng.multinomial(rng.integers(50, 151), rng.dirichlet(np.ones(classes)))
        if all(count <= len(own) for count, own in zip(counts, by_class, strict=True)):
            chosen = [rng.choice(own, size, replace=False) for own, size in zip(by_class, counts, strict=True)]
            rows.append(np.concatenate(chosen))
    return rows, np.stack([np.bincount(labels[own], minlength=classes) / len(own) for own in rows])


def _ratios(held: HeldOut, known: HeldOut, seed: int) -> dict[str, Any]:
    """Coverage, error and width of ratios of mixtures of cells that nobody had seen, corrected by the card's scores."""
    rows, share = mixtures(held.labels, len(held.classes), seed)
    cells = cells_of([held.scores[own] for own in rows])
    found = {}
    for method in ("naive", "pacc"):
        table = estimate(cells, known, method, seed=seed, together=False).table
        low, high, ratio = (table[column].to_numpy() for column in ("low", "high", "ratio"))
        true = share.ravel()
        found[method] = {
            "covered": round(float(((low <= true + 1e-12) & (true - 1e-12 <= high)).mean()), 4),
            "error": round(float(np.nanmean(np.abs(ratio - true))), 4),
            "width": round(float((high - low).mean()), 4),
        }
    return found


def _mean(rows: list[dict[str, Any]], *path: str) -> str:
    values = []
    for row in rows:
        item: Any = row
        for key in path:
            item = item.get(key) if isinstance(item, dict) else None
        if isinstance(item, int | float):
            values.append(float(item))
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def page(rows: list[dict[str, Any]]) -> str:
    """The tables as Markdown."""
    text = [
        "# Training on few real cells",
        "",
        "Written by `python -m benchmarks.small_data --write docs/measured/SMALL_DATA.md`. Jurkat cells, real but not "
        "neural; a fifth of each phase was kept back and named by the network that is kept. Mean over fifths and "
        "standard deviation. The data do not name their samples, so every split is by cell and all figures are "
        "somewhat too good.",
        "",
        "| | fifths | cells | accuracy | macro F1 | calibration error | processor minutes |",
        "|---|---:|---:|---|---|---|---|",
    ]
    for phases in sorted({row["phases"] for row in rows}):
        own = [row for row in rows if row["phases"] == phases]
        minutes = [{"minutes": row["seconds"] / 60} for row in own]
        head = f"| {phases} phases, "
        size = f" | {len(own)} | {own[0]['cells']:,} | "
        text.append(
            head + "the kept network on the fifth" + size + f"{_mean(own, 'kept', 'accuracy')} | "
            f"{_mean(own, 'kept', 'macro_f1')} | {_mean(own, 'kept', 'ece')} | {_mean(minutes, 'minutes')} |"
        )
        text.append(
            head + "as its card says, out of fold" + size + f"{_mean(own, 'card', 'accuracy')} | "
            f"{_mean(own, 'card', 'macro_f1')} | | |"
        )
        text.append(
            head + "its plain features alone" + size + f"{_mean(own, 'plain', 'accuracy')} | "
            f"{_mean(own, 'plain', 'macro_f1')} | {_mean(own, 'plain', 'ece')} | |"
        )
        text.append(
            head + "its networks without features" + size + f"{_mean(own, 'networks', 'accuracy')} | "
            f"{_mean(own, 'networks', 'macro_f1')} | {_mean(own, 'networks', 'ece')} | |"
        )
    ratios = [row for row in rows if row.get("ratios")]
    if ratios:
        text += [
            "",
            "Ratios of 40 mixtures of 50 to 150 cells of each fifth (3 phases), corrected by the scores of the ",
        ]
        text[-1] += "card, which come from the networks of the folds and not from the kept one:"
        text += ["", "| method | 95 % interval covers | mean error | width |", "|---|---|---|---|"]
        for method in ("naive", "pacc"):
            cells = [_mean(ratios, "ratios", method, key) for key in ("covered", "error", "width")]
            text.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def main() -> None:
    """Run what is not there yet, and write the page when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=FIFTHS, help="fifths to run")
    parser.add_argument("--phases", type=int, nargs="+", default=[3, 7])
    parser.add_argument("--rows", type=Path, default=Path(tempfile.gettempdir()) / "small_data.json")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = json.loads(given.rows.read_text("utf-8")) if given.rows.exists() else []
    for number in range(given.splits):
        for phases in given.phases:
            if any((row["phases"], row["fifth"]) == (phases, number) for row in rows):
                continue
            rows.append(one(phases, number))
            print(json.dumps(rows[-1]), flush=True)
            given.rows.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    if given.write is not None:
        given.write.write_text(page(rows), "utf-8")


if __name__ == "__main__":
    main()
