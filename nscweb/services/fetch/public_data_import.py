"""A public data set on the disk becomes a study: its folders are samples with inducer, class and time.

Folders of Zhu et al. 2021 (FACTS section 2): those of the training set start with ``a``, ``o`` and ``n_``; the
independent ones with ``nt3``, ``nt4``, ``mt``, ``ngf``, ``cntf`` and ``ln`` (LDH-NT3). What they say is the medium,
not the fate of a cell, and that is told with the study. The independent ones get no class: nothing was counted in
them, and without a class nothing is trained on them by mistake.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import InputRefused, StudyExists
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint
from nscweb.services.fetch.public_data import FIGSHARE, fetch_files, public_folder, public_set
from nscweb.services.fetch.web_requests import Patience
from nscweb.services.study.import_request import ImportReport, ImportRequest, findings_csv
from nscweb.services.study.study_import import import_study
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

SHEET = "samples_of_this_data.csv"
# In the payload of a job that is taken up again, see `nscweb.jobs.tasks`.
_AGAIN_SINCE = "again_since_utc"
_FOREIGN = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
# Beginning of a folder's name -> (inducer group as in the published table, class, set). The first that fits counts.
_FOLDERS: tuple[tuple[re.Pattern[str], str, str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), group, fate, part)
    for pattern, group, fate, part in (
        (r"nt-?3(?!\d)", "NT3", "", "independent"),
        (r"nt-?4(?!\d)", "NT4", "", "independent"),
        (r"mt(?![a-z])", "MT", "", "independent"),
        (r"ngf(?![a-z])", "NGF", "", "independent"),
        (r"cntf(?![a-z])", "CNTF", "", "independent"),
        (r"(?:ln|ldh)(?![a-z])", "LDH-NT3", "", "independent"),
        (r"a(?:stro\w*?)?(?![a-z])", "astrocyte medium", "astrocyte", "training"),
        (r"o(?:ligo\w*?)?(?![a-z])", "oligodendrocyte medium", "oligodendrocyte", "training"),
        (r"n(?:euron\w*?)?(?![a-z])", "RA+SHH", "neuron", "training"),
    )
)
_TIME = re.compile(r"(\d+(?:[.,]\d+)?)\s*(d|h)(?:ays?|ours?)?[_ -]?(\d+)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class FolderMeaning:
    """What the name of a folder says: inducer group, class ("" when none), set, hours and replicate."""

    group: str
    true_class: str
    part: str
    time_h: float | None
    replicate: str


def folder_meaning(name: str) -> FolderMeaning | None:
    """Read the name of a sample, innermost folder first; None when no part of it is a medium of the paper.

    "n_1d1" is neuron medium, day 1, replicate 1; "LN/0.5d" is LDH-NT3 at half a day. Reading "1d1" as day and
    replicate is an assumption (FACTS section 2).
    """
    parts = name.split("/")
    for part in reversed(parts):
        for pattern, group, fate, subset in _FOLDERS:
            match = pattern.match(part)
            if match is None:
                continue
            time_h, replicate = _time_of([part[match.end() :], *reversed([p for p in parts if p != part])])
            return FolderMeaning(group, fate, subset, time_h, replicate)
    return None


def import_public(
    app: App,
    name: str,
    folder: Path,
    *,
    study_name: str = "",
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ImportReport:
    """Import every zip and folder in `folder` as one study, with a sample sheet made from the folders' names.

    Raises:
        StudyExists: a study of that name is there. InputRefused: there is nothing that can be read.
        See `nscweb.services.study.study_import.import_study` for the rest.
    """
    from nscweb.io.survey.survey import survey

    chosen = study_name or public_set(name).name
    check_free(app, chosen)
    paths, foreign = _paths(folder)
    log = FindingLog()
    with survey(paths, app.settings.limits, FindingLog(), progress=progress, cancel=cancel) as found:
        samples = [_described(sample.hint, log) for sample in found.samples]
    sheet = folder / SHEET
    with atomic_write(sheet) as stream:
        stream.write(_sheet(samples).encode("utf-8"))
    for path in foreign:
        log.add(
            "warn", "W-PUBLIC-ARCHIVE", "This archive was not imported: only .zip is read. Unpack it there.", path.name
        )
    _tell(log, samples)
    report = import_study(app, ImportRequest(tuple(paths), chosen, sheet), progress=progress, cancel=cancel)
    whole = replace(report, findings=(*log, *report.findings))
    with atomic_write(app.folder.study_dir(report.study_id) / "findings.csv") as stream:
        stream.write(findings_csv(whole.findings))
    return whole


def fetch_and_import(
    app: App,
    name: str,
    *,
    folder: Path | None = None,
    only: Sequence[str] = (),
    study_name: str = "",
    api: str = FIGSHARE,
    patience: Patience | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ImportReport:
    """Download a set and import it; each part is skipped that was done before.

    Raises:
        StudyExists: a study of that name is there, told before anything is downloaded.
        See `fetch_files` and `import_public` for the rest.
    """
    check_free(app, study_name or public_set(name).name)
    fetched = fetch_files(
        app, name, folder=folder, only=only, api=api, patience=patience, progress=progress, cancel=cancel
    )
    return import_public(app, name, fetched.folder, study_name=study_name, progress=progress, cancel=cancel)


def fetch_task(app: App, payload: dict[str, Any], progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Fetch and import as a job. Payload: name, and folder, only and study where they differ from the usual."""
    from nscweb.services.study.study_import import finished_since

    study = payload.get("study") or public_set(payload["name"]).name
    if payload.get(_AGAIN_SINCE):
        finished = finished_since(app, study, payload[_AGAIN_SINCE])
        if finished is not None:
            return finished.as_dict()
    folder = Path(payload["folder"]) if payload.get("folder") else None
    report = fetch_and_import(
        app,
        payload["name"],
        folder=folder,
        only=tuple(payload.get("only") or ()),
        study_name=study,
        progress=progress,
        cancel=cancel,
    )
    return report.as_dict()


