"""A protocol: what a paper did, as data; read by `nscweb.papers.protocol_files`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from nscweb.core.recipe import InputRecipe


@dataclass(frozen=True)
class Model:
    """A line of a protocol's models.

    Attributes:
        name: key within the protocol. title: for tables. architecture: key of ARCHITECTURES. channels: in place of
        those of the recipe; the model is left out where the data lack them. recipe, train: changes to the
        protocol's own.
    """

    name: str
    title: str
    architecture: str
    channels: tuple[str, ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitRule:
    """How cells are put apart: `by` as in `nscweb.training.splits.plan`, shares of validation and held-out cells."""

    name: str
    by: str
    validation: float
    held_out: float


@dataclass(frozen=True)
class Block:
    """Trainings that belong together: each model with each split, seed and fold.

    Attributes:
        name: key. models, splits: names. task: name of a set of classes. seeds: one training each. folds: of a
        cross-validation, 0 for none. variant: key of `Protocol.variants`, "" for the recipe as it is.
    """

    name: str
    models: tuple[str, ...]
    splits: tuple[str, ...]
    task: str = ""
    seeds: tuple[int, ...] = (0,)
    folds: int = 0
    variant: str = ""


@dataclass(frozen=True)
class Search:
    """A learning-rate search: Gaussian process, expected improvement, `trials` each in `repeats` repetitions."""

    model: str
    split: str
    low: float
    high: float
    trials: int
    repeats: int


@dataclass(frozen=True)
class Output:
    """A table or figure of the result.

    Attributes:
        name: of its files. kind: which function makes it. title, note: plain text. blocks: trainings that it needs.
        options: further settings of the kind.
    """

    name: str
    kind: str
    title: str
    note: str = ""
    blocks: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """One paper.

    Attributes:
        paper: key. title, question, citation: plain text. differs: what differs from the paper and why.
        study: name of the study that its public set becomes. classes: class -> labels (media, colonies...) of its
        cells. kind: what a class is. simulated: settings of the stand-in. independent: cells that are scored and
        never trained on. tasks: name -> classes. recipe: preprocessing. variants: name -> changes of it. train:
        keyword arguments of TrainConfig. models, splits, blocks, outputs, search: see there. numbers: model ->
        figure -> what the paper prints. keep_weights: keep each network. quick: True for the quick size.
    """

    paper: str
    title: str
    question: str
    citation: str
    differs: tuple[str, ...]
    study: str
    kind: str
    classes: dict[str, tuple[str, ...]]
    simulated: dict[str, Any]
    independent: dict[str, Any]
    tasks: dict[str, tuple[str, ...]]
    recipe: InputRecipe
    variants: dict[str, dict[str, Any]]
    train: dict[str, Any]
    models: tuple[Model, ...]
    splits: dict[str, SplitRule]
    blocks: dict[str, Block]
    outputs: tuple[Output, ...]
    search: Search | None
    numbers: dict[str, dict[str, float]]
    keep_weights: bool = True
    quick: bool = False
    side: int = 0

    def model(self, name: str) -> Model:
        """The model of that name; KeyError when there is none."""
        return next(model for model in self.models if model.name == name)

    def recipe_of(self, model: Model, variant: str = "") -> InputRecipe:
        """Preprocessing of a model: the paper's, with the changes of variant and model, at the quick side if quick."""
        from nscweb.models.architectures import ARCHITECTURES

        given = {**self.recipe.as_dict(), **self.variants.get(variant, {}), **model.recipe}
        if model.channels:
            given["channels"] = list(model.channels)
        made = InputRecipe.from_dict(given)
        if not self.side:
            return made
        least = ARCHITECTURES[model.architecture].smallest_input
        height, width = (
            min(wanted, max(self.side, least_side)) for wanted, least_side in zip(made.resize, least, strict=True)
        )
        return replace(made, resize=(height, width))

    def train_of(self, model: Model) -> dict[str, Any]:
        """Keyword arguments of TrainConfig for a model, without architecture, seed and device."""
        return {**self.train, **model.train}
