"""Scores of held-out cells into a model folder, so that fate ratios can be corrected without the cells themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.held_out_file import HELD_OUT, held_out_record, pack_held_out
from nscweb.training.checkpoint import write_atomically
from nscweb.training.data.dataset import TrainingData
from nscweb.training.splits.plan import Split

# Enough for intervals of a tenth of a percent, and less than a megabyte on disk.
MOST_CELLS = 60_000


def write_held_out(folder: Path, scored: HeldOut, data: TrainingData, split: Split) -> dict[str, Any]:
    """Write ``held_out.npz`` beside the card; returns what the card keeps of it.

    Args:
        folder: of the model.
        scored: what the network says of all held-out cells, as a user's cells are scored (with the temperature), in
            the order of `split.held_out`.
        data, split: of the training.
    """
    part = scored.take(spread_over_samples(scored.samples, MOST_CELLS))
    there, samples = np.unique(part.samples, return_inverse=True)
    held = replace(part, samples=samples.astype(np.int64))
    content = pack_held_out(held, [data.samples[index].name for index in there])
    write_atomically(folder / HELD_OUT, content)
    return held_out_record(held, content, by_sample=split.by_sample)


def spread_over_samples(sample_of: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Ascending row numbers of at most about `most` cells: all cells of small samples, equally many of large ones.

    Within a sample they are taken at even steps, so that no part of an acquisition is preferred.
    """
    if len(sample_of) <= most:
        return np.arange(len(sample_of), dtype=np.int64)
    _, inverse, counts = np.unique(sample_of, return_inverse=True, return_counts=True)
    rising = np.sort(counts)
    left = np.arange(len(rising), 0, -1)
    # With a limit equal to rising[i], samples below it are whole and the others give rising[i] cells each.
    totals = np.concatenate(([0], np.cumsum(rising)[:-1])) + rising * left
    at = int(np.searchsorted(totals, most))
    whole = int(rising[:at].sum())
    limit = max(1, (most - whole) // int(left[at]))
    order = np.argsort(inverse, kind="stable")
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    taken = [
        order[start + (np.arange(min(limit, count)) * count) // min(limit, count)]
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(taken)).astype(np.int64)
