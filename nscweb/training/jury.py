"""Who may judge a cell: a network that never saw it.

Where cells are many, one part of them is held out and the network that is kept judges it. Where they are few, every
cell trains that network, and each is judged by the network of its fold (`nscweb.training.cross_fitting`). Whatever
asks "what does the network say of cells that it does not know" asks here, and need not know which of the two it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from nscweb.core.card import JUDGES_FILE, CardEntry
from nscweb.core.errors import ModelError, WrongUse
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.embeddings import QUANTILES, FeatureReference, fit_reference
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.training.checkpoint import write_atomically
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import plain_pieces, predict_rows
from nscweb.training.loop import predict_logits
from nscweb.training.splits.plan import Split

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

# Cells from which a description of embeddings is made.
REFERENCE_CELLS, LEAST_REFERENCE_CELLS = 6000, 300
_PIECE = 512
MOST_JUDGES_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Jury:
    """The network of a card, and those that judge.

    Attributes:
        kept: the network that a card keeps, on the CPU, in evaluation mode.
        judges: one network per entry of ``split.judged``; the kept one itself where a part was held out.
        data, split: of the training.
    """

    kept: CellNetwork
    judges: tuple[CellNetwork, ...]
    data: TrainingData
    split: Split

    @classmethod
    def alone(cls, network: CellNetwork, data: TrainingData, split: Split) -> Jury:
        """The kept network judges the part that was held out."""
        return cls(network, (network,), data, split)

    @property
    def crossed(self) -> bool:
        """The kept network learned from every cell, so others judge."""
        return bool(self.split.folds)

    @cached_property
    def judge_of(self) -> Rows:
        """(N,) index into `judges` for each row; -1 for a cell that all of them learned from."""
        found = np.full(len(self.data), -1, np.int64)
        for index, (_, held_out) in enumerate(self.split.judged):
            found[held_out] = index
        if not self.crossed:
            found[self.split.validation] = 0
        return found

    def logits(self, rows: Rows, device: torch.device | None = None) -> Floats:
        """(n, K) logits of cells by their judges, as they are prepared; the judges stay on `device`."""
        device = device or torch.device("cpu")
        found = np.zeros((len(rows), len(self.data.classes)), np.float32)
        for judge, places in self._shared(rows):
            found[places] = predict_rows(judge.to(device), self.data, rows[places], device)
        return found

    def logits_of(self, inputs: Floats, rows: Rows, device: torch.device) -> Floats:
        """(n, K) logits of network inputs (n, C, H, W) that are made of the cells in `rows`, changed or not."""
        found = np.zeros((len(rows), len(self.data.classes)), np.float32)
        for judge, places in self._shared(rows):
            found[places] = predict_logits(judge.to(device), np.ascontiguousarray(inputs[places]), device)
        return found

    def scored(self, temperature: float = 1.0, device: torch.device | None = None) -> HeldOut:
        """What the judges say of all held-out cells, in the order of ``split.held_out``.

        Args:
            temperature: of the card, so that the scores are those that a user's cells get.
            device: where they are asked; they stay there.
        """
        rows = self.split.held_out
        logits = torch.from_numpy(self.logits(rows, device))
        return self.data.scored(rows, torch.softmax(logits / temperature, dim=1).numpy())

    def reference(self) -> FeatureReference | None:
        """What embeddings of known cells look like to the kept network; None where too few cells are there.

        From cells that it was not trained on. A network that learned from every cell knows them all too well: the
        distances of its own cells are widened by what the folds show, the median over folds of the distance of a
        held-out cell over that of a trained one at the same quantile.
        """
        rows = some_rows(self.split.unseen)
        if len(rows) < LEAST_REFERENCE_CELLS:
            return None
        found = fit_reference(embeddings(self.kept, self.data, rows))
        if not self.crossed:
            return found
        widened = []
        for judge, (train, held_out) in zip(self.judges, self.split.judged, strict=True):
            known = embeddings(judge, self.data, some_rows(train))
            own = fit_reference(known)
            away = own.distance(embeddings(judge, self.data, some_rows(held_out)))
            widened.append([float(np.quantile(away, q)) / max(own.quantiles[q], 1e-9) for q in QUANTILES])
        factor = np.maximum(np.median(widened, axis=0), 1.0)
        quantiles = {q: found.quantiles[q] * float(by) for q, by in zip(QUANTILES, factor, strict=True)}
        return FeatureReference(found.mean, found.axes, found.spread, found.rest, quantiles, found.cells)

    def to_cpu(self) -> None:
        """Every network back to the processor, in evaluation mode."""
        for network in (self.kept, *self.judges):
            network.cpu().eval()

    def _shared(self, rows: Rows) -> list[tuple[CellNetwork, Rows]]:
        """Judges that are needed, each with the places in `rows` of its cells."""
        judge_of = self.judge_of[rows]
        if (judge_of < 0).any():
            raise ValueError("a cell that every network learned from has no judge")
        found = [(judge, np.flatnonzero(judge_of == index)) for index, judge in enumerate(self.judges)]
        return [(judge, places) for judge, places in found if len(places)]


def write_judges(folder: Path, jury: Jury) -> dict[str, Any]:
    """Keep the networks that judged beside a card, so that its checks can be made again; returns what it says of them.

    Nothing where the kept network judged itself, or where they would take more than `MOST_JUDGES_BYTES`.
    """
    if not jury.crossed:
        return {}
    tensors = {
        f"{index}.{name}": tensor.contiguous()
        for index, judge in enumerate(jury.judges)
        for name, tensor in judge.state_dict().items()
    }
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > MOST_JUDGES_BYTES:
        return {}
    content = safetensors.torch.save(tensors)
    write_atomically(folder / JUDGES_FILE, content)
    return {"judges_sha256": hashlib.sha256(content).hexdigest()}


def read_judges(entry: CardEntry) -> tuple[CellNetwork, ...]:
    """The networks that `write_judges` kept, in the order of the folds.

    Raises:
        WrongUse: none were kept.
        ModelError: the file is damaged or another one.
    """
    path = entry.folder / JUDGES_FILE
    if not path.is_file():
        raise WrongUse(
            f"The networks that judged the cells of {entry.card.name} were not kept, so its checks cannot be repeated.",
            "Train again for a card with new checks.",
            "E-AUDIT-JUDGES_FILE",
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry.card.origin.settings.get("judges_sha256"):
        raise ModelError(
            f"The file {JUDGES_FILE} of {entry.card.name} is not the one that its card names.", "Train again."
        )
    card, architecture = entry.card, ARCHITECTURES[entry.card.architecture]
    tensors = safetensors.torch.load(content)
    count = 1 + max(int(name.split(".", 1)[0]) for name in tensors)
    found = []
    for index in range(count):
        head = f"{index}."
        own = {name.removeprefix(head): tensor for name, tensor in tensors.items() if name.startswith(head)}
        judge = architecture.make(len(card.recipe.channels), len(card.classes), _options(card.options, own))
        judge.load_state_dict(own)
        found.append(judge.eval())
    return tuple(found)


def _options(options: dict[str, Any], tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Options of a judge: those of the card, with as many support vectors as its own plain features have."""
    vectors = [tensor.shape[0] for name, tensor in tensors.items() if name.rpartition(".")[2] == "vectors"]
    return {**options, "vectors": vectors[0]} if vectors else {k: v for k, v in options.items() if k != "vectors"}


def embeddings(network: CellNetwork, data: TrainingData, rows: Rows) -> Floats:
    """(n, F) pooled features of some cells as they are prepared; the network is on the processor."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for _, inputs in plain_pieces(data, rows, torch.device("cpu")):
            for part in torch.split(inputs, _PIECE):
                parts.append(network.forward_features(part).mean(dim=(2, 3)).numpy())
    return np.concatenate(parts)


def some_rows(rows: Rows) -> Rows:
    """At most about `REFERENCE_CELLS` of the rows, at even steps."""
    return rows[:: max(1, len(rows) // REFERENCE_CELLS)]
