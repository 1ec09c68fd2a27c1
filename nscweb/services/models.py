"""The models that can be used: shipped in ``weights/``, in the data folder, or a folder by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelNotFound
from nscweb.core.findings import FindingLog

if TYPE_CHECKING:
    from nscweb.services.context import App


def list_models(app: App, log: FindingLog | None = None) -> list[CardEntry]:
    """Every model with a valid card, in the order of the folders; invalid ones become findings in `log`."""
    from nscweb.models.card_folders import list_cards

    return list_cards(app.settings.weights_dirs, log)


def model_by_name(app: App, model: str) -> CardEntry:
    """The model of that name, or the one in the folder of that path.

    Raises:
        ModelNotFound: no such model; the message lists those that there are.
        CardInvalid: its card fails a check.
    """
    from nscweb.models.card_folders import find_card

    return find_card(model, app.settings.weights_dirs)


def default_model(app: App) -> CardEntry:
    """The model that pages offer first: one of the name ``compact`` when there is one, else the first of the list.

    Raises:
        ModelNotFound: no model is installed.
    """
    entries = list_models(app)
    if not entries:
        raise ModelNotFound(
            "No model is installed.",
            "Train one with: nscweb train NAME --architecture compact --out DIR, or copy a model folder into "
            "the folder models of the data folder.",
        )
    return next((entry for entry in entries if "compact" in entry.card.name), entries[0])


def model_summary(entry: CardEntry) -> dict[str, Any]:
    """What a script wants to know of a model, ready for JSON."""
    card = entry.card
    accuracy = card.performance.metric("accuracy")
    return {
        "name": card.name,
        "version": card.version,
        "title": card.title,
        "architecture": card.architecture,
        "classes": list(card.classes.names),
        "channels": list(card.recipe.channels),
        "simulated_training": card.origin.simulated,
        "mark": card.mark,
        "training_cells": card.origin.cells,
        "accuracy": None if accuracy is None else {"value": accuracy.value, "low": accuracy.low, "high": accuracy.high},
        "weights_sha256": card.weights.sha256,
        "licence": card.origin.licence,
        "limits": list(card.limits),
        "folder": str(entry.folder),
    }
