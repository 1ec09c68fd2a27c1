"""nscweb in a notebook or script: five functions, each one task of the app, data frames out.

::

    from nscweb import api

    api.import_study("export.zip", "Screen 1")
    cells = api.predict("Screen 1")
    groups = api.ratios("Screen 1", control="NT3")

Columns are those of every table of the program (`docs/columns.md`): shares in per cent, differences in percentage
points, scores 0 to 1, times in hours, and in each line the model, the run and whether the cells are simulated. What
belongs to a table and has no column is in ``frame.attrs``, as plain lists and texts: read ``warnings`` and
``sentences`` before you believe a number. The data folder is that of the app and the command line
(``NSCWEB_DATA_DIR``, else ``nscweb-data``).

Errors are `nscweb.core.errors.NscwebError`: what happened, to which file or study, what to do. The functions stand on
the same services as pages and commands, which can do more; `docs/developers.md` shows them. ``docs/api.ipynb`` walks
through all five.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from nscweb.core.progress import Progress, no_progress
from nscweb.core.rules import DEFAULT_ADJUST, DEFAULT_METHOD, DEFAULT_VARIANCE
from nscweb.core.run_record import Mode

if TYPE_CHECKING:
    from nscweb.core.field_settings import SegmentationSettings
    from nscweb.services.context import App
    from nscweb.services.train.request import TrainRequest

__all__ = ["explain", "import_study", "predict", "ratios", "train"]

PathLike = str | Path
Level = Literal["samples", "groups", "tests"]


def import_study(
    paths: PathLike | Iterable[PathLike],
    name: str,
    *,
    sheet: PathLike | None = None,
    channel: str | None = None,
    class_from_folder: bool = False,
    pixel_size_um: float | None = None,
    name_pattern: str = "",
    fields: SegmentationSettings | None = None,
    data_dir: PathLike | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Read cell images into a new study, as the page Study does.

    Args:
        paths: zips, images or folders, or one of them.
        name: of the new study.
        sheet: sample sheet (CSV, XLSX, ODS or XLS).
        channel: brightfield channel; None takes the guess.
        class_from_folder: the innermost folder names the true class.
        pixel_size_um: micrometres per pixel, None when not known.
        name_pattern: how names of samples are read, such as ``{group}_{day}d_{rep}``; "" reads them by their words.
        fields: settings for whole fields of view; None takes every image for one cell.
        data_dir: data folder; None takes the usual one.
        progress: called with done, total and a text.

    Returns:
        The sample sheet, one row per sample. ``attrs``: ``study``, ``study_id``, ``imported`` (cells), ``skipped``,
        ``ignored`` (files), ``simulated``, ``findings`` (what was noticed: level, code, message, where), and
        ``doubts``: what could not be read for sure (sentence, offer); nothing of it was guessed.

    Raises:
        WrongUse, StudyExists, ImportRefused, DiskFull: with what to do.
    """
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.sheet import sheet_table
    from nscweb.services.study.understood.join_studies import bring_in
    from nscweb.services.study.understood.understanding import understand

    given = [paths] if isinstance(paths, str | Path) else list(paths)
    request = ImportRequest(
        tuple(Path(path).expanduser() for path in given),
        name,
        sheet=Path(sheet).expanduser() if sheet else None,
        channel=channel,
        class_from_folder=class_from_folder,
        pixel_size_um=pixel_size_um,
        name_pattern=name_pattern,
        fields=fields,
    )
    with _opened(data_dir) as app:
        report = bring_in(app, request, progress=progress)
        card = understand(app, report.study_id)
        said = {**report.as_dict(), "study_id": report.study_id, "simulated": card.study.simulated}
        return _with(sheet_table(app, report.study_id), {**said, "doubts": card.as_dict()["doubts"]})


