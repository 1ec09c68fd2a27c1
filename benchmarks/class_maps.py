"""Class maps for a gallery of cells: the grad-cam package one cell at a time against nscweb, in one process.

    python benchmarks/class_maps.py [--model weights/nsc-simulated-compact] [--cells 1000] [--naive 60] [--rounds 3]

The package gets prepared cells; nscweb starts from raw images, as the Cells page does, and gives maps with their
probabilities. Ratios are taken within a round. The bar is 10.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from nscweb.core.card import read_card
from nscweb.inference.backends import open_classifier
from nscweb.inference.classifier import Classifier
from nscweb.models.torchvision_compat import ensure_torchvision
from nscweb.simulation.labelled_cells import iter_labelled_cells

ROOT = Path(__file__).resolve().parents[1]


def package_maps(network: torch.nn.Module, layer: torch.nn.Module, batch: np.ndarray) -> np.ndarray:
    """The package as its own example uses it, one cell per call."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    found = []
    with GradCAM(model=network, target_layers=[layer]) as cam:
        for row in batch:
            found.append(cam(torch.from_numpy(row[None]), [ClassifierOutputTarget(0)])[0])
    return np.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "weights" / "nsc-simulated-compact")
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--naive", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    ensure_torchvision()
    entry = read_card(given.model)
    torch.set_num_threads(given.threads)
    images = [cell.pixels for cell in iter_labelled_cells(4, given.cells)]
    plain = Classifier(entry, device="cpu", threads=given.threads)
    network = plain.network.requires_grad_(True)
    batch = plain.prepare(images[: given.naive])
    ours = {
        "torch, closed form": plain,
        "ONNX Runtime, with the probabilities": open_classifier(entry, device="cpu", threads=given.threads),
    }
    expected = package_maps(network, network.cam_layer, batch)
    apart = {
        name: float(np.abs(one.predict_with_maps(images[: given.naive], 0)[1] - expected).max())
        for name, one in ours.items()
    }
    rates: dict[str, list[float]] = {"grad-cam package, one by one": [], **{name: [] for name in ours}}
    for _ in range(given.rounds):
        began = time.perf_counter()
        package_maps(network, network.cam_layer, batch)
        rates["grad-cam package, one by one"].append(len(batch) / (time.perf_counter() - began))
        for name, one in ours.items():
            began = time.perf_counter()
            one.predict_with_maps(images, 0)
            rates[name].append(len(images) / (time.perf_counter() - began))
    base = rates["grad-cam package, one by one"]
    print(f"model {entry.card.name}, {given.cells:,} cells, {given.threads} threads, {given.rounds} rounds")
    for name, found in rates.items():
        ratios = [rate / naive for rate, naive in zip(found, base, strict=True)]
        print(
            f"{name:38} {statistics.median(found):7.0f} /s  x{statistics.median(ratios):5.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f})  differs by {apart.get(name, 0.0):.1e}"
        )


if __name__ == "__main__":
    main()
