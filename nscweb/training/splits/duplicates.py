"""Images that lie on both sides of a split: the same file twice, or the same cell turned, mirrored, shifted, noisy.

A network that has seen a cell in training knows it again, and its figures come out too good. Exact copies are found
by a digest of their pixels, near copies by `nscweb.training.splits.likeness`.

`SAME` was measured: among the pairs that look most alike of different cells the highest correlation was 0.984
(2,278 real Jurkat cells) and 0.980 (simulated cells); copies that were turned by 90 degrees, shifted by one pixel
and given 2 % noise had 0.987 to 0.989 or more in 99 of 100 cells, and copies without noise 1.000. Chance alone finds
more in more pairs: of 19,816 held-out cells among 100,000 simulated ones without any copy 13 (0.07 %) had a twin of
0.985 to 0.989, so a share up to `BY_CHANCE` does not fail.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.training.data.dataset import TrainingData
from nscweb.training.splits.likeness import laid_over, pairs_alike
from nscweb.training.splits.plan import Split

SAME = 0.985
LISTED = 200
BY_CHANCE = 0.002
PARTS: tuple[str, ...] = ("training", "validation", "held out")
HELD_OUT = PARTS.index("held out")

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two cells of different parts that show the same image; `similarity` is 1 for an exact copy."""

    row: int
    part: str
    sample: int
    other_row: int
    other_part: str
    other_sample: int
    similarity: float
    exact: bool
    same_class: bool


@dataclass(frozen=True)
class DuplicateReport:
    """What was found.

    Attributes:
        cells: cells looked at.
        exact: cells that are equal in every pixel to one of an earlier part.
        near: pairs across parts that are alike beyond chance, without the cells counted in `exact`.
        held_out_cells: held-out cells.
        held_out_twins: held-out cells with such a twin in training or validation.
        other_class: pairs whose two cells have different classes; one label may be wrong.
        pairs: the first `LISTED` of them, those most alike first.
        complete: False when there were so many similar cells that only the most similar pairs were compared.
    """

    cells: int
    exact: int
    near: int
    held_out_cells: int
    held_out_twins: int
    other_class: int
    pairs: tuple[Pair, ...]
    complete: bool = True

    @property
    def by_chance(self) -> bool:
        """No exact copy, and no more that are nearly equal than different cells have by chance."""
        return self.exact == 0 and self.held_out_twins <= BY_CHANCE * self.held_out_cells

    @property
    def sentence(self) -> str:
        """What it means, in plain words."""
        if not self.exact + self.near:
            return f"No image of the {self.held_out_cells:,} held-out cells was also among those trained on."
        if self.by_chance:
            return (
                f"{self.held_out_twins:,} of {self.held_out_cells:,} held-out cells look nearly like a cell that was "
                "trained on. So few are found by chance among cells that are all different; none is an exact copy."
            )
        share = 100 * self.held_out_twins / max(1, self.held_out_cells)
        text = (
            f"{self.held_out_twins:,} of {self.held_out_cells:,} held-out cells ({share:.1f} %) show an image that "
            f"was also trained on or decided when to stop: {self.exact:,} exact copies and {self.near:,} nearly "
            "equal images across the parts. The figures are too good by what such cells add."
        )
        if self.other_class:
            text += f" {self.other_class:,} of these pairs have two different classes: look at their labels."
        return text


