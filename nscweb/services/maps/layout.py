"""From vectors to places in a plane: t-SNE, and new cells placed among those that are there.

openTSNE (Poličar, Stražar and Zupan, J. Stat. Softw. 109, 1 (2024)) starts from the two widest directions, so that
what lies far apart in the vectors tends to lie far apart on the map (Kobak and Berens, Nat. Commun. 10, 5416 (2019)).
It is imported when it is used: pages that only show a map need none of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, stop_if_asked

Floats = NDArray[np.float32]
# Neighbours that a cell looks at, in t-SNE's own sense; fewer where there are few cells.
PERPLEXITY = 30.0
# Rounds with neighbours pulled together, and after that; as the authors recommend.
EARLY, LATE = 250, 500
_EXAGGERATION = 12.0
_EVERY = 25
# Fewer cells than this show nothing that their two widest directions do not.
FEWEST = 12
# Cells placed in one go, so that progress is told.
_TOGETHER = 4000
_STEP = "Laying out"


def perplexity_for(cells: int) -> float:
    """Perplexity that so many cells allow."""
    return float(min(PERPLEXITY, max(2.0, (cells - 1) / 3)))


def lay_out(
    vectors: Floats, *, seed: int, threads: int, progress: Progress, cancel: CancelAsked
) -> NDArray[np.float64]:
    """Places (N, 2) of cells by t-SNE; those of the two widest directions where there are fewer than `FEWEST`.

    Args:
        vectors: (N, P) of finite numbers, the widest direction first.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    cells = len(vectors)
    if cells < FEWEST:
        return widest(vectors)
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    rounds = EARLY + LATE
    before = 0

    def told(done: int, *_: Any) -> None:
        stop_if_asked(cancel)
        now = before + done
        progress(round(cells * now / rounds), cells, f"{_STEP}, round {now} of {rounds}")

    progress(0, cells, "Finding the neighbours of every cell")
    nearby = PerplexityBasedNN(vectors, perplexity_for(cells), n_jobs=threads, random_state=seed)
    stop_if_asked(cancel)
    start = widest(vectors)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    found = TSNEEmbedding(
        start, nearby, random_state=seed, n_jobs=threads, callbacks=told, callbacks_every_iters=_EVERY
    )
    found.optimize(EARLY, exaggeration=_EXAGGERATION, momentum=0.5, inplace=True, propagate_exception=True)
    before = EARLY
    found.optimize(LATE, momentum=0.8, inplace=True, propagate_exception=True)
    return _centred(np.array(found, np.float64))


def place(
    vectors: Floats,
    places: NDArray[np.floating[Any]],
    new: Floats,
    *,
    seed: int,
    threads: int,
    progress: Progress,
    cancel: CancelAsked,
) -> NDArray[np.float64]:
    """Places (M, 2) of new cells on a map that stays as it is: each among the cells that it is like.

    What a map needs for this is made again from the arrays that are kept of it.

    Args:
        vectors, places: (N, P) and (N, 2) of the cells that made the map.
        new: (M, P) of the cells to be placed.
    """
    result = np.zeros((len(new), 2))
    if not len(new):
        return result
    if len(vectors) < FEWEST:
        return widest(new)
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    nearby = PerplexityBasedNN(vectors, perplexity_for(len(vectors)), n_jobs=threads, random_state=seed)
    known = TSNEEmbedding(np.array(places, np.float64), nearby, random_state=seed, n_jobs=threads)
    for start in range(0, len(new), _TOGETHER):
        stop_if_asked(cancel)
        part = known.transform(new[start : start + _TOGETHER], perplexity=min(5.0, perplexity_for(len(vectors))))
        # A map is moved to its middle for this; its cells and the new ones go back together.
        moved = np.asarray(places[0], np.float64) - np.asarray(known)[0]
        result[start : start + len(part)] = np.asarray(part) + moved
        progress(start + len(part), len(new), "Placing further cells")
    return result


def widest(vectors: Floats) -> NDArray[np.float64]:
    """(N, 2) along the two widest directions; 0 where there is one direction only."""
    found = np.zeros((len(vectors), 2))
    found[:, : min(2, vectors.shape[1])] = vectors[:, :2]
    return found


def _centred(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(places - (places.max(axis=0) + places.min(axis=0)) / 2, np.float64)
