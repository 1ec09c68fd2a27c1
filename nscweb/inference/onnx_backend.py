"""Cells to class probabilities by ONNX Runtime on the CPU, with the interface of `Classifier`.

Batches run beside one another, each in its own thread from raw image to probability: the runtime and OpenCV let go
of Python's lock, so all cores work, and the small layers of one batch need not be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import WeightsInvalid
from nscweb.inference.batches import default_batch
from nscweb.inference.cam import finish_maps
from nscweb.inference.classifier import Classifier
from nscweb.inference.export_files import read_export
from nscweb.inference.machine import usable_cpus
from nscweb.inference.onnx_export import EMBEDDINGS, MAPS, PROBABILITIES
from nscweb.inference.onnx_session import open_session, run_session, runtime_version
from nscweb.models.loading import weights_sha256

Floats = NDArray[np.float32]
Images = Sequence[NDArray[Any]]
Outputs = dict[str, Floats]


class OnnxClassifier(Classifier):
    """A model by its checked ONNX export; torch is only used for class maps that need gradients.

    Args:
        entry: the model.
        record: of the export in the card, see `nscweb.inference.export_files.usable_export`.
        threads: batches that run at the same time, None for one per core.
        batch: cells per pass; None chooses by the work per cell.

    Raises:
        WeightsInvalid: the export or the weights beside it are not what the card says.
    """

    mode = "exact"
    precision_in_words = "float32"

    def __init__(
        self, entry: CardEntry, record: dict[str, Any], *, threads: int | None = None, batch: int | None = None
    ) -> None:
        weights_sha256(entry)
        self.entry = entry
        self.card = entry.card
        self.device = torch.device("cpu")
        self.precision = "float32"
        self.threads = threads or usable_cpus()
        self.batch = batch or default_batch(entry.card)
        self._session = open_session(read_export(entry, record))

    @property
    def settings(self) -> dict[str, Any]:
        """What belongs in the provenance of a run."""
        return {
            "device": f"CPU, {self.threads} thread{'s' if self.threads != 1 else ''}",
            "threads": self.threads,
            "batch": self.batch,
            "precision": self.precision_in_words,
            "backend": runtime_version(),
            "mode": self.mode,
        }

    def predict(self, images: Images, pixel_size_um: float | None = None) -> Floats:
        """See `Classifier.predict`."""
        return self._joined(self._on_images(images, [PROBABILITIES], pixel_size_um), PROBABILITIES)

    def predict_prepared(self, inputs: Floats) -> Floats:
        """See `Classifier.predict_prepared`."""
        parts = self._each(len(inputs), lambda start, stop: self._outputs(inputs[start:stop], [PROBABILITIES]))
        return self._joined(parts, PROBABILITIES)

    def embed(self, images: Images, pixel_size_um: float | None = None) -> Floats:
        """See `Classifier.embed`."""
        return self._joined(self._on_images(images, [EMBEDDINGS], pixel_size_um), EMBEDDINGS)

    def predict_and_embed(self, images: Images, pixel_size_um: float | None = None) -> tuple[Floats, Floats]:
        """See `Classifier.predict_and_embed`."""
        parts = self._on_images(images, [PROBABILITIES, EMBEDDINGS], pixel_size_um)
        return self._joined(parts, PROBABILITIES), self._joined(parts, EMBEDDINGS)

    def predict_with_maps(
        self, images: Images, class_index: int | None = None, pixel_size_um: float | None = None
    ) -> tuple[Floats, Floats]:
        """See `Classifier.predict_with_maps`. Maps come with the probabilities where the architecture allows it."""
        if not self.closed_form_cam:
            return super().predict_with_maps(images, class_index, pixel_size_um)

        def work(start: int, stop: int) -> Outputs:
            found = self._outputs(self.prepare(images[start:stop], pixel_size_um), [PROBABILITIES, MAPS])
            scores = found[PROBABILITIES]
            wanted = scores.argmax(axis=1) if class_index is None else np.full(len(scores), class_index)
            raw = found[MAPS][np.arange(len(scores)), wanted]
            return {PROBABILITIES: scores, MAPS: finish_maps(raw, self.card.recipe.resize)}

        parts = self._each(len(images), work)
        return self._joined(parts, PROBABILITIES), self._joined(parts, MAPS)

    def _on_images(self, images: Images, names: list[str], pixel_size_um: float | None) -> list[Outputs]:
        return self._each(
            len(images), lambda start, stop: self._outputs(self.prepare(images[start:stop], pixel_size_um), names)
        )

    def _each(self, cells: int, work: Callable[[int, int], Outputs]) -> list[Outputs]:
        """`work` on pieces of `cells` in order; few cells are spread over all threads."""
        size = max(1, min(self.batch, -(-cells // self.threads)))
        starts = range(0, cells, size)
        stops = [min(start + size, cells) for start in starts]
        if self.threads == 1 or len(starts) <= 1:
            return [work(start, stop) for start, stop in zip(starts, stops, strict=True)]
        with ThreadPoolExecutor(self.threads, "nscweb-predict") as pool:
            return list(pool.map(work, starts, stops))

    def _outputs(self, inputs: Floats, names: Sequence[str]) -> Outputs:
        """Outputs by name for one batch of prepared inputs."""
        found = run_session(self._session, inputs, names)
        for name in (PROBABILITIES, EMBEDDINGS):
            if name in found and not np.isfinite(found[name]).all():
                raise WeightsInvalid(
                    f"The model {self.card.name} gave scores that are not numbers.",
                    "Its weights do not suit these images; choose another model.",
                )
        return found

    def _joined(self, parts: list[Outputs], name: str) -> Floats:
        if parts:
            return np.concatenate([part[name] for part in parts])
        if name == EMBEDDINGS:
            width = next(item.shape[1] for item in self._session.get_outputs() if item.name == EMBEDDINGS)
            return np.zeros((0, int(width)), np.float32)
        tail = (len(self.card.classes),) if name == PROBABILITIES else self.card.recipe.resize
        return np.zeros((0, *tail), np.float32)
