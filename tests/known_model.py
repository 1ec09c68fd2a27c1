"""A model folder with held-out scores that are drawn by a formula, for tests of what is made from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from random_models import write_random_model

from nscweb.core.card import CardEntry, card_to_dict, read_card
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.held_out_file import HELD_OUT, held_out_record, pack_held_out

CLASSES = ("astrocyte", "oligodendrocyte", "neuron")


def drawn_cells(
    cells: int = 12_000, *, samples: int = 24, apart: float = 1.6, sharpen: float = 1.0, seed: int = 2
) -> HeldOut:
    """Simulated scores of pure samples at 24 and 72 h; `apart` says how well classes can be told."""
    generator = np.random.default_rng(seed)
    sample = np.sort(generator.integers(0, samples, cells))
    labels = sample % 3
    place = np.asarray([[0.0, 0.0], [apart, 0.0], [0.0, apart]])
    seen = place[labels] + generator.normal(size=(cells, 2))
    logits = -0.5 * ((seen[:, None] - place[None]) ** 2).sum(axis=2) * sharpen
    powers = np.exp(logits)
    scores = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    times = np.where(sample < samples // 2, 24.0, 72.0)
    return HeldOut(scores, labels, sample, times, CLASSES, simulated=True)


def with_held_out(entry: CardEntry, held: HeldOut) -> CardEntry:
    """The model with these cells beside its card, written and read back."""
    names = [f"sample {number}" for number in range(int(held.samples.max()) + 1)]
    content = pack_held_out(held, names)
    (entry.folder / HELD_OUT).write_bytes(content)
    card = replace(entry.card, held_out=held_out_record(held, content, by_sample=True))
    (entry.folder / "card.json").write_text(json.dumps(card_to_dict(card)), "utf-8")
    return read_card(entry.folder)


def known_model(folder: Path, held: HeldOut | None = None, simulated: bool = True) -> CardEntry:
    """A network with random weights and the drawn cells."""
    entry = write_random_model(folder, classes=CLASSES, simulated=simulated)
    return with_held_out(entry, drawn_cells() if held is None else held)
