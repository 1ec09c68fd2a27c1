"""Protocol files: read from `nscweb/papers/protocols` and checked before anything runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from typing import Any

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.papers.outputs import KINDS
from nscweb.papers.protocol import Block, Model, Output, Protocol, Search, SplitRule

FOLDER = "nscweb.papers.protocols"


def papers() -> tuple[str, ...]:
    """Names of all protocols."""
    folder = resources.files(FOLDER)
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if _is_protocol(item.name)))


def read_protocol(paper: str, quick: bool = False) -> Protocol:
    """The protocol of a paper.

    Raises:
        WrongUse: there is none of that name, or its file says something that does not exist.
    """
    if paper not in papers():
        raise WrongUse(f"There is no protocol called {paper!r}.", f"Possible are {', '.join(papers())}.")
    text = (resources.files(FOLDER) / f"{paper}.toml").read_text("utf-8")
    given = tomllib.loads(text)
    return checked(parse(given, quick))


def parse(given: Mapping[str, Any], quick: bool) -> Protocol:
    """A protocol from the content of its file; the section ``quick`` replaces what it names when asked to.

    Raises:
        WrongUse: a part is missing or has another form.
    """
    small: dict[str, Any] = dict(given.get("quick", {})) if quick else {}
    try:
        data = given["data"]
        simulated = {**data["simulated"], **small.get("simulated", {})}
        blocks = [Block(**{k: _tuples(v) for k, v in block.items()}) for block in given["runs"]]
        search = {**given["search"], **small.get("search", {})} if "search" in given else None
        return Protocol(
            paper=given["paper"],
            title=given["title"],
            question=given["question"],
            citation=given["citation"],
            differs=tuple(given["differs"]),
            study=data.get("study", ""),
            kind=data["kind"],
            classes={name: tuple(labels) for name, labels in data["classes"].items()},
            simulated=simulated,
            independent={**given.get("independent", {}), **small.get("independent", {})}
            if "independent" in given
            else {},
            tasks={"": tuple(data["classes"]), **{k: tuple(v) for k, v in given.get("tasks", {}).items()}},
            recipe=InputRecipe.from_dict({**InputRecipe().as_dict(), **given["recipe"]}),
            variants={name: dict(changes) for name, changes in given.get("variants", {}).items()},
            train=_merged(given["train"], small.get("train", {})),
            models=tuple(_model(model, small) for model in given["models"]),
            splits={rule["name"]: SplitRule(**rule) for rule in given["splits"]},
            blocks={block.name: _smaller(block, small) for block in blocks},
            outputs=tuple(_output(item) for item in given["outputs"]),
            search=Search(**search) if search else None,
            numbers={name: dict(values) for name, values in given.get("numbers", {}).items()},
            keep_weights=bool(small.get("keep_weights", True)),
            quick=quick,
            side=int(small.get("side", 0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WrongUse(f"The protocol file of {given.get('paper', 'this paper')} cannot be read: {error}.") from error


def checked(protocol: Protocol) -> Protocol:
    """The same protocol, when everything that it names exists.

    Raises:
        WrongUse: with what is wrong.
    """
    from nscweb.models.architectures import ARCHITECTURES
    from nscweb.training.augment import AugmentSettings
    from nscweb.training.config import TrainConfig

    names = {model.name for model in protocol.models}
    unknown = [f"architecture {m.architecture}" for m in protocol.models if m.architecture not in ARCHITECTURES]
    known = {item.name for item in fields(TrainConfig)}
    augment = {item.name for item in fields(AugmentSettings)}
    for model in protocol.models:
        settings = protocol.train_of(model)
        unknown += [f"setting {key}" for key in settings if key not in known]
        unknown += [f"augmentation {key}" for key in settings.get("augment", {}) if key not in augment]
        protocol.recipe_of(model)
    for block in protocol.blocks.values():
        unknown += [f"model {name}" for name in block.models if name not in names]
        unknown += [f"split {name}" for name in block.splits if name not in protocol.splits]
        unknown += [f"task {block.task}"] if block.task not in protocol.tasks else []
        unknown += [f"variant {block.variant}"] if block.variant and block.variant not in protocol.variants else []
    for output in protocol.outputs:
        unknown += [f"output {output.kind}"] if output.kind not in KINDS else []
        unknown += [f"block {name}" for name in output.blocks if name not in protocol.blocks]
    unknown += [f"model {name}" for name in protocol.numbers if name not in names]
    if unknown:
        raise WrongUse(f"The protocol {protocol.paper} names what does not exist: {', '.join(unknown)}.")
    return protocol


def _is_protocol(name: str) -> bool:
    return name.endswith(".toml")


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """`first` with the entries of `second`, sections within merged too."""
    result = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            result[key] = {**first[key], **second[key]}
    return result


def _model(given: Mapping[str, Any], small: Mapping[str, Any]) -> Model:
    """A model, with settings of training of its own at the quick size where the quick section has any."""
    model = Model(**{key: _tuples(value) for key, value in given.items()})
    changes = small.get("model_train", {}).get(model.name, {})
    return replace(model, train=_merged(model.train, changes))


def _smaller(block: Block, small: Mapping[str, Any]) -> Block:
    """A block with fewer seeds, folds and models when the quick section says so."""
    changes = small.get("runs", {}).get(block.name, {})
    return replace(block, **{key: _tuples(value) for key, value in changes.items()})


def _output(given: Mapping[str, Any]) -> Output:
    own = {item.name for item in fields(Output)}
    return Output(
        **{key: _tuples(value) for key, value in given.items() if key in own},
        options={key: value for key, value in given.items() if key not in own},
    )
