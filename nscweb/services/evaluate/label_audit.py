"""Cells whose label the scores of held-out cells contradict: computed as a job, kept, looked at, decided about.

What people decide is kept with the study, one decision per cell.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused, StoreError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.run_record import Run
from nscweb.services.cells.cells import GalleryCell, gallery_cells
from nscweb.services.cells.explain import run_channels
from nscweb.services.evaluate.evaluate import evaluated_rows
from nscweb.services.evaluate.label_audit_words import WEAK, agreement_of, audit_sentences
from nscweb.services.file_lock import file_lock
from nscweb.services.kept import kept
from nscweb.services.predict.runs import class_scheme, get_run, model_of_run, prediction_table, study_of, table_version
from nscweb.services.study.pixels import images_of
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.evaluation.audit.confident_learning import LabelAudit
    from nscweb.services.context import App


WORDS: dict[str, str] = {"wrong": "label is wrong", "right": "label is right"}
# More cells than these are drawn from, evenly over the samples.
MOST_CELLS = 60_000
_CHUNK = 512
_FORMAT = 1


def audit_folder(app: App, study_id: str) -> Path:
    """Where the audits and decisions of a study lie; not made yet, perhaps."""
    return app.folder.study_dir(study_id) / "label_audit"


def decisions(app: App, study_id: str) -> dict[str, dict[str, Any]]:
    """cell id -> decision ("wrong" or "right"), label, suggested, run, decided_utc.

    Raises:
        StoreError: the file is damaged.
    """
    path = _path(app, study_id)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    try:
        found = json.loads(text)["cells"]
        return {str(cell): dict(said) for cell, said in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"The decisions about labels of this study cannot be read ({path.name} is damaged).",
            f"Move the file {path.name} out of the folder of the study; decisions then begin anew.",
            "E-DECISIONS",
        ) from error


def decide(
    app: App, study_id: str, cell_id: str, decision: str | None, *, label: str, suggested: str, run_id: str
) -> None:
    """Keep a decision about one cell, or take it back (None). A kill leaves the file as before or complete.

    Args:
        label: the label that was judged.
        suggested: class that the scores suggest.
        run_id: whose audit showed the cell.

    Raises:
        WrongUse: no such decision.
        StudyNotFound: the study was deleted.
        StoreError: the file is damaged.
    """
    if decision is not None and decision not in WORDS:
        raise WrongUse(f"{decision!r} is no decision about a label.", f"Use one of: {', '.join(WORDS)}.")
    app.catalogue.study(study_id)
    path = _path(app, study_id)
    # Two people may decide at the same time; each reads what the other wrote.
    with file_lock(path.with_suffix(".lock"), while_waiting=lambda: None):
        kept = decisions(app, study_id)
        if decision is None:
            kept.pop(cell_id, None)
        else:
            kept[cell_id] = {
                "decision": decision,
                "label": label,
                "suggested": suggested,
                "run": run_id,
                "decided_utc": app.clock(),
            }
        with atomic_write(path) as stream:
            stream.write(json.dumps({"cells": kept}, indent=1, sort_keys=True).encode("utf-8"))


def _path(app: App, study_id: str) -> Path:
    return audit_folder(app, study_id) / "decisions.json"


@dataclass(frozen=True)
class AuditResult:
    """A finished label audit.

    Attributes:
        run: the run whose model computed the features.
        classes: ordered classes.
        table: one row per judged cell: cell_id, sample_id, object_number, label, ``p_<class>`` (out-of-fold),
            suggested ("" where no class is confident), margin (0 contradicts most), contradicted.
        audit: the numbers of confident learning; `order` are rows of `table`.
        cells, samples: judged.
        how: how the scores were made, a sentence.
        caveats: what the audit can and cannot tell.
        made_utc: when.
        agreement: share of each label that the fit names as labelled, averaged over labels; guessing gives one over
            their number.
    """

    run: Run
    classes: ClassScheme
    table: pd.DataFrame = field(repr=False)
    audit: LabelAudit = field(repr=False)
    cells: int
    samples: int
    how: str
    caveats: tuple[str, ...]
    made_utc: str
    agreement: float = 0.0

    @property
    def contradicted(self) -> int:
        """Cells whose label is contradicted."""
        return len(self.audit.order)

    @property
    def sure(self) -> int:
        """Cells that the fit places in a class with confidence, whichever."""
        return int(self.audit.joint.sum())

    @property
    def weak(self) -> bool:
        """Whether the fit is too close to guessing for the audit to mean anything."""
        guessing = 1 / max(1, int((~np.isnan(self.audit.thresholds)).sum()))
        return self.agreement - guessing < WEAK * (1 - guessing)

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.weak:
            return (
                f"These features tell the classes too badly apart for a check of labels: on held-out cells "
                f"{100 * self.agreement:.0f} % are named as labelled. {self.contradicted:,} of {self.cells:,} labels "
                "are contradicted, mostly by error of the fit."
            )
        value, low, high = (100 * number for number in self.audit.share)
        return (
            f"The label of {self.contradicted:,} of {self.cells:,} cells "
            f"({100 * self.contradicted / self.cells:.1f} % of all) is contradicted. The fit is sure of {self.sure:,} "
            f"cells; about the other {self.cells - self.sure:,} it says nothing. Were those wrong as often as the sure "
            f"cells of their label, and did the fit never err, {value:.1f} % [{low:.1f}, {high:.1f}] of all labels "
            f"would be wrong ({self.audit.label}); its errors are in that number, so the true share is likely smaller."
        )


def run_label_audit(
    app: App, run: Run | str, *, seed: int = 0, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> AuditResult:
    """Judge every label of a study by scores of cells that were held out, and keep the result.

    The features are those of the run's model; a logistic regression on them is fitted to four fifths of the
    samples and judges the rest, five times. No network is trained, so that it takes about as long as a prediction
    of the same cells.

    Raises:
        StudyError: no cell has a true class that the model knows.
        InputRefused: fewer than two classes with two cells each.
        ModelError, StoreError, JobCancelled.
    """
    from nscweb.evaluation.audit.logistic_probe import deal_folds, out_of_fold

    found = get_run(app, run)
    classes = class_scheme(found)
    table, _ = evaluated_rows(prediction_table(app, found), classes)
    whole = len(table)
    table = _drawn(table, seed)
    labels = _codes(table["true_class"], classes)
    samples = np.asarray(pd.factorize(table["sample_id"])[0], np.int64)
    fold, by = deal_folds(labels, samples, seed=seed)
    features = _features(app, found, table["cell_id"].astype(str).tolist(), progress, cancel)

    def told(done: int, total: int, step: str = "") -> None:
        progress(len(table), len(table), step)

    scores = out_of_fold(features, labels, fold, len(classes), seed=seed, progress=told, cancel=cancel)
    sentences = audit_sentences(app, found, table, len(np.unique(fold)), by, whole, features.shape[1])
    kept = pd.DataFrame(
        {
            "cell_id": table["cell_id"].astype(str).to_numpy(),
            "sample_id": table["sample_id"].astype(str).to_numpy(),
            "object_number": table["object_number"].to_numpy(np.int64),
            "label": table["true_class"].astype(str).to_numpy(),
            **{f"p_{name}": scores[:, index] for index, name in enumerate(classes.names)},
        }
    )
    info = {
        "format": _FORMAT,
        "labels": table_version(app, found),
        "seed": seed,
        "how": sentences[0],
        "caveats": sentences[1:],
        "made_utc": app.clock(),
    }
    _write(app, found, kept, info)
    return _result(found, kept, info)


@kept(4, lambda app, run: (app.settings.data_dir, audit_version(app, get_run(app, run))))
def read_label_audit(app: App, run: Run | str) -> AuditResult | None:
    """The kept audit of a run; None when there is none, or when labels were changed after it."""
    found = get_run(app, run)
    folder = audit_folder(app, found.study_id)
    try:
        info = json.loads((folder / f"{found.run_id}.json").read_text("utf-8"))
        if info["format"] != _FORMAT or info["labels"] != table_version(app, found):
            return None
        kept = pd.read_parquet(folder / f"{found.run_id}.parquet")
    except (OSError, ValueError, KeyError, TypeError):
        # Not there, or not readable: it can be made again.
        return None
    return _result(found, kept, info)


def audit_version(app: App, run: Run) -> str:
    """Changes when an audit of the run is made, and when labels change: for caches."""
    path = audit_folder(app, run.study_id) / f"{run.run_id}.json"
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return f"{table_version(app, run)}-{stamp}"


def contradicted_cells(
    app: App, found: AuditResult, *, label: str = "", suggested: str = "", limit: int = 12, offset: int = 0
) -> tuple[list[tuple[GalleryCell, dict[str, Any]]], int]:
    """One page of contradicted cells, the strongest contradiction first, with their rows; and how many there are."""
    rows = found.table.iloc[found.audit.order]
    if label:
        rows = rows[rows["label"] == label]
    if suggested:
        rows = rows[rows["suggested"] == suggested]
    page = rows.iloc[offset : offset + limit]
    table = prediction_table(app, found.run)
    place = pd.Index(table["cell_id"]).get_indexer(pd.Index(page["cell_id"]))
    cells = gallery_cells(app, found.run, table.iloc[place])
    records = [{str(key): value for key, value in row.items()} for row in page.to_dict("records")]
    return list(zip(cells, records, strict=True)), len(rows)


def audit_table(found: AuditResult, decided: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Contradicted cells, and all others that somebody decided about, with the decision: what the CSV holds.

    Decisions about cells whose label was changed since are kept; ``decided_label`` is the label that they had then.
    """
    order = found.audit.order
    asked = found.table["cell_id"].isin(list(decided)).to_numpy() & ~found.audit.contradicted
    rows = pd.concat([found.table.iloc[order], found.table[asked]], ignore_index=True)
    said = [decided.get(str(cell), {}) for cell in rows["cell_id"]]
    return rows.assign(
        decision=[WORDS.get(str(item.get("decision", "")), "") for item in said],
        decided_label=[str(item.get("label", "")) for item in said],
        decided_utc=[str(item.get("decided_utc", "")) for item in said],
    )


