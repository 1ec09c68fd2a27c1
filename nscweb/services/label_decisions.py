"""What people decided about labels that a model contradicts: kept with the study, one decision per cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nscweb.core.errors import StoreError, WrongUse
from nscweb.services.file_lock import file_lock
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

Decision = Literal["wrong", "right"]
WORDS: dict[str, str] = {"wrong": "label is wrong", "right": "label is right"}


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