def check_free(app: App, study_name: str) -> None:
    """Raise `StudyExists` when a study of that name is there."""
    if any(study.name == study_name for study in app.catalogue.studies()):
        raise StudyExists(
            f"A study called {study_name!r} exists already, so nothing was downloaded or imported.",
            "Use it, give another name (--name), or delete it first (nscweb study delete NAME).",
        )


def files_here(app: App, name: str, folder: Path | None = None) -> list[Path]:
    """Archives and folders of a set that lie on the disk, with no network asked."""
    place = folder or public_folder(app, name)
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if not path.name.startswith(".") and _is_data(path))


def _is_data(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".zip", *_FOREIGN)


def _paths(folder: Path) -> tuple[list[Path], list[Path]]:
    """(what is imported, archives that cannot be read); an archive that lies there unpacked is left out."""
    if not folder.is_dir():
        raise InputRefused(f"There is no folder {folder}.", "Fetch the data first.", "E-PATH-MISSING")
    here = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and _is_data(path))
    folders = {path.name for path in here if path.is_dir()}
    archives = [path for path in here if path.is_file() and path.name.split(".")[0] not in folders]
    paths = [path for path in here if path.is_dir()] + [p for p in archives if p.suffix.lower() == ".zip"]
    foreign = [path for path in archives if path.suffix.lower() != ".zip"]
    if not paths:
        listed = ", ".join(path.name for path in foreign) or "nothing that holds images"
        raise InputRefused(
            f"Nothing in {folder} can be imported; there is {listed}.",
            "Unpack the archives there (7-Zip does it), each into a folder of its own name, and import with --offline.",
            "E-PUBLIC-ARCHIVE",
        )
    return paths, foreign


def _described(hint: Sample, log: FindingLog) -> Sample:
    meaning = folder_meaning(hint.name)
    if meaning is None:
        log.add(
            "warn",
            "W-PUBLIC-NAME",
            "This name is not one of the paper's media, so the sample has no inducer and no class. Fill in the "
            "sample sheet, or leave it out.",
            hint.name,
        )
        return replace(hint, group="", true_class="", extra=(("set", ""),))
    return replace(
        hint,
        group=meaning.group,
        true_class=meaning.true_class,
        time_h=meaning.time_h if meaning.time_h is not None else hint.time_h,
        replicate=meaning.replicate or hint.replicate,
        extra=(("set", meaning.part),),
    )


def _time_of(texts: Sequence[str]) -> tuple[float | None, str]:
    """(hours, replicate) from the first text that names a time, such as "_1d2"."""
    for text in texts:
        match = _TIME.search(text)
        if match:
            return TimePoint.parse(f"{match[1]} {match[2]}").hours, match[3] or ""
    return None, ""


def _sheet(samples: Sequence[Sample]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sample", "group", "time", "replicate", "true_class", "set"])
    for sample in samples:
        time = "" if sample.time_h is None else TimePoint(sample.time_h).label()
        # A leading mark keeps spreadsheets from reading a name as a formula; the reader takes it off again.
        named = f"'{sample.name}" if sample.name.startswith(("=", "+", "-", "@", "'")) else sample.name
        writer.writerow(
            [named, sample.group, time, sample.replicate, sample.true_class, dict(sample.extra).get("set", "")]
        )
    return text.getvalue()


def _tell(log: FindingLog, samples: Sequence[Sample]) -> None:
    """What was assumed, as findings of the study."""
    parts = Counter(dict(sample.extra).get("set", "") for sample in samples)
    timed = [sample.name for sample in samples if sample.time_h is not None]
    notes = [
        Finding(
            "warn",
            "W-LABEL-IS-MEDIUM",
            "The true class of these samples is the medium that the cells grew in, not a fate that was seen in each "
            "cell. A predicted ratio of such a sample cannot be distinguished from the recall of the model.",
            f"{parts['training']} samples",
        )
    ]
    if parts["independent"]:
        notes.append(
            Finding(
                "note",
                "N-PUBLIC-INDEPENDENT",
                "These samples are the paper's independent inducers. They have no true class, so that no model is "
                "trained on them by mistake; the paper counts them as neurons.",
                f"{parts['independent']} samples",
            )
        )
    if timed:
        notes.append(
            Finding(
                "note",
                "N-PUBLIC-TIME",
                "Day and replicate were read from names such as 1d2; that this means day 1, replicate 2 is an "
                "assumption.",
                ", ".join(timed[:3]),
            )
        )
    log.extend(notes)
