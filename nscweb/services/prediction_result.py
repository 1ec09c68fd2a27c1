"""What a prediction notices on its way, and how its parts become a finished run with provenance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import StoreError, StudyError
from nscweb.core.gates import Gates
from nscweb.core.progress import CancelAsked, Progress
from nscweb.core.run_record import Provenance, Run
from nscweb.core.samples import Study
from nscweb.services import fitness, fitness_samples
from nscweb.services.fitness_rules import card_of_rules
from nscweb.services.regate import gates_as_extra
from nscweb.services.runs import sheet_digest

if TYPE_CHECKING:
    from nscweb.inference.classifier import Classifier
    from nscweb.services.context import App
    from nscweb.store.prediction_files import PredictionWriter

# Cells per part file: about a second of work, the most that a kill can lose.
CHUNK = 2048


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
    sentences += fitness_samples.light_sentences(work.measured)
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
        "fitness": [item.as_dict() for item in fitness_samples.together(work.measured, bool(_unlike_together(work)))],
        "fitness_rules": card_of_rules(card),
        "unlike_together": _unlike_together(work),
        "cell_files_sha256": work.digests,
        "not_predicted": work.not_predicted,
        "sheet_digest": sheet_digest(study.samples),
        "channels": list(work.channels),
        "channel": study.channel,
        "pixel_size_um": study.pixel_size_um,
        "scores_key": work.scores_key,
        **gates_as_extra(work.gates),
    }
    run_id = app.catalogue.start_run(study.study_id, card.name, started_utc)
    folder = app.folder.run_dir(run_id)
    cells = writer.finish(folder / "predictions.parquet")
    write_provenance(folder / "provenance.json", provenance)
    run = Run(run_id, study.study_id, card.name, app.clock(), cells, card.classes.names, provenance, extra)
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