def _result(run: Run, kept: pd.DataFrame, info: dict[str, Any]) -> AuditResult:
    from nscweb.evaluation.audit.confident_learning import audit_labels

    classes = class_scheme(run)
    scores = kept[classes.columns()].to_numpy(np.float64)
    labels = _codes(kept["label"], classes)
    agreement, said = agreement_of(scores, labels)
    samples = np.asarray(pd.factorize(kept["sample_id"])[0], np.int64)
    audit = audit_labels(scores, _codes(kept["label"], classes), samples, classes.names, seed=int(info["seed"]))
    names = np.asarray([*classes.names, ""], object)
    return AuditResult(
        run=run,
        classes=classes,
        table=kept.assign(suggested=names[audit.suggested], margin=audit.margin, contradicted=audit.contradicted),
        audit=audit,
        cells=len(kept),
        samples=int(kept["sample_id"].nunique()),
        how=str(info["how"]),
        caveats=(said, *info["caveats"]),
        made_utc=str(info["made_utc"]),
        agreement=agreement,
    )


def _write(app: App, run: Run, kept: pd.DataFrame, info: dict[str, Any]) -> None:
    from nscweb.store.files import atomic_write

    folder = audit_folder(app, run.study_id)
    stream = io.BytesIO()
    kept.to_parquet(stream)
    # The description is written last: without it there is no audit.
    for name, content in (
        (f"{run.run_id}.parquet", stream.getvalue()),
        (f"{run.run_id}.json", json.dumps(info, indent=1).encode("utf-8")),
    ):
        with atomic_write(folder / name) as target:
            target.write(content)


