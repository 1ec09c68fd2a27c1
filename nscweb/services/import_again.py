"""An import that was finished when its worker died before it could say so: asked again, it answers the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nscweb.core.errors import StudyNotFound
from nscweb.services.import_report import ImportReport, read_findings_csv

if TYPE_CHECKING:
    from nscweb.services.context import App


def finished_since(app: App, name: str, since_utc: str) -> ImportReport | None:
    """The report of the study `name` when it was begun at `since_utc` or later, else None.

    While an import is unfinished its hidden study holds the name, so a study that is younger than the job which was
    interrupted is the work of that job.
    """
    try:
        study = app.catalogue.study(name.strip())
    except StudyNotFound:
        return None
    if study.name != name.strip() or study.created_utc < since_utc:
        return None
    info = app.catalogue.study_info(study.study_id)
    if not {"skipped", "ignored", "images", "members"} <= set(info):
        return None
    path = app.folder.study_dir(study.study_id) / "findings.csv"
    findings = read_findings_csv(path.read_bytes()) if path.exists() else []
    return ImportReport(
        study=study.name,
        study_id=study.study_id,
        samples=len(study.samples),
        imported=study.cells,
        skipped=info["skipped"],
        ignored=info["ignored"],
        images=info["images"],
        members=info["members"],
        findings=tuple(findings),
    )
