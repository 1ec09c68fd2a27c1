"""Networks on real cells: 2,278 labelled Jurkat cells of seven cell cycle phases, one split, one budget of time.

    NSCWEB_THREADS=1 python benchmarks/accuracy_real.py [--minutes 5] [--only compact accurate] [--out docs]

Every network is trained for the same processor time on one core, with the same augmentation, on the same cells, and
scored on the same held-out cells. Processor time, so that other work on the machine changes nothing. The number of
epochs follows from the measured speed of the network, so that the cosine schedule ends with the budget; the epoch with
the best validation loss is kept. Networks that want 224 pixels see 64 here: the cells have 40, and at 224 a core would
not come through ten epochs. The data do not name their samples, so the split is by cell within each phase and all
figures are somewhat too good; the order of the networks is what counts.
Two rows need no network: the architecture ``features``, fitted as logistic regression and as support vector machine on
the training cells alone.
A finished row is kept in ACCURACY_REAL.json and not run again.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.evaluation.audit.plain_classifier import FeatureOptions
from nscweb.evaluation.scores.confusion import held_out_metrics
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import count_cost
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect
from nscweb.training.feature_fit import fit_features
from nscweb.training.loop import fit, predict_logits
from nscweb.training.splits.plan import Split, split_by_cell

TILES = Path(__file__).resolve().parents[2] / "shared" / "data" / "jurkat_cycle" / "brightfield_tiles.npz"
SEED = 1
# The side of the images as they came: features need no particular input, and stretching blurs texture.
PLAIN_SIDE = 40
REGRESSION = "Logistic regression on plain features"
SUPPORT = "Support vector machine on plain features"
# Parameters above which the smaller learning rate is taken; 2e-3 makes the large networks diverge.
_LARGE = 5_000_000


@dataclass(frozen=True)
class Entry:
    """A network in the comparison, with the side of its input."""

    architecture: str
    side: int
    pretrained: str = "none"
    probe: bool = False

    @property
    def name(self) -> str:
        title = ARCHITECTURES[self.architecture].title
        if self.probe:
            return f"Logistic regression on features of {title} (ImageNet)"
        return title + (" (from ImageNet)" if self.pretrained != "none" else "")


ENTRIES: tuple[Entry, ...] = (
    Entry("compact", 48),
    Entry("accurate", 48),
    Entry("cgrecnet2026", 64),
    Entry("zhu2021", 45),
    Entry("efficientnet-lite0", 224, "imagenet", True),
    Entry("zamani2023-resnet18", 64),
    Entry("cgrecnet2026-resnet50", 64),
    Entry("cgrecnet2026-mobilenetv2", 64),
    Entry("cgrecnet2026-densenet", 64),
    Entry("efficientnet-lite0", 96, "imagenet"),
)


def jurkat(side: int) -> TrainingData:
    """The cells with the default recipe: background removed, padded or cropped, never stretched."""
    with np.load(TILES, allow_pickle=False) as arrays:
        pixels, labels, names = arrays["x"], arrays["y"], [str(name) for name in arrays["classes"]]
    cells = (
        LabelledCell(SampleLabel("jurkat"), int(label), image[None])
        for image, label in zip(pixels, labels, strict=True)
    )
    return collect(
        cells,
        ClassScheme(tuple(names), kind="cell cycle phase"),
        InputRecipe(field_px=(40, 40), resize=(side, side)),
        simulated=False,
        description="Jurkat",
        licence="BSD-3-Clause",
        total=len(labels),
    )


def settings_for(entry: Entry, data: TrainingData, split: Split, seconds: float) -> TrainConfig:
    """The default settings with as many epochs as fit into the time, by the speed of a short trial."""
    size = ARCHITECTURES[entry.architecture].make(1, len(data.classes))
    large = sum(parameter.numel() for parameter in size.parameters()) > _LARGE
    base = TrainConfig(
        architecture=entry.architecture,
        seed=SEED,
        threads=1,
        batch=64,
        pretrained=entry.pretrained,  # type: ignore[arg-type]  # one of the two words that there are
        learning_rate=5e-4 if entry.pretrained != "none" else 1e-3 if large else TrainConfig.learning_rate,
    )
    some = replace(split, train=split.train[:256], validation=split.validation[:32])
    with tempfile.TemporaryDirectory() as folder:
        tried = fit(replace(base, epochs=3, patience=3), data, some, Path(folder), clock=time.process_time)
    # The first epoch also pays for what is set up once.
    epoch = min(row["seconds"] for row in tried.history) * len(split.train) / len(some.train)
    epochs = int(np.clip(seconds / epoch, 3, 300))
    return replace(base, epochs=epochs, patience=epochs)


def network_row(entry: Entry, seconds: float) -> dict[str, Any]:
    """Train one network and score it."""
    data = jurkat(entry.side)
    split = split_by_cell(data, SEED)
    config = settings_for(entry, data, split, seconds)
    with tempfile.TemporaryDirectory() as folder:
        trained = fit(config, data, split, Path(folder), clock=time.process_time)
    inputs = data.inputs(split.held_out)
    began = time.process_time()
    logits = predict_logits(trained.model, inputs, torch.device("cpu"))
    rate = len(inputs) / (time.process_time() - began)
    probabilities = torch.softmax(torch.from_numpy(logits), dim=1).numpy()
    cost = count_cost(trained.model, (1, entry.side, entry.side))
    return {
        **figures(data, split, probabilities),
        "parameters": cost.parameters,
        "mflop": round(cost.mflop, 1),
        "epochs": len(trained.history),
        "seconds": round(trained.seconds),
        "train_cells_per_second": round(len(split.train) * len(trained.history) / trained.seconds),
        "predict_cells_per_second": round(rate),
    }


def probe_row(entry: Entry) -> dict[str, Any]:
    """Features of a network that has seen photographs only, and a logistic regression on them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nscweb.models.pretrained import load_pretrained

    data = jurkat(entry.side)
    split = split_by_cell(data, SEED)
    network = ARCHITECTURES[entry.architecture].make(1, len(data.classes))
    load_pretrained(network, entry.architecture, 1)
    network.eval()
    began = time.process_time()
    parts = []
    with torch.inference_mode():
        for rows in np.array_split(np.arange(len(data)), len(data) // 64 + 1):
            parts.append(network.forward_features(torch.from_numpy(data.inputs(rows))).mean(dim=(2, 3)).numpy())
    features = np.concatenate(parts)
    rate = len(data) / (time.process_time() - began)
    began = time.process_time()
    best: tuple[float, Any] = (-1.0, None)
    for strength in (1e-4, 1e-3, 1e-2, 1e-1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000, class_weight="balanced"))
        model.fit(features[split.train], data.labels[split.train])
        score = float(model.score(features[split.validation], data.labels[split.validation]))
        best = max(best, (score, model), key=lambda pair: pair[0])
    cost = count_cost(network, (1, entry.side, entry.side))
    return {
        **figures(data, split, best[1].predict_proba(features[split.held_out]).astype(np.float32)),
        "parameters": cost.parameters,
        "mflop": round(cost.mflop, 1),
        "epochs": 0,
        "seconds": round(time.process_time() - began),
        "train_cells_per_second": 0,
        "predict_cells_per_second": round(rate),
    }


