"""The work behind `predict_study`: cells in chunks, parts that survive a kill, one run at the end."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import StudyError
from nscweb.core.predictions import prediction_columns
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.core.runs import Provenance, Run
from nscweb.core.samples import Sample, Study
from nscweb.services import fitness
from nscweb.services.models import model_by_name
from nscweb.services.quality import flags_of
from nscweb.services.runs import sheet_digest

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App
    from nscweb.store.cells import CellFile
    from nscweb.store.predictions import PredictionWriter

# Cells per part file: about a second of work, the most that a kill can lose.
CHUNK = 2048


@dataclass
class _Work:
    """Everything that one prediction needs, and what it notices on the way."""

    app: App
    study: Study
    entry: CardEntry
    classifier: Classifier
    channels: tuple[str, ...]
    progress: Progress
    cancel: CancelAsked
    done: int = 0
    resumed: int = 0
    not_predicted: int = 0
    digests: list[str] = field(default_factory=list)
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)
    measured: list[fitness.SampleFitness] = field(default_factory=list)


def predict(
    app: App,
    study_name: str,
    model: str,
    progress: Progress,
    cancel: CancelAsked,
    run_key: str | None,
    device: str,
) -> Run:
    """See `nscweb.services.predict.predict_study`."""
    from nscweb.inference.classifier import Classifier
    from nscweb.store.predictions import PredictionWriter

    began, started_utc = time.monotonic(), app.clock()
    study = app.catalogue.study(study_name)
    if not study.cells:
        raise StudyError(f"The study {study.name} has no cells.", "Import images first.", "E-STUDY-EMPTY")
    entry = model_by_name(app, model)
    channels = fitness.check_channels(study, entry.card)
    progress(0, study.cells, "Checking and loading the model")
    classifier = Classifier(entry, device=device, threads=app.settings.threads)
    work = _Work(app, study, entry, classifier, channels, progress, cancel)
    keys = app.catalogue.sample_keys(study.study_id)
    key = run_key or _default_key(study, entry)
    names = entry.card.classes.names
    with PredictionWriter(app.folder.partial_run_dir(key), prediction_columns(names)) as writer:
        for sample in study.samples:
            if sample.cells:
                _predict_sample(work, writer, sample, keys[sample.name])
        progress(study.cells, study.cells, "Writing the table")
        return _finish(work, writer, started_utc, time.monotonic() - began)


def _predict_sample(work: _Work, writer: PredictionWriter, sample: Sample, key: str) -> None:
    from nscweb.store.cells import CellFile

    study = work.study
    with CellFile(work.app.folder.cells_path(study.study_id, key)) as cells:
        work.digests.append(cells.sha256())
        flags = flags_of(work.app, study.study_id, key, len(cells))
        for start in range(0, len(cells), CHUNK):
            stop_if_asked(work.cancel)
            stop = min(start + CHUNK, len(cells))
            part = f"{key}-{start:09d}"
            if writer.has(part):
                work.resumed += 1
            else:
                writer.write(part, _predict_chunk(work, cells, sample, key, flags, start, stop))
            work.done += stop - start
            work.progress(work.done, study.cells, f"Predicting {sample.name}")
        _look_at(work, cells, sample)


def _predict_chunk(
    work: _Work,
    cells: CellFile,
    sample: Sample,
    key: str,
    flags: NDArray[np.int64],
    start: int,
    stop: int,
) -> pd.DataFrame:
    """Rows for cells `start` to `stop` of one sample; cells without the channel are left out."""
    rows = np.arange(start, stop)
    images = cells.images(work.channels, start, stop)
    there = np.array([image is not None for image in images], bool)
    scores = work.classifier.predict(
        [image for image in images if image is not None], work.study.pixel_size_um
    )
    return prediction_rows(
        key, sample, rows[there], cells.object_numbers[start:stop][there], cells.sources(start, stop)[there],
        scores, work.entry.card.classes.names, flags[start:stop][there],
    )  # fmt: skip


def prediction_rows(
    key: str,
    sample: Sample,
    rows: NDArray[Any],
    object_numbers: NDArray[Any],
    sources: NDArray[Any],
    scores: NDArray[np.float32],
    class_names: tuple[str, ...],
    flags: NDArray[Any],
) -> pd.DataFrame:
    """Rows of the prediction table (columns of core.predictions) from scores (n, K)."""
    best = scores.argmax(axis=1) if len(scores) else np.zeros(0, int)
    columns: dict[str, Any] = {
        "cell_id": [f"{key}:{row}" for row in rows],
        "sample_id": sample.name,
        "object_number": np.asarray(object_numbers, np.int64),
        "group": sample.group,
        "time_h": np.nan if sample.time_h is None else float(sample.time_h),
        "replicate": sample.replicate,
        **{f"p_{name}": scores[:, index] for index, name in enumerate(class_names)},
        "predicted": np.asarray(class_names, object)[best],
        "confidence": scores.max(axis=1) if len(scores) else np.zeros(0, np.float32),
        "flags": np.asarray(flags, np.int64),
        "true_class": sample.true_class,
        "source": sources,
    }
    return pd.DataFrame(columns, index=range(len(rows)))[prediction_columns(class_names)]


def _look_at(work: _Work, cells: CellFile, sample: Sample) -> None:
    """Compare some cells of a sample with the training data."""
    images = [
        image
        for image in cells.take(fitness.spread_rows(len(cells)).tolist(), work.channels)
        if image is not None
    ]
    embeddings = work.classifier.embed(images, work.study.pixel_size_um)
    work.embeddings.append(embeddings)
    measured = fitness.measure_fitness(work.entry.card, embeddings, sample.name)
    if measured is not None:
        work.measured.append(measured)


def _warnings(work: _Work) -> list[str]:
    card = work.entry.card
    sentences = [*fitness.study_warnings(work.study, card), *fitness.model_warnings(card)]
    unlike = fitness.fitness_warnings(work.measured)
    if not unlike:
        together = fitness.study_fitness(card, work.embeddings)
        unlike = [together.sentence] if together is not None and together.unlike else []
    sentences += unlike
    if work.not_predicted:
        sentences.append(
            f"{work.not_predicted} cells have no image in the channel {', '.join(work.channels)} and were "
            "not predicted."
        )
    return sentences


def _finish(work: _Work, writer: PredictionWriter, started_utc: str, seconds: float) -> Run:
    from nscweb.store.provenance import package_versions

    study, card = work.study, work.entry.card
    provenance = Provenance(
        study=study.name,
        study_id=study.study_id,
        cells_sha256=hashlib.sha256("".join(work.digests).encode("ascii")).hexdigest(),
        model=card.name,
        model_version=card.version,
        weights_sha256=card.weights.sha256,
        channel=", ".join(work.channels),
        settings={**work.classifier.settings, "chunk": CHUNK, "parts_kept_from_before": work.resumed},
        versions=package_versions(),
        started_utc=started_utc,
        seconds=round(seconds, 3),
        simulated_cells=study.simulated,
        simulated_training=card.origin.simulated,
        warnings=tuple(_warnings(work)),
    )
    extra = {
        "classes": {
            "names": list(card.classes.names),
            "colours": list(card.classes.colours),
            "kind": card.classes.kind,
        },
        "model_title": card.title,
        "model_folder": str(work.entry.folder),
        "limits": list(card.limits),
        "fitness": [item.as_dict() for item in work.measured],
        "cell_files_sha256": work.digests,
        "not_predicted": work.not_predicted,
        "sheet_digest": sheet_digest(study.samples),
        "channel": study.channel,
        "pixel_size_um": study.pixel_size_um,
    }
    return _store(work, writer, provenance, extra)


def _default_key(study: Study, entry: CardEntry) -> str:
    """Name of the unfinished run of this study by these weights, the same when the command is given again."""
    text = f"{study.study_id} {entry.card.weights.sha256} {sheet_digest(study.samples)}"
    return "cli-" + hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
