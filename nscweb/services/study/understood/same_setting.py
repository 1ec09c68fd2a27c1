"""Were the cells of a study recorded at the setting of a model's training images? Known by pixel sizes, or asked.

A cell that fills more pixels than in training looks like another cell. Where study and model both know their pixel
size, images are brought to that of the model; where one is unknown, only a person can say, and until then no trust
light is green.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from nscweb.core.card import ModelCard
from nscweb.core.errors import WrongUse
from nscweb.core.run_record import SETTING
from nscweb.core.samples import Study

if TYPE_CHECKING:
    from nscweb.services.context import App

Setting = Literal["known", "yes", "no", "open"]
# What a study keeps: model -> answer.
ANSWERS = "same_setting"


def setting_of(study: Study, info: Mapping[str, Any], card: ModelCard) -> Setting:
    """Whether the setting is known to fit (``known``), or what somebody said; ``open`` where nobody did.

    Args:
        info: what the catalogue keeps of the study.
    """
    if study.pixel_size_um and (card.recipe.pixel_size_um or card.recipe.field_um):
        return "known"
    said = info.get(ANSWERS, {}).get(card.name)
    return "yes" if said == "yes" else "no" if said == "no" else "open"


def asked_models(app: App, study: Study, info: Mapping[str, Any]) -> tuple[str, ...]:
    """Models for which the question of this study is open: those of its runs, else the one that pages offer first."""
    from nscweb.core.errors import ModelError
    from nscweb.services.models import default_model

    runs = app.catalogue.runs(study.study_id)
    if runs:
        return tuple(dict.fromkeys(run.model for run in runs if run.extra.get(SETTING) == "open"))
    try:
        card = default_model(app).card
    except ModelError:
        return ()
    return (card.name,) if setting_of(study, info, card) == "open" else ()


def answer(app: App, study: Study, model: str, said: str) -> None:
    """Keep what a person said of the setting of a study for one model; the lights of its runs follow.

    Args:
        said: ``yes`` or ``no``.

    Raises:
        WrongUse: another answer.
    """
    if said not in ("yes", "no"):
        raise WrongUse(f"{said!r} is no answer to whether the setting is the same.", "Say yes or no.")
    answers = app.catalogue.study_info(study.study_id).get(ANSWERS, {})
    app.catalogue.change_info(study.study_id, **{ANSWERS: {**answers, model: said}})
    for run in app.catalogue.runs(study.study_id):
        if run.model == model and run.extra.get(SETTING, "known") != "known":
            app.catalogue.change_run(run.run_id, **{SETTING: said})
