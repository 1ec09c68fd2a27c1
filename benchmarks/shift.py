"""Does the traffic light of a sample notice what harms a model, and stay green where nothing is wrong?

    python benchmarks/shift.py [--model nsc-simulated-compact] [--weights weights] [--samples 20] [--cells 45]
        [--fresh 120] [--real ../shared/data] [--out docs/measured/SHIFT.md]

Fresh samples: simulated with another seed, pure and mixed, so that every light that is not green is a false alarm.
Changed samples: the same kind of cells recorded otherwise (`nscweb.training.checks.changes`). Real sets: cells that the
model was not made for, imported and predicted like a user's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import read_card
from nscweb.core.rules import FEWEST_CELLS
from nscweb.evaluation.scores.intervals import wilson
from nscweb.inference.classifier import Classifier
from nscweb.inference.familiarity import values_of
from nscweb.preprocess.cell_quality import measure_all
from nscweb.services.context import App, open_app
from nscweb.services.predict.fitness import SampleFitness, spread_rows
from nscweb.services.predict.light_samples import judge_sample
from nscweb.services.predict.lights import GREEN, LIGHTS, RED
from nscweb.services.predict.predict import predict_study
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import import_study
from nscweb.settings import Settings
from nscweb.simulation.camera import PROFILES, draw_illumination
from nscweb.simulation.labelled_cells import TIMES_H, iter_labelled_cells
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES
from nscweb.training.checks.robustness import planned_changes
from nscweb.training.data.recordings import recordings_of

Images = Sequence[NDArray[Any]]
# Sets of real cells that no model of neural stem cells was made for, and images of the paper of the method.
REAL = (
    ("Jurkat cells, one sample per phase of the cell cycle", "jurkat_cycle/brightfield_tiles.npz"),
    ("ciliated and other cells, IDEAS export", "ideas_ometif"),
    ("cells of an instrument file (CIF)", "cif/example.cif"),
    ("blood cells, TIFF with eight channels", "pbmc_odd"),
    ("twelve images of Zhu et al. 2021", "zhu2021/named_bmp"),
)
MEANS = "## What this means\n"
# A change that costs more accuracy than this matters.
MATTERS = 0.05


def judged(classifier: Classifier, images: Images) -> tuple[SampleFitness, NDArray[np.float32]]:
    """Light of one sample, and the scores of its cells, as a prediction makes them."""
    rows = spread_rows(measure_all([image[0] for image in images])["flags"].to_numpy(np.int64))
    scores, embeddings = classifier.predict_and_embed(images)
    chosen = [images[int(row)] for row in rows]
    values = values_of(classifier, chosen, embeddings[rows])
    found = judge_sample(classifier.card, "", chosen, values, scores[rows], classifier.card.temperature)
    if found is None:
        raise SystemExit("The card of this model says nothing of its known cells.")
    return found, scores


def pure_samples(seed: int, cells: int) -> dict[str, list[NDArray[Any]]]:
    """180 samples of one fate each."""
    found: dict[str, list[NDArray[Any]]] = {}
    for cell in iter_labelled_cells(seed, cells * 180):
        found.setdefault(cell.sample, []).append(cell.pixels)
    return found


def mixed_samples(seed: int, samples: int) -> list[list[NDArray[Any]]]:
    """Samples of all fates at random ratios, 12 to 300 cells, with doublets, debris and empty frames."""
    rng = np.random.default_rng(seed)
    profile = PROFILES["flowsight"]
    found = []
    for _ in range(samples):
        count = int(rng.choice([12, 40, 120, 300], p=[0.2, 0.3, 0.4, 0.1]))
        ratios, hours = rng.dirichlet(np.ones(len(FATES))), float(rng.choice(TIMES_H))
        light = draw_illumination(rng, profile)
        found.append([cell.pixels for cell in draw_sample(rng, count, ratios, hours, profile, light)])
    return found


def changed_rows(
    classifier: Classifier, drawn: dict[str, list[NDArray[Any]]], samples: int, seed: int
) -> list[dict[str, Any]]:
    """Lights of each change of some of the samples, and the accuracy that it costs."""
    names = sorted(drawn)[:: max(1, len(drawn) // samples)][:samples]
    lights = {name: recordings_of(drawn[name]) for name in names}
    labels = {name: classifier.card.classes.names.index(name.split("_")[0]) for name in names}
    rows: list[dict[str, Any]] = []
    base = 0.0
    for number, change in enumerate((None, *planned_changes(drawn[names[0]][0]))):
        rng = np.random.default_rng([seed, number])
        found, right = [], []
        for name in names:
            images = drawn[name]
            if change is not None:
                images = [
                    change.make(image, own, rng, change.amount) for image, own in zip(images, lights[name], strict=True)
                ]
            light, scores = judged(classifier, images)
            found.append(light.light)
            right.append(np.mean(scores.argmax(axis=1) == labels[name]))
        accuracy = float(np.mean(right))
        base = base if change is not None else accuracy
        rows.append(
            {
                "change": f"{change.name}, {change.strength}" if change is not None else "unchanged",
                "cost": base - accuracy,
                **{light: found.count(light) for light in LIGHTS},
            }
        )
    return rows


def real_rows(app: App, model: str, folder: Path) -> list[dict[str, Any]]:
    """Lights of the samples of each real set."""
    rows = []
    for title, path in REAL:
        name = Path(path).stem
        import_study(app, ImportRequest((folder / path,), name))
        fitness = predict_study(app, PredictRequest(name, model)).extra["fitness"]
        for item in fitness:
            first = item["reasons"][0] if item["reasons"] else ""
            rows.append(
                {
                    "set": title,
                    "sample": item["sample_id"],
                    "cells": item["cells"],
                    "light": item["light"],
                    "why": first,
                }
            )
    return rows


def said(hits: int, of: int) -> str:
    """ "3 of 4 (75 % [30, 95])": with Wilson's 95 % interval."""
    low, high = wilson(float(hits), float(of))
    return f"{hits} of {of} ({100 * hits / max(1, of):.1f} % [{100 * low:.1f}, {100 * high:.1f}])"


