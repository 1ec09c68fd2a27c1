"""What a freshly trained model still needs: memory of its cells, a look for twins, and its other forms."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.card import CardEntry, ModelCard, card_to_dict, read_card
from nscweb.core.errors import ModelError
from nscweb.core.progress import CancelAsked, Progress

if TYPE_CHECKING:
    from nscweb.services.train.training_data import Collected
    from nscweb.training.data.dataset import TrainingData
    from nscweb.training.splits.plan import Split

_REFERENCE_CELLS = 6000
# Above that many cells the search for twins takes longer than a user waits; the card then says that none was made.
_MOST_FOR_TWINS = 150_000


def finish_model(
    entry: CardEntry, collected: Collected, split: Split, *, checks: bool, progress: Progress, cancel: CancelAsked
) -> CardEntry:
    """Complete a model folder that training has written; the weights stay as they are.

    Fingerprints of the training cells go beside the card, so that scoring them is noticed. With `checks`, images that
    lie on both sides of the split are looked for, and the network is written as ONNX and, where it proves as good, in
    its fast form; a network that has no such form stays as it is, and the card says why.

    Raises:
        StoreError: a cell file changed during training.
        JobCancelled: somebody asked to stop.
    """
    from nscweb.services.predict.model_exports import complete_exports
    from nscweb.services.predict.seen_cells import trained_fingerprints, write_seen

    if collected.sources:
        write_seen(entry.folder, trained_fingerprints(collected.sources, split, cancel))
    duplicates = look_for_twins(collected.data, split, progress, cancel) if checks else {}
    done = _completed_card(entry, collected, split, duplicates)
    if not checks:
        return done
    learn, judge = _cells_for_fast(collected, split)
    try:
        return complete_exports(None, done, learn, judge, pixel_size_um=collected.data.pixel_size_um, progress=progress)
    except ModelError as error:
        return _with_setting(done, "exports_refused", error.what)


def look_for_twins(data: TrainingData, split: Split, progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """What the card says under ``audit["duplicates"]`` of images that lie on both sides of the split."""
    from nscweb.training.splits.duplicates import duplicates_summary

    cells = len(data)
    if cells > _MOST_FOR_TWINS:
        return {
            "passed": None,
            "sentence": f"Images on both sides of the split were not looked for among {cells:,} cells.",
        }
    return duplicates_summary(data, split, progress, cancel)


def _cells_for_fast(collected: Collected, split: Split) -> tuple[Any, Any]:
    """Cells to learn ranges from and other, held-out cells to judge on; None, None for simulated ones made anew."""
    raw = collected.data.raw
    if raw is None or not collected.sources:
        return None, None
    return list(raw.among(split.train).images), list(raw.among(split.held_out).images)


def _completed_card(entry: CardEntry, collected: Collected, split: Split, duplicates: dict[str, Any]) -> CardEntry:
    """The card with what only this room knows, written again.

    These are the digests of the cell files whose cells were shown in training, so that an evaluation on one of
    them says that it is too good, and the plain statistics of known inputs, so that unlike images are noticed.
    """
    seen = np.unique(collected.data.sample_of[np.concatenate((split.train, split.validation))])
    names = [collected.data.samples[index].name for index in seen]
    digests = sorted({collected.digests[name] for name in names if name in collected.digests})
    settings = {**entry.card.origin.settings, "training_cells_sha256": digests}
    if collected.labels:
        settings["labels"] = list(collected.labels)
    card = replace(
        entry.card,
        origin=replace(entry.card.origin, settings=settings),
        calibration=_with_inputs(entry.card.calibration, collected, split),
        audit={**entry.card.audit, "duplicates": duplicates} if duplicates else entry.card.audit,
    )
    return write_card(entry, card)


def _with_inputs(calibration: dict[str, Any], collected: Collected, split: Split) -> dict[str, Any]:
    """The description of known cells with the statistics of their inputs, when there is one already."""
    from nscweb.inference.embeddings import CALIBRATION_KEY, fit_reference
    from nscweb.inference.familiarity import input_statistics

    known = calibration.get(CALIBRATION_KEY)
    if not known or "input" in known:
        return calibration
    rows = np.sort(np.concatenate((split.held_out, split.validation)))
    rows = rows[:: max(1, len(rows) // _REFERENCE_CELLS)]
    parts = [input_statistics(collected.data.inputs(part)) for part in np.array_split(rows, len(rows) // 512 + 1)]
    described = fit_reference(np.concatenate(parts)).as_dict()
    return {**calibration, CALIBRATION_KEY: {**known, "input": described}}


def _with_setting(entry: CardEntry, name: str, value: object) -> CardEntry:
    settings = {**entry.card.origin.settings, name: value}
    card = replace(entry.card, origin=replace(entry.card.origin, settings=settings))
    return write_card(entry, card)


def write_card(entry: CardEntry, card: ModelCard) -> CardEntry:
    """Put another card into the folder of a model; returns it as read back."""
    from nscweb.store.files import atomic_write

    with atomic_write(entry.folder / "card.json") as stream:
        stream.write((json.dumps(card_to_dict(card), indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    return read_card(entry.folder)
