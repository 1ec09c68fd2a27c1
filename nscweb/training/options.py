"""The options of ``python -m nscweb.training``, and the settings that they stand for."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.augment import AugmentSettings
from nscweb.training.config import FAMILIES, TrainConfig, recipe_settings
from nscweb.training.data.field_store import MEMORY_LIMIT
from nscweb.training.data.simulated import RECIPE
from nscweb.training.splits.grouping import CHOICES

# Options that are settings of `TrainConfig` under the same name; None: not given.
_SETTINGS: tuple[tuple[str, type, tuple[str, ...] | None, str], ...] = (
    ("architecture", str, tuple(ARCHITECTURES), "network"),
    ("pretrained", str, ("none", "imagenet"), "weights to start from"),
    ("epochs", int, None, "at most; 0: chosen from the number of cells"),
    ("batch", int, None, "cells per step over all processes; 0: chosen"),
    ("optimiser", str, ("adamw", "adam", "sgd"), ""),
    ("learning_rate", float, None, ""),
    ("weight_decay", float, None, ""),
    ("clip_gradient", float, None, "0: off"),
    ("schedule", str, ("cosine", "constant", "step"), "of the learning rate"),
    ("warmup_steps", int, None, "of the cosine schedule"),
    ("step_every", int, None, "epochs between steps of the step schedule"),
    ("step_factor", float, None, "of the step schedule"),
    ("sampling", str, ("natural", "balanced"), "balanced shows every class equally often"),
    ("balance", float, None, "weight of rare classes in the loss, 0 to 1"),
    ("label_smoothing", float, None, ""),
    ("mixup", float, None, "parameter of the Beta distribution; 0: off"),
    ("average", float, None, "decay of the averaged weights; 0: off"),
    ("members", int, None, "networks side by side in cross-fitting; 0: chosen"),
    ("plain_features", str, ("auto", "never"), "whether plain features may answer beside them in cross-fitting"),
    ("patience", int, None, "epochs without a gain before it stops; 0: chosen"),
    ("least_gain", float, None, "of the validation loss that counts as one"),
    ("seed", int, None, ""),
    ("device", str, ("auto", "cpu", "cuda"), ""),
    ("threads", int, None, "CPU threads"),
    ("precision", str, ("auto", "float32", "bfloat16"), ""),
)


def parser(description: str | None) -> argparse.ArgumentParser:
    """All options of the command."""
    made = argparse.ArgumentParser(
        prog="python -m nscweb.training", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("--cells", type=Path, metavar="LIST.json", help="list of labelled cell files")
    source.add_argument("--simulated", type=int, metavar="N", help="train on N simulated cells")
    made.add_argument("--out", type=Path, required=True, help="folder of the new model; its last part is its name")
    made.add_argument("--recipe", choices=FAMILIES, help="settings of a paper; other options change them")
    for name, kind, choices, text in _SETTINGS:
        made.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=choices, help=text or None)
    made.add_argument("--compile", action="store_true", help="torch.compile, where it works")
    made.add_argument("--no-augment", action="store_true", help="show every cell as it is")
    made.add_argument("--quarter-turns", action="store_true", help="turn cells by multiples of 90 degrees only")
    made.add_argument("--crop", type=float, help="smallest share of a random resized crop; 0: off")
    made.add_argument("--pretrained-folder", type=Path, help="where downloaded ImageNet weights lie")
    made.add_argument("--field", type=int, default=RECIPE.resize[0], help="side of the field in pixels")
    made.add_argument("--split-by", choices=CHOICES, default="sample", help="what is never torn apart")
    made.add_argument(
        "--folds",
        type=int,
        help="every cell trains, and each is judged by one of so many networks that never saw its group; 0: one group "
        "at a time; 1: parts as below; chosen by the number of cells",
    )
    made.add_argument("--validation", type=float, default=0.1, help="share that decides when to stop")
    made.add_argument("--held-out", type=float, default=0.2, help="share that is never seen")
    made.add_argument(
        "--memory",
        type=float,
        default=MEMORY_LIMIT / 2**30,
        metavar="GIB",
        help="prepared cells beyond this go to a file in the folder of the model",
    )
    made.add_argument(
        "--no-checks", action="store_true", help="no shortcut audit, no robustness table, no tests of class maps"
    )
    made.add_argument("--licence", default="not stated; follows the images that it was trained on")
    return made


def config_of(given: argparse.Namespace) -> TrainConfig:
    """The settings that were given, over those of a paper or the defaults.

    Raises:
        WrongUse: a number that makes no sense.
    """
    changes: dict[str, Any] = {name: getattr(given, name) for name, *_ in _SETTINGS if getattr(given, name) is not None}
    if given.compile:
        changes["compile"] = True
    config = recipe_settings(given.recipe, **changes) if given.recipe else TrainConfig(**changes)
    augment = AugmentSettings.off() if given.no_augment else config.augment
    if given.quarter_turns:
        augment = replace(augment, quarter_turns=True, rotation=0.0)
    if given.crop is not None:
        augment = replace(augment, crop=given.crop)
    return replace(config, augment=augment)
