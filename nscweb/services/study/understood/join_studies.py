"""Samples that come later: an import into a study that is there, and two studies made one.

Cells are copied into the study that stays; nothing of it changes until they are all there, and a kill in between is
made good when the same is asked again.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.gates import DEFAULT_GATES
from nscweb.core.plain import to_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample, Study
from nscweb.services.study.copies import copied_samples
from nscweb.services.study.import_request import (
    APART,
    BLANK,
    COPIES,
    LETTERS,
    NAMES,
    SEVERAL,
    ImportReport,
    ImportRequest,
    findings_csv,
)
from nscweb.services.study.import_staging import request_key
from nscweb.services.study.quality import get_gates, set_gates
from nscweb.services.study.study import delete_study, findings_of, get_study
from nscweb.services.study.study_import import import_study, report_of
from nscweb.services.study.understood.doubled import DOUBLED, find_doubled
from nscweb.store.files import atomic_write
from nscweb.store.kept_outlines import OUTLINES, joined_outlines
from nscweb.store.label_acts import take_over

if TYPE_CHECKING:
    from nscweb.services.context import App

_JOINING = "joining"
# What was put in last: id and name of the study that went, and the runs that went with it.
JOINED = "joined"
# Of an import: what is counted, so that two add up.
_COUNTS = ("skipped", "ignored", "images", "members")


def bring_in(
    app: App, request: ImportRequest, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> ImportReport:
    """Import into a new study, or into the one that the request names; see `study_import.import_study`.

    Raises:
        StudyNotFound: there is no study of the name to add to.
        StudyError: the new cells do not fit the study: other channels, another pixel size, simulated and measured.
    """
    if not request.add_to:
        report = import_study(app, request, progress=progress, cancel=cancel)
        _note_doubled(app, report.study_id)
        return report
    target = get_study(app, request.add_to)
    apart = replace(request, add_to="", name=_name_apart(target, request))
    # An earlier try may have been killed between the import and the joining.
    there = next((study for study in app.catalogue.studies() if study.name == apart.name), None)
    before = report_of(app, there) if there is not None else None
    report = before or import_study(app, apart, progress=progress, cancel=cancel)
    _note_doubled(app, report.study_id)
    merge_studies(app, target.study_id, report.study_id)
    return replace(report, study=target.name, study_id=target.study_id)


def _note_doubled(app: App, study_id: str) -> None:
    """Keep which images come twice; of what was cut out of fields that is not asked."""
    if not app.catalogue.study_info(study_id).get("fields"):
        found = find_doubled(app, app.catalogue.study(study_id))
        app.catalogue.change_info(study_id, **{DOUBLED: to_plain([paired.found for paired in found])})


def merge_studies(app: App, into: str, other: str, *, progress: Progress = no_progress) -> Study:
    """Put the samples of a study into another one, and delete the first with its runs.

    A sample whose name is taken gets a number behind it. Runs of the study that stays keep their numbers; predict it
    again to have the new samples in a run.

    Args:
        into, other: name or id of the study that stays, and of the one that goes.

    Raises:
        StudyNotFound: no such study.
        WrongUse: both are the same.
        StudyError: they do not fit: other channels, another pixel size, simulated and measured cells.
    """
    target, source = get_study(app, into), get_study(app, other)
    if target.study_id == source.study_id:
        raise WrongUse(f"{target.name} cannot be joined to itself.", "Name two studies.")
    _check_fit(target, source)
    # Where an earlier try began, so that samples that it put in are not put in twice.
    joining = app.catalogue.study_info(target.study_id).get(_JOINING, {})
    start = joining["from"] if joining.get("study") == source.study_id else len(target.samples)
    app.catalogue.change_info(target.study_id, **{_JOINING: {"study": source.study_id, "from": start}})
    gone = {"study": source.study_id, "name": source.name, "runs": runs_of(app, source)}
    app.catalogue.change_info(target.study_id, **{JOINED: gone})
    if len(target.samples) < start + len(source.samples):
        _copy_files(app, target, source, start, progress)
        app.catalogue.add_samples(target.study_id, _free_names(target, source))
    _join_facts(app, target, source, start)
    gates = get_gates(app, target.study_id)
    # Drawn gates that only name their cells name those of the new samples too.
    if gates.digest() != DEFAULT_GATES.digest() or gates.regions:
        set_gates(app, target.study_id, gates)
    delete_study(app, source.study_id)
    app.catalogue.change_info(target.study_id, **{_JOINING: {}})
    return app.catalogue.study(target.study_id)


def _name_apart(target: Study, request: ImportRequest) -> str:
    parts = {name: value for name, value in vars(request).items() if name not in ("paths", "describe")}
    return f"{target.name[:120]} (adding {request_key(parts, request.paths)[:12]})"


def why_unfit(target: Study, source: Study) -> str:
    """Why the samples of one study cannot be put into another, "" when they can."""
    what = ""
    if target.channels != source.channels:
        what = f"its channels are {', '.join(source.channels)}, and not {', '.join(target.channels)}"
    elif target.simulated != source.simulated:
        kinds = ("measured", "simulated")
        what = f"its cells are {kinds[source.simulated]}, and those of {target.name} are {kinds[target.simulated]}"
    elif source.pixel_size_um and target.pixel_size_um and source.pixel_size_um != target.pixel_size_um:
        what = f"its pixels are {source.pixel_size_um:g} µm wide, and not {target.pixel_size_um:g} µm"
    return what


def runs_of(app: App, study: Study) -> list[str]:
    """Ids of the runs of a study, which go with it."""
    return [run.run_id for run in app.catalogue.runs(study.study_id)]


def _check_fit(target: Study, source: Study) -> None:
    what = why_unfit(target, source)
    if what:
        raise StudyError(
            f"The new cells cannot be put into {target.name}: {what}.",
            "Import them as a study of their own; two studies can be predicted with the same model.",
            "E-STUDY-FIT",
        )


def _free_names(target: Study, source: Study) -> list[Sample]:
    taken = {sample.name.casefold() for sample in target.samples}
    renamed = []
    for sample in source.samples:
        name, number = sample.name, 2
        while name.casefold() in taken:
            name, number = f"{sample.name} ({number})", number + 1
        taken.add(name.casefold())
        renamed.append(sample.with_changes(name=name))
    return renamed


def _copy_files(app: App, target: Study, source: Study, start: int, progress: Progress) -> None:
    """Files of each sample under the key that its row will get; rows come after, so nobody sees half a study."""
    copied = 0
    keys = app.catalogue.sample_keys(source.study_id)
    for place, sample in enumerate(source.samples, start=start + 1):
        for path in (app.folder.cells_path, app.folder.quality_path, app.folder.columns_path):
            was, will = path(source.study_id, keys[sample.name]), path(target.study_id, f"c{place:06d}")
            if was.exists():
                will.parent.mkdir(parents=True, exist_ok=True)
                part = will.with_name(f".{will.name}.joining.part")
                shutil.copyfile(was, part)
                part.replace(will)
        copied += sample.cells
        progress(copied, source.cells, f"Copying {sample.name}")
    for folder in (app.folder.fields_dir, app.folder.outlines_dir):
        if folder(source.study_id).exists():
            shutil.copytree(folder(source.study_id), folder(target.study_id), dirs_exist_ok=True)
    here = {keys[sample.name]: f"c{place:06d}" for place, sample in enumerate(source.samples, start=start + 1)}
    take_over(app.folder.labels_path(target.study_id), app.folder.labels_path(source.study_id), here)


def _join_facts(app: App, target: Study, source: Study, start: int) -> None:
    """What is known of both imports: counts, findings, rules of names, and copies across them."""
    one, two = (app.catalogue.study_info(study.study_id) for study in (target, source))
    counts: dict[str, Any] = {name: one.get(name, 0) + two.get(name, 0) for name in _COUNTS}
    keys = app.catalogue.sample_keys(target.study_id)
    # Samples whose names were taken have others now.
    now = dict(zip((sample.name for sample in source.samples), list(keys)[start:], strict=True))
    mine, theirs = one.get(NAMES, {}), two.get(NAMES, {})
    names: dict[str, Any] = {
        key: list(dict.fromkeys([*mine.get(key, ()), *theirs.get(key, ())])) for key in ("rules", "left_off")
    }
    names["strange"] = [*mine.get("strange", ()), *(now.get(name, name) for name in theirs.get("strange", ()))]
    several = theirs.get("several_times", {})
    names["several_times"] = {
        **mine.get("several_times", {}),
        **{now.get(name, name): times for name, times in several.items()},
    }
    for key in (APART, LETTERS):
        names[key] = {**mine.get(key, {}), **{now.get(name, name): own for name, own in theirs.get(key, {}).items()}}
    blank = {**one.get(BLANK, {}), **{now.get(name, name): cells for name, cells in two.get(BLANK, {}).items()}}
    outlines = joined_outlines(one.get(OUTLINES, {}), two.get(OUTLINES, {}))
    # Told anew by whoever looks at the study next.
    several = max(one[SEVERAL], two[SEVERAL]) if SEVERAL in one and SEVERAL in two else None
    doubled = one.get(DOUBLED, []) + [
        {**item, "samples": [now.get(name, name) for name in item["samples"]]} for item in two.get(DOUBLED, [])
    ]
    copies = {copy.sample: copy.of for copy in copied_samples(app, target.study_id, keys, target.channel) if copy.whole}
    findings = [*findings_of(app, target.study_id), *findings_of(app, source.study_id)]
    with atomic_write(app.folder.study_dir(target.study_id) / "findings.csv") as stream:
        stream.write(findings_csv(findings))
    app.catalogue.change_info(
        target.study_id,
        **counts,
        **{NAMES: names, COPIES: copies, BLANK: blank, OUTLINES: outlines, SEVERAL: several, DOUBLED: doubled},
    )
    if target.pixel_size_um is None and source.pixel_size_um:
        app.catalogue.update_study(target.study_id, pixel_size_um=source.pixel_size_um)
