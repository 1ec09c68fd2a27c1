"""The work behind `predict_study`: cells in chunks, parts that survive a kill, one run at the end."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import StudyError
from nscweb.core.predictions import prediction_columns
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample, Study
from nscweb.services import fitness, fitness_samples
from nscweb.services.models import model_by_name
from nscweb.services.prediction_result import CHUNK, PredictionWork, finish
from nscweb.services.regate import regate
from nscweb.services.runs import sheet_digest
from nscweb.services.study.quality import default_flags_of, flags_of, put_in_force
from nscweb.services.study.study import get_study

if TYPE_CHECKING:
    from nscweb.inference.backends import Mode
    from nscweb.inference.tuning import Tuning
    from nscweb.services.context import App
    from nscweb.store.cell_files import CellFile
    from nscweb.store.prediction_files import PredictionWriter

# Cells from which a measurement of threads and batch on a new machine pays.
MEASURE_FROM = 20_000


def predict(
    app: App,
    study_name: str,
    model: str,
    progress: Progress,
    cancel: CancelAsked,
    run_key: str | None,
    device: str,
    mode: Mode = "exact",
) -> Run:
    """See `nscweb.services.predict.predict_study`."""
    from nscweb.inference.backends import open_classifier
    from nscweb.inference.export_files import check_fast_offered
    from nscweb.store.prediction_files import PredictionWriter

    began, started_utc = time.monotonic(), app.clock()
    study = get_study(app, study_name)
    if not study.cells:
        raise StudyError(f"The study {study.name} has no cells.", "Import images first.", "E-STUDY-EMPTY")
    entry = model_by_name(app, model)
    if mode == "fast":
        check_fast_offered(entry)
    channels = fitness.check_channels(study, entry.card)
    gates = put_in_force(app, study, progress)
    scores_key = _content_key(study, entry, mode)
    copied = regate(app, study, entry.card, gates, scores_key, progress)
    if copied is not None:
        return copied
    progress(0, study.cells, "Checking and loading the model")
    classifier = open_classifier(
        entry, device=device, threads=app.settings.threads, mode=mode, tuning=speeds(app, study.cells)
    )
    work = PredictionWork(app, study, entry, classifier, channels, gates, scores_key, progress, cancel)
    keys = app.catalogue.sample_keys(study.study_id)
    key = f"{run_key or 'command'}-{scores_key}-{gates.digest()}"
    names = entry.card.classes.names
    with PredictionWriter(app.folder.partial_run_dir(key), prediction_columns(names)) as writer:
        for sample in study.samples:
            if sample.cells:
                _predict_sample(work, writer, sample, keys[sample.name])
        progress(study.cells, study.cells, "Writing the table")
        return finish(work, writer, started_utc, time.monotonic() - began)


def _predict_sample(work: PredictionWork, writer: PredictionWriter, sample: Sample, key: str) -> None:
    from nscweb.inference.export_files import temperature_of
    from nscweb.inference.familiarity import distances_from, values_of
    from nscweb.store.cell_files import CellFile

    study = work.study
    with CellFile(work.app.folder.cells_path(study.study_id, key)) as cells:
        work.digests.append(cells.sha256())
        flags = flags_of(work.app, study.study_id, key, len(cells))
        # By the default gates, so that other gates never change the judgement, and scores can be taken over.
        looked_at = fitness.spread_rows(default_flags_of(work.app, study.study_id, key, len(cells)))
        embeddings: list[NDArray[np.float32]] = []
        answers: list[NDArray[np.float32]] = []
        for start in range(0, len(cells), CHUNK):
            stop_if_asked(work.cancel)
            stop = min(start + CHUNK, len(cells))
            part = f"{key}-{start:09d}"
            work.not_predicted += _missing(cells, work.channels, start, stop)
            chosen = looked_at[(looked_at >= start) & (looked_at < stop)]
            if writer.has(part):
                work.resumed += 1
                scores, found = work.classifier.predict_and_embed(_images(work, cells, chosen), study.pixel_size_um)
            else:
                table, scores, found = _predict_chunk(work, cells, sample, key, flags, start, stop)
                writer.write(part, table)
                there = chosen[~np.isnan(found[chosen - start, 0])] - start
                scores, found = scores[there], found[there]
            answers.append(scores)
            embeddings.append(found)
            work.done += stop - start
            work.progress(work.done, study.cells, f"Predicting {sample.name}")
        images = _images(work, cells, looked_at)
        values = values_of(work.classifier, images, np.concatenate(embeddings), study.pixel_size_um)
    work.distances.append(distances_from(work.entry.card, values))
    measured = fitness_samples.judge_sample(
        work.entry.card, sample.name, images, values, np.concatenate(answers), temperature_of(work.entry)
    )
    if measured is not None:
        work.measured.append(measured)


def _predict_chunk(
    work: PredictionWork, cells: CellFile, sample: Sample, key: str, flags: NDArray[np.int64], start: int, stop: int
) -> tuple[pd.DataFrame, NDArray[np.float32], NDArray[np.float32]]:
    """Rows for cells `start` to `stop` of one sample, their scores (stop - start, K) and embeddings (stop - start, F).

    Cells without the channel have no row, and NaN for scores and embedding.
    """
    rows = np.arange(start, stop)
    images = cells.images(work.channels, start, stop)
    there = np.array([image is not None for image in images], bool)
    scores, found = work.classifier.predict_and_embed(
        [image for image in images if image is not None], work.study.pixel_size_um
    )
    table = prediction_rows(
        key,
        sample,
        rows[there],
        cells.object_numbers[start:stop][there],
        cells.sources(start, stop)[there],
        scores,
        work.entry.card.classes.names,
        flags[start:stop][there],
    )
    return table, _placed(scores, there), _placed(found, there)


def _placed(values: NDArray[np.float32], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(N, F) with the rows of `values` where something is `there`, NaN elsewhere."""
    result = np.full((len(there), values.shape[1]), np.nan, np.float32)
    result[there] = values
    return result


def _images(work: PredictionWork, cells: CellFile, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
    return [image for image in cells.take(rows.tolist(), work.channels) if image is not None]


def _missing(cells: CellFile, channels: tuple[str, ...], start: int, stop: int) -> int:
    """Cells without an image in one of the channels."""
    absent = np.zeros(stop - start, bool)
    for channel in channels:
        absent |= np.array([image is None for image in cells.images(channel, start, stop)], bool)
    return int(absent.sum())


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


def speeds(app: App, cells: int) -> Tuning:
    """What was measured on this machine; a prediction of few cells does not measure, it would take longer so."""
    from nscweb.inference.tuning import Tuning

    return Tuning(app.folder.root / "speeds.json", time.perf_counter, cells >= MEASURE_FROM)


def _content_key(study: Study, entry: CardEntry, mode: Mode) -> str:
    """The same for the same study, sheet, weights and mode, so that parts of another run are never taken up.

    Backends of the exact mode agree to 1e-4, so a run may go on with another one.
    """
    card = entry.card
    text = f"{study.study_id} {card.weights.sha256} {card.recipe} {card.calibration.get('temperature')} "
    text += f"{study.channel} {study.pixel_size_um} {sheet_digest(study.samples)}"
    if mode == "fast":
        text += f" fast {entry.card.exports['fast'].get('sha256')}"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