def report(
    model: str,
    options: str,
    made: str,
    fresh: list[SampleFitness],
    changed: list[dict[str, Any]],
    real: list[dict[str, Any]],
) -> str:
    """The text of docs/measured/SHIFT.md."""
    few = [item for item in fresh if item.cells < FEWEST_CELLS]
    fresh = [item for item in fresh if item.cells >= FEWEST_CELLS]
    alarms = sum(item.light != GREEN for item in fresh)
    red = sum(item.light == RED for item in fresh)
    harmful = [row for row in changed if row["cost"] > MATTERS]
    caught = sum(row["yellow"] + row["red"] for row in harmful)
    asked = sum(row["green"] + row["yellow"] + row["red"] for row in harmful)
    lines = [
        "# When a sample is unlike what a model knows",
        "",
        f"Made by `python benchmarks/shift.py{options}` with the model `{model}`. The rules and the reasons for their "
        "limits are in `nscweb/services/predict/light_rules.py`.",
        "",
        made + " Brackets hold 95 % intervals by Wilson.",
        "",
        f"- **False alarms**: {said(alarms, len(fresh))} fresh simulated samples of {FEWEST_CELLS} cells or more are "
        f"not green, {red} of them red. {len(few)} more have fewer cells; they are yellow by rule, because so few "
        f"cannot be judged ({sum(item.light == RED for item in few)} red).",
        f"- **Detected when it matters**: of samples under changes that cost more than {100 * MATTERS:.0f} points of "
        f"accuracy, {said(caught, asked)} are yellow or red.",
    ]
    foreign = [row for row in real if not row["set"].startswith("twelve")]
    zhu = [row for row in real if row["set"].startswith("twelve")]
    if real:
        reds = sum(row["light"] == RED for row in foreign)
        lines += [
            f"- **Foreign cells**: {said(reds, len(foreign))} samples of real cells that the model was not made for "
            "are red.",
            f"- **Real images of Zhu et al. 2021** against weights that learnt from simulated cells: "
            f"{said(sum(row['light'] != GREEN for row in zhu), len(zhu))} samples are not green.",
        ]
    lines += [
        "",
        "## Simulated cells recorded otherwise",
        "",
        "Cost: points of accuracy lost. A change that costs nothing may stay green.",
        "",
        "| change | cost | green | yellow | red |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {row['change']} | {100 * row['cost']:.1f} | {row['green']} | {row['yellow']} | {row['red']} |"
            for row in changed
        ),
    ]
    if real:
        lines += [
            "",
            "## Real cells",
            "",
            "| set | sample | cells | light | first reason |",
            "|---|---|---:|---|---|",
            *(f"| {row['set']} | {row['sample']} | {row['cells']} | {row['light']} | {row['why']} |" for row in real),
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nsc-simulated-compact")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder with the model folder")
    parser.add_argument("--samples", type=int, default=20, help="samples per change")
    parser.add_argument("--cells", type=int, default=45, help="cells of each")
    parser.add_argument("--fresh", type=int, default=120, help="mixed samples for false alarms")
    parser.add_argument("--real", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    entry = read_card(options.weights / options.model)
    with TemporaryDirectory() as folder:
        settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, Path(folder))
        app = open_app(Settings(**{**vars(settings), "weights_dirs": (options.weights.resolve(),)}))
        real = real_rows(app, options.model, options.real) if options.real.is_dir() else []
    classifier = Classifier(entry, device="cpu", threads=1)
    drawn = pure_samples(90_001, options.cells)
    fresh = [judged(classifier, images)[0] for images in drawn.values()]
    fresh += [judged(classifier, images)[0] for images in mixed_samples(90_002, options.fresh)]
    for item in fresh:
        if item.light != GREEN and item.cells >= FEWEST_CELLS:
            print(item.light, item.cells, *item.reasons)
    changed = changed_rows(classifier, drawn, options.samples, 90_003)
    made = (
        f"Pure and changed samples have {options.cells} cells each; more cells per sample show smaller changes. Mixed "
        "samples have 12 to 300 cells, doublets, debris and empty frames among them."
    )
    text = report(options.model, f" --samples {options.samples} --fresh {options.fresh}", made, fresh, changed, real)
    if options.out:
        # What people wrote below this heading stays.
        old = options.out.read_text("utf-8") if options.out.exists() else ""
        prose = f"\n{MEANS}{old.split(MEANS, 1)[1]}" if MEANS in old else ""
        options.out.write_text(text + prose, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