def _features(app: App, run: Run, cell_ids: list[str], progress: Progress, cancel: CancelAsked) -> NDArray[np.float32]:
    from nscweb.inference.classifier import Classifier

    progress(0, len(cell_ids), "Checking and loading the model")
    classifier = Classifier(model_of_run(app, run), threads=app.settings.threads)
    study = study_of(app, run)
    size = study.pixel_size_um if study else None
    parts = []
    for start in range(0, len(cell_ids), _CHUNK):
        stop_if_asked(cancel)
        images = images_of(app, run, cell_ids[start : start + _CHUNK], run_channels(run))
        if len(images) != len(cell_ids[start : start + _CHUNK]):
            raise InputRefused("Some cells of this run have no image any more.", "Predict the study again.")
        parts.append(classifier.embed(images, size))
        progress(min(start + _CHUNK, len(cell_ids)), len(cell_ids), "Computing features")
    return np.concatenate(parts)


def _drawn(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """All cells, or `MOST_CELLS` of them, in turn from every sample."""
    if len(table) <= MOST_CELLS:
        return table
    order = np.random.default_rng([seed, 22]).permutation(len(table))
    turn = table.iloc[order].groupby("sample_id", sort=False).cumcount().to_numpy()
    return table.iloc[np.sort(order[np.argsort(turn, kind="stable")[:MOST_CELLS]])]


def _codes(names: pd.Series, classes: ClassScheme) -> NDArray[np.int64]:
    from nscweb.core.classes import class_codes

    return class_codes(names, classes.names)
