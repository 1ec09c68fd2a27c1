"""The trained file of Zhu et al. 2021 to a model folder of ours.

The file (FACTS section 1) is what torch saves of a tuple or list whose item 0 is the state dict. It is read with
``weights_only=True``, which builds tensors and numbers and runs nothing, and only here: a card never leads to such
a file. Names and shapes are those of our architecture ``zhu2021``, so nothing has to be renamed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy._core import multiarray
from torch import Tensor

from nscweb import __version__
from nscweb.core.card import ModelCard, Origin, Performance, WeightsFile, card_to_dict
from nscweb.core.classes import ClassScheme
from nscweb.core.errors import WeightsInvalid
from nscweb.core.recipe import InputRecipe
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.published import PUBLISHED, PublishedModel

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")
MARK = "published, illumination shortcut not excluded"
_WEIGHTS, _EXAMPLE = "weights.safetensors", "example.npz"
_EXAMPLES, _EXAMPLE_SEED = 8, 2021
# Numbers of NumPy may stand beside the state dict (an accuracy, a history); these build numbers and nothing else.
_NUMBERS: list[Any] = [
    (np.dtype, "numpy.dtype"),
    (np.ndarray, "numpy.ndarray"),
    (multiarray.scalar, "numpy.core.multiarray.scalar"),
    (multiarray.scalar, "numpy._core.multiarray.scalar"),
    (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
    (multiarray._reconstruct, "numpy._core.multiarray._reconstruct"),
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "?")),
]


def read_published(data: bytes, name: str) -> dict[str, Tensor]:
    """The state dict in the bytes of a published file, checked against the architecture.

    Args:
        data: the whole file. name: what to call it in sentences.

    Raises:
        WeightsInvalid: unreadable, asks to run code, or holds something else; the sentence says what was found.
    """
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            loaded: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise _unreadable(name, error) from error
    return _checked(_state_of(loaded, name), name)


def write_model(folder: Path, state: Mapping[str, Tensor], *, created_utc: str, command: str) -> ModelCard:
    """Write weights, example and card into `folder`, which exists and is empty; the card is written last.

    The example is pseudo-random input with a fixed seed and what the network says of it, because the authors'
    cells are not part of this program. It shows that the network computes the same everywhere, not that it is right.
    """
    network = ARCHITECTURES["zhu2021"].make(1, len(CLASSES)).eval()
    network.load_state_dict(dict(state), strict=True)
    weights = safetensors.torch.save(
        {name: value.contiguous() for name, value in network.state_dict().items()}, {"architecture": "zhu2021"}
    )
    inputs = np.random.default_rng(_EXAMPLE_SEED).uniform(size=(_EXAMPLES, 1, 45, 30)).astype(np.float32)
    with torch.inference_mode():
        probabilities = torch.softmax(network(torch.from_numpy(inputs)), dim=1).numpy()
    card = _card(hashlib.sha256(weights).hexdigest(), created_utc, command)
    (folder / _WEIGHTS).write_bytes(weights)
    with (folder / _EXAMPLE).open("wb") as stream:
        np.savez(stream, input=inputs, probabilities=probabilities)
    (folder / "card.json").write_text(json.dumps(card_to_dict(card), indent=1), "utf-8")
    return card


def _state_of(loaded: Any, name: str) -> dict[str, Tensor]:
    outer = isinstance(loaded, tuple | list) and bool(loaded)
    inner = loaded[0] if outer else loaded
    tensors = isinstance(inner, Mapping) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in inner.items()
    )
    if not tensors or not inner:
        found = f"a {type(loaded).__name__} whose first item is {_what(inner)}" if outer else _what(loaded)
        raise WeightsInvalid(
            f"The file {name} does not hold what the authors published: a state dict, alone or as the first item "
            f"of a tuple or list, was expected, and {found} was found.",
            "Look whether it is the file trained_model/model.pt of the authors.",
            "E-PUBLISHED-STRUCTURE",
        )
    state = dict(inner)
    # torch writes this before every name when a network was trained on several GPUs at once.
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _checked(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    with torch.device("meta"):
        ours = ARCHITECTURES["zhu2021"].make(1, len(CLASSES)).state_dict()
    missing, extra = [key for key in ours if key not in state], [key for key in state if key not in ours]
    if missing or extra:
        said = f"{missing[0][:80]} is missing" if missing else f"{extra[0][:80]} is too much"
        raise WeightsInvalid(
            f"The file {name} holds another network: {len(state)} named entries were found and {len(ours)} expected; "
            f"{said}.",
            "Look whether it is the file trained_model/model.pt of the authors.",
            "E-PUBLISHED-STRUCTURE",
        )
    for key, value in ours.items():
        if state[key].shape != value.shape:
            raise WeightsInvalid(
                f"The file {name} holds another network: {key} has the shape {tuple(state[key].shape)}, "
                f"{tuple(value.shape)} was expected.",
                "A network for another number of channels or classes has to be described by a card of its own.",
                "E-PUBLISHED-STRUCTURE",
            )
        if not bool(torch.isfinite(state[key].double()).all()):
            raise WeightsInvalid(
                f"The file {name} holds numbers that are not finite (in {key}).", code="E-WEIGHTS-NOT-FINITE"
            )
    return {key: state[key].to(value.dtype) for key, value in ours.items()}


def _what(found: Any) -> str:
    if isinstance(found, Tensor):
        return f"one tensor of the shape {tuple(found.shape)}"
    if isinstance(found, Mapping):
        listed = ", ".join(str(key)[:40] for key in list(found)[:3])
        return f"a dictionary with {len(found)} entries ({listed or 'empty'})"
    return f"a {type(found).__name__}"


def _unreadable(name: str, error: Exception) -> WeightsInvalid:
    if type(error).__name__ == "UnpicklingError" and "GLOBAL " in str(error):
        return WeightsInvalid(
            f"The file {name} asks for more than numbers when it is opened, which could run code of a stranger; "
            "it was refused and nothing in it was run.",
            "Do not open it with other programs either, unless you know who made it.",
            "E-WEIGHTS-UNSAFE",
        )
    return WeightsInvalid(
        f"The file {name} cannot be read as a file of torch ({type(error).__name__}); nothing in it was run.",
        "Get it again from its source.",
        "E-WEIGHTS-DAMAGED",
    )


def _card(sha256: str, created_utc: str, command: str) -> ModelCard:
    about: PublishedModel = PUBLISHED["zhu2021"]
    test = "29,895 images drawn at random from the same acquisitions"
    return ModelCard(
        name=about.name,
        version="15d0e69",
        title="Zhu et al. 2021, brightfield (published weights)",
        summary=(
            "The network and the weights that Zhu et al. published with their paper. It looks at one brightfield "
            f"image of a cell and names the fate. The paper prints an accuracy of 0.923 on {test}; that figure is the "
            "paper's, it was not measured here and has no interval."
        ),
        architecture="zhu2021",
        options={},
        classes=ClassScheme(CLASSES),
        recipe=InputRecipe(
            background="none", contrast="none", resize=(45, 30), interpolation="linear", divide_by=255.0
        ),
        weights=WeightsFile(_WEIGHTS, sha256, _EXAMPLE),
        origin=Origin(
            data=(
                "119,533 brightfield images of rat neural stem cells, ImageStream, labelled by the medium that they "
                "grew in (figshare 13070666)"
            ),
            simulated=False,
            cells=119_533,
            split="80 % for training, 20 % for testing, drawn by image and not by sample (as the paper tells)",
            device="four NVIDIA GTX 1080 Ti; the paper does not say for how long",
            seconds=-1.0,
            seed=0,
            command=command,
            licence=about.licence,
            created_utc=created_utc,
            versions={"nscweb": __version__, "torch": torch.__version__},
            settings={
                "source": about.source,
                "git_blob": about.git_blob,
                "training": "Adam, learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, as the paper tells",
                "not_known": "seed, duration and number of epochs are not in the paper",
                "example": f"pseudo-random input, NumPy default_rng({_EXAMPLE_SEED}); no cells",
            },
        ),
        performance=Performance(
            data=f"Not measured here. The paper's figures are on {test}.",
            comparison=(
                _printed("Brightfield (these weights)", "Ch1", 0.923),
                _printed("Markers (weights not published)", "Ch2, Ch3, Ch11", 0.998),
            ),
        ),
        uses=(
            "Compare your own model, or your own images, with the published network.",
            "Repeat the figures of the paper on its public images (nscweb data fetch zhu2021).",
        ),
        limits=(
            "Illumination is confounded with class in the authors' images: the background is about 101 grey values for "
            "astrocytes and neurons and about 150 for oligodendrocytes. The network sees the background, so a brighter "
            "image can be called oligodendrocyte for its light alone.",
            "Images are stretched to 45 x 30 pixels as published, so the size of the frame, which differs between "
            "classes, changes what the network sees.",
            "A cell's label is the medium that it grew in. The network may tell media, not fates.",
            "The accuracy was measured on images of the same acquisitions as those trained on; on a new acquisition, "
            "another instrument or another species it is not known.",
            "Its scores are not calibrated, and it cannot say that a cell is unlike those it was trained on.",
        ),
        citation=about.paper,
        mark=MARK,
    )


def _printed(model: str, channels: str, accuracy: float) -> dict[str, Any]:
    return {
        "Model": model,
        "Channels": channels,
        "Accuracy as printed": accuracy,
        "Cells": 29_895,
        "Measured by": "Zhu et al. 2021",
    }
