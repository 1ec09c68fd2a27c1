"""What a training is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nscweb.services.train.labelled_folders import ClassLevel

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        studies: names or ids, or folders with one folder of images per class; every sample with a true class is
            used.
        architecture: key of ARCHITECTURES.
        out: folder of the new model; its last part becomes the name of the model.
        channels: channels to learn from, such as Ch2, Ch3, Ch11; () takes the brightfield channel of each study.
        epochs: at most; None lets the training room choose by the number of cells.
        settings: further attributes of `TrainConfig`, such as ``{"mixup": 0.2}``.
        recipe: changes to the preprocessing, attributes of `InputRecipe`, such as ``{"clahe": [2.0, 8]}``.
        split_by: what must not be split: ``sample``, ``replicate``, ``donor``, ``day``, ``instrument``...; "" for
            samples where each class has enough of them and cells otherwise, which the card then says.
        folds, compare_splits: further trainings on other splits, see `nscweb.services.train.train`.
        class_level: see `nscweb.services.train.labelled_folders`.
        seed: random seed.
        device: ``auto``, ``cpu`` or ``cuda``.
        simulated: number of simulated cells to train on instead of studies (0: none).
        checks: False leaves out the shortcut audit, the robustness table, the search for twins and the ONNX forms;
            for trials, not for models that somebody will use.
        command: what the user typed, kept in the card.
        licence: of the images, and so of the weights made from them.
    """

    studies: tuple[str, ...]
    architecture: str
    out: Path
    channels: tuple[str, ...] = ()
    epochs: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    split_by: str = ""
    folds: int | None = None
    compare_splits: bool = False
    class_level: ClassLevel = "auto"
    seed: int = 0
    device: str = "auto"
    simulated: int = 0
    checks: bool = True
    command: str = ""
    licence: str = "not stated; follows the images that it was trained on"
