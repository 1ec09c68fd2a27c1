"""Cells to class probabilities in batches, by one model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nscweb.core.card import CardEntry
from nscweb.core.errors import WeightsInvalid, WrongUse
from nscweb.inference.batches import default_batch, keep_freed_memory
from nscweb.inference.cam import closed_form_maps, gradient_maps
from nscweb.inference.device import choose_device, describe_device
from nscweb.inference.export_files import temperature_of
from nscweb.inference.folding import fold_batch_norm, run_both
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.loading import load_model
from nscweb.preprocess.prepare import apply_recipe

Floats = NDArray[np.float32]
Images = Sequence[NDArray[Any]]


class Classifier:
    """A loaded model, ready to see cells. The weights are checked against the card when it is made.

    Args:
        entry: the model.
        device: one of `nscweb.inference.device.DEVICES`.
        threads: CPU threads, None leaves torch's choice.
        batch: cells per pass; None chooses by the work per cell.
        precision: ``float32``, or ``bfloat16`` for speed on processors that have units for it.

    Raises:
        ModelError: the model cannot be loaded as its card says.
    """

    def __init__(
        self,
        entry: CardEntry,
        *,
        device: str = "auto",
        threads: int | None = None,
        batch: int | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        self.entry = entry
        self.card = entry.card
        self.device = choose_device(device, threads)
        self.precision = precision
        folded = fold_batch_norm(self.network)
        # Convolutions of few channels run about twice as fast on a CPU when channels lie innermost.
        self._folded: nn.Module = folded.to(self.device)
        # The overload is missing in torch.
        self._folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._temperature = temperature_of(entry)
        self.batch = batch or default_batch(entry.card, self.network, self.device.type)
        if self.device.type == "cpu":
            keep_freed_memory()

    @cached_property
    def network(self) -> CellNetwork:
        """The plain network, with batch norm."""
        return load_model(self.entry)

    @property
    def settings(self) -> dict[str, Any]:
        """What belongs in the provenance of a run."""
        return {
            "device": describe_device(self.device),
            "threads": torch.get_num_threads(),
            "batch": self.batch,
            "precision": self.precision,
            "backend": f"torch {torch.__version__}, batch norm folded, channels last",
            "mode": "exact" if self.precision == "float32" else "fast",
        }

    @property
    def closed_form_cam(self) -> bool:
        """Whether class maps come without gradients."""
        return ARCHITECTURES[self.card.architecture].closed_form_cam

    @property
    def has_class_maps(self) -> bool:
        """False where the network keeps no places, so that a map would be an invention."""
        return ARCHITECTURES[self.card.architecture].class_maps != "none"

    def prepare(self, images: Images, pixel_size_um: float | None = None) -> Floats:
        """Cells (C, h, w) at native depth to the network's input (N, C, H, W), by the recipe of the card."""
        if not len(images):
            return np.zeros((0, *self.card.input_shape), np.float32)
        return apply_recipe(self.card.recipe, images, pixel_size_um=pixel_size_um)

    def predict(self, images: Images, pixel_size_um: float | None = None) -> Floats:
        """Probabilities (N, K) of cells (C, h, w); rows add to 1.

        Raises:
            WeightsInvalid: the network gives scores that are not numbers.
        """
        parts = [self._probabilities(logits) for _, logits in self._run(images, pixel_size_um)]
        return _joined(parts, (len(self.card.classes),))

    def predict_prepared(self, inputs: Floats) -> Floats:
        """Probabilities (N, K) of prepared inputs (N, C, H, W)."""
        starts = range(0, len(inputs), self.batch)
        logits = [self.run_prepared(inputs[start : start + self.batch])[1] for start in starts]
        return _joined([self._probabilities(part) for part in logits], (len(self.card.classes),))

    def predict_with_maps(
        self, images: Images, class_index: int | None = None, pixel_size_um: float | None = None
    ) -> tuple[Floats, Floats]:
        """Probabilities (N, K), and class maps (N, H, W) in 0..1 in the geometry of the network's input.

        Args:
            images: cells (C, h, w).
            class_index: class to explain; None explains the predicted class of each cell.
            pixel_size_um: micrometres per pixel of the images, when known.

        Raises:
            WrongUse: the network has no class maps.
        """
        if not self.has_class_maps:
            raise WrongUse(f"The network of {self.card.name} has no class maps.", "", "E-NO-CLASS-MAPS")
        size = self.card.recipe.resize
        probabilities: list[Floats] = []
        maps: list[Floats] = []
        for features, logits in self._run(images, pixel_size_um) if self.closed_form_cam else ():
            explained = _explained(logits, class_index)
            probabilities.append(self._probabilities(logits))
            weight = self.network.map_weight.to(features.device)
            maps.append(closed_form_maps(features, weight, explained, size))
        if not self.closed_form_cam:
            batch = self.prepare(images, pixel_size_um)
            scores = self.predict(images, pixel_size_um)
            probabilities.append(scores)
            wanted = np.full(len(scores), class_index) if class_index is not None else scores.argmax(axis=1)
            maps.append(gradient_maps(self.network, batch, wanted))
        return _joined(probabilities, (len(self.card.classes),)), _joined(maps, size)

    def embed(self, images: Images, pixel_size_um: float | None = None) -> Floats:
        """Pooled features (N, F) before the last layer: what the network sees in a cell."""
        parts = [features.mean(dim=(2, 3)).cpu().numpy() for features, _ in self._run(images, pixel_size_um)]
        return _joined(parts, (self.network.classifier.in_features,))

    def predict_and_embed(self, images: Images, pixel_size_um: float | None = None) -> tuple[Floats, Floats]:
        """Probabilities (N, K) and embeddings (N, F) in one pass."""
        probabilities: list[Floats] = []
        embeddings: list[Floats] = []
        for features, logits in self._run(images, pixel_size_um):
            probabilities.append(self._probabilities(logits))
            embeddings.append(features.mean(dim=(2, 3)).cpu().numpy())
        width = self.network.classifier.in_features
        return _joined(probabilities, (len(self.card.classes),)), _joined(embeddings, (width,))

    def run_prepared(self, batch: Floats) -> tuple[Tensor, Tensor]:
        """Features (n, F, h, w) and logits (n, K) of prepared inputs (n, C, H, W)."""
        tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
        tensor = tensor.contiguous(memory_format=torch.channels_last)
        return run_both(self._folded, tensor, self.precision == "bfloat16")

    def _run(self, images: Images, pixel_size_um: float | None) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(images), self.batch):
            yield self.run_prepared(self.prepare(images[start : start + self.batch], pixel_size_um))

    def _probabilities(self, logits: Tensor) -> Floats:
        if not bool(torch.isfinite(logits).all()):
            raise WeightsInvalid(
                f"The model {self.card.name} gave scores that are not numbers.",
                "Its weights do not suit these images; choose another model.",
            )
        probabilities: Floats = torch.softmax(logits / self._temperature, dim=1).cpu().numpy()
        return probabilities


def _explained(logits: Tensor, class_index: int | None) -> Tensor:
    if class_index is None:
        return logits.argmax(dim=1)
    return torch.full((len(logits),), class_index, dtype=torch.long, device=logits.device)


def _joined(parts: list[Floats], tail: tuple[int, ...]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros((0, *tail), np.float32)
