"""The compact network against the published one of Zhu et al. 2021: accuracy, work and speed on equal terms.

Same cells, same split, same number of epochs, on simulated cells (split by sample) and on real Jurkat cells
(../shared, seven cell cycle phases; these data do not name their samples, so the split is by cell).

    python benchmarks/architectures.py [--cells N] [--epochs E] [--jurkat-epochs E] [--out docs] [--card weights/MODEL]

Writes ARCHITECTURE_COMPARISON.md and .json; with --card the table also goes into that model card.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from nscweb.core.card import card_from_dict, card_to_dict
from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.evaluation.scores.confusion import held_out_metrics
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import count_cost
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.traits import FATES
from nscweb.training.config import TrainConfig, published_settings
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect
from nscweb.training.loop import fit, predict_logits
from nscweb.training.splits.plan import Split, split_by_cell, split_by_sample

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
OURS = InputRecipe(field_px=(48, 48), resize=(48, 48))
OURS_SMALL = InputRecipe(field_px=(48, 48), resize=(45, 30))
PAPER = InputRecipe(background="none", contrast="none", resize=(45, 30), interpolation="linear", divide_by=255.0)
JURKAT = InputRecipe(field_px=(40, 40), resize=(48, 48))
JURKAT_SMALL = InputRecipe(field_px=(40, 40), resize=(45, 30))


@dataclass(frozen=True)
class Way:
    """One row of the comparison: a network, its recipe and how it is trained."""

    model: str
    recipe: InputRecipe
    config: TrainConfig


@dataclass(frozen=True)
class Row:
    """What came out; accuracy and macro F1 with their 95 % intervals on held-out cells."""

    data: str
    model: str
    parameters: int
    mflop: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    train_cells: int
    held_out_cells: int
    epochs: int
    seconds: float
    train_cells_per_second: float
    predict_cells_per_second: float


def simulated(cells: int, recipe: InputRecipe) -> TrainingData:
    """Simulated cells of three fates at five time points, 12 replicates."""

    def labelled() -> Iterator[LabelledCell]:
        for cell in iter_labelled_cells(101, cells):
            sample = SampleLabel(cell.sample, "simulated", cell.time_h, str(cell.replicate))
            yield LabelledCell(sample, cell.fate, cell.pixels)

    return collect(
        labelled(),
        ClassScheme(FATES),
        recipe,
        simulated=True,
        description="simulated",
        licence="Apache-2.0",
        total=cells,
    )


def jurkat(recipe: InputRecipe) -> TrainingData:
    """Real brightfield Jurkat cells of seven cell cycle phases, 40 x 40 pixels, 16 bit."""
    with np.load(SHARED / "jurkat_cycle" / "brightfield_tiles.npz", allow_pickle=False) as arrays:
        pixels, labels, names = arrays["x"], arrays["y"], [str(name) for name in arrays["classes"]]
    cells = (
        LabelledCell(SampleLabel("jurkat"), int(label), image[None])
        for image, label in zip(pixels, labels, strict=True)
    )
    return collect(
        cells,
        ClassScheme(tuple(names), kind="cell cycle phase"),
        recipe,
        simulated=False,
        description="Jurkat",
        licence="BSD-3-Clause",
        total=len(labels),
    )


def measure(name: str, way: Way, data: TrainingData, split: Split) -> Row:
    """Train one way and score it on the held-out cells."""
    with tempfile.TemporaryDirectory() as folder:
        trained = fit(way.config, data, split, Path(folder))
    inputs = data.inputs(split.held_out)
    cpu = torch.device("cpu")
    began = time.perf_counter()
    logits = predict_logits(trained.model, inputs, cpu)
    rate = len(inputs) / (time.perf_counter() - began)
    probabilities = torch.softmax(torch.from_numpy(logits), dim=1).numpy()
    scored = data.scored(split.held_out, probabilities)
    found = {metric.name: metric for metric in held_out_metrics(scored, by_time=False)[:2]}
    cost = count_cost(trained.model, (1, *way.recipe.resize))
    accuracy, f1 = found["accuracy"], found["macro_f1"]
    row = Row(
        name,
        way.model,
        cost.parameters,
        round(cost.mflop, 1),
        accuracy.value,
        accuracy.low,
        accuracy.high,
        f1.value,
        f1.low,
        f1.high,
        len(split.train),
        len(split.held_out),
        len(trained.history),
        round(trained.seconds, 1),
        round(len(split.train) * len(trained.history) / trained.seconds, 1),
        round(rate, 1),
    )
    print(json.dumps(asdict(row)), flush=True)
    return row


def compare(cells: int, epochs: int, jurkat_epochs: int, long_epochs: int, sets: list[str]) -> list[Row]:
    """Rows of the sets asked for.

    ``simulated`` and ``real``: both networks for the same number of epochs. ``paper``: the published network by the
    recipe of its paper. ``longer``: the compact network for `long_epochs`, which still takes less time than the
    published one takes for its epochs.
    """
    names = [ARCHITECTURES[key].title for key in ("compact", "zhu2021")]
    ours = {"epochs": epochs, "patience": epochs, "seed": 1}
    ways = [
        Way(f"{names[0]}, recipe of nscweb", OURS, TrainConfig(architecture="compact", **ours)),
        Way(f"{names[1]}, recipe of nscweb", OURS_SMALL, TrainConfig(architecture="zhu2021", **ours)),
        Way(f"{names[1]}, recipe and optimiser of the paper", PAPER, published_settings(**ours)),
    ]
    chosen = [*(ways[:2] if "simulated" in sets else []), *(ways[2:] if "paper" in sets else [])]
    rows = []
    for way in chosen:
        data = simulated(cells, way.recipe)
        rows.append(measure("simulated NSC, 3 fates", way, data, split_by_sample(data, 1)))
    if "real" in sets and (SHARED / "jurkat_cycle").exists():
        real = {"epochs": jurkat_epochs, "patience": jurkat_epochs, "seed": 1, "batch": 64}
        for key, recipe in (("compact", JURKAT), ("zhu2021", JURKAT_SMALL)):
            data = jurkat(recipe)
            way = Way(f"{ARCHITECTURES[key].title}, recipe of nscweb", recipe, TrainConfig(architecture=key, **real))
            rows.append(measure("real Jurkat cells, 7 phases", way, data, split_by_cell(data, 1)))
    return [*rows, *(_longer(names[0], cells, long_epochs) if "longer" in sets else [])]


def _longer(title: str, cells: int, epochs: int) -> list[Row]:
    config = TrainConfig(architecture="compact", epochs=epochs, patience=epochs, seed=1)
    name = f"{title}, recipe of nscweb, trained longer"
    data = simulated(cells, OURS)
    rows = [measure("simulated NSC, 3 fates", Way(name, OURS, config), data, split_by_sample(data, 1))]
    if (SHARED / "jurkat_cycle").exists():
        data = jurkat(JURKAT)
        way = Way(name, JURKAT, replace(config, batch=64))
        rows.append(measure("real Jurkat cells, 7 phases", way, data, split_by_cell(data, 1)))
    return rows


def markdown(rows: list[Row], command: str) -> str:
    """The table as a document."""
    lines = [
        "# The compact network against the published one",
        "",
        f"Written by `benchmarks/architectures.py` ({command}) on {platform.machine()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}. Same cells and split for all rows of "
        "one data set; 95 % intervals by bootstrap over samples (simulated) or from cells (Jurkat, which does not name "
        "its samples). Short budgets: figures "
        "compare networks, they are not the accuracy of the shipped weights.",
        "",
        "| data | network | parameters | MFLOP per cell | accuracy | macro F1 | trained | held out | epochs | "
        "training s | train cells/s | predict cells/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.data} | {row.model} | {row.parameters:,} | {row.mflop:g} | "
            f"{row.accuracy:.3f} ({row.accuracy_low:.3f} to {row.accuracy_high:.3f}) | "
            f"{row.macro_f1:.3f} ({row.macro_f1_low:.3f} to {row.macro_f1_high:.3f}) | {row.train_cells:,} | "
            f"{row.held_out_cells:,} | {row.epochs} | {row.seconds:.0f} | {row.train_cells_per_second:g} | "
            f"{row.predict_cells_per_second:g} |"
        )
    work = {row.model: row.mflop for row in rows}
    least, most = min(work.values()), max(work.values())
    lines += ["", f"The compact network does {least / most:.3f} of the work of the published one per cell."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, write the table, and put it into a card when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--jurkat-epochs", type=int, default=15)
    every = ["simulated", "paper", "real", "longer"]
    parser.add_argument("--long-epochs", type=int, default=60)
    parser.add_argument("--sets", nargs="+", default=every, help=", ".join(every))
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    parser.add_argument("--card", type=Path)
    given = parser.parse_args()
    rows = compare(given.cells, given.epochs, given.jurkat_epochs, given.long_epochs, given.sets)
    said = f"--cells {given.cells} --epochs {given.epochs} --jurkat-epochs {given.jurkat_epochs}"
    said += f" --long-epochs {given.long_epochs}"
    given.out.mkdir(parents=True, exist_ok=True)
    text = markdown(rows, said)
    (given.out / "ARCHITECTURE_COMPARISON.md").write_text(text, "utf-8")
    (given.out / "ARCHITECTURE_COMPARISON.json").write_text(json.dumps([asdict(r) for r in rows], indent=1), "utf-8")
    print(text)
    if given.card is not None:
        into_card(given.card, rows)


def into_card(folder: Path, rows: list[Row]) -> None:
    """Keep the table in the performance section of a model card."""
    path = folder / "card.json"
    data = json.loads(path.read_text("utf-8"))
    data["performance"]["comparison"] = [asdict(row) for row in rows]
    path.write_text(json.dumps(card_to_dict(card_from_dict(data)), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
