"""Studies: import, list, sample sheet, contact sheet, quality, delete. The words of page and command "study"."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from nscweb.core.errors import StudyExists, StudyNotFound
from nscweb.core.findings import Finding
from nscweb.core.samples import Study
from nscweb.services.contact_sheet import SCALINGS, ContactSheet, contact_sheet
from nscweb.services.import_report import ImportReport, read_findings_csv
from nscweb.services.quality import quality_summary, quality_table
from nscweb.services.sheet import (
    SheetUpdate,
    export_sheet,
    import_sheet,
    sheet_table,
    sheet_template,
    update_sheet,
)
from nscweb.services.study_import import ImportRequest, import_study
from nscweb.services.uploads import (
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
    "SCALINGS",
    "ContactSheet",
    "ImportReport",
    "ImportRequest",
    "SheetUpdate",
    "clean_uploads",
    "contact_sheet",
    "delete_study",
    "discard_staged",
    "discard_upload",
    "export_sheet",
    "findings_of",
    "get_study",
    "import_sheet",
    "import_study",
    "inbox_path",
    "list_inbox",
    "list_studies",
    "new_upload_id",
    "quality_summary",
    "quality_table",
    "sheet_table",
    "sheet_template",
    "skipped_csv",
    "stage_upload",
    "study_exists",
    "update_sheet",
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
        listed = (
            f"There are: {', '.join(names[:8])}." if names else "There is no study yet; import one first."
        )
        raise StudyNotFound(f"There is no study called {study!r}.", listed) from error


def study_exists(app: App, name: str) -> bool:
    """True when a study has exactly this name."""
    return any(study.name == name for study in app.catalogue.studies())


def refuse_known_name(app: App, name: str) -> None:
    """StudyExists, with what to do, when the name is taken."""
    if study_exists(app, name):
        raise StudyExists(
            f"A study called {name!r} exists already.",
            "Choose another name, or delete the old one first (nscweb study delete NAME).",
        )


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
    from nscweb.services.import_report import findings_csv

    path = app.folder.study_dir(get_study(app, study).study_id) / "findings.csv"
    return path.read_bytes() if path.exists() else findings_csv(())
