"""From a zip to the prediction table: a first script against nscweb in exact and in fast mode, in one process.

    python benchmarks/end_to_end.py [--cells 6000] [--naive 200] [--rounds 3] [--threads 2]

The first script opens the zip, reads each image of channel 1 with Pillow, uses torchvision transforms and runs the
network in eager mode on one image at a time. Both sides use the shipped default model. nscweb does more in its time: it
checks every image, keeps the cells, measures their quality, looks how usual they are, and writes provenance. Ratios are
taken within a round. The bars are 9 for exact and 18 for fast mode, which runs only where it is offered. The last
column compares processor seconds, which say more than the clock while other programs run.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from ingest import make_export
from PIL import Image

from nscweb.core.card import CardEntry
from nscweb.inference.backends import Mode, open_classifier
from nscweb.models.loading import load_model
from nscweb.models.torchvision_compat import ensure_torchvision
from nscweb.services.context import App, open_app
from nscweb.services.models import default_model
from nscweb.services.predict.fast_here import measure_fast
from nscweb.services.predict.predict import predict_study
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import import_study
from nscweb.settings import Settings


def processor_seconds() -> float:
    """Of this process and of the workers that it has ended."""
    found = os.times()
    return found.user + found.system + found.children_user + found.children_system


def naive(path: Path, entry: CardEntry, limit: int) -> tuple[int, float]:
    """(cells, seconds) of the first script."""
    ensure_torchvision()
    from torchvision import transforms

    network = load_model(entry)
    recipe = entry.card.recipe
    height, width = recipe.field_px or recipe.resize
    steps = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.CenterCrop((height, width)),
            transforms.Resize(recipe.resize, antialias=True),
            transforms.Lambda(lambda x: (x - x.median()) / x.std().clamp_min(1e-6)),
        ]
    )
    began = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "_Ch1." in name][:limit]
        with torch.no_grad():
            for name in names:
                image = Image.open(io.BytesIO(archive.read(name)))
                torch.softmax(network(steps(image)[None]), dim=1).numpy()
    return len(names), time.perf_counter() - began


def ours(path: Path, app: App, entry: CardEntry, mode: Mode, name: str) -> tuple[int, float, float]:
    """(cells, seconds of import, seconds of prediction) of one study."""
    began = time.perf_counter()
    report = import_study(app, ImportRequest((path,), name, channels=("Ch1",)))
    middle = time.perf_counter()
    predict_study(app, PredictRequest(name, entry.card.name, mode, "cpu"))
    return report.imported, middle - began, time.perf_counter() - middle


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--cells", type=int, default=6000)
    options.add_argument("--naive", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    rows: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_export(folder, given.cells)
        settings = {"NSCWEB_THREADS": str(given.threads)}
        app = open_app(Settings.from_environment(settings, folder / "data"))
        entry = default_model(app)
        fast = measure_fast(app, entry)
        print(fast.sentence)
        modes: tuple[Mode, ...] = ("exact", "fast") if fast.offered else ("exact",)
        naive(path, entry, 20)  # imports are no part of the race
        for mode in modes:
            open_classifier(entry, threads=given.threads, mode=mode).predict([np.zeros((1, 45, 60), np.uint8)] * 8)
        for turn in range(given.rounds):
            spent = processor_seconds()
            count, seconds = naive(path, entry, given.naive)
            base, work = count / seconds, (processor_seconds() - spent) / count
            rows.setdefault("first script, one by one", []).append((base, 1.0, 1.0, 1.0))
            for mode in modes:
                spent = processor_seconds()
                cells, reading, predicting = ours(path, app, entry, mode, f"{mode} {turn}")
                rate = cells / (reading + predicting)
                less = work / ((processor_seconds() - spent) / cells)
                row = (rate, rate / base, cells / predicting / base, less)
                rows.setdefault(f"nscweb, {mode} mode", []).append(row)
    print(f"model {entry.card.name}, {given.threads} threads, {given.cells:,} cells, {given.rounds} rounds")
    print(f"{'':26} {'zip to table':>15}  {'ratio':>20}  {'prediction alone':>20}  {'processor':>20}")
    for name, found in rows.items():
        columns = [sorted(values) for values in zip(*found, strict=True)]
        ratios = "  ".join(f"x{statistics.median(c):5.1f} ({c[0]:5.1f} to {c[-1]:5.1f})" for c in columns[1:])
        print(f"{name:26} {statistics.median(columns[0]):7.0f} cells/s  {ratios}")


if __name__ == "__main__":
    main()
