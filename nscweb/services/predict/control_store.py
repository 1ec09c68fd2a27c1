"""Which samples of a study its user has named as controls of known class; kept with the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nscweb.core.errors import StudyNotFound

if TYPE_CHECKING:
    from nscweb.services.context import App

_CONTROLS = "controls_for_ratios"


def chosen_controls(app: App, study_id: str) -> tuple[str, ...]:
    """Names of the samples; () when the model's own held-out cells are to be used, or the study was deleted."""
    try:
        kept = app.catalogue.study_info(study_id).get(_CONTROLS)
    except StudyNotFound:
        return ()
    return tuple(str(name) for name in kept) if isinstance(kept, list) else ()


def keep_controls(app: App, study_id: str, names: tuple[str, ...]) -> None:
    """Store them, all at once; () forgets them."""
    app.catalogue.change_info(study_id, **{_CONTROLS: list(names)})
