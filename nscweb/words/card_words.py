"""What a model card says, in words: names of figures, and what the network sees."""

from __future__ import annotations

from nscweb.core.card import ModelCard
from nscweb.words.numbers import count

_METRIC_WORDS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
    "ece": "Calibration error",
}


def metric_word(name: str) -> str:
    """``macro_f1`` -> Macro F1."""
    return _METRIC_WORDS.get(name, name.replace("_", " ").capitalize())


def input_rows(card: ModelCard) -> dict[str, object]:
    """What happens to an image before the network sees it, step by step, and what the network is."""
    recipe = card.recipe
    field = "the whole frame"
    if recipe.field_px:
        field = f"{recipe.field_px[1]} x {recipe.field_px[0]} pixels around the centre, padded, never stretched"
    elif recipe.field_um:
        field = f"{recipe.field_um[1]:g} x {recipe.field_um[0]:g} µm around the centre, never stretched"
    first: dict[str, object] = {}
    if recipe.pixel_size_um:
        size = f"{recipe.pixel_size_um:g} µm; images whose own is known and differs are brought to it"
        first["Pixel size"] = size
    if recipe.crop_to_object is not None:
        first["Crop"] = f"to the cell or colony, with {count(recipe.crop_to_object, 'pixel')} around it"
    if recipe.clahe is not None:
        limit, tiles = recipe.clahe
        first["Local contrast"] = f"equalised (CLAHE, clip limit {limit:g}, {tiles} x {tiles} tiles)"
    return {
        "Classes": ", ".join(card.classes.names),
        "Channel": ", ".join(recipe.channels),
        **first,
        "Field": field,
        "Background": "left as it is" if recipe.background == "none" else "subtracted for each cell",
        "Contrast": "divided by the deviation in the field"
        if recipe.contrast != "none"
        else f"divided by {recipe.divide_by:g}",
        "Network input": f"{recipe.resize[1]} x {recipe.resize[0]} pixels",
        "Architecture": card.architecture,
    }
