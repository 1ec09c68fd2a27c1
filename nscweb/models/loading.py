"""From a card to a network that is known to be the one that the card describes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

import numpy as np
import torch

from nscweb.core.card import CardEntry, ModelCard
from nscweb.core.errors import CardInvalid, WeightsInvalid
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.weights import REPLACE, file_sha256, read_weights

MAX_PARAMETERS = 500_000_000
_MAX_EXAMPLE_BYTES = 200_000_000


@dataclass(frozen=True)
class Replay:
    """A model's own example, run again.

    Attributes:
        cells: number of example inputs.
        largest_difference: largest absolute difference of a probability from the expected one.
    """

    cells: int
    largest_difference: float


def load_model(entry: CardEntry) -> CellNetwork:
    """The network of a card on the CPU, in evaluation mode; hash, names, shapes and values are checked.

    Raises:
        CardInvalid: the card asks for an unknown architecture or for options that it does not have.
        WeightsInvalid: the weights are not what the card says.
    """
    model = _skeleton(entry.card)
    state = read_weights(entry.weights_path, model.state_dict(), entry.card.weights.sha256)
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def weights_sha256(entry: CardEntry) -> str:
    """SHA-256 of the weights file as it lies on disk now.

    Raises:
        WeightsInvalid: it cannot be read, or is not the one in the card.
    """
    try:
        found = file_sha256(entry.weights_path)
    except OSError as error:
        raise WeightsInvalid(
            f"The weights of {entry.card.name} cannot be opened: {error.strerror or error}."
        ) from error
    if found != entry.card.weights.sha256:
        raise WeightsInvalid(
            f"The weights of {entry.card.name} were changed or damaged on disk: their SHA-256 differs.",
            REPLACE,
            "E-WEIGHTS-HASH",
        )
    return found


def replay_example(entry: CardEntry) -> Replay:
    """Run the example that ships with a model and compare with the probabilities that ship with it.

    Raises:
        ModelError: the model cannot be loaded, or its example cannot be read or does not fit the card.
    """
    card = entry.card
    path = entry.folder / card.weights.example
    try:
        if path.stat().st_size > _MAX_EXAMPLE_BYTES:
            raise CardInvalid(f"The example of {card.name} is larger than 200 MB.")
        with np.load(path, allow_pickle=False) as arrays:
            inputs = np.asarray(arrays["input"], dtype=np.float32)
            expected = np.asarray(arrays["probabilities"], dtype=np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise CardInvalid(f"The example of {card.name} cannot be read: {error}.") from error
    if inputs.ndim != 4 or inputs.shape[1:] != card.input_shape:
        raise CardInvalid(f"The example of {card.name} has the shape {inputs.shape}, not that of the card.")
    if expected.shape != (len(inputs), len(card.classes)):
        raise CardInvalid(f"The example of {card.name} has {expected.shape} probabilities, not one per class.")
    with torch.inference_mode():
        found = torch.softmax(load_model(entry)(torch.from_numpy(inputs)) / card.temperature, dim=1).numpy()
    return Replay(len(inputs), float(np.abs(found - expected).max(initial=0.0)))


def _skeleton(card: ModelCard) -> CellNetwork:
    """The network without memory for its numbers, so that a card cannot ask for more memory than is there."""
    architecture = ARCHITECTURES.get(card.architecture)
    if architecture is None:
        raise CardInvalid(
            f"The card of {card.name} asks for the architecture {card.architecture!r}, not known here.",
            f"Known are: {', '.join(ARCHITECTURES)}.",
        )
    for key, value in card.options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 4096:
            raise CardInvalid(f"The card of {card.name} sets {key} to {value!r}; a number up to 4096 is possible.")
    try:
        with torch.device("meta"):
            model = architecture.make(len(card.recipe.channels), len(card.classes), card.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CardInvalid(f"The card of {card.name} has options that do not fit its architecture: {error}.") from error
    if sum(parameter.numel() for parameter in model.parameters()) > MAX_PARAMETERS:
        raise CardInvalid(f"The card of {card.name} asks for more than {MAX_PARAMETERS:,} parameters.")
    return model
