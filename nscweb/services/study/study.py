"""Studies: import, list, sample sheet, contact sheet, quality, delete. Words of page and command "study"."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nscweb.core.errors import StudyError, StudyNotFound
from nscweb.core.findings import Finding
from nscweb.core.progress import Progress, no_progress
from nscweb.core.samples import Study
from nscweb.services.study.contact_sheet import SCALINGS, ContactSheet, contact_sheet
from nscweb.services.study.import_request import (
    ImportRefused,
    ImportReport,
    ImportRequest,
    check_name,
    check_pixel_size,
    finding_as_dict,
    read_findings_csv,
)
from nscweb.services.study.quality import measure_again, quality_table
from nscweb.services.study.sheet import (
    ANSWERS,
    LABELS,
    SheetUpdate,
    alike_values,
    apply_sheet_file,
    export_sheet,
    import_sheet,
    make_alike_one,
    name_columns,
    one_change,
    set_times,
    sheet_table,
    sheet_template,
    undo_sheet,
    update_sheet,
    write_sheet_file,
)
from nscweb.services.study.study_import import import_study
from nscweb.services.study.uploads import (
    clean_uploads,
    discard_staged,
    discard_upload,
    inbox_path,
    list_inbox,
    new_upload_id,
    stage_upload,
)

if TYPE_CHECKING:
    from nscweb.services.context import App

__all__ = [
    "ANSWERS",
    "LABELS",
    "SCALINGS",
    "ContactSheet",
    "ImportRefused",
    "ImportReport",
    "ImportRequest",
    "SheetUpdate",
    "alike_values",
    "apply_sheet_file",
    "change_study",
    "clean_uploads",
    "contact_sheet",
    "delete_study",
    "discard_staged",
    "discard_upload",
    "export_sheet",
    "findings_as_dicts",
    "findings_of",
    "get_study",
    "import_sheet",
    "import_study",
    "inbox_path",
    "list_inbox",
    "list_studies",
    "make_alike_one",
    "name_columns",
    "new_upload_id",
    "one_change",
    "quality_table",
    "rename_study",
    "set_times",
    "sheet_table",
    "sheet_template",
    "skipped_csv",
    "stage_upload",
    "study_exists",
    "undo_sheet",
    "update_sheet",
    "write_sheet_file",
]


def list_studies(app: App) -> list[Study]:
    """All finished studies, newest first."""
    return sorted(app.catalogue.studies(), key=lambda study: study.study_id, reverse=True)


def get_study(app: App, study: str) -> Study:
    """The study of that name or id.

    Raises:
        StudyNotFound: there is none; the message lists those that there are.
    """
    try:
        return app.catalogue.study(study)
    except StudyNotFound as error:
        names = [known.name for known in list_studies(app)]
        listed = f"There are: {', '.join(names[:8])}." if names else "There is no study yet; import one first."
        raise StudyNotFound(f"There is no study called {study!r}.", listed) from error


def study_exists(app: App, name: str) -> bool:
    """True when a study has exactly this name."""
    return any(study.name == name for study in app.catalogue.studies())


def findings_as_dicts(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Findings ready for JSON."""
    return [finding_as_dict(finding) for finding in findings]


def change_study(
    app: App, study: str, *, channel: str, pixel_size_um: float | None, progress: Progress = no_progress
) -> Study:
    """Set brightfield channel and pixel size. Another channel means that quality is measured anew.

    Raises:
        StudyNotFound: no such study.
        StudyError: the study does not have this channel.
        WrongUse: a pixel size that makes no sense.
    """
    found = get_study(app, study)
    if channel not in found.channels:
        raise StudyError(
            f"The study {found.name} has no channel {channel!r}.",
            f"It has: {', '.join(found.channels)}.",
            "E-CHANNEL-NOT-FOUND",
        )
    check_pixel_size(pixel_size_um)
    if channel != found.channel:
        measure_again(app, found, channel, progress)
    app.catalogue.update_study(found.study_id, channel=channel, pixel_size_um=pixel_size_um)
    return app.catalogue.study(found.study_id)


def rename_study(app: App, study: str, name: str) -> Study:
    """Give a study another name. Its id, cells and runs stay; runs keep the name that they were made under.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a name that no study can have.
        StudyExists: another study has it.
    """
    found = get_study(app, study)
    wanted = name.strip()
    if wanted != found.name:
        check_name(app, wanted)
        app.catalogue.update_study(found.study_id, name=wanted)
    return app.catalogue.study(found.study_id)


def delete_study(app: App, study: str) -> Study:
    """Remove a study with its cells and runs from catalogue and disk; hands back what it was.

    The rows go first: a kill in between leaves unused files, never a study without cells.

    Raises:
        StudyNotFound: no such study.
    """
    found = get_study(app, study)
    runs = [run.run_id for run in app.catalogue.runs(found.study_id)]
    app.catalogue.delete_study(found.study_id)
    for run_id in runs:
        shutil.rmtree(app.folder.run_dir(run_id), ignore_errors=True)
    shutil.rmtree(app.folder.study_dir(found.study_id), ignore_errors=True)
    return found


def findings_of(app: App, study: str) -> list[Finding]:
    """Everything that was noticed when the study was imported; empty when nothing was.

    Raises:
        StudyNotFound: no such study.
    """
    return read_findings_csv(skipped_csv(app, study))


def skipped_csv(app: App, study: str) -> bytes:
    """The file ``skipped.csv`` of a study: every finding of its import, with place and reason."""
    from nscweb.services.study.import_request import findings_csv

    path = app.folder.study_dir(get_study(app, study).study_id) / "findings.csv"
    return path.read_bytes() if path.exists() else findings_csv(())
