"""From a zip to the prediction table, and from cells to class maps: a first script against nscweb, in one process.

    python benchmarks/end_to_end.py [--cells 4000] [--naive 400] [--maps 400] [--threads 2]

The first script opens the zip, reads each image of channel 1 with Pillow, uses torchvision transforms and runs the
network on one image at a time; for maps it uses the grad-cam package on one image at a time. Both sides use the
shipped default model. nscweb does more in its time: it checks every image, keeps all four channels on disk,
measures quality, and writes provenance. Times are wall times of one run each; trust ratios above 1.3.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from ingest import make_export
from PIL import Image

from nscweb.core.card import CardEntry
from nscweb.inference.cam import class_maps, gradient_maps
from nscweb.inference.classifier import Classifier
from nscweb.models.loading import load_model
from nscweb.models.torchvision_compat import ensure_torchvision
from nscweb.services.context import App, open_app
from nscweb.services.models import default_model
from nscweb.services.predict import predict_study
from nscweb.services.study import import_study
from nscweb.settings import Settings


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


def ours(
    path: Path, app: App, entry: CardEntry, channels: tuple[str, ...] | None
) -> tuple[int, float, float]:
    """(cells, seconds of import, seconds of prediction)."""
    name = "all channels" if channels is None else " ".join(channels)
    began = time.perf_counter()
    report = import_study(app, [path], name, channels=channels)
    middle = time.perf_counter()
    predict_study(app, name, entry.card.name)
    return report.imported, middle - began, time.perf_counter() - middle


def maps(path: Path, entry: CardEntry, count: int, threads: int) -> tuple[float, float]:
    """Class maps per second: (grad-cam package one by one, nscweb)."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "_Ch1." in name][:count]
        images = [np.asarray(Image.open(io.BytesIO(archive.read(name))))[None] for name in names]
    classifier = Classifier(entry, threads=threads)
    few = images[: max(20, count // 10)]
    batch = classifier.prepare(few)
    gradient_maps(classifier.network, batch[:1], [0])  # imports of the package are no part of the race
    began = time.perf_counter()
    for row in batch:
        gradient_maps(classifier.network, row[None], [0])
    slow = len(few) / (time.perf_counter() - began)
    began = time.perf_counter()
    class_maps(classifier, images)
    return slow, count / (time.perf_counter() - began)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--cells", type=int, default=4000)
    options.add_argument("--naive", type=int, default=400)
    options.add_argument("--maps", type=int, default=400)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_export(folder, given.cells)
        settings = {"NSCWEB_THREADS": str(given.threads)}
        app = open_app(Settings.from_environment(settings, folder / "data"))
        entry = default_model(app)
        Classifier(entry, threads=given.threads).predict([np.zeros((1, 45, 60), np.uint8)] * 8)
        count, seconds = naive(path, entry, given.naive)
        base = count / seconds
        print(f"model {entry.card.name}, {given.threads} threads, {given.cells:,} cells in 4 channels")
        print(f"first script, channel 1, one by one   {base:9.0f} cells/s    1.0")
        for channels in (("Ch1",), None):
            cells, reading, predicting = ours(path, app, entry, channels)
            rate = cells / (reading + predicting)
            kept = "channel 1" if channels else "4 channels"
            print(
                f"nscweb, {kept:10} kept                {rate:9.0f} cells/s {rate / base:6.1f}"
                f"   (import {cells / reading:,.0f}/s, prediction {cells / predicting:,.0f}/s)"
            )
        slow, fast = maps(path, entry, given.maps, given.threads)
        print(f"class maps: grad-cam package one by one {slow:7.0f} /s       1.0")
        print(f"class maps: nscweb, closed form         {fast:7.0f} /s    {fast / slow:6.1f}")


if __name__ == "__main__":
    main()
