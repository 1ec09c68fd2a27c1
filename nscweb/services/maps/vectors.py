"""What a cell is to a map: a vector of what a model, a network for everyday pictures, or the measured features see.

Vectors are numbers along the leading directions of spread (principal components), found once on a draw of cells from
all samples and then used for every cell, also for those that come later. They are kept as arrays, a file per sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelError, StudyError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.core.samples import Study
from nscweb.core.streams import stream
from nscweb.services.maps import map_files
from nscweb.services.maps.map_files import Basis
from nscweb.services.models import default_model, model_by_name
from nscweb.services.predict.fast_here import tuning
from nscweb.services.predict.fitness import check_channels
from nscweb.services.study.quality import read_quality
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

Floats = NDArray[np.float32]
Kind = Literal["auto", "model", "imagenet", "features"]
KINDS: tuple[Kind, ...] = ("auto", "model", "imagenet", "features")
# Numbers of a cell itself among the measured ones; the others speak of frame and light.
FEATURES: tuple[str, ...] = (
    *("contrast", "focus", "area_px", "n_objects", "border_contact", "perimeter_px", "major_axis_px", "minor_axis_px"),
    *("aspect_ratio", "circularity", "eccentricity", "gradient_rms", "object_intensity"),
)
# Sizes and contrasts differ by factors.
_LOGARITHM = frozenset(("contrast", "area_px", "perimeter_px", "major_axis_px", "minor_axis_px", "gradient_rms"))
# Beyond so many standard deviations a measured number is an outlier whose size says nothing.
_FAR = 6.0
# Directions that are kept: more change no neighbour, and cost time in every step.
DIMENSIONS = 30
# Cells that find the directions, drawn evenly from all samples.
DRAWN = 4096
CHUNK = 512
Embed = Callable[[list[NDArray[Any]]], Floats]


@dataclass(frozen=True)
class Source:
    """Where the vectors of a map come from.

    Attributes:
        kind: ``model``, ``imagenet`` or ``features``.
        model: name of the model, "" for the other two.
        key: name of the folder of its maps; differs where vectors would.
        sentence: what the vectors are, for people.
        channels: channels that are read.
        why: why no model is used where somebody might expect one, "" otherwise.
    """

    kind: Kind
    model: str
    key: str
    sentence: str
    channels: tuple[str, ...]
    why: str = ""


def source_of(app: App, study: Study, vectors: Kind = "auto", model: str = "") -> Source:
    """Where vectors of a study come from.

    Args:
        vectors: ``auto`` takes the model where its channels are there, else EfficientNet-Lite0.
        model: its name; "" takes the default model.

    Raises:
        WrongUse: no such kind of vectors.
        ModelError: the model does not fit, and was asked for.
    """
    if vectors not in KINDS:
        raise WrongUse(f"A map cannot be made of {vectors!r}.", f"Use one of: {', '.join(KINDS)}.")
    if vectors == "features":
        sentence = "measured features (size, outline, contrast, focus)"
        return Source("features", "", _key("features", study, *FEATURES), sentence, (study.channel,))
    why = ""
    if vectors in ("auto", "model"):
        try:
            return _of_model(study, model_by_name(app, model) if model else default_model(app))
        except ModelError as error:
            if vectors == "model" or model:
                raise
            why = error.what
    sentence = "features of EfficientNet-Lite0, a network that learnt everyday pictures and no cells"
    return Source("imagenet", "", _key("imagenet", study), sentence, (study.channel,), why)


def _of_model(study: Study, entry: CardEntry) -> Source:
    card = entry.card
    channels = check_channels(study, card)
    key = _key("model", study, card.weights.sha256, card.recipe)
    return Source("model", card.name, key, f"what the model {card.name} sees in a cell", channels)


def _key(kind: str, study: Study, *said: object) -> str:
    # Another channel or pixel size gives other vectors of the same cells.
    text = repr((kind, study.channel, study.pixel_size_um, *said))
    return f"{kind}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:16]}"


def make_vectors(app: App, study: Study, source: Source, progress: Progress, cancel: CancelAsked) -> None:
    """Compute and keep the vectors of every cell that has none yet; a kill loses one sample at most.

    Raises:
        StudyError: no cell has an image in the channel.
        JobCancelled, ModelError, InputRefused.
    """
    keys = app.catalogue.sample_keys(study.study_id)
    wanted = [item for item in study.samples if item.cells]
    missing = [item for item in wanted if not map_files.has_vectors(app, study.study_id, source.key, keys[item.name])]
    if not missing:
        return
    embed = _embedder(app, study, source, progress)
    basis = map_files.read_basis(app, study.study_id, source.key)
    if basis is None:
        basis = fit_basis(_drawn(app, study, source, embed, progress, cancel), source.kind)
        map_files.write_basis(app, study.study_id, source.key, basis)
    done = sum(item.cells for item in wanted) - sum(item.cells for item in missing)
    for sample in missing:
        found = np.full((sample.cells, len(basis.axes)), np.nan, np.float32)
        for start in range(0, sample.cells, CHUNK):
            stop_if_asked(cancel)
            rows = np.arange(start, min(start + CHUNK, sample.cells))
            found[rows] = basis.project(_values(app, study, source, keys[sample.name], rows, embed))
            done += len(rows)
            progress(done, study.cells, f"Looking at the cells of {sample.name}")
        map_files.write_vectors(app, study.study_id, source.key, keys[sample.name], found)


def fit_basis(values: NDArray[np.floating[Any]], kind: Kind) -> Basis:
    """The leading directions of vectors (N, F), rows that are not numbers left out.

    Measured features are standardised by median and spread first; the features of a network have one scale.

    Raises:
        StudyError: fewer than three cells have numbers.
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known).all(axis=1)]
    if len(known) < 3:
        raise StudyError("A map needs three cells with an image at least.", "Import more cells.", "E-MAP-TOO-FEW-CELLS")
    mean, scale, far = known.mean(axis=0), np.ones(known.shape[1]), float("inf")
    if kind == "features":
        low, mean, high = np.quantile(known, (0.25, 0.5, 0.75), axis=0)
        scale, far = np.where(high > low, (high - low) / 1.349, np.maximum(known.std(axis=0), 1e-9)), _FAR
    centred = np.clip((known - mean) / scale, -far, far)
    middle = centred.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centred, rowvar=False)))
    kept = min(DIMENSIONS, centred.shape[1])
    axes = vectors[:, ::-1][:, :kept].T
    # The sign of a direction is free; the largest part of each is made positive, so that a map never turns over.
    axes = axes * np.sign(axes[np.arange(kept), np.abs(axes).argmax(axis=1)])[:, None]
    share = np.maximum(variances[::-1][:kept], 0) / max(float(np.maximum(variances, 0).sum()), 1e-12)
    return Basis(mean, scale, far, middle, axes, share)