def plain_row(kind: str) -> dict[str, Any]:
    """Plain features and a classifier that takes seconds of one core; the baseline that a network has to beat."""
    data = jurkat(PLAIN_SIDE)
    split = split_by_cell(data, SEED)
    began = time.process_time()
    options = FeatureOptions("svm" if kind == SUPPORT else "regression")
    fitted = fit_features(data, split.train, options=options, seed=SEED)
    seconds = time.process_time() - began
    inputs = data.inputs(split.held_out)
    began = time.process_time()
    logits = predict_logits(fitted.network, inputs, torch.device("cpu"))
    rate = len(inputs) / (time.process_time() - began)
    return {
        **figures(data, split, torch.softmax(torch.from_numpy(logits), dim=1).numpy()),
        "parameters": 0,
        "mflop": 0.0,
        "epochs": 0,
        "seconds": round(seconds),
        "train_cells_per_second": 0,
        "predict_cells_per_second": round(rate),
    }


def figures(data: TrainingData, split: Split, probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Accuracy, macro F1 and F1 per class with 95 % intervals, on the held-out cells."""
    rows = split.held_out
    found = held_out_metrics(data.scored(rows, probabilities), by_time=False)
    return {
        "train_cells": len(split.train),
        "held_out_cells": len(rows),
        **{
            f"{metric.name} {metric.class_name}".strip(): [metric.value, metric.low, metric.high]
            for metric in found
            if metric.name in ("accuracy", "macro_f1", "f1")
        },
    }


def document(rows: dict[str, dict[str, Any]], minutes: float) -> str:
    """The tables as Markdown."""
    some = next(iter(rows.values()))
    classes = [key.removeprefix("f1 ") for key in some if key.startswith("f1 ")]
    lines = [
        "# Networks on real cells",
        "",
        f"Written by `benchmarks/accuracy_real.py --minutes {minutes:g}` on {platform.machine()}, one thread, torch "
        f"{torch.__version__}. {some['train_cells']:,} cells train, {some['held_out_cells']:,} are held out; 95 % "
        "intervals over cells. The split is by cell within each phase, because these data do not name their samples: "
        "all figures are somewhat too good. Cells are real, but not neural: this compares networks and says nothing of "
        "fates.",
        "",
        "| network | parameters | MFLOP per cell | accuracy | macro F1 | epochs | training s | train cells/s | "
        "predict cells/s |",
        "|---|---:|---:|---|---|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {_count(row['parameters'])} | {_count(row['mflop'])} | {_span(row['accuracy'])} | "
            f"{_span(row['macro_f1'])} | {row['epochs'] or ''} | {row['seconds']} | "
            f"{row['train_cells_per_second'] or ''} | {row['predict_cells_per_second']} |"
        )
    lines += ["", "F1 per phase:", "", f"| network | {' | '.join(classes)} |", "|---|" + "---|" * len(classes)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_span(row[f"f1 {item}"]) for item in classes) + " |")
    lines += ["", *_what_it_says(rows)]
    return "\n".join(lines) + "\n"


def _what_it_says(rows: dict[str, dict[str, Any]]) -> list[str]:
    """What stands between the first network and the plain features, from the figures themselves."""
    network = ARCHITECTURES[ENTRIES[0].architecture].title
    if not {network, SUPPORT} <= set(rows):
        return []
    net, plain = rows[network], rows[SUPPORT]
    return [
        f"{SUPPORT} needs seconds of training and comes to an accuracy of "
        f"{plain['accuracy'][0]:.3f} and a macro F1 of {plain['macro_f1'][0]:.3f}; the default network to "
        f"{net['accuracy'][0]:.3f} and {net['macro_f1'][0]:.3f}. With so few cells no network here is better than "
        "plain features by more than its interval. A second command adds the rows of plain features: "
        "`python benchmarks/accuracy_real.py --minutes 3 --only plain`."
    ]


def _count(number: float) -> str:
    return f"{number:,}" if number else ""


def _span(numbers: Sequence[float]) -> str:
    return f"{numbers[0]:.3f} ({numbers[1]:.3f} to {numbers[2]:.3f})"


def main() -> None:
    """Run what is not there yet and write the tables after each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--only", nargs="+", default=None, help="architectures, or plain")
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    given = parser.parse_args()
    if not TILES.exists():
        parser.exit(1, "The real cells are not beside the project (../shared).\n")
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "ACCURACY_REAL.json"
    rows: dict[str, dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}

    def keep(name: str, row: dict[str, Any]) -> None:
        rows[name] = row
        print(name, json.dumps(row), flush=True)
        kept.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        (given.out / "ACCURACY_REAL.md").write_text(document(rows, given.minutes), "utf-8")

    for kind in (REGRESSION, SUPPORT):
        if kind not in rows and (not given.only or "plain" in given.only):
            keep(kind, plain_row(kind))
    for entry in ENTRIES:
        if entry.name in rows or (given.only and entry.architecture not in given.only):
            continue
        keep(entry.name, probe_row(entry) if entry.probe else network_row(entry, 60 * given.minutes))


if __name__ == "__main__":
    main()
