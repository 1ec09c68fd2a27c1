"""ImageNet weights get into the right layers, fitted to the planes; the package's work without a network."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rounding import network_rounding
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from nscweb.core.errors import InputRefused, WeightsInvalid, WrongUse
from nscweb.models import pretrained
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.backbone_files import BACKBONE_FILES, BackboneFile, backbone_of
from nscweb.models.pretrained import load_pretrained
from nscweb.models.torchvision_compat import ensure_torchvision

HEADS = ("fc.", "heads.", "classifier.", "AuxLogits.", "aux1.", "aux2.")
# Dense layers before the last one, which these two architectures keep.
DENSE = {
    "zamani2023-alexnet": [f"classifier.{i}.{kind}" for i in (1, 4) for kind in ("weight", "bias")],
    "cgrecnet2026-vgg": [f"classifier.{i}.{kind}" for i in (0, 3) for kind in ("weight", "bias")],
}
CASES = {
    "zamani2023-resnet18": "resnet18",
    "cgrecnet2026": "resnet50",
    "cgrecnet2026-mobilenetv2": "mobilenet_v2",
    "cgrecnet2026-densenet": "densenet121",
    "cgrecnet2026-vgg": "vgg16",
    "cgrecnet2026-vit": "vit_b_16",
    "parthasarathy2024-inception": "inception_v3",
    "zamani2023-googlenet": "googlenet",
    "zamani2023-alexnet": "alexnet",
    "kim2023-vgg19": "vgg19",
}


def torchvision_shapes(name: str) -> dict[str, torch.Size]:
    """Names and shapes of torchvision's own network, without memory for its numbers."""
    ensure_torchvision()
    from torchvision import models

    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        return {key: value.shape for key, value in getattr(models, name)(**more).state_dict().items()}


def numbers(shapes: dict[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Every entry gets a number of its own, so that a wrong place is seen; takes no memory."""
    made: dict[str, torch.Tensor] = {}
    for index, (name, shape) in enumerate(shapes.items()):
        value = torch.tensor(index if name.endswith("num_batches_tracked") else float(index))
        made[name] = value.expand(shape)
    return made


def blank(architecture: str, channels: int = 1) -> CellNetwork:
    """The network with -1 everywhere; much quicker than random weights."""
    with torch.device("meta"):
        network = ARCHITECTURES[architecture].make(channels, 3)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for value in network.state_dict().values():
            value.fill_(-1)
    return network


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Lets the files of torchvision hold the state that is handed in."""

    def give(state: dict[str, torch.Tensor]) -> None:
        monkeypatch.setattr(pretrained, "read_state", lambda path, sha256: state)
        monkeypatch.setattr(pretrained, "_found", lambda *asked: tmp_path / "x.pth")

    return give


def test_the_table_says_what_torchvision_says() -> None:
    ensure_torchvision()
    from torchvision import models

    said = {line.pretrained for line in ARCHITECTURES.values() if line.pretrained.startswith("torchvision")}
    assert len(said) == len(BACKBONE_FILES)
    for source in said:
        enum, _, entry = source.split(" ")[1].partition(".")
        weights = getattr(getattr(models, enum), entry)
        file = backbone_of(source)
        assert file is not None and file.url == weights.url
        assert file.megabytes == pytest.approx(weights.meta["_file_size"], abs=0.06)
        assert len(file.sha256) == 8 and int(file.sha256, 16)


@pytest.mark.parametrize("architecture", CASES)
def test_every_entry_before_the_head_of_torchvision_is_taken(architecture: str, given) -> None:
    shapes = torchvision_shapes(CASES[architecture])
    given(numbers(shapes))
    network = blank(architecture)
    told = load_pretrained(network, architecture, 1)
    wanted = [name for name in shapes if not name.startswith(HEADS) or name in DENSE.get(architecture, ())]
    assert len(told) == len(wanted)
    assert sum("fitted from 3 planes to 1" in line for line in told) == 1
    found = {name: value for name, value in network.state_dict().items() if (value != -1).any()}
    assert set(found) == {line.split(" ")[0] for line in told}
    # Every entry holds its own number, the first kernel three times (the sum over its planes).
    order = {float(index): name for index, name in enumerate(shapes)}
    for place, value in found.items():
        assert value.min() == value.max()
        number = float(value.reshape(-1)[0])
        if any(line.startswith(f"{place} (") for line in told):
            number /= 3
        name = order[number]
        assert place.split(".")[-2:] == name.split(".")[-2:] or name.startswith("classifier."), (place, name)
    assert not set(found) & {f"head.{name}" for name in ("8.weight", "8.bias")}


def test_weights_of_older_files_find_their_places(given) -> None:
    densenet = torchvision_shapes("densenet121")
    old = re.compile(r"(denselayer\d+\.(?:norm|conv))([12]\.)")
    given({old.sub(r"\1.\2", name): value for name, value in numbers(densenet).items()})
    new = load_pretrained(blank("cgrecnet2026-densenet"), "cgrecnet2026-densenet", 1)
    assert len(new) == len(densenet) - 2
    vit = numbers(torchvision_shapes("vit_b_16"))
    given({k.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): v for k, v in vit.items()})
    assert len(load_pretrained(blank("cgrecnet2026-vit"), "cgrecnet2026-vit", 1)) == len(vit) - 2
    # Files from before batch norm counted its batches.
    without = {k: v for k, v in numbers(densenet).items() if not k.endswith("num_batches_tracked")}
    given(without)
    assert len(load_pretrained(blank("cgrecnet2026-densenet"), "cgrecnet2026-densenet", 1)) == len(without) - 2


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("zamani2023-resnet18", "resnet18"),
        ("cgrecnet2026-mobilenetv2", "mobilenet_v2"),
        ("cgrecnet2026-densenet", "densenet121"),
    ],
)
def test_features_of_a_grey_image_are_those_of_torchvision(architecture: str, name: str, given) -> None:
    ensure_torchvision()
    from torchvision import models

    torch.manual_seed(1)
    theirs = getattr(models, name)(weights=None).eval()
    given(theirs.state_dict())
    grey = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        expected = theirs(grey.repeat(1, 3, 1, 1))
    for channels in (1, 2, 3):
        ours = ARCHITECTURES[architecture].make(channels, 1000).eval()
        load_pretrained(ours, architecture, channels)
        last = next(m for m in reversed(list(theirs.modules())) if isinstance(m, torch.nn.Linear))
        ours.classifier.load_state_dict(last.state_dict())
        with torch.inference_mode():
            near = network_rounding(ours, float(expected.abs().max()))
            assert torch.allclose(ours(grey.repeat(1, channels, 1, 1)), expected, rtol=0, atol=near)


