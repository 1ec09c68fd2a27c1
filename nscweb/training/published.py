"""How each of five papers trained its networks, as data; what a paper does not say is marked and chosen by us.

Starting from ImageNet (Parthasarathy 2024, Zamani et al. 2022, Kim et al. 2023) is left to the caller, because those
weights are not on every machine: ``recipe_settings("kim2023", pretrained="imagenet")``.
"""

from __future__ import annotations

from typing import Any

from nscweb.core.errors import WrongUse
from nscweb.training.augment import AugmentSettings
from nscweb.training.config import TrainConfig

# What all five leave out: no weights of classes, no decay of weights, no clipping, no average of weights.
_PLAIN: dict[str, Any] = {
    "optimiser": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "clip_gradient": 0.0,
    "schedule": "constant",
    "sampling": "natural",
    "balance": 0.0,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "average": 0.0,
    "least_gain": 0.0,
    "augment": AugmentSettings.off(),
}

_RECIPES: dict[str, dict[str, Any]] = {
    # Methods, Model training methodology: Adam with 1e-3, 0.9, 0.999 and 1e-8. Epochs and batch are not printed.
    "zhu2021": {"architecture": "zhu2021", "batch": 128},
    # Section 2: transfer learning with dropout and a dense head; nothing further is printed.
    "parthasarathy2024": {"architecture": "parthasarathy2024-resnet50", "batch": 64},
    # Table 1 and the text around it. "Reflection, rotation, and translation" come without numbers; the optimiser is
    # not named, and Adam learns at that rate from random weights as well.
    "zamani2023": {
        "architecture": "zamani2023-alexnet",
        "learning_rate": 1e-4,
        "batch": 15,
        "epochs": 10,
        "patience": 10,
        "augment": AugmentSettings.off(rotation=180.0, flip=0.5, shift=4.0),
    },
    # Table 2 and section 2.5: batch 8, 100 epochs, StepLR x 0.1 every 7 epochs, early stopping (its patience is not
    # printed: 10), random resized crops and horizontal flips. The learning rate is not printed: torch's own.
    "cgrecnet2026": {
        "architecture": "cgrecnet2026",
        "batch": 8,
        "epochs": 100,
        "patience": 10,
        "schedule": "step",
        "step_every": 7,
        "step_factor": 0.1,
        "augment": AugmentSettings.off(crop=0.08, flip=0.5),
    },
    # Section Deep learning: Adam, 50 epochs, patience 10, turns by 90 degrees and flips. The learning rate was
    # searched by Bayesian optimisation; Adam at 1e-4 suits networks that are tuned as a whole. Batch not printed.
    "kim2023": {
        "architecture": "kim2023-densenet121",
        "learning_rate": 1e-4,
        "batch": 32,
        "epochs": 50,
        "patience": 10,
        "augment": AugmentSettings.off(quarter_turns=True, flip=0.5),
    },
}

FAMILIES = tuple(_RECIPES)


def recipe_settings(family: str, **changes: Any) -> TrainConfig:
    """Training as in one of the papers.

    Args:
        family: ``zhu2021``, ``parthasarathy2024``, ``zamani2023``, ``cgrecnet2026`` or ``kim2023``, as in
            `Architecture.family`.
        changes: any settings to have otherwise, mostly the architecture and the seed.

    Raises:
        WrongUse: there is no such paper.
    """
    if family not in _RECIPES:
        raise WrongUse(f"There is no published recipe called {family!r}.", f"Known are {', '.join(FAMILIES)}.")
    return TrainConfig(**{**_PLAIN, **_RECIPES[family], **changes})
