"""Predict a study: every cell through one model, kept as a prediction table with its provenance.

What it notices on its way becomes warnings of the run.

Cells go in chunks, whose parts survive a kill, and make one run at the end.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import StoreError, StudyError
from nscweb.core.gates import Gates
from nscweb.core.predictions import prediction_columns
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.run_record import SETTING, Mode, Provenance, Run
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.prepare import at_pixel_size
from nscweb.services.models import default_model, model_by_name
from nscweb.services.predict import fitness, light_samples
from nscweb.services.predict.fast_here import require_fast, tuning
from nscweb.services.predict.light_rules import card_of_rules
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.predict.regate import gates_as_extra, regate
from nscweb.services.predict.run_sums import make_sums
from nscweb.services.predict.runs import list_runs, sheet_digest
from nscweb.services.study.gates import gates_changed
from nscweb.services.study.quality import default_flags_of, flags_of, put_in_force
from nscweb.services.study.study import get_study
from nscweb.services.study.understood.same_setting import setting_of

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App
    from nscweb.store.cell_files import CellFile
    from nscweb.store.prediction_files import PredictionWriter


# Cells per part file: about a second of work, the most that a kill can lose.
CHUNK = 2048
# Cells from which a measurement of threads and batch on a new machine pays.
MEASURE_FROM = 20_000


@dataclass
class PredictionWork:
    """Everything that one prediction needs, and what it notices on the way."""

    app: App
    study: Study
    entry: CardEntry
    classifier: Classifier
    channels: tuple[str, ...]
    gates: Gates
    scores_key: str
    progress: Progress
    cancel: CancelAsked
    done: int = 0
    resumed: int = 0
    not_predicted: int = 0
    digests: list[str] = field(default_factory=list)
    distances: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)
    measured: list[fitness.SampleFitness] = field(default_factory=list)


def _unlike_together(work: PredictionWork) -> str:
    """The sentence about all samples together, "" when single samples speak or there is nothing to say."""
    if any(item.unlike for item in work.measured):
        return ""
    together = fitness.study_fitness(work.distances)
    return together.sentence if together is not None and together.unlike else ""


def _warnings(work: PredictionWork) -> list[str]:
    card = work.entry.card
    sentences = [*fitness.study_warnings(work.study, card), *fitness.model_warnings(card)]
    sentences += fitness.fitness_warnings(work.measured) or [text for text in [_unlike_together(work)] if text]
    sentences += light_samples.light_sentences(work.measured)
    if work.not_predicted:
        sentences.append(
            f"{work.not_predicted} cells have no image in the channel {', '.join(work.channels)} and were "
            "not predicted."
        )
    return sentences


def finish(work: PredictionWork, writer: PredictionWriter, started_utc: str, seconds: float) -> Run:
    """Check the parts, join them into one table, write provenance, and enter the run into the catalogue."""
    from nscweb.store.provenance import package_versions, write_provenance

    app, study, card = work.app, work.study, work.entry.card
    _check_complete(work, writer)
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
        "fitness": [item.as_dict() for item in light_samples.together(work.measured, bool(_unlike_together(work)))],
        "fitness_rules": card_of_rules(card),
        "unlike_together": _unlike_together(work),
        "cell_files_sha256": work.digests,
        "not_predicted": work.not_predicted,
        "sheet_digest": sheet_digest(study.samples),
        "channels": list(work.channels),
        "channel": study.channel,
        "pixel_size_um": study.pixel_size_um,
        SETTING: setting_of(study, app.catalogue.study_info(study.study_id), card),
        "scores_key": work.scores_key,
        **gates_as_extra(work.gates),
    }
    run_id = app.catalogue.start_run(study.study_id, card.name, started_utc)
    folder = app.folder.run_dir(run_id)
    cells = writer.finish(folder / "predictions.parquet")
    write_provenance(folder / "provenance.json", provenance)
    run = Run(run_id, study.study_id, card.name, app.clock(), cells, card.classes.names, provenance, extra)
    make_sums(app, run)
    app.catalogue.add_run(run)
    return run


def _check_complete(work: PredictionWork, writer: PredictionWriter) -> None:
    """Refuse to call a table finished that has not one row per predicted cell."""
    expected = work.done - work.not_predicted
    if writer.rows() != expected:
        raise StoreError(
            f"The prediction of {work.study.name} has {writer.rows():,} rows instead of {expected:,}; another "
            "program was working on the same run.",
            "Start the prediction again.",
            "E-RUN-INCOMPLETE",
        )
    if not expected:
        raise StudyError(
            f"No cell of {work.study.name} has an image in the channel {', '.join(work.channels)}.",
            "Choose another brightfield channel on the Study page, or import the study again.",
            "E-NO-CELLS",
        )


def predict_study(
    app: App, request: PredictRequest, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> Run:
    """Predict every cell of a study and keep the result as a run.

    Where nothing but the gates of the study differs from an earlier run, its scores are kept and only the flags
    are made new, which takes seconds (`nscweb.services.predict.regate`).

    Raises:
        WrongUse: fast mode is not offered by this model or on this machine.
        StudyNotFound, ModelNotFound, CardInvalid, WeightsInvalid, JobCancelled, DiskFull.
    """
    from nscweb.inference.backends import open_classifier
    from nscweb.store.prediction_files import PredictionWriter

    began, started_utc = time.monotonic(), app.clock()
    study = get_study(app, request.study)
    if not study.cells:
        raise StudyError(f"The study {study.name} has no cells.", "Import images first.", "E-STUDY-EMPTY")
    entry = model_by_name(app, request.model) if request.model else default_model(app)
    mode = request.mode
    if mode == "fast":
        require_fast(app, entry, request.device, progress, cancel)
    channels = fitness.check_channels(study, entry.card)
    gates = put_in_force(app, study, progress)
    scores_key = _content_key(study, entry, mode)
    copied = regate(app, study, entry.card, gates, scores_key, progress)
    if copied is not None:
        return copied
    progress(0, study.cells, "Checking and loading the model")
    classifier = open_classifier(
        entry,
        device=request.device,
        threads=app.settings.threads,
        mode=mode,
        # A prediction of few cells does not measure; it would take longer so.
        tuning=tuning(app, measure=study.cells >= MEASURE_FROM),
    )
    work = PredictionWork(app, study, entry, classifier, channels, gates, scores_key, progress, cancel)
    keys = app.catalogue.sample_keys(study.study_id)
    key = f"{request.run_key or 'command'}-{scores_key}-{gates.digest()}"
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
        images = list(at_pixel_size(work.entry.card.recipe, images, study.pixel_size_um))
    work.distances.append(distances_from(work.entry.card, values))
    measured = light_samples.judge_sample(
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


def run_for(
    app: App,
    study: str,
    model: str,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    device: str = "auto",
) -> Run:
    """The newest exact run of a study by exactly these weights and with its gates, or a fresh one.

    What evaluate and explain start from. Where the gates alone changed, the fresh run keeps the scores.
    """
    found = app.catalogue.study(study)
    digest = model_by_name(app, model).card.weights.sha256
    for run in list_runs(app, found.study_id):
        made = run.provenance
        same = made.weights_sha256 == digest and run.extra.get("channel") == found.channel
        exact = made.settings.get("mode", "exact") == "exact"
        if same and exact and not gates_changed(app, run):
            return run
    return predict_study(app, PredictRequest(study, model, device=device), progress=progress, cancel=cancel)
