"""The authors' file as it was saved in other ways: read, refused in plain words, never run."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from rounding import score_rounding

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import WeightsInvalid
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.loading import load_model, replay_example
from nscweb.models.published import PUBLISHED
from nscweb.models.published_zhu2021 import MARK, read_published, write_model


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return ARCHITECTURES["zhu2021"].make(1, 3).eval()


def saved(content: object, **how: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **how)
    return stream.getvalue()


def same(found: dict[str, torch.Tensor], network: torch.nn.Module) -> bool:
    ours = network.state_dict()
    return list(found) == list(ours) and all(torch.equal(found[name], ours[name]) for name in ours)


@pytest.mark.parametrize("wrap", ["tuple", "list", "plain", "gpus", "numpy", "legacy", "double"])
def test_all_ways_of_saving_it_are_read(wrap: str, network: torch.nn.Module) -> None:
    state = network.state_dict()
    contents = {
        "tuple": (state, 12),
        "list": [state, {"loss": [0.5, 0.25]}],
        "plain": state,
        "gpus": ({f"module.{name}": value for name, value in state.items()},),
        "numpy": (state, np.float64(0.923), np.arange(3.0), [np.float32(1)]),
        "legacy": (state, 1),
        "double": [{k: v.double() if v.is_floating_point() else v for k, v in state.items()}],
    }
    data = saved(contents[wrap], _use_new_zipfile_serialization=wrap != "legacy")
    assert same(read_published(data, "model.pt"), network)


def test_names_and_shapes_are_those_of_the_authors(shared: Path, network: torch.nn.Module) -> None:
    published = json.loads((shared / "data" / "zhu2021" / "published_state_dict_shapes.json").read_text())
    state = {name: torch.zeros(shape) for name, shape in published.items()}
    assert list(read_published(saved((state,)), "model.pt")) == list(network.state_dict())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([], "a list was found"),
        ((1, 2), "a tuple whose first item is a int was found"),
        ({}, r"a dictionary with 0 entries \(empty\) was found"),
        ({"epoch": 3, "model": 4}, r"a dictionary with 2 entries \(epoch, model\) was found"),
        (torch.ones(2, 3), r"one tensor of the shape \(2, 3\) was found"),
        (({"model": {"a": torch.ones(1)}},), "a tuple whose first item is a dictionary with 1 entries"),
    ],
)
def test_another_structure_is_refused_with_what_was_found(content: object, found: str) -> None:
    with pytest.raises(WeightsInvalid, match=found) as caught:
        read_published(saved(content), "model.pt")
    assert caught.value.code == "E-PUBLISHED-STRUCTURE" and "trained_model/model.pt" in caught.value.todo


def test_another_network_is_refused_with_the_difference(network: torch.nn.Module) -> None:
    state = network.state_dict()
    without = {name: value for name, value in state.items() if name != "final.bias"}
    with pytest.raises(WeightsInvalid, match=r"171 named entries were found and 172 expected; final\.bias is missing"):
        read_published(saved((without,)), "model.pt")
    with pytest.raises(WeightsInvalid, match="extra is too much"):
        read_published(saved(({**state, "extra": torch.ones(1)},)), "model.pt")
    four = {**state, "final.weight": torch.zeros(4, 2048)}
    with pytest.raises(WeightsInvalid, match=r"final\.weight has the shape \(4, 2048\), \(3, 2048\)"):
        read_published(saved([four]), "model.pt")
    broken = {**state, "final.bias": torch.tensor([0.0, float("nan"), 0.0])}
    with pytest.raises(WeightsInvalid, match=r"not finite \(in final\.bias\)"):
        read_published(saved([broken]), "model.pt")


class _Evil:
    """Asks for a command to be run when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"echo run > {self.marker}",)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_that_wants_to_run_code_is_refused_and_nothing_runs(
    new: bool, tmp_path: Path, network: torch.nn.Module
) -> None:
    marker = tmp_path / "was_run"
    data = saved((network.state_dict(), _Evil(marker)), _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsInvalid, match="could run code of a stranger") as caught:
        read_published(data, "model.pt")
    assert not marker.exists() and caught.value.code == "E-WEIGHTS-UNSAFE"


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"PK\x03\x04" + b"\0" * 50, b"\x80\x02K\x01."])
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsInvalid) as caught:
        read_published(data, "model.pt")
    assert caught.value.code in ("E-WEIGHTS-DAMAGED", "E-PUBLISHED-STRUCTURE")


def test_a_cut_file_is_refused(network: torch.nn.Module) -> None:
    data = saved((network.state_dict(),))
    with pytest.raises(WeightsInvalid, match="cannot be read as a file of torch"):
        read_published(data[: len(data) // 2], "model.pt")


def test_the_card_is_complete_and_says_whose_figures_it_holds(tmp_path: Path, network: torch.nn.Module) -> None:
    folder = tmp_path / "zhu2021"
    folder.mkdir()
    write_model(folder, network.state_dict(), created_utc="2026-01-02T03:04:05Z", command="nscweb models install")
    entry: CardEntry = read_card(folder)
    card = entry.card
    assert card.mark == MARK and card.input_shape == (1, 45, 30) and card.recipe.divide_by == 255
    assert (card.recipe.background, card.recipe.contrast, card.recipe.field_px) == ("none", "none", None)
    assert card.classes.names == ("astrocyte", "oligodendrocyte", "neuron")
    assert card.performance.metrics == () and card.performance.comparison[0]["Accuracy as printed"] == 0.923
    assert "not measured here" in card.summary and "Illumination is confounded" in card.limits[0]
    assert same(load_model(entry).state_dict(), network)
    replay = replay_example(entry)
    assert replay.cells == 8 and replay.largest_difference < score_rounding(network)


def test_addresses_name_the_whole_commit_and_use_https() -> None:
    model = PUBLISHED["zhu2021"]
    assert all(url.startswith("https://") and "/15d0e69dcb082b65" in url for url in model.urls)
    assert len(model.git_blob) == 40
