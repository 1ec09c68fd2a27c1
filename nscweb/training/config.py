"""Everything that decides how a network is trained, as data: it goes into the card and the checkpoint.

How each of five papers trained its networks is data, too; what a paper does not say is marked and chosen by us.

Starting from ImageNet (Parthasarathy 2024, Zamani et al. 2022, Kim et al. 2023) is left to the caller, because those
weights are not on every machine: ``recipe_settings("kim2023", pretrained="imagenet")``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from nscweb.core.errors import WrongUse
from nscweb.training.augment import AugmentSettings

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
# Cells shown in all when the number of epochs is chosen: 4,000 batches of 64, and 7.5 passes over the cells on top.
_LEAST_SHOWN = 256_000
_PASSES = 7.5
# The same for each network of a cross-fitting, whose rate falls to nothing in so few.
_CROSSED_SHOWN, _CROSSED_PASSES = 62_000, 5
_TWO_MEMBERS_BELOW = 5_000
_MOST_EPOCHS = 400
_SMALL_SET = 20_000
_SMALL_BATCH, _LARGE_BATCH = 64, 128


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


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        architecture: key of ARCHITECTURES. options: keyword arguments of its `build`. pretrained: ``imagenet``
            starts from weights learnt on ImageNet where the architecture has any; ``none`` from random ones.
        epochs: at most this many passes over the training cells. 0: chosen by `for_cells`, so that a small set
            gets about 4,000 steps and 100,000 cells get 10 passes. batch: cells per step, over all processes;
            0: 64 below 20,000 training cells, else 128.
        optimiser: ``adam`` as in Zhu et al. 2021 (betas 0.9 and 0.999, epsilon 1e-8), ``adamw``, or ``sgd``
            (Nesterov, momentum 0.9). learning_rate: the largest one. weight_decay: on weights of convolutions
            and linear layers only. clip_gradient: longest gradient that is followed; 0 for any.
        schedule: ``constant``; ``cosine`` after a short warm-up; ``step`` multiplies the rate by `step_factor`
            after every `step_every` epochs (7 and 0.1 in Li et al. 2026). warmup_steps: of ``cosine``, cut to a
            tenth of the run.
        sampling: ``natural`` shows each cell once per epoch; ``balanced`` draws as many cells with replacement,
            every class as often as every other. balance: weight of the classes in the loss: 0 none, 1 so that a
            rare class counts as much as a common one, between them in part (weights to this power).
        label_smoothing: share of each label given to all classes. mixup: parameter of the Beta distribution from
            which the share of a second cell in each input is drawn (Zhang et al. 2018); 0 off.
        average: decay per step of a running average of weights and buffers, which is then what is validated and
            kept; 0 off. It starts quicker: the decay of step t is at most (1 + t) / (10 + t).
        members: networks that learn side by side from other random numbers and answer together, in cross-fitting; 0:
            two below 5,000 cells, else one. plain_features: ``auto`` lets plain features answer beside them where
            unseen cells say that it helps, in cross-fitting; ``never`` does not.
        patience: stop after this many epochs without a validation loss that is better by `least_gain`. 0: a third
            of the epochs and at least five, so that many short epochs do not stop a run that has hardly begun.
        compile: let `torch.compile` make the step quicker; where it cannot, the run goes on without and says so.
        seed: of everything random. device: ``auto``, ``cpu`` or ``cuda``. threads: CPU threads; part of what
            makes a run repeatable to the last digit. None: torch's choice. precision: ``bfloat16`` mixed
            precision, ``float32``, or ``auto``: bfloat16 where the processor has units. augment: strengths of
            the augmentation.
    """

    architecture: str = "compact"
    options: dict[str, Any] = field(default_factory=dict)
    pretrained: Literal["none", "imagenet"] = "none"
    epochs: int = 0
    batch: int = 0
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    clip_gradient: float = 2.0
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    warmup_steps: int = 100
    step_every: int = 7
    step_factor: float = 0.1
    sampling: Literal["natural", "balanced"] = "natural"
    balance: float = 0.5
    label_smoothing: float = 0.05
    mixup: float = 0.0
    average: float = 0.995
    members: int = 0
    plain_features: Literal["auto", "never"] = "auto"
    patience: int = 0
    least_gain: float = 0.0
    compile: bool = False
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.patience, self.members) < 0 or self.batch == 1:
            raise WrongUse(
                "Epochs, members and patience are 0 (chosen for you) or more, and a batch has at least two cells."
            )
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise WrongUse("A learning rate is a positive number.")
        if self.step_every < 1 or not 0 < self.step_factor <= 1:
            raise WrongUse("A step schedule steps after at least one epoch, by a factor above 0 and up to 1.")
        if not (0 <= self.label_smoothing < 1 and 0 <= self.average < 1 and 0 <= self.balance <= 1):
            raise WrongUse("Label smoothing and the decay of the average lie from 0 to below 1, balance from 0 to 1.")
        least = min(self.mixup, self.weight_decay, self.clip_gradient, self.least_gain, self.warmup_steps)
        if least < 0:
            raise WrongUse("Mixup, weight decay, gradient clipping, least gain and warm-up are 0 (off) or positive.")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; nested settings are dictionaries."""
        return asdict(self)

    def for_cells(self, cells: int, *, crossed: bool = False) -> TrainConfig:
        """The same settings with numbers in place of every "chosen".

        Args:
            cells: training cells of the network that is kept.
            crossed: for cross-fitting, where so many cells are shown to every fold once more.
        """
        batch = self.batch or (_SMALL_BATCH if cells < _SMALL_SET else _LARGE_BATCH)
        shown = _CROSSED_SHOWN + _CROSSED_PASSES * cells if crossed else _LEAST_SHOWN + _PASSES * cells
        epochs = self.epochs or min(_MOST_EPOCHS, math.ceil(shown / max(1, cells)))
        patience = self.patience or max(5, -(-epochs // 3))
        members = self.members or (2 if crossed and cells < _TWO_MEMBERS_BELOW else 1)
        return replace(self, batch=batch, epochs=epochs, patience=patience, members=members)


def published_settings(**changes: Any) -> TrainConfig:
    """Training as in Zhu et al. 2021; see `nscweb.training.config.recipe_settings` for the other papers."""

    return recipe_settings("zhu2021", **changes)
