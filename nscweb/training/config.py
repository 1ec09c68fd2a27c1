"""Everything that decides how a network is trained, as data: it goes into the card and the checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from nscweb.core.errors import WrongUse
from nscweb.training.augment import AugmentSettings


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        architecture: key of ARCHITECTURES. options: keyword arguments of its `build`. epochs: at most this
        many passes over the training cells. batch: cells per step. optimiser: ``adam`` as in Zhu et al.
        2021 (betas 0.9 and 0.999, epsilon 1e-8), or ``adamw``. learning_rate: largest learning rate; 1e-3
        in Zhu et al. 2021. weight_decay: of AdamW, on weights of convolutions and linear layers only.
        schedule: ``constant``, or ``cosine`` after a short warm-up. warmup_steps: steps of the warm-up of
        ``cosine``. label_smoothing: share of each label given to all classes. balance: weigh classes so
        that a rare one counts as much as a common one. patience: stop after this many epochs without a
        better validation loss. seed: of everything random. device: ``auto``, ``cpu`` or ``cuda``. threads:
        CPU threads; part of what makes a run repeatable to the last digit. None: torch's choice. precision:
        ``bfloat16`` mixed precision, ``float32``, or ``auto``: bfloat16 where the processor has units.
        augment: strengths of the augmentation.
    """

    architecture: str = "compact"
    options: dict[str, Any] = field(default_factory=dict)
    epochs: int = 12
    batch: int = 128
    optimiser: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_steps: int = 100
    label_smoothing: float = 0.0
    balance: bool = True
    patience: int = 6
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.learning_rate <= 0 or self.patience < 1:
            raise WrongUse("Epochs and patience start at 1, a batch at 2, and a learning rate is positive.")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; nested settings are dictionaries."""
        return asdict(self)


def published_settings(**changes: Any) -> TrainConfig:
    """Training as in Zhu et al. 2021: the published network, Adam at 1e-3 without a schedule."""
    settings: dict[str, Any] = {
        "architecture": "zhu2021",
        "optimiser": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "schedule": "constant",
    }
    return TrainConfig(**{**settings, **changes})
