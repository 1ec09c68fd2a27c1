"""Finished runs whose scores are drawn and not predicted: large studies in seconds, with known shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.run_record import Provenance, Run
from nscweb.core.samples import Sample
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.services.context import App
from nscweb.services.predict.runs import sheet_digest
from nscweb.store.prediction_files import write_predictions

FATES = ("astrocyte", "oligodendrocyte", "neuron")
Shares = Mapping[tuple[str, float, int], Sequence[float]]


def drawn_scores(labels: NDArray[np.int64], rng: np.random.Generator, sharpness: float = 2.0) -> NDArray[np.float32]:
    """(N, 3) scores of cells of known class: Bayes' rule on a drawn value, so they are calibrated at equal shares."""
    value = rng.normal(size=(len(labels), len(FATES))) + sharpness * np.eye(len(FATES))[labels]
    odds = np.exp(sharpness * (value - value.max(axis=1, keepdims=True)))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def drawn_held_out(
    times_h: Sequence[float], *, cells: int = 900, samples: int = 3, sharpness: float = 2.0, seed: int = 99
) -> HeldOut:
    """Held-out cells of pure samples, `cells` per time point."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(FATES)), cells * len(times_h) // len(FATES))
    times = np.repeat(np.asarray(times_h, float), cells // len(FATES) * len(FATES))
    repeat = rng.integers(0, samples, len(labels))
    _, number = np.unique(np.stack([labels, times, repeat]), axis=1, return_inverse=True)
    return HeldOut(
        drawn_scores(labels, rng, sharpness), labels, number.astype(np.int64), times, FATES, "drawn cells", True
    )


def drawn_run(
    app: App,
    name: str,
    shares: Shares,
    *,
    cells: int | Mapping[tuple[str, float, int], int] = 200,
    lights: Mapping[str, str] | None = None,
    sharpness: float = 2.0,
    seed: int = 1,
    simulated: bool = True,
) -> Run:
    """A study with one sample per (group, hours, replicate) of `shares` and a finished run of it.

    Args:
        shares: (group, hours, replicate) -> share of each of `FATES`.
        cells: per sample.
        lights: sample name -> light; green where it is not named, none at all with an empty mapping.
    """
    rng = np.random.default_rng(seed)
    study_id = app.catalogue.create_study(name, app.clock(), channel="Ch1", channels=["Ch1"], simulated=simulated)
    samples, parts = [], []
    for key, share in shares.items():
        group, hours, replicate = key
        count = cells if isinstance(cells, int) else cells[key]
        sample = Sample(
            f"{group}_{hours:g}h_{replicate}", group=group, time_h=hours, replicate=str(replicate), cells=count
        )
        samples.append(sample)
        labels = rng.choice(len(FATES), count, p=np.asarray(share, float) / np.sum(share))
        parts.append((sample, drawn_scores(labels, rng, sharpness)))
    app.catalogue.add_samples(study_id, samples)
    table = pd.concat([_rows(*part) for part in parts], ignore_index=True)
    model = "drawn"
    made = Provenance(
        study=name,
        study_id=study_id,
        cells_sha256="0" * 64,
        model=model,
        model_version="1",
        weights_sha256="0" * 64,
        channel="Ch1",
        settings={},
        versions={},
        started_utc=app.clock(),
        seconds=1.0,
        simulated_cells=simulated,
        simulated_training=True,
    )
    run_id = app.catalogue.start_run(study_id, model, app.clock())
    write_predictions(app.folder.run_dir(run_id) / "predictions.parquet", table)
    known = app.catalogue.study(study_id).samples
    fitness = [] if lights == {} else [_fitness(item, (lights or {}).get(item.name, "green")) for item in known]
    extra = {"fitness": fitness, "sheet_digest": sheet_digest(known), "model_title": "Drawn scores"}
    run = Run(run_id, study_id, model, app.clock(), len(table), FATES, made, extra)
    app.catalogue.add_run(run)
    return app.catalogue.run(run_id)


def grid(
    groups: int, times_h: Sequence[float], replicates: int, *, spread: float = 0.15, seed: int = 1
) -> dict[tuple[str, float, int], NDArray[np.float64]]:
    """Shares of a whole study: groups differ, neurons grow with time, replicates scatter on the log scale."""
    rng = np.random.default_rng(seed)
    names = ("RA+SHH", "NT3", "LDH-NT3", "NT4", "NGF", "MT", "CNTF", "BDNF", "GDNF", "FGF2", "EGF", "no inducer")
    result = {}
    for index, name in enumerate(names[:groups]):
        for hours in times_h:
            grown = np.array([0.0, -0.5, 0.9 - 0.12 * index + 0.5 * np.log2(hours / 24)])
            for replicate in range(1, replicates + 1):
                odds = np.exp(grown + rng.normal(0, spread, 3))
                result[(name, float(hours), replicate)] = odds / odds.sum()
    return result


def _rows(sample: Sample, scores: NDArray[np.float32]) -> pd.DataFrame:
    number = np.arange(1, len(scores) + 1)
    table = pd.DataFrame(
        {
            "cell_id": [f"{sample.name}:{item - 1}" for item in number],
            "sample_id": sample.name,
            "object_number": number,
            "group": sample.group,
            "time_h": float(sample.time_h if sample.time_h is not None else np.nan),
            "replicate": sample.replicate,
        }
    )
    for index, fate in enumerate(FATES):
        table[f"p_{fate}"] = scores[:, index]
    table["predicted"] = np.asarray(FATES, object)[scores.argmax(axis=1)]
    table["confidence"] = scores.max(axis=1)
    # One cell in 25 is out of focus, a doublet or debris.
    table["flags"] = np.where(number % 25 == 0, 1 << (number // 25 % 3), 0).astype(np.int64)
    table["true_class"], table["source"] = "", f"{sample.name}.tif"
    return table


def _fitness(sample: Sample, light: str) -> dict[str, object]:
    return {
        "sample_id": sample.name,
        "cells": sample.cells,
        "far": 0,
        "kind": "embedding",
        "expected": 0.05,
        "unlike": light == "red",
        "sentence": "",
        "share": 0.0,
        "light": light,
        "reasons": ["Drawn."] if light != "green" else [],
        "notes": [],
        "advice": [],
        "shares": {"embedding": 0.05},
        "figures": {},
    }
