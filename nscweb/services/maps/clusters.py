"""Clusters of a map: proposed by k-means in the vectors, shown by typical cells, compared between inducer groups."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import LEFT_OUT, pack
from nscweb.core.rules import ALPHA
from nscweb.core.streams import stream
from nscweb.evaluation.audit.apart import APART, centroids, deviations
from nscweb.evaluation.groups.group_errors import group_errors
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.replicate_join import replicate_names
from nscweb.services.kept import kept
from nscweb.services.maps.points import UNKNOWN, Colouring, Points, colours, points_key
from nscweb.words.map_words import apart_words

if TYPE_CHECKING:
    from nscweb.services.context import App

Places = NDArray[np.int64]
FEWEST, MOST = 2, 12
_SEED = 0
# Cells on which the number of clusters is chosen: silhouettes look at all pairs.
_DRAWN = 2000
_COLOUR = "clusters "


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of the cells of a map.

    Attributes:
        number: (N,) cluster of each cell from 0 on, the largest first; -1 for cells without an image.
        centres: (K, P) in the vectors.
        counted: (N,) cells that count: those that pass the gates.
        rows: replicate rows of the shares (`evaluation.groups.replicate_rows.ROW_COLUMNS`), ``class`` the cluster.
    """

    number: NDArray[np.int64] = field(repr=False)
    centres: NDArray[np.float64] = field(repr=False)
    counted: NDArray[np.bool_] = field(repr=False)
    rows: pd.DataFrame = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What clusters are called."""
        return tuple(cluster_name(place) for place in range(len(self.centres)))

    def cells(self, place: int) -> int:
        """Counted cells of a cluster."""
        return int(np.count_nonzero(self.counted & (self.number == place)))


def cluster_name(place: int) -> str:
    """ "cluster 1" for the first."""
    return f"cluster {place + 1}"


def _key(app: App, points: Points, wanted: int = 0) -> Hashable:
    return (points_key(app, points.map, points.run), wanted)


@kept(6, _key)
def clusters_of(app: App, points: Points, wanted: int = 0) -> Clusters:
    """Clusters of the cells of a map.

    Args:
        wanted: how many, `FEWEST` to `MOST`; 0 takes the number whose clusters are told apart best (highest mean
            silhouette; Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987)).
    """
    from sklearn.cluster import MiniBatchKMeans

    vectors = points.map.vectors
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    most = min(MOST, max(1, len(known) - 1))
    size = min(max(wanted or _best(vectors[known], most), 1), most)
    fitted = MiniBatchKMeans(size, random_state=_SEED, n_init=5, batch_size=4096).fit(vectors[known])
    order = np.argsort(-np.bincount(fitted.labels_, minlength=size), kind="stable")
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    number = np.full(len(vectors), -1, np.int64)
    number[known] = place[fitted.labels_]
    counted = (number >= 0) & ((points.flags & pack(LEFT_OUT)) == 0)
    centres = np.asarray(fitted.cluster_centers_[order], np.float64)
    return Clusters(number, centres, counted, _shares(points, number, counted, size))


def colouring_of(wanted: int) -> Colouring:
    """Clusters as something that points are coloured by."""
    return Colouring(f"{_COLOUR}{wanted}", "Cluster")


def values_of(app: App, points: Points, key: str) -> NDArray[Any]:
    """(N,) values of a colouring, that of clusters among them (see `points.colours`)."""
    if not key.startswith(_COLOUR):
        return colours(app, points, key)
    found = clusters_of(app, points, int(key.removeprefix(_COLOUR)))
    return np.asarray([*found.names, UNKNOWN], object)[found.number]


def typical_cells(points: Points, found: Clusters, place: int, wanted: int = 8) -> Places:
    """Positions of the counted cells that are nearest to the centre of a cluster, the nearest first."""
    here = np.flatnonzero(found.counted & (found.number == place))
    distance = ((points.map.vectors[here] - found.centres[place]) ** 2).sum(axis=1)
    return np.asarray(here[np.argsort(distance, kind="stable")[:wanted]], np.int64)


def cluster_tests(found: Clusters, time_h: float, control: str | None) -> pd.DataFrame:
    """Shares of clusters compared between groups at one time point: columns of `pair_tests.TEST_COLUMNS`.

    Replicates are the unit, their spread is borrowed across groups, and Holm's adjustment counts every cluster and
    comparison of the time point.

    Args:
        time_h: NaN for samples without a time.
        control: group that the others are compared with; None compares all pairs.
    """
    rows = found.rows
    same = rows["time_h"].isna() if np.isnan(time_h) else rows["time_h"] == time_h
    here = rows[same]
    if control is not None and control not in set(here["group"]):
        control = None
    return group_tests(here, control, errors=group_errors(rows))


def differing(tests: pd.DataFrame, name: str) -> list[str]:
    """Comparisons of a cluster that hold after adjustment, in words, the surest first."""
    shown = tests[(tests["class"] == name) & (tests["p_adjusted"] < ALPHA)].sort_values("p_adjusted")
    return [
        f"{row['group']} {100 * float(row['difference']):+.0f} points against {row['control']}"
        for row in shown.to_dict("records")
    ]


@dataclass(frozen=True)
class Apart:
    """Samples that lie apart from their fellows.

    Attributes:
        table: one row per sample: ``sample``, ``cells``, ``deviations`` (robust, NaN where not judged), farthest first.
        sentence: which ones, in words.
    """

    table: pd.DataFrame = field(repr=False)
    sentence: str


def samples_apart(points: Points) -> Apart:
    """How far the cells of each sample lie from those of the samples of its group and time."""
    study = points.map.study
    counts = (points.flags & pack(LEFT_OUT)) == 0
    centres, cells = centroids(points.map.vectors, np.where(counts, points.map.sample, -1), len(study.samples))
    far = deviations(centres, cells, [(item.group, item.time_h) for item in study.samples])
    table = pd.DataFrame({"sample": [item.name for item in study.samples], "cells": cells, "deviations": far})
    table = table.sort_values("deviations", ascending=False, na_position="last").reset_index(drop=True)
    shown = table[table["deviations"] > APART]
    named = list(zip(shown["sample"].astype(str), shown["deviations"].astype(float), strict=True))
    return Apart(table, apart_words(named, int(np.isfinite(far).sum())))


def _best(vectors: NDArray[np.float32], most: int) -> int:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    turn = stream(_SEED, "clusters").permutation(len(vectors))[:_DRAWN]
    some = vectors[np.sort(turn)]
    best, size = -1.0, 1
    for wanted in range(FEWEST, min(most, len(some) - 1) + 1):
        labels = KMeans(wanted, random_state=_SEED, n_init=3).fit_predict(some)
        if len(np.unique(labels)) < 2:
            continue
        score = float(silhouette_score(some, labels))
        if score > best:
            best, size = score, wanted
    return size


def _shares(points: Points, number: NDArray[np.int64], counted: NDArray[np.bool_], size: int) -> pd.DataFrame:
    """Replicate rows: share of each cluster of the counted cells of every sample that has some."""
    samples = points.map.study.samples
    counts = np.zeros((len(samples), size))
    np.add.at(counts, (points.map.sample[counted], number[counted]), 1)
    total = counts.sum(axis=1)
    about = pd.DataFrame(
        {
            "sample_id": [item.name for item in samples],
            "replicate": [item.replicate for item in samples],
            "group": [item.group for item in samples],
            "time_h": [np.nan if item.time_h is None else float(item.time_h) for item in samples],
        }
    )
    about["replicate"] = replicate_names(about)
    there = np.flatnonzero(total)
    parts = [
        about.iloc[there][["group", "time_h", "replicate"]].assign(
            **{"class": cluster_name(place)}, ratio=counts[there, place] / total[there], cells=total[there]
        )
        for place in range(size)
    ]
    return pd.concat(parts, ignore_index=True)
