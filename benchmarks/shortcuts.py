"""What shortcuts do to a network, and whether the audit in its card finds them: confounded simulated studies.

    python benchmarks/shortcuts.py [--cells 4320] [--epochs 8] [--seeds 1]

Three studies of simulated cells: a fair one, in which half the samples of every fate are recorded in either light
and frames do not look at the fate; one in which oligodendrocytes alone are recorded in the bright setting (background
151, others 101), as in the images of Zhu et al. 2021; and one in which the height of the frame differs by fate, as in
a real export. The same small network is trained on each with several recipes. A confounded study scores well on its
own held-out samples, so each network is also scored on a fair study: what is lost there, the shortcut had given.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.camera import PROFILES, draw_illumination
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES
from nscweb.training.augment import AugmentSettings
from nscweb.training.checks.card_checks import run_checks
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import LabelledCell, SampleLabel, collect
from nscweb.training.jury import Jury
from nscweb.training.loop import fit, predict_logits
from nscweb.training.splits.plan import split_by_sample

STUDIES = ("fair", "light", "frames")
DEFAULT, LEFT_IN, STRETCHED, INSIDE = ("default", "background left in", "frame stretched", "field inside every frame")
# Zeros that rotation brings in would be black where the background is left in.
_PLAIN = AugmentSettings.off(flip=0.5, quarter_turns=True)
RECIPES = {
    DEFAULT: (InputRecipe(field_px=(48, 48), resize=(48, 48)), AugmentSettings()),
    LEFT_IN: (
        InputRecipe(field_px=(48, 48), resize=(48, 48), background="none", contrast="none", divide_by=255),
        _PLAIN,
    ),
    STRETCHED: (InputRecipe(resize=(48, 48)), _PLAIN),
    INSIDE: (InputRecipe(field_px=(36, 36), resize=(36, 36)), AugmentSettings()),
}
PAIRS = (
    ("fair", DEFAULT),
    ("fair", LEFT_IN),
    ("fair", STRETCHED),
    ("light", DEFAULT),
    ("light", LEFT_IN),
    ("frames", DEFAULT),
    ("frames", INSIDE),
    ("frames", STRETCHED),
)
TIMES_H, REPLICATES = (24.0, 48.0, 120.0), 6
SINGLES = (1.0, 0.0, 0.0, 0.0)
HEIGHTS = ((50, 57), (43, 49), (37, 42))
COLUMNS = (
    "study",
    "recipe",
    "recording alone",
    "network",
    "background",
    "all light",
    "frame",
    "on a fair study",
    "audit",
)


def cells_of(study: str, cells: int, seed: int) -> Iterator[LabelledCell]:
    """Single cells of a fair or a confounded study; samples of one fate, evenly over fates and times."""
    plans = [(fate, time_h, number) for time_h in TIMES_H for number in range(REPLICATES) for fate in range(len(FATES))]
    for index, (fate, time_h, number) in enumerate(plans):
        rng = np.random.default_rng([seed, STUDIES.index(study), index])
        profile = PROFILES["flowsight"]
        bright = fate == 1 if study == "light" else number % 2 == 0
        if study == "frames":
            profile = replace(profile, heights=HEIGHTS[fate])
        light = draw_illumination(rng, profile, bright)
        label = SampleLabel(f"{FATES[fate]} {time_h:g} h {number + 1}", study, time_h, str(number + 1))
        ratios = [float(i == fate) for i in range(len(FATES))]
        for cell in draw_sample(rng, cells // len(plans), ratios, time_h, profile, light, kind_shares=SINGLES):
            yield LabelledCell(label, fate, cell.pixels)


def run(study: str, name: str, cells: int, epochs: int, seed: int) -> dict[str, Any]:
    """Train, audit, and score on held-out samples of a fair study of the same cells."""
    recipe, augment = RECIPES[name]
    classes = ClassScheme(tuple(FATES))
    data = collect(
        cells_of(study, cells, seed), classes, recipe, simulated=True, description="Simulated.", licence="CC0-1.0"
    )
    split = split_by_sample(data, seed)
    config = TrainConfig(
        options={"width": 12, "depth": 1},
        epochs=epochs,
        batch=64,
        seed=seed,
        device="cpu",
        threads=1,
        warmup_steps=30,
        augment=augment,
    )
    with TemporaryDirectory() as folder:
        model = fit(config, data, split, Path(folder)).model
    device = torch.device("cpu")
    probabilities = _softmax(predict_logits(model, data.inputs(split.held_out), device))
    scored = data.scored(split.held_out, probabilities)
    started = time.process_time()
    audit = run_checks(Jury.alone(model, data, split), scored, seed=seed, device=device).audit
    seconds = time.process_time() - started
    fair = list(cells_of("fair", cells // 3, seed + 1000))
    said = predict_logits(model, apply_recipe(recipe, [cell.pixels for cell in fair]), device).argmax(axis=1)
    on_fair = float(np.mean(said == np.array([cell.class_index for cell in fair])))
    return {"audit": audit, "fair": on_fair, "seconds": seconds}


def line(study: str, recipe: str, found: dict[str, Any]) -> tuple[str, ...]:
    """One row of the table."""
    audit = found["audit"]
    row = next(item for item in audit["alone"]["figures"] if item["figure"] == "balanced_accuracy")
    swaps = {item["kind"]: item for item in audit["swaps"]}
    return (
        study,
        recipe,
        _interval(row["recording"]),
        _interval(row["network"]),
        *(_cost(swaps[kind]) for kind in ("background", "light", "frame")),
        f"{100 * found['fair']:.1f}",
        {"clear": "passed", "remark": "passed, with a remark", "failed": "FAILED"}[audit["level"]],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=4320)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{args.cells:,} simulated cells, {len(TIMES_H) * REPLICATES * len(FATES)} samples, guessing is 33.3 %.")
    print("Accuracy in % with 95 % intervals over held-out samples; what a swap costs in points.\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    sentences = []
    for seed in range(args.seeds):
        for study, recipe in PAIRS:
            found = run(study, recipe, args.cells, args.epochs, seed)
            print(f"| {' | '.join(line(study, recipe, found))} |", flush=True)
            costs = ", ".join(f"{row['kind']} {_cost(row)}" for row in found["audit"]["swaps"])
            said = f"{study}, {recipe} ({found['seconds']:.1f} s): {found['audit']['sentence']}"
            sentences.append(f"{said}\n    {costs}")
    print("\n" + "\n".join(sentences))


def _softmax(logits: np.ndarray) -> np.ndarray:
    return torch.softmax(torch.from_numpy(logits), dim=1).numpy()


def _interval(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.0f} to {100 * figure['high']:.0f})"


def _cost(row: dict[str, Any]) -> str:
    return f"{100 * row['cost']:.1f} ({100 * row['cost_low']:.1f} to {100 * row['cost_high']:.1f})"


if __name__ == "__main__":
    main()
