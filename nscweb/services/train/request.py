"""What a training, and a search for its settings, are asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nscweb.services.train.labelled_folders import ClassLevel
from nscweb.services.train.tune_space import SPACE, Space


@dataclass(frozen=True)
class LearnRequest:
    """What a training and a search for its settings have in common.

    Attributes:
        studies: names or ids, or folders with one folder of images per class; every sample with a true class is
            used.
        labels: learn from the labels of single cells instead (`services.labels`): the ways in which they were given,
            such as ``("hand", "blind")``, or ``("all",)``; () for the true classes of samples.
        architecture: key of ARCHITECTURES.
        out: folder of the result. Its last part becomes the name of a new model; a search goes on there.
        channels: channels to learn from, such as Ch2, Ch3, Ch11; () takes the brightfield channel of each study.
        epochs: at most, of each training; None lets the training room choose by the number of cells.
        settings: further attributes of `TrainConfig`, such as ``{"mixup": 0.2}``.
        recipe: changes to the preprocessing, attributes of `InputRecipe`, such as ``{"clahe": [2.0, 8]}``.
        split_by: what must not be split: ``sample``, ``replicate``, ``donor``, ``day``, ``instrument``...; "" for
            samples where each class has enough of them and cells otherwise, which the card then says.
        class_level: see `nscweb.services.train.labelled_folders`.
        seed: random seed.
        device: ``auto``, ``cpu`` or ``cuda``.
        simulated: number of simulated cells to train on instead of studies (0: none).
        licence: of the images, and so of the weights made from them.
    """

    studies: tuple[str, ...]
    architecture: str
    out: Path
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    epochs: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    split_by: str = ""
    class_level: ClassLevel = "auto"
    seed: int = 0
    device: str = "auto"
    simulated: int = 0
    licence: str = "not stated; follows the images that it was trained on"


@dataclass(frozen=True)
class TrainRequest(LearnRequest):
    """What to train.

    Attributes:
        folds, compare_splits: further trainings on other splits, see `nscweb.services.train.train`.
        checks: False leaves out the shortcut audit, the robustness table, the search for twins and the ONNX forms;
            for trials, not for models that somebody will use.
        command: what the user typed, kept in the card.
    """

    folds: int | None = None
    compare_splits: bool = False
    checks: bool = True
    command: str = ""


@dataclass(frozen=True)
class TuneRequest(LearnRequest):
    """What to search. The same request on the same folder goes on.

    Attributes:
        trials: in all, over all parts of an interrupted search.
        sampler: ``gp`` (Gaussian process, as in Kim et al. 2023) or ``tpe``.
        space: what may change.
    """

    trials: int = 20
    sampler: Literal["gp", "tpe"] = "gp"
    space: Space = field(default_factory=lambda: dict(SPACE))