def predict(
    study: str,
    model: str = "",
    *,
    mode: Mode = "exact",
    device: str = "auto",
    data_dir: PathLike | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Show every cell of a study to a model, as the page Predict does; `ratios` counts them.

    Args:
        study: name or id.
        model: name of a model or path of its folder; "" takes the default model.
        mode: ``exact``, or ``fast`` where this machine offers it.
        device: ``auto``, ``cpu`` or ``cuda``.
        data_dir, progress: see `import_study`.

    Returns:
        One row per cell (chapter Cells of `docs/columns.md`): ``<class>_score`` 0 to 1, ``predicted_class``,
        ``flags``, ``counted`` (whether ratios count it). ``attrs``: ``run`` (its id), ``study``, ``model``,
        ``classes``, ``simulated``, ``warnings``.

    Raises:
        StudyNotFound, ModelNotFound, WrongUse, ModelError: with what to do.
    """
    from nscweb.services.compare.dashboard import warnings_of
    from nscweb.services.predict.predict import predict_study
    from nscweb.services.predict.predict_request import PredictRequest
    from nscweb.services.report.export import cells_frame

    with _opened(data_dir) as app:
        run = predict_study(app, PredictRequest(study, model, mode, device), progress=progress)
        made = run.provenance
        said = {"run": run.run_id, "study": made.study, "model": made.model, "classes": list(run.class_names)}
        frame = cells_frame(app, run)
        return _with(frame, {**said, "simulated": made.simulated_cells, "warnings": list(warnings_of(app, run))})


def ratios(
    study: str,
    *,
    run: str = "",
    level: Level = "groups",
    control: str | None = None,
    method: str = DEFAULT_METHOD,
    adjust: str = DEFAULT_ADJUST,
    variance: str = DEFAULT_VARIANCE,
    fate: str = "",
    time_h: float | None = None,
    data_dir: PathLike | None = None,
) -> pd.DataFrame:
    """Fate ratios of a predicted study with their 95 % intervals, as the page Compare shows them.

    Args:
        study: name or id.
        run: id of a prediction; "" takes the newest.
        level: ``samples`` (one row per sample), ``groups`` (per group, time point and class; the replicate is the
            unit) or ``tests`` (per comparison of two groups).
        control: group that the others are tested against; "" for every pair, None takes that of the sample sheet.
        method: ``pacc``, ``acc``, ``em`` (corrected) or ``naive``.
        adjust: ``holm`` or ``fdr_bh``.
        variance: ``moderated`` or ``own``.
        fate, time_h: class and time point (hours) that the sentences are about; as the pages open otherwise.
        data_dir: see `import_study`.

    Returns:
        The table of that level (chapters Samples, Groups and Tests of `docs/columns.md`): shares in per cent,
        differences in percentage points. ``attrs``: ``run``, ``method`` (the one that was possible), ``control``,
        ``fate``, ``time_h``, ``simulated``, ``sentences`` (the answer in words) and ``warnings``.

    Raises:
        StudyNotFound, StoreError: no such study or run.
        WrongUse: it has no prediction yet, or an unknown level, method, control, class or time point.
    """
    from nscweb.core.errors import WrongUse
    from nscweb.services.compare.compare import compare_groups
    from nscweb.services.compare.compare_request import CompareRequest
    from nscweb.services.predict.runs import run_of
    from nscweb.services.report.export import compared_frames

    request = CompareRequest(method=method, control=control, adjust=adjust, variance=variance, fate=fate, time_h=time_h)
    with _opened(data_dir) as app:
        compared = compare_groups(app, run_of(app, study, run), request)
        found = compared.found
        frames = compared_frames(found)
        if level not in frames:
            raise WrongUse(f"There is no level {level!r}.", f"Possible are {', '.join(frames)}.")
        said: dict[str, Any] = {"run": found.run.run_id, "method": found.estimates.method, "control": found.control}
        said |= {"fate": compared.fate, "time_h": compared.time_h, "simulated": found.run.provenance.simulated_cells}
        return _with(frames[level], {**said, "sentences": list(found.sentences), "warnings": list(found.data.warnings)})


def train(
    studies: str | Iterable[str],
    out: PathLike,
    *,
    architecture: str = "compact",
    epochs: int | None = None,
    split_by: str = "",
    settings: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
    folds: int | None = None,
    checks: bool = True,
    seed: int = 0,
    device: str = "auto",
    licence: str = "",
    data_dir: PathLike | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Train a model on labelled cells and measure it on samples that it has never seen, as the page Models does.

    Args:
        studies: studies whose samples have true classes, or folders with one folder of images per class; or one.
        out: folder of the new model; its last part is the name. ``models/NAME`` in the data folder installs it.
        architecture: ``compact``, ``accurate``... (`docs/measured/ARCHITECTURES.md`).
        epochs: at most; None lets the number of cells decide.
        split_by: what is never split between training and held-out cells: ``sample``, ``replicate``, ``donor``...
        settings, recipe: attributes of the training and of the preprocessing to change.
        folds: every cell trains, and each is judged by one of so many networks that never saw its group; 0 for one
            group at a time, 1 for a part that is held out and never trains; None chooses by the number of cells.
        checks: False leaves out audit, robustness and ONNX forms; for trials only.
        seed, device: as in `nscweb train`.
        licence: of the images; "" says that it is not stated.
        data_dir, progress: see `import_study`.

    Returns:
        The figures of its card, one row each: ``figure`` (accuracy, macro_f1, f1...), ``class`` ("" for all),
        ``time_h`` (hours; missing for all), ``value`` 0 to 1 with ``value_low`` and ``value_high`` (95 % interval),
        ``cells``, ``samples``. ``attrs``: ``model``, ``folder``, ``split``, ``simulated``, ``limits``, ``audit`` (a
        sentence).

    Raises:
        WrongUse, StudyNotFound, InputRefused: with what to do.
    """
    from nscweb.files.outgoing import MadeBy, outgoing
    from nscweb.services.evaluate.metrics_files import metrics_frame
    from nscweb.services.train.request import TrainRequest
    from nscweb.services.train.train import train_model

    named = (studies,) if isinstance(studies, str) else tuple(studies)
    request = TrainRequest(
        named,
        architecture,
        Path(out).expanduser(),
        epochs=epochs,
        settings=dict(settings or {}),
        recipe=dict(recipe or {}),
        split_by=split_by,
        folds=folds,
        checks=checks,
        seed=seed,
        device=device,
    )
    if licence:
        request = replace(request, licence=licence)
    request = replace(request, command=_as_typed(request))
    with _opened(data_dir) as app:
        entry = train_model(app, request, progress=progress)
    card = entry.card
    made = MadeBy(f"{card.name} {card.version}", "", card.origin.simulated)
    said: dict[str, Any] = {
        "model": card.name,
        "folder": str(entry.folder),
        "split": card.origin.split,
        "limits": list(card.limits),
    }
    said |= {"simulated": card.origin.simulated, "audit": str(card.audit.get("sentence", ""))}
    return _with(outgoing(metrics_frame(card.performance.metrics), "Metrics", made), said)


def explain(
    study: str,
    model: str = "",
    *,
    cells: int = 12,
    class_name: str = "predicted",
    method: str = "auto",
    data_dir: PathLike | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Class maps of single cells: which part of a cell speaks for a class, as the page Cells shows it.

    Args:
        study: name or id; it is predicted first where it was not.
        model: name of a model or path of its folder; "" takes the default model.
        cells: how many, the surest of each predicted class in turn.
        class_name: class to explain, or ``predicted`` for that of each cell.
        method: ``auto`` (Grad-CAM where the model has it, else occlusion), ``closed-form``, ``grad-cam``,
            ``integrated-gradients`` or ``occlusion``; what each is worth stands in the card.
        data_dir, progress: see `import_study`.

    Returns:
        One row per cell: ``cell_id``, ``sample``, ``object_number``, ``predicted_class``, ``highest_score`` 0 to 1,
        ``explained``, and two arrays: ``image`` (h, w) uint8, scaled for display, and ``class_map`` (h, w) float32 0 to
        1 on the same frame. ``attrs``: ``run``, ``method``, ``pixel_size_um`` (micrometres per pixel, or None),
        ``simulated``, ``warnings``.

    Raises:
        StudyNotFound, ModelNotFound: no such study or model.
        WrongUse: no such class or method, fewer than one cell, or the model has no maps of that kind.
    """
    from nscweb.core.errors import WrongUse
    from nscweb.files.outgoing import outgoing
    from nscweb.services.cells.explain import check_method, representative_cells
    from nscweb.services.cells.explain import explain as explained
    from nscweb.services.models import default_model
    from nscweb.services.predict.predict import run_for
    from nscweb.services.report.export import made_by

    checked = check_method(method)
    if cells < 1:
        raise WrongUse("At least one cell must be explained.")
    with _opened(data_dir) as app:
        run = run_for(app, study, model or default_model(app).card.name, progress=progress)
        chosen = representative_cells(app, run, cells)
        maps = explained(app, run, chosen, class_name=class_name, method=checked, progress=progress)
    rows = [
        {
            "cell_id": item.cell.cell_id,
            "sample": item.cell.sample,
            "object_number": item.cell.object_number,
            "predicted": item.cell.predicted,
            "confidence": item.cell.confidence,
            "explained": item.explained,
        }
        for item in maps
    ]
    frame = outgoing(pd.DataFrame(rows), "Cells", made_by(run))
    frame["image"] = pd.Series([item.cell.image for item in maps], dtype=object)
    frame["class_map"] = pd.Series([item.map for item in maps], dtype=object)
    made = run.provenance
    said = {"run": run.run_id, "method": maps[0].method if maps else method, "simulated": made.simulated_cells}
    said |= {"pixel_size_um": maps[0].pixel_size_um if maps else None, "warnings": list(made.warnings)}
    return _with(frame, said)


def _as_typed(request: TrainRequest) -> str:
    """The call that trains this model again, for its card; the folder by its name, which is that of the model."""
    names = ("architecture", "epochs", "split_by", "settings", "recipe", "folds", "checks", "seed", "device", "licence")
    default = type(request)(request.studies, "compact", request.out)
    changed = {name: getattr(request, name) for name in names if getattr(request, name) != getattr(default, name)}
    also = "".join(f", {name}={value!r}" for name, value in changed.items())
    return f"nscweb.api.train({list(request.studies)!r}, {request.out.name!r}{also})"


@contextmanager
def _opened(data_dir: PathLike | None) -> Iterator[App]:
    """The program on a data folder, closed again, so that a notebook holds no lock."""
    from nscweb.services.context import open_app
    from nscweb.settings import Settings, environment

    app = open_app(Settings.from_environment(environment(), Path(data_dir).expanduser() if data_dir else None))
    try:
        yield app
    finally:
        app.catalogue.close()


def _with(frame: pd.DataFrame, said: Mapping[str, Any]) -> pd.DataFrame:
    """The frame with what belongs to it."""
    frame.attrs.update(said)
    return frame