def near_duplicates(
    fields: NDArray[Any],
    labels: Rows,
    part_of_cell: Rows,
    sample_of: Rows,
    *,
    parts: tuple[str, ...] = PARTS,
    held_out: int | None = HELD_OUT,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> DuplicateReport:
    """Find images that lie in two parts of a split, by the first channel.

    Args:
        fields: (N, C, h, w) prepared cells.
        labels: (N,) class index.
        part_of_cell: (N,) index into `parts`, -1 in no part.
        sample_of: (N,) index of the sample.
        parts: names of the parts.
        held_out: the part that is judged; None where each is judged by the network of the others.
        progress, cancel: see `nscweb.core.progress`.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    found = _exact_pairs(fields, part_of_cell)
    exact = len(found)
    settled = np.zeros(len(fields), bool)
    settled[[row for row, _ in found]] = True
    queries, targets, likeness, complete = pairs_alike(fields, part_of_cell, settled, progress, cancel)
    scores = [1.0] * len(found)
    for index, (query, target) in enumerate(zip(queries.tolist(), targets.tolist(), strict=True)):
        if index % 2048 == 0:
            stop_if_asked(cancel)
            progress(index, len(queries), "Comparing images that look alike")
        score = laid_over(fields[target, 0], fields[query, 0], int(likeness[index]))
        if score >= SAME:
            found.append((query, target))
            scores.append(score)
    rows = np.asarray(found, np.int64).reshape(-1, 2)
    order = np.lexsort((rows[:, 1], rows[:, 0], -np.asarray(scores)))
    pairs = tuple(
        Pair(
            a,
            parts[part_of_cell[a]],
            int(sample_of[a]),
            b,
            parts[part_of_cell[b]],
            int(sample_of[b]),
            round(scores[index], 4),
            index < exact,
            bool(labels[a] == labels[b]),
        )
        for index in order[:LISTED].tolist()
        for a, b in [found[index]]
    )
    return DuplicateReport(
        cells=int((part_of_cell >= 0).sum()),
        exact=exact,
        near=len(found) - exact,
        held_out_cells=int((part_of_cell >= 0).sum() if held_out is None else (part_of_cell == held_out).sum()),
        held_out_twins=len(
            np.unique(rows) if held_out is None else np.unique(rows[part_of_cell[rows[:, 0]] == held_out, 0])
        ),
        other_class=int((labels[rows[:, 0]] != labels[rows[:, 1]]).sum()),
        pairs=pairs,
        complete=complete,
    )


def duplicates_summary(
    data: TrainingData, split: Split, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> dict[str, Any]:
    """The search over the parts of a split, ready for ``audit["duplicates"]`` of a card.

    Returns:
        ``passed`` (True when there are no more twins than by chance), ``sentence``, ``exact``, ``near``,
        ``held_out_twins``, ``other_class``, ``complete``, ``threshold`` and ``pairs``, whose samples are named.
    """
    names = tuple(f"fold {number + 1}" for number in range(len(split.folds))) or PARTS
    held = [rows for _, rows in split.folds] or [split.train, split.validation, split.held_out]
    part_of = np.full(len(data), -1, np.int64)
    for part, rows in enumerate(held):
        part_of[rows] = part
    report = near_duplicates(
        data.fields,
        data.labels,
        part_of,
        data.sample_of,
        parts=names,
        held_out=None if split.folds else HELD_OUT,
        progress=progress,
        cancel=cancel,
    )
    pairs = []
    for pair in report.pairs:
        row = asdict(pair)
        row["sample"], row["other_sample"] = (data.samples[pair.sample].name, data.samples[pair.other_sample].name)
        pairs.append(row)
    return {
        "passed": report.by_chance,
        "sentence": report.sentence,
        "exact": report.exact,
        "near": report.near,
        "held_out_twins": report.held_out_twins,
        "other_class": report.other_class,
        "complete": report.complete,
        "threshold": SAME,
        "pairs": pairs,
    }


def _exact_pairs(fields: NDArray[Any], part_of_cell: Rows) -> list[tuple[int, int]]:
    """(row of the later part, row of the earlier part) of equal images; of many equal ones the first each."""
    first: dict[tuple[bytes, int], int] = {}
    digests: dict[int, bytes] = {}
    for row in np.flatnonzero(part_of_cell >= 0).tolist():
        image = np.ascontiguousarray(fields[row])
        # An empty image says nothing about the cell.
        if image.min() == image.max():
            continue
        digest = digests[row] = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        first.setdefault((digest, int(part_of_cell[row])), row)
    pairs = []
    for row, digest in digests.items():
        for part in range(int(part_of_cell[row])):
            if (digest, part) in first:
                pairs.append((row, first[digest, part]))
                break
    return pairs
