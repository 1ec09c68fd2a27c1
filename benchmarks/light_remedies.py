"""Where each sample has its own light: four remedies beside PACC, on simulated images and on real cells.

    NSCWEB_THREADS=1 python benchmarks/light_remedies.py [--samples 24] [--trained 3] [--write docs/measured/RATIOS.md]

Simulated: mixed samples of 120 cells at 12 and 24 h, each in a light of its own, scored by the shipped model and
corrected by its own held-out cells or by pure samples in four other lights. Real: mixtures of 50 to 300 Jurkat cells of
`mixtures_real.py`, scored by a compact network that the program trained; in half of the rows the images of each mixture
get a light of their own (a slope, blur and noise), so that the cells are real and their light is simulated.
Remedies: (a) each image freed of the slope of its own background, and brought to a common noise; (b) pure control
samples in the light of the sample; (c) scores averaged over seven small changes of light and place; (d) a shift of the
log odds of each sample, estimated together with its ratio from the distribution of its scores, with the prior of the
shift fitted over all samples of the run. What stands behind ± is 1.96 standard errors over samples of the paired gain.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import read_card
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.quantification import em_shares
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.classifier import Classifier
from nscweb.inference.held_out_file import read_held_out
from nscweb.preprocess.prepare import finish_field, prepare_field
from nscweb.simulation.camera import draw_illumination
from nscweb.simulation.sample_cells import draw_sample
from nscweb.training.config import TrainConfig
from nscweb.training.loop import fit, predict_logits
from nscweb.training.splits.plan import Split
from nscweb.training.temperature import fit_temperature

try:
    from benchmarks.accuracy_real import TILES
    from benchmarks.mixtures_real import drawn, parts_of, softmax, three_classes
    from benchmarks.ratios import as_cells
    from benchmarks.ratios_cells import PROFILE, SINGLES, WEIGHTS
except ImportError:  # started as a file
    from accuracy_real import TILES
    from mixtures_real import drawn, parts_of, softmax, three_classes
    from ratios import as_cells
    from ratios_cells import PROFILE, SINGLES, WEIGHTS

SEED = 777001
Images = list[NDArray[Any]]
Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]
GRID = np.arange(-1.05, 1.06, 0.15)


@dataclass(frozen=True)
class Pile:
    """Cells with their class and sample."""

    images: Images
    labels: NDArray[np.int64]
    sample: NDArray[np.int64]


def piled(parts: list[tuple[Images, NDArray[np.int64]]]) -> Pile:
    images = [image for own, _ in parts for image in own]
    sample = np.repeat(np.arange(len(parts)), [len(own) for own, _ in parts])
    return Pile(images, np.concatenate([labels for _, labels in parts]), sample)


def levelled(image: NDArray[Any]) -> NDArray[np.float32]:
    """(a) Without the slope of its own background: a plane through the border is taken away, its middle is kept."""
    plane = np.asarray(image, np.float64).reshape(image.shape[-2:])
    height, width = plane.shape
    y, x = np.indices(plane.shape)
    edge = (y < 3) | (y >= height - 3) | (x < 3) | (x >= width - 3)
    table = np.stack([np.ones(int(edge.sum())), y[edge] - height / 2, x[edge] - width / 2], axis=1)
    _, down, right = np.linalg.lstsq(table, plane[edge], rcond=None)[0]
    return np.asarray((plane - down * (y - height / 2) - right * (x - width / 2))[None], np.float32)


def noise_of(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) noise of prepared cells from their finest differences (Immerkaer 1996), over pixels of the frame."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = []
    for plane in inputs[:, 0]:
        rough = np.abs(cv2.filter2D(plane, -1, kernel))[1:-1, 1:-1]
        seen = rough[plane[1:-1, 1:-1] != 0]
        found.append(np.median(seen) / 0.6745 / 6 if len(seen) else 0.0)
    return np.asarray(found)


def noised(inputs: NDArray[np.float32], level: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """(a) Brought up to a common noise; cells that have more keep theirs."""
    added = np.sqrt(np.maximum(level**2 - noise_of(inputs) ** 2, 0))[:, None, None, None]
    return np.asarray(inputs + added * rng.normal(size=inputs.shape), np.float32)


def averaged(score: Score, inputs: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """(c) Mean score over the cell as it is, turned, mirrored, sloped, blurred and noised."""
    side = np.linspace(-0.15, 0.15, inputs.shape[-1], dtype=np.float32)
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), 0.5) for plane in inputs[:, 0]])[:, None]
    tried = [inputs, inputs[..., ::-1], inputs[..., ::-1, :], np.rot90(inputs, 1, (2, 3)), inputs + side]
    tried += [inputs + side[:, None], blurred, inputs + rng.normal(0, 0.15, inputs.shape).astype(np.float32)]
    return np.asarray(np.mean([score(np.ascontiguousarray(item)) for item in tried], axis=0), np.float32)


def shifted_shares(known: HeldOut, scores: NDArray[np.float32], sample: NDArray[np.int64]) -> NDArray[np.float64]:
    """(d) Shares of three classes of each sample, its shift of log odds integrated out; (S, 3).

    Scores of held-out cells, moved by each shift of a grid, give the distribution of each class in bins; the shares
    that are most likely under each shift are weighted by likelihood and prior. The prior is normal; its spread is that
    under which the samples of the run together are most likely.
    """

    def odds(values: NDArray[np.float32]) -> NDArray[np.float64]:
        logs = np.log(np.maximum(values.astype(np.float64), 1e-4))
        return logs[:, :2] - logs[:, 2:]

    own, far = odds(known.scores), odds(scores)
    edges = [np.quantile(own[:, axis], np.linspace(0, 1, 13)[1:-1]) for axis in (0, 1)]

    def bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
        first, second = (np.searchsorted(edges[axis], values[:, axis]) for axis in (0, 1))
        return first * 12 + second

    number = int(sample.max()) + 1
    seen = np.bincount(sample * 144 + bins(far), minlength=number * 144).reshape(number, 144).astype(np.float64)
    shifts = np.array([(first, second) for first in GRID for second in GRID])
    likely, shares = np.empty((len(shifts), number)), np.empty((len(shifts), number, 3))
    for place, shift in enumerate(shifts):
        moved = bins(own + shift)
        table = np.stack([np.bincount(moved[known.labels == label], minlength=144) + 0.5 for label in range(3)])
        table = table / table.sum(axis=1, keepdims=True)
        shares[place] = em_shares(table.T, weights=seen, rounds=200, tolerance=1e-5)
        likely[place] = (seen * np.log(shares[place] @ table)).sum(axis=1)
    best, weight = -np.inf, np.empty(0)
    for spread in (0.02, 0.1, 0.2, 0.3, 0.45, 0.6):
        prior = -(shifts**2).sum(axis=1) / (2 * spread**2)
        joint = likely + (prior - np.log(np.exp(prior).sum()))[:, None]
        top = joint.max(axis=0)
        total = top + np.log(np.exp(joint - top).sum(axis=0))
        if total.sum() > best:
            best, weight = float(total.sum()), np.exp(joint - total)
    return np.asarray(np.einsum("gs,gsk->sk", weight, shares))


def as_known(scores: NDArray[np.float32], pile: Pile, hours: float, rows: Any = slice(None)) -> HeldOut:
    names = ("astrocyte", "oligodendrocyte", "neuron")
    labels = pile.labels[rows]
    return HeldOut(scores[rows], labels, pile.sample[rows], np.full(len(labels), hours), names)


def errors(known: HeldOut, scores: Any, mixed: Pile, share: Any, hours: float, method: str = "pacc") -> Any:
    """(S,) mean error of the shares of each mixed sample, points."""
    cells = as_cells(scores, mixed.labels, mixed.sample, np.full(len(share), hours))
    ratio = estimate(cells, known, method, rounds=2).table["ratio"].to_numpy().reshape(share.shape)
    return 100 * np.abs(ratio - share).mean(axis=1)


def compare(
    score: Score, prepare: Any, mixed: Pile, pure: Pile, matched: Pile, share: Any, hours: float, held: HeldOut | None
) -> dict[str, tuple[Any, Any]]:
    """Remedy -> errors of each sample with it, and those of PACC with the same cells of known class."""
    rng = np.random.default_rng(SEED)
    inputs, pure_inputs = prepare(mixed.images), prepare(pure.images)
    plain, known = score(inputs), as_known(score(pure_inputs), pure, hours)
    best = known if held is None else held
    first, base = errors(known, plain, mixed, share, hours), errors(best, plain, mixed, share, hours)
    flat, flat_pure = (prepare([levelled(image) for image in pile.images]) for pile in (mixed, pure))
    level = float(np.quantile(noise_of(pure_inputs), 0.9))
    grey, grey_pure = (noised(item, level, rng) for item in (inputs, pure_inputs))
    own = as_known(score(prepare(matched.images)), matched, hours)
    control = [
        errors(
            as_known(own.scores, matched, hours, matched.sample == index),
            plain[mixed.sample == index],
            Pile([], mixed.labels[mixed.sample == index], np.zeros((mixed.sample == index).sum(), np.int64)),
            share[index : index + 1],
            hours,
        )[0]
        for index in range(len(share))
    ]
    counted = 100 * np.abs(np.stack([_counts(plain[mixed.sample == i]) for i in range(len(share))]) - share).mean(
        axis=1
    )
    shifted = 100 * np.abs(shifted_shares(best, plain, mixed.sample) - share).mean(axis=1)
    return {
        "counted labels": (counted, base),
        "PACC": (base, base),
        "EM": (errors(best, plain, mixed, share, hours, "em"), base),
        "(a) slope of the background removed": (
            errors(as_known(score(flat_pure), pure, hours), score(flat), mixed, share, hours),
            first,
        ),
        "(a) common noise": (errors(as_known(score(grey_pure), pure, hours), score(grey), mixed, share, hours), first),
        "(b) controls in the light of the sample": (np.array(control), base),
        "(c) averaged over small changes": (
            errors(
                as_known(averaged(score, pure_inputs, rng), pure, hours),
                averaged(score, inputs, rng),
                mixed,
                share,
                hours,
            ),
            first,
        ),
        "(d) shift of each sample, prior of the run": (shifted, base),
    }


def _counts(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.bincount(scores.argmax(axis=1), minlength=scores.shape[1]) / len(scores)


def simulated(samples: int, hours: float) -> dict[str, tuple[Any, Any]]:
    """The shipped model on simulated images."""
    entry = read_card(WEIGHTS)
    model = Classifier(entry, threads=1)
    recipe = entry.card.recipe

    def prepare(images: Images) -> NDArray[np.float32]:
        return np.asarray(finish_field(recipe, prepare_field(recipe, images)), np.float32)

    def shot(rng: np.random.Generator, light: Any, ratio: Any, cells: int) -> tuple[Images, NDArray[np.int64]]:
        found = list(draw_sample(rng, cells, list(ratio), hours, PROFILE, light, kind_shares=SINGLES))
        return [cell.pixels for cell in found], np.array([cell.fate for cell in found])

    rng = np.random.default_rng([SEED, int(hours)])
    mixed, matched = [], []
    for _ in range(samples):
        light = draw_illumination(rng, PROFILE)
        mixed.append(shot(rng, light, rng.dirichlet(np.full(3, 1.5)), 120))
        own = [shot(rng, light, np.eye(3)[label], 60) for label in range(3)]
        matched.append(([image for part in own for image in part[0]], np.concatenate([part[1] for part in own])))
    pure = [shot(rng, draw_illumination(rng, PROFILE), np.eye(3)[index % 3], 60) for index in range(12)]
    share = np.stack([np.bincount(labels, minlength=3) / len(labels) for _, labels in mixed])
    held = read_held_out(entry)
    held = None if held is None else held.take(held.times == hours)
    return compare(model.predict_prepared, prepare, piled(mixed), piled(pure), piled(matched), share, hours, held)


def lit(images: NDArray[Any], rng: np.random.Generator, strength: float) -> Images:
    """Real cells in one simulated light: slope, blur and noise in units of the spread of each cell."""
    turn, slope = rng.uniform(0, 2 * np.pi), strength * rng.uniform(0, 0.5)
    blur, noise = strength * rng.uniform(0, 0.9), strength * rng.uniform(0, 0.3)
    side = np.linspace(-1, 1, images.shape[-1])
    ramp = slope * (np.cos(turn) * side[:, None] + np.sin(turn) * side)
    result = []
    for image in images.astype(np.float64):
        soft = cv2.GaussianBlur(image, (0, 0), blur) if blur > 0.05 else image
        result.append((soft + image.std() * (ramp + noise * rng.normal(size=image.shape)))[None].astype(np.float32))
    return result


def real(seed: int, epochs: int, strength: float) -> dict[str, tuple[Any, Any]]:
    """A network of the program's own training on mixtures of real cells."""
    data, _ = three_classes()
    labels, parts = data.labels, parts_of(data.labels, seed)
    with np.load(TILES, allow_pickle=False) as arrays:
        pixels = arrays["x"][arrays["y"] < 3]
    split = Split(np.sort(parts.train), np.sort(parts.calibrate), np.sort(parts.held_out), "by cell", False, "cell")
    config = TrainConfig(architecture="compact", seed=seed, threads=1, batch=64, epochs=epochs, patience=epochs)
    with tempfile.TemporaryDirectory() as folder:
        network = fit(config, data, split, Path(folder)).model
    device = torch.device("cpu")
    logits = predict_logits(network, data.inputs(split.validation), device)
    temperature = fit_temperature(logits, labels[split.validation])

    def prepare(images: Images) -> NDArray[np.float32]:
        return np.asarray(finish_field(data.recipe, prepare_field(data.recipe, images)), np.float32)

    def score(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return softmax(predict_logits(network, inputs, device) / temperature)

    rows, share = drawn(labels, parts.kept, seed)
    rows, share = rows[:16], share[:16]
    rng = np.random.default_rng([SEED, seed])
    mixed, matched = [], []
    for own in rows:
        state = rng.integers(1 << 32)
        mixed.append((lit(pixels[own], np.random.default_rng(state), strength), labels[own]))
        held = rng.choice(parts.held_out, 180, replace=False)
        matched.append((lit(pixels[held], np.random.default_rng(state), strength), labels[held]))
    pure = [(lit(pixels[parts.held_out], rng, 0.0), labels[parts.held_out])]
    return compare(score, prepare, piled(mixed), piled(pure), piled(matched), share, float("nan"), None)


def lines_of(name: str, parts: list[dict[str, tuple[Any, Any]]]) -> list[str]:
    """Rows of the table."""
    result = []
    for remedy in parts[0]:
        found, base = (np.concatenate([part[remedy][place] for part in parts]) for place in (0, 1))
        good = np.isfinite(found) & np.isfinite(base)
        gain = (base - found)[good]
        apart = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
        against = "" if remedy == "PACC" else f"{base[good].mean():.2f} | {gain.mean():+.2f} ± {apart:.2f}"
        result.append(f"| {name} | {remedy} | {good.sum()} | {found[good].mean():.2f} | {against or ' | '} |")
        print(result[-1], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--trained", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = [
        "| cells | remedy | samples | mean error, points | PACC with the same cells of known class | gain, points |",
        "|---|---|---|---|---|---|",
    ]
    for hours in (12.0, 24.0):
        table += lines_of(f"simulated, {hours:g} h", [simulated(given.samples, hours)])
    for name, strength in (("real", 0.0), ("real, light simulated", 1.0)):
        if TILES.exists() and given.trained:
            table += lines_of(name, [real(seed, given.epochs, strength) for seed in range(given.trained)])
    if given.write:
        text = given.write.read_text("utf-8")
        start, stop = "<!-- remedies -->\n", "<!-- /remedies -->"
        before, rest = text.split(start)
        text = f"{before}{start}{chr(10).join(table)}\n{stop}{rest.split(stop)[1]}"
        given.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