def test_lite0_loads_from_its_package_without_a_network() -> None:
    torch.manual_seed(0)
    network = ARCHITECTURES["efficientnet-lite0"].make(1, 3)
    head = network.classifier.weight.detach().clone()
    told = load_pretrained(network, "efficientnet-lite0", 1)
    assert len(told) == 294 and told[0] == "_conv_stem.weight (fitted from 3 planes to 1)"
    assert torch.equal(network.classifier.weight, head)


def test_lite0_tells_real_cells_apart_better_than_random_weights(shared: Path) -> None:
    with np.load(shared / "data" / "jurkat_cycle" / "brightfield_tiles.npz") as cells:
        names = list(cells["classes"])
        kinds = ("G1", "Prophase")
        pick = np.concatenate([np.flatnonzero(cells["y"] == names.index(kind))[:50] for kind in kinds])
        pixels = cells["x"][pick].astype(np.float32)
    labels = np.repeat([0, 1], 50)
    pixels = (pixels - np.median(pixels, axis=(1, 2), keepdims=True)) / pixels.std(axis=(1, 2), keepdims=True)
    images = torch.from_numpy(np.stack([cv2.resize(image, (64, 64)) for image in pixels]))[:, None]
    scores = {}
    for trained in (True, False):
        torch.manual_seed(0)
        network = ARCHITECTURES["efficientnet-lite0"].make(1, 2).eval()
        if trained:
            load_pretrained(network, "efficientnet-lite0", 1)
        with torch.inference_mode():
            features = network.forward_features(images).mean(dim=(2, 3)).numpy()
        probe = LogisticRegression(max_iter=100, C=0.01)
        scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
        scores[trained] = cross_val_score(probe, scaled, labels, cv=4).mean()
    assert scores[True] > max(0.7, scores[False]), scores


def test_an_architecture_without_weights_says_which_have_some() -> None:
    with pytest.raises(WrongUse, match="no ImageNet weights for the architecture compact"):
        load_pretrained(blank("compact"), "compact", 1)


def test_offline_says_what_works(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(InputRefused, match=r"resnet18 \(45 MB\) are not on this computer") as caught:
            load_pretrained(blank("zamani2023-resnet18"), "zamani2023-resnet18", 1, folder=folder)
        assert caught.value.code == "E-NO-NETWORK"
        assert "nscweb models install resnet18" in caught.value.todo
        assert "efficientnet-lite0" in caught.value.todo


def test_the_caller_may_have_it_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = torchvision_shapes("resnet18")
    asked: list[str] = []
    plain = tmp_path / "plain"
    torch.save({name: value.clone() for name, value in numbers(state).items()}, plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    file = replace(BACKBONE_FILES["resnet18"], file=f"resnet18-{digest[:8]}.pth")
    monkeypatch.setitem(BACKBONE_FILES, "resnet18", file)

    def get(wanted: BackboneFile, folder: Path) -> Path:
        asked.append(wanted.url)
        return plain.rename(folder / wanted.file)

    for _ in range(2):
        told = load_pretrained(blank("zamani2023-resnet18"), "zamani2023-resnet18", 1, folder=tmp_path, download=get)
        assert len(told) == len(state) - 2
    assert asked == [file.url]


def test_damaged_changed_and_strange_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(WeightsInvalid, match="is not the one that was published"):
        pretrained.read_state(path, "00000000")
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsInvalid, match="nothing in it was run"):
        pretrained.read_state(path, "")
    torch.save([1, 2], path)
    with pytest.raises(WeightsInvalid, match="no list of named weights"):
        pretrained.read_state(path, "")


def test_weights_of_another_network_are_refused(given) -> None:
    given(numbers(torchvision_shapes("resnet18")))
    with pytest.raises(WeightsInvalid, match="does not fit this network"):
        load_pretrained(blank("cgrecnet2026"), "cgrecnet2026", 1)
    given(numbers(torchvision_shapes("mobilenet_v2")))
    with pytest.raises(WeightsInvalid, match="does not fit this network"):
        load_pretrained(blank("zamani2023-resnet18"), "zamani2023-resnet18", 1)
