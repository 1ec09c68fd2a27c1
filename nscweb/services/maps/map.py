"""The map of a study: every cell a point, cells that look alike side by side. Words of page section and command."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StudyError
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Study
from nscweb.core.streams import stream
from nscweb.services.kept import kept
from nscweb.services.maps import map_files
from nscweb.services.maps.layout import EARLY, LATE, lay_out, perplexity_for, place, widest
from nscweb.services.maps.map_files import Layout
from nscweb.services.maps.vectors import Kind, Source, feature_values, fit_basis, make_vectors, source_of
from nscweb.services.study.quality import read_quality

if TYPE_CHECKING:
    from nscweb.services.context import App

Floats = NDArray[np.float32]
# Cells that make a map; of more, a draw makes it and all others are placed on it.
MOST_LAID_OUT = 100_000
_SEED = 0


@dataclass(frozen=True)
class MapRequest:
    """Which map to make: what page and command line fill in, what a job keeps, what `make_map` takes.

    Attributes:
        study: name or id.
        vectors: what makes two cells alike: ``model``, ``imagenet`` (EfficientNet-Lite0), ``features`` (as measured at
            import), or ``auto`` for the model where it fits, else ``imagenet``.
        model: name of a model or path of its folder; "" takes the default model.
        anew: lay all cells out again; without it cells that have a place keep it, and new ones are placed among them.
    """

    study: str
    vectors: Kind = "auto"
    model: str = ""
    anew: bool = False


@dataclass(frozen=True, eq=False)
class StudyMap:
    """A map as it stands.

    Attributes:
        study: whose cells.
        source: what makes two cells alike.
        keys: sample keys, in the order of the study.
        sample: (N,) index into `study.samples` of every cell.
        row: (N,) row of every cell in the file of its sample.
        vectors: (N, P) float32; NaN for cells without an image.
        widest: (N, 2) along the two widest directions, which need no layout.
        shares: of the whole spread along these two.
        places: (N, 2) by t-SNE, NaN for cells that have no place yet; None where no layout was made.
        laid_out: cells that made the layout; the others were placed on it.
        unmeasured: cells of samples that came after the vectors were computed.
        made_utc: when the layout was made, "" without one.
        mark: changes with everything that the map was read from: for keys of caches.
    """

    study: Study = field(repr=False)
    source: Source
    keys: tuple[str, ...] = field(repr=False)
    sample: NDArray[np.int64] = field(repr=False)
    row: NDArray[np.int64] = field(repr=False)
    vectors: Floats = field(repr=False)
    widest: Floats = field(repr=False)
    shares: tuple[float, float]
    places: Floats | None = field(repr=False)
    laid_out: int = 0
    unmeasured: int = 0
    made_utc: str = ""
    mark: Hashable = field(default=None, repr=False)

    @property
    def unplaced(self) -> int:
        """Cells that the layout has no place for, because they came later; cells without an image have none ever."""
        if self.places is None:
            return 0
        seen = np.isfinite(self.widest[:, 0])
        return int(np.count_nonzero(seen & np.isnan(self.places[:, 0]))) + self.unmeasured

    def ids(self, chosen: NDArray[np.int64]) -> list[str]:
        """Ids of the cells at these positions."""
        pairs = zip(self.sample[chosen].tolist(), self.row[chosen].tolist(), strict=True)
        return [f"{self.keys[sample]}:{row}" for sample, row in pairs]


def make_map(
    app: App, request: MapRequest, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> StudyMap:
    """Compute the vectors of a study, lay its cells out, and keep both.

    Raises:
        StudyNotFound, ModelError, WrongUse.
        StudyError: the study has no cells.
        JobCancelled: somebody asked to stop; the vectors of finished samples are kept.
    """
    study = app.catalogue.study(request.study)
    if not study.cells:
        raise StudyError(f"The study {study.name} has no cells.", "Import images first.", "E-STUDY-EMPTY")
    source = source_of(app, study, request.vectors, request.model)
    make_vectors(app, study, source, progress, cancel)
    keys, counts, vectors = _all_vectors(app, study, source)
    before = None if request.anew else map_files.read_layout(app, study.study_id, source.key)
    known = np.isfinite(vectors[:, 0])
    xy = np.full((len(vectors), 2), np.nan)
    made = np.zeros(len(vectors), bool)
    if before is not None:
        old, had = _aligned(before, keys, counts)
        xy[:], made = old, had
    threads = app.settings.threads or 2
    if not made.any():
        made = _drawn(known, counts, keys)
        xy[made] = lay_out(vectors[made], seed=_SEED, threads=threads, progress=progress, cancel=cancel)
    rest = known & np.isnan(xy[:, 0])
    if rest.any():
        xy[rest] = place(
            vectors[made], xy[made], vectors[rest], seed=_SEED, threads=threads, progress=progress, cancel=cancel
        )
    info = {
        "source": source.sentence,
        "model": source.model,
        "cells": int(known.sum()),
        "laid_out": int(made.sum()),
        "perplexity": perplexity_for(int(made.sum())),
        "rounds": EARLY + LATE,
        "seed": _SEED,
        "made_utc": app.clock(),
    }
    layout = Layout(keys, counts, xy.astype(np.float32), made, info)
    map_files.write_layout(app, study.study_id, source.key, layout)
    progress(study.cells, study.cells, "The map is made")
    found = read_map(app, study.study_id, source)
    assert found is not None, "vectors were written above"
    return found


def _map_key(app: App, study: str, source: Source) -> Hashable:
    found = app.catalogue.study(study)
    stamp = map_files.stamp(app, found.study_id, source.key)
    if source.kind == "features":
        keys = app.catalogue.sample_keys(found.study_id)
        paths = [app.folder.quality_path(found.study_id, keys[item.name]) for item in found.samples]
        stamp += tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    return (app.settings.data_dir, found.study_id, source.key, hash(found.samples), stamp)


@kept(3, _map_key, most_bytes=400_000_000, size=lambda found: 0 if found is None else int(found.vectors.nbytes))
def read_map(app: App, study: str, source: Source) -> StudyMap | None:
    """The map of a study from this source; None where its vectors were not computed yet.

    Samples that came after a layout was made have no vectors and no places until `make_map` is asked again.

    Maps of measured features need no job: their two widest directions are there at once.

    Raises:
        StudyNotFound: no such study.
        StudyError: no cell has numbers.
        StoreError: a file is damaged.
    """
    found = app.catalogue.study(study)
    samples = [item for item in found.samples if item.cells]
    keys = app.catalogue.sample_keys(found.study_id)
    have = [map_files.has_vectors(app, found.study_id, source.key, keys[item.name]) for item in samples]
    layout = map_files.read_layout(app, found.study_id, source.key)
    complete = all(have) or (layout is not None and any(have))
    if not samples or (source.kind != "features" and not complete):
        return None
    late = 0
    if complete:
        basis = map_files.read_basis(app, found.study_id, source.key)
        late = sum(item.cells for item, there in zip(samples, have, strict=True) if not there)
        _, counts, vectors = _all_vectors(app, found, source)
        shares = () if basis is None else tuple(float(share) for share in basis.share[:2])
    else:
        vectors, shares = _vectors_of_features(app, found)
        counts = tuple(item.cells for item in samples)
    places = None
    if layout is not None:
        places = _aligned(layout, tuple(keys[item.name] for item in samples), counts)[0].astype(np.float32)
    numbers = [place for place, item in enumerate(found.samples) if item.cells]
    return StudyMap(
        study=found,
        source=source,
        keys=tuple(keys[item.name] for item in found.samples),
        sample=np.repeat(np.array(numbers, np.int64), counts),
        row=np.concatenate([np.arange(count, dtype=np.int64) for count in counts]),
        vectors=vectors,
        widest=widest(vectors).astype(np.float32),
        shares=(shares[0] if shares else 0.0, shares[1] if len(shares) > 1 else 0.0),
        places=places,
        laid_out=0 if layout is None else int(layout.laid_out.sum()),
        unmeasured=late,
        made_utc="" if layout is None else str(layout.info.get("made_utc", "")),
        mark=_map_key(app, study, source),
    )


def _vectors_of_features(app: App, study: Study) -> tuple[Floats, tuple[float, ...]]:
    keys = app.catalogue.sample_keys(study.study_id)
    parts = []
    for sample in study.samples:
        path = app.folder.quality_path(study.study_id, keys[sample.name])
        if not sample.cells:
            continue
        if not path.exists():
            raise StudyError(
                f"The cells of {sample.name} were not measured at import.", "Import the study again.", "E-NOT-MEASURED"
            )
        parts.append(feature_values(read_quality(path)))
    values = np.concatenate(parts)
    basis = fit_basis(values, "features")
    return basis.project(values), tuple(float(share) for share in basis.share[:2])


def _all_vectors(app: App, study: Study, source: Source) -> tuple[tuple[str, ...], tuple[int, ...], Floats]:
    """Keys of the samples, cells of each, and the vectors of all; NaN for samples that have none yet."""
    by_name = app.catalogue.sample_keys(study.study_id)
    sizes = {by_name[item.name]: item.cells for item in study.samples if item.cells}
    keys = tuple(sizes)
    there = [key for key in keys if map_files.has_vectors(app, study.study_id, source.key, key)]
    read = {key: map_files.read_vectors(app, study.study_id, source.key, key) for key in there}
    wide = next(iter(read.values())).shape[1] if read else 0
    parts = [read[key] if key in read else np.full((sizes[key], wide), np.nan, np.float32) for key in keys]
    return keys, tuple(len(part) for part in parts), np.concatenate(parts)


def _aligned(
    layout: Layout, keys: tuple[str, ...], counts: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places (N, 2) and whether they made the map (N,) of these samples; NaN for samples that it does not know."""
    starts = dict(zip(layout.keys, np.cumsum([0, *layout.counts[:-1]]).tolist(), strict=True))
    sizes = dict(zip(layout.keys, layout.counts, strict=True))
    xy = np.full((sum(counts), 2), np.nan)
    made = np.zeros(len(xy), bool)
    at = 0
    for key, count in zip(keys, counts, strict=True):
        if sizes.get(key) == count:
            begin = starts[key]
            xy[at : at + count] = layout.xy[begin : begin + count]
            made[at : at + count] = layout.laid_out[begin : begin + count]
        at += count
    return xy, made


def _drawn(known: NDArray[np.bool_], counts: tuple[int, ...], keys: tuple[str, ...]) -> NDArray[np.bool_]:
    """(N,) the cells that make the map: all, or `MOST_LAID_OUT` of them, as many of each sample as it has room for."""
    if int(known.sum()) <= MOST_LAID_OUT:
        return known.copy()
    turn = np.concatenate(
        [stream(_SEED, "map draw", key).permutation(count) for key, count in zip(keys, counts, strict=True)]
    )
    turn = np.where(known, turn, np.iinfo(np.int64).max)
    chosen = np.zeros(len(known), bool)
    chosen[np.argsort(turn, kind="stable")[:MOST_LAID_OUT]] = True
    return chosen
