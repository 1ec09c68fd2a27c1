"""Held-out scores come back as they were given, and a damaged file says what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import write_random_model

from nscweb.core.card import CardEntry, card_from_dict, card_to_dict
from nscweb.core.errors import CardInvalid, ModelError
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.held_out_file import HELD_OUT, held_out_names, held_out_record, pack_held_out, read_held_out

CLASSES = ("astrocyte", "neuron", "oligodendrocyte")


def drawn(cells: int = 400, classes: tuple[str, ...] = CLASSES) -> HeldOut:
    generator = np.random.default_rng(4)
    scores = generator.dirichlet(np.full(len(classes), 0.2), cells).astype(np.float32)
    samples = np.sort(generator.integers(0, 5, cells))
    times = np.asarray([24.0, 24.0, 72.0, np.nan, 12.0])[samples]
    return HeldOut(scores, generator.integers(0, len(classes), cells), samples, times, classes)


@pytest.fixture(scope="module")
def entry(tmp_path_factory) -> CardEntry:
    folder = tmp_path_factory.mktemp("models") / "small"
    found = write_random_model(folder, classes=CLASSES)
    content = pack_held_out(drawn(), ["a", "b", "c", "d", "e"])
    (folder / HELD_OUT).write_bytes(content)
    record = held_out_record(drawn(), content, by_sample=True)
    return CardEntry(folder, replace(found.card, held_out=record))


def test_scores_labels_samples_and_times_come_back(entry):
    held, given = read_held_out(entry), drawn()
    assert held is not None
    assert np.abs(held.scores - given.scores).max() < 3e-4
    np.testing.assert_allclose(held.scores.sum(axis=1), 1, atol=1e-6)
    likely = given.scores > 1e-20
    np.testing.assert_allclose(np.log(held.scores[likely]), np.log(given.scores[likely]), atol=0.03)
    for name in ("labels", "samples", "times"):
        np.testing.assert_array_equal(getattr(held, name), getattr(given, name))
    assert held.classes == CLASSES
    assert held_out_names(entry) == ("a", "b", "c", "d", "e")
    assert "5 samples that small has never seen" in held.source


def test_the_file_is_the_same_for_the_same_cells_and_small():
    content = pack_held_out(drawn(60_000), list("abcde"))
    assert content == pack_held_out(drawn(60_000), list("abcde"))
    assert len(content) < 600_000


def test_a_model_without_the_file_has_none(entry):
    bare = CardEntry(entry.folder, replace(entry.card, held_out={}))
    assert read_held_out(bare) is None
    assert held_out_names(bare) == ()


@pytest.mark.parametrize("how", ["missing", "flipped", "other classes", "not an archive"])
def test_a_damaged_file_says_what_to_do(entry, tmp_path, how):
    content = (entry.folder / HELD_OUT).read_bytes()
    record = dict(entry.card.held_out)
    if how == "flipped":
        content = content[:900] + bytes([content[900] ^ 1]) + content[901:]
    if how == "other classes":
        other = drawn(classes=("x", "y", "z"))
        content = pack_held_out(other, list("abcde"))
        record = held_out_record(other, content, by_sample=True)
    if how == "not an archive":
        content = b"no archive"
        record = held_out_record(drawn(), content, by_sample=True)
    if how != "missing":
        (tmp_path / HELD_OUT).write_bytes(content)
    with pytest.raises(ModelError, match="nscweb models audit small") as caught:
        read_held_out(CardEntry(tmp_path, replace(entry.card, held_out=record)))
    assert caught.value.code == "E-HELD-OUT"


def test_a_card_cannot_name_a_file_elsewhere_or_an_impossible_temperature(entry):
    for change in (
        {"held_out": {**entry.card.held_out, "file": "../held_out.npz"}},
        {"calibration": {"temperature": 0}},
        {"calibration": {"temperature": "warm"}},
        {"calibration": {"temperature": float("nan")}},
    ):
        with pytest.raises(CardInvalid):
            card_from_dict({**card_to_dict(entry.card), **change})
