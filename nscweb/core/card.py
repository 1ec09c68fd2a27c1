"""The model card: everything that decides what a network sees, says and may be used for.

It goes to JSON and back here, with every check that a card must pass.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import CardInvalid
from nscweb.core.model_names import MODEL_NAME
from nscweb.core.plain import REFUSE_UNKNOWN, YesNo, from_plain, to_plain
from nscweb.core.recipe import InputRecipe

_FILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
CARD_FORMAT = 1
MOST_CARD_BYTES = 32_000_000
# Beside a card, where a model was trained here: fingerprints of its training cells, so that scoring them is noticed.
SEEN_FILE = "seen.npz"
# Beside a card of a cross-fitted model: the networks that judged, so that its checks can be repeated.
JUDGES_FILE = "judges.safetensors"


def card_to_dict(card: ModelCard) -> dict[str, Any]:
    """Plain JSON-ready dictionary; `card_from_dict` is its inverse."""
    return {"format": CARD_FORMAT, **to_plain(card), "recipe": card.recipe.as_dict()}


def card_from_dict(data: Any, what: str = "The model card") -> ModelCard:
    """Check a parsed ``card.json`` and make the card.

    Args:
        what: names the card in an error.

    Raises:
        CardInvalid: with one sentence that names the field.
    """
    if not isinstance(data, dict):
        raise CardInvalid(f"{what} is not a JSON object.")
    found = data.get("format")
    if found != CARD_FORMAT:
        newer = isinstance(found, int) and not isinstance(found, bool) and found > CARD_FORMAT
        raise CardInvalid(
            f"{what} has format {found!r}; this program reads format {CARD_FORMAT}.",
            "It was written by a newer nscweb: update this one, or ask for the model as an older one writes it."
            if newer
            else "",
            "E-CARD-NEWER" if newer else "",
        )
    recipe = InputRecipe.from_dict(data.get("recipe"))
    card = from_plain(ModelCard, {"options": {}, **data, "recipe": recipe}, what, CardInvalid)
    _check(card)
    return card


def _check(card: ModelCard) -> None:
    if not MODEL_NAME.match(card.name):
        raise CardInvalid(f"The model name {card.name!r} has characters other than letters, digits, . _ -.")
    others = [str(export.get("file", "")) for export in card.exports.values()]
    if card.held_out:
        others.append(str(card.held_out.get("file", "")))
    for name in (card.weights.file, card.weights.example, *others):
        if not _FILE.match(name):
            raise CardInvalid(f"The card names the file {name!r}; files must lie beside the card.")
    if not card.weights.file.endswith(".safetensors"):
        raise CardInvalid("Weights must be a .safetensors file; pickled weights are never loaded.")
    if not _SHA256.match(card.weights.sha256):
        raise CardInvalid("The card gives no valid SHA-256 of its weights.")
    temperature = card.calibration.get("temperature", 1.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0.01 <= temperature <= 100:
        raise CardInvalid(f"The card gives the temperature {temperature!r}; a number from 0.01 to 100 is possible.")
    if not card.limits:
        raise CardInvalid("The card states no limits; a model without stated limits is not offered.")
    size = len(card.classes)
    matrices = [card.performance.confusion, *card.performance.confusion_by_time.values()]
    for matrix in matrices:
        if matrix and (len(matrix) != size or any(len(row) != size for row in matrix)):
            raise CardInvalid(f"A confusion matrix in the card is not {size} x {size}.")
    for metric in card.performance.metrics:
        if not all(math.isfinite(value) for value in (metric.value, metric.low, metric.high)):
            raise CardInvalid(f"The figure {metric.name} in the card is not a number.")
        if not metric.low - 1e-9 <= metric.value <= metric.high + 1e-9:
            raise CardInvalid(f"The figure {metric.name} in the card lies outside its own interval.")
        if metric.class_name and metric.class_name not in card.classes.names:
            raise CardInvalid(f"The card has a figure for the class {metric.class_name!r}, which it does not define.")


@dataclass(frozen=True)
class WeightsFile:
    """Where the numbers are and how they are recognised.

    Attributes:
        file: name beside the card, safetensors.
        sha256: of the whole file, 64 hexadecimal digits.
        example: ``.npz`` beside the card with ``input`` (N, C, H, W) float32 and ``probabilities`` (N, K).
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    file: str
    sha256: str
    example: str


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, told so that it can be made again.

    Attributes:
        data: what it was trained on, a sentence.
        simulated: True when the training cells are simulated.
        cells: number of training cells.
        split: how training and held-out samples were separated.
        device: the device that was really used.
        seconds: training time.
        seed: random seed.
        command: exact command that reproduces the weights.
        licence: SPDX id or sentence.
        created_utc: ISO 8601 with Z.
        versions: package versions.
        settings: optimiser, epochs, augmentation...
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    data: str
    simulated: YesNo
    cells: int
    split: str
    device: str
    seconds: float
    seed: int
    command: str
    licence: str
    created_utc: str
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A figure with its 95 % interval.

    Attributes:
        name: ``accuracy``, ``macro_f1``, ``precision``, ``recall``, ``f1``, ``auc``.
        value, low, high: the figure and its interval; `low` and `high` equal NaN-free numbers in 0..1.
        cells: cells behind it.
        samples: samples behind it.
        class_name: "" for an overall figure.
        time_h: hours since induction, None for all time points together.
        interval: how the interval was made, e.g. ``bootstrap over samples``.
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    name: str
    value: float
    low: float
    high: float
    cells: int
    samples: int
    class_name: str = ""
    time_h: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class Performance:
    """How well the model does on samples it has never seen.

    Attributes:
        data: what it was measured on, a sentence.
        metrics: figures with intervals.
        confusion: (K, K) counts, rows true, columns predicted.
        confusion_by_time: hours as text -> (K, K) counts.
        curves: anything that a page may draw: ``history`` (epoch, loss...), ``roc``, ``pr``.
        comparison: rows of a table of other models on the same data.
    """

    data: str
    metrics: tuple[Metric, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    confusion_by_time: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    comparison: tuple[dict[str, Any], ...] = ()

    def metric(self, name: str, class_name: str = "", time_h: float | None = None) -> Metric | None:
        """The first figure of that name, class and time, or None."""
        for item in self.metrics:
            if (item.name, item.class_name, item.time_h) == (name, class_name, time_h):
                return item
        return None


@dataclass(frozen=True)
class ModelCard:
    """A model as the rest of the program knows it. See `card_from_dict` for the checks.

    Attributes:
        name: folder name and handle, letters, digits, ``-``, ``_``, ``.``.
        version: of these weights.
        title: a plain title for pages.
        summary: two or three plain sentences.
        architecture: key of ARCHITECTURES.
        options: keyword arguments of the architecture's `build`.
        classes: ordered classes.
        recipe: preprocessing.
        weights, origin, performance: see there.
        uses: what it may be used for, sentences.
        limits: what it cannot do, sentences; shown beside every result.
        citation: paper, may be empty.
        calibration: of the scores (``temperature``), and what known cells look like; may be empty.
        audit: what shortcuts could explain, from `nscweb.training.checks.shortcut_audit`: ``passed`` (bool),
            ``sentence`` and the figures behind it; empty when it was not measured.
        robustness: rows of accuracy under changes of the images (``change``, ``strength``, ``accuracy``, ``low``,
            ``high``); empty when it was not measured.
        exports: other forms of the same network beside the card, by kind: ``onnx``, ``fast``; each with ``file``,
            ``sha256`` and the result of its own check.
        mark: a few words that stand beside the title everywhere, such as "published, illumination shortcut not
            excluded"; empty for most.
        held_out: the file beside the card with the scores of its held-out cells (``file``, ``sha256``, ``cells``,
            ``samples``), from which corrected ratios are made; empty for models that came without one.
        map_tests: what class maps of the network are worth, from `nscweb.training.checks.map_tests`; empty when it was
            not measured.
    """

    name: str
    version: str
    title: str
    summary: str
    architecture: str
    options: dict[str, Any]
    classes: ClassScheme
    recipe: InputRecipe
    weights: WeightsFile
    origin: Origin
    performance: Performance
    uses: tuple[str, ...]
    limits: tuple[str, ...]
    citation: str = ""
    calibration: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    robustness: tuple[dict[str, Any], ...] = ()
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    mark: str = ""
    held_out: dict[str, Any] = field(default_factory=dict)
    map_tests: dict[str, Any] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """What the logits are divided by before softmax; 1 for a model whose scores were left as they are."""
        return float(self.calibration.get("temperature", 1.0))

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one network input."""
        return (len(self.recipe.channels), *self.recipe.resize)


@dataclass(frozen=True)
class CardEntry:
    """A card and the folder it was found in."""

    folder: Path
    card: ModelCard

    @property
    def weights_path(self) -> Path:
        return self.folder / self.card.weights.file


def read_card(folder: Path) -> CardEntry:
    """Read and check ``card.json`` of a model folder.

    Raises:
        CardInvalid: the file is missing, is not JSON, or its content fails a check.
    """

    path = folder / "card.json"
    try:
        if path.stat().st_size > MOST_CARD_BYTES:
            raise CardInvalid(f"The model card {path.name} in {folder.name} is larger than 32 MB.")
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CardInvalid(
            f"The folder {folder.name} has no card.json.", "A model is a folder with card.json and its weights."
        ) from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CardInvalid(f"The model card in {folder.name} cannot be read: {error}.") from error
    return CardEntry(folder, card_from_dict(data, f"The model card in {folder.name}"))
