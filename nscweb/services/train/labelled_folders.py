"""A study from a name or straight from a folder of labelled images: one folder per class, in one command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nscweb.core.errors import InputRefused, StudyNotFound, WrongUse
from nscweb.core.findings import FindingLog
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample, Study

if TYPE_CHECKING:
    from nscweb.services.context import App

ClassLevel = Literal["auto", "outer", "inner"]
_FROM_FILES = "labelled_files"


def labelled_study(
    app: App,
    named: str,
    *,
    class_level: ClassLevel = "auto",
    channel: str | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> tuple[Study, str]:
    """A study by its name or id, or one made from a folder, zip or file whose folders are named after classes.

    The same unchanged files give the same study again, so a second command does not import them twice.

    Args:
        named: name or id of a study, else a path.
        class_level: which folder names the class where folders lie in folders: ``outer`` (class/sample), ``inner``
            (sample/class), or ``auto``: see `classes_of_samples`.
        channel: brightfield channel; None takes the guess.

    Returns:
        The study, and a sentence on what was made; "" when the study was there already.

    Raises:
        StudyNotFound: neither a study nor a path.
        InputRefused: fewer than two classes in the folders.
        ImportRefused, JobCancelled, DiskFull: see `import_study`.
    """
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.import_staging import request_key
    from nscweb.services.study.study_import import import_study

    path = Path(named)
    try:
        return app.catalogue.study(named), ""
    except StudyNotFound as error:
        if not path.exists():
            raise StudyNotFound(
                f"There is neither a study nor a folder called {named!r}.",
                "Name a study (nscweb study list), or a folder that has one folder of images per class.",
                "E-STUDY",
            ) from error
    key = request_key({"class_level": class_level, "channel": channel}, [path])
    for study in app.catalogue.studies():
        if app.catalogue.study_info(study.study_id).get(_FROM_FILES) == key:
            return study, ""
    hints, sentence = _hints(app, path, class_level, progress, cancel)
    name = _free_name(app, path.stem if path.is_file() else path.resolve().name)
    request = ImportRequest((path,), name, channel=channel, class_from_folder=True, describe=hints)
    report = import_study(app, request, progress=progress, cancel=cancel)
    study = app.catalogue.study(name)
    app.catalogue.change_info(study.study_id, **{_FROM_FILES: key})
    said = f"Imported {report.imported:,} cells into the study {name}. {sentence}"
    return study, said + (f" {report.skipped:,} files were skipped." if report.skipped else "")


def classes_of_samples(names: Sequence[str], class_level: ClassLevel = "auto") -> tuple[dict[str, str], str]:
    """Sample name (folders joined by ``/``) -> class, and a sentence on which folder was taken.

    ``auto`` takes the inner folder when the same inner names come back under several outer folders
    (``rep1/neuron``, ``rep2/neuron``), and the outer one otherwise (``neuron/rep1``, ``astrocyte/rep7``).
    """
    outer = {name: name.partition("/")[0] for name in names}
    inner = {name: name.rpartition("/")[2] for name in names}
    if outer == inner:
        return outer, "The true class is the name of the folder."
    under: dict[str, set[str]] = defaultdict(set)
    for name in names:
        under[inner[name]].add(outer[name])
    shared = sum(len(found) > 1 for found in under.values())
    level = class_level
    if level == "auto":
        ambiguous = shared == len(under) and len(set(outer.values())) <= len(under)
        level = "inner" if shared * 2 > len(under) and not ambiguous else "outer"
    if level == "inner":
        return inner, "The true class is the name of the inner folder; the outer one tells samples apart."
    return outer, "The true class is the name of the outer folder; the inner one tells samples apart."


def _hints(
    app: App, path: Path, class_level: ClassLevel, progress: Progress, cancel: CancelAsked
) -> tuple[dict[str, Sample], str]:
    """What is known of each sample before the import, with its class."""
    from nscweb.io.survey.survey import survey

    with survey(
        [path],
        app.settings.limits,
        FindingLog(),
        class_from_folder=True,
        progress=lambda done, total, step="": progress(done, total, "Looking through the files"),
        cancel=cancel,
    ) as found:
        hints = {sample.name: sample.hint for sample in found.samples}
    # Cells in no folder have no class yet; those of tables bring theirs, and folders do not overrule it.
    in_folders = [name for name, hint in hints.items() if hint.true_class and "/" in name]
    classes, sentence = classes_of_samples(in_folders, class_level) if in_folders else ({}, "")
    made = {name: hint.with_changes(true_class=classes.get(name, hint.true_class)) for name, hint in hints.items()}
    told = sorted({hint.true_class for hint in made.values() if hint.true_class})
    if not told:
        raise InputRefused(
            f"The images in {path.name} lie in no folders, so their classes are not known.",
            "Put the images of each class into a folder with the name of the class.",
            "E-NO-CLASSES",
        )
    return made, sentence or "The true class is the name of the folder."


def _free_name(app: App, wanted: str) -> str:
    taken = {study.name for study in app.catalogue.studies()}
    if not wanted.strip():
        raise WrongUse("The folder has no name that a study could take.")
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} ({number})", number + 1
    return name