def feature_values(table: Any) -> NDArray[np.float64]:
    """(N, F) of `FEATURES` from a quality table; NaN rows for cells without an image."""
    columns = []
    for name in FEATURES:
        values = table[name].to_numpy(np.float64)
        columns.append(np.log(np.maximum(values, 1e-6)) if name in _LOGARITHM else values)
    found = np.stack(columns, axis=1)
    # Numbers of older versions that were not measured are the same for all cells and move none.
    gaps = np.isnan(found) & np.isfinite(table["width"].to_numpy(np.float64))[:, None]
    return np.where(gaps, 0.0, found)


def _drawn(
    app: App, study: Study, source: Source, embed: Embed | None, progress: Progress, cancel: CancelAsked
) -> NDArray[np.floating[Any]]:
    keys = app.catalogue.sample_keys(study.study_id)
    samples = [item for item in study.samples if item.cells]
    each = -(-DRAWN // max(1, len(samples)))
    parts: list[NDArray[np.floating[Any]]] = []
    done, total = 0, sum(min(each, item.cells) for item in samples)
    for sample in samples:
        stop_if_asked(cancel)
        chosen = stream(0, "map basis", keys[sample.name]).permutation(sample.cells)[:each]
        parts.append(_values(app, study, source, keys[sample.name], np.sort(chosen), embed))
        done += len(chosen)
        progress(done, total, "Finding what differs most between cells")
    return np.concatenate(parts) if parts else np.zeros((0, len(FEATURES)))


def _values(
    app: App, study: Study, source: Source, key: str, rows: NDArray[np.int64], embed: Embed | None
) -> NDArray[np.floating[Any]]:
    """(n, F) of the cells in `rows` of a sample, NaN where a cell has no image."""
    if embed is None:
        path = app.folder.quality_path(study.study_id, key)
        if not path.exists():
            return np.full((len(rows), len(FEATURES)), np.nan)
        return feature_values(read_quality(path))[rows]
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        images = cells.take(rows.tolist(), source.channels)
    there = np.array([image is not None for image in images], bool)
    found = embed([image for image in images if image is not None])
    result = np.full((len(rows), found.shape[1]), np.nan, np.float32)
    result[there] = found
    return result


def _embedder(app: App, study: Study, source: Source, progress: Progress) -> Embed | None:
    if source.kind == "features":
        return None
    progress(0, study.cells, "Checking and loading the model")
    if source.kind == "model":
        from nscweb.inference.backends import open_classifier

        # Whatever threads and batch an earlier prediction found best are used; nothing is measured here.
        found = open_classifier(
            model_by_name(app, source.model), threads=app.settings.threads, tuning=tuning(app, measure=False)
        )
        return lambda images: found.embed(images, study.pixel_size_um)
    from nscweb.inference.imagenet_features import ImagenetFeatures

    network = ImagenetFeatures(_usual_frame(app, study), app.settings.threads)
    return network.embed


def _usual_frame(app: App, study: Study) -> tuple[int, int]:
    """Median height and width of the frames of a study: the field that is kept of every cell."""
    keys = app.catalogue.sample_keys(study.study_id)
    frames = []
    for sample in study.samples:
        if sample.cells:
            with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
                frames.append(np.array(cells.frames[:CHUNK]))
    height, width = (round(float(side)) for side in np.median(np.concatenate(frames), axis=0))
    return max(8, height), max(8, width)
