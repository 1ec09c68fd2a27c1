"""Sentences about the map of a study: samples that lie apart, and clusters that groups differ in."""

from __future__ import annotations

from collections.abc import Sequence

from nscweb.words.numbers import count, listed

CLUSTERS_NOTE = (
    "Clusters are proposed by k-means in what makes cells alike, without looking at groups. A cluster need not be a "
    "kind of cell: look at its cells. Shares are of the cells that pass the gates; the unit of tests is the replicate."
)


def apart_words(found: Sequence[tuple[str, float]], judged: int) -> str:
    """Which samples lie apart from their replicates.

    Args:
        found: (sample, robust deviations), the farthest first.
        judged: samples that were compared.
    """
    if not judged:
        return "Too few samples have enough cells to say whether one lies apart."
    if not found:
        return f"None of {count(judged, 'sample')} lies apart from those of its group and time."
    names = [f"{name} ({value:.1f} deviations)" for name, value in found]
    verb = "lies" if len(found) == 1 else "lie"
    return (
        f"{len(found)} of {count(judged, 'sample')} {verb} apart from those of the same group and time: "
        f"{listed(names, 5)}. Look at their cells, light and focus before you trust their ratios."
    )


def chosen_words(chosen: int, cells: int) -> str:
    """How many cells are chosen, of how many."""
    share = 100 * chosen / max(1, cells)
    return f"{count(chosen, 'cell')} chosen ({'under 0.1' if share < 0.1 else f'{share:.1f}'} %)"


def cluster_words(name: str, cells: int, share: float, differing: Sequence[str]) -> str:
    """A cluster in a line: its size, and between which groups its share differs.

    Args:
        share: of the cells that count, 0..1.
        differing: groups, or pairs of them, whose share differs after adjustment.
    """
    said = f"{name}: {count(cells, 'cell')}, {100 * share:.1f} %."
    if not differing:
        return f"{said} No difference between groups is shown."
    return f"{said} Its share differs: {listed(list(differing), 4)}."
