"""Other forms of a trained model beside its weights: ONNX for quick prediction, and a fast form of 8 bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import CardInvalid, ModelError
from nscweb.core.progress import Progress, no_progress
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

Images = Sequence[NDArray[Any]]
# Seeds of cells that no training uses, one for learning ranges and one for the check.
_CALIBRATION_SEED, _CHECK_SEED = 990_001, 990_002
CALIBRATION_CELLS, CHECK_CELLS = 2_000, 6_000
_STEPS = 3


def complete_exports(
    app: App | None,
    entry: CardEntry,
    calibration_images: Images | None = None,
    check_images: Images | None = None,
    *,
    pixel_size_um: float | None = None,
    progress: Progress = no_progress,
) -> CardEntry:
    """Make the ONNX and the fast form of a model and put them into its card; returns the card as read back.

    Args:
        app: not needed, for callers that have none.
        entry: a model folder that can be written.
        calibration_images: cells (C, h, w) from which the fast form learns ranges; 500 or more are good.
        check_images: other cells, never trained on, on which it is judged. Without both, models trained on simulated
            cells get new simulated ones, and other models get no fast form.
        pixel_size_um: micrometres per pixel of the images, when known.

    Raises:
        ModelError: the model cannot be loaded, or has no ONNX form that gives the same numbers.
    """
    from nscweb.inference.onnx_export import export_onnx

    progress(0, _STEPS, "Writing the ONNX form")
    exports = {"onnx": export_onnx(entry)}
    entry = _rewrite(entry, exports, {"passed": False, "reason": "It was not checked yet."})
    progress(1, _STEPS, "Preparing cells for the fast form")
    record, figures = _fast(entry, calibration_images, check_images, pixel_size_um)
    progress(2, _STEPS, "Writing the card")
    if record is not None:
        exports["fast"] = record
    done = _rewrite(entry, exports, figures)
    progress(_STEPS, _STEPS, fast_mode_sentence(done)[1])
    return done


def fast_mode_sentence(entry: CardEntry) -> tuple[bool, str]:
    """Whether the card of a model offers fast mode, and how good it is or why it is not, as a sentence for pages.

    Whether it pays on this machine says `services.predict.fast_here`.
    """
    from nscweb.inference.export_files import fast_offered

    offered, reason = fast_offered(entry)
    if not offered:
        return False, reason
    check = entry.card.exports["fast"]["check"]
    return True, (
        f"On {check['cells']:,} cells that it was not trained on, fast mode gave {check['agreement']:.2%} of the cells "
        f"the same label as exact mode, and no class share moved by more than "
        f"{check['largest_share_difference'] * 100:.2f} percentage points."
    )


def check_cells(entry: CardEntry) -> NDArray[np.float32] | None:
    """Prepared cells (N, C, H, W) on which a machine compares fast mode with exact mode.

    Those that lie beside the card, or new simulated ones for a model that was trained on such; None where there are
    neither.
    """
    from nscweb.inference.fast_check import CHECK_CELLS as CELLS_HERE
    from nscweb.inference.fast_check import read_check_cells
    from nscweb.preprocess.prepare import apply_recipe

    kept = read_check_cells(entry)
    if kept is None and _has_simulated_cells(entry):
        drawn = list(_simulated(_CHECK_SEED, min(CELLS_HERE, CHECK_CELLS)))
        return apply_recipe(entry.card.recipe, drawn)
    return kept


def _fast(
    entry: CardEntry, calibration: Images | None, check: Images | None, pixel_size_um: float | None
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    from nscweb.inference.fast_check import write_check_cells
    from nscweb.inference.fast_mode import export_fast
    from nscweb.preprocess.prepare import apply_recipe

    _remove_fast(entry)
    given = calibration is not None and check is not None
    if calibration is None or check is None:
        if not _has_simulated_cells(entry):
            reason = "No cells were given to check the fast mode with."
            return None, {"passed": False, "reason": reason}
        calibration = list(_simulated(_CALIBRATION_SEED, CALIBRATION_CELLS))
        check = list(_simulated(_CHECK_SEED, CHECK_CELLS))
    recipe = entry.card.recipe
    inputs = [
        apply_recipe(recipe, images, pixel_size_um=pixel_size_um)
        if len(images)
        else np.zeros((0, *entry.card.input_shape), np.float32)
        for images in (calibration, check)
    ]
    record, figures = export_fast(entry, inputs[0], inputs[1])
    if record is not None and given:
        write_check_cells(entry, inputs[1])
    return record, figures


def _has_simulated_cells(entry: CardEntry) -> bool:
    """Whether cells of the simulation are the cells that a model knows, in one brightfield channel."""
    recipe = entry.card.recipe
    return entry.card.origin.simulated and len(recipe.channels) == 1 and recipe.field_um is None


def _simulated(seed: int, cells: int) -> Iterator[NDArray[Any]]:
    """Simulated cells in random order, so that the first few hundred are of all fates and times."""
    from nscweb.simulation.labelled_cells import iter_labelled_cells

    drawn = [cell.pixels for cell in islice(iter_labelled_cells(seed, cells), cells)]
    for index in np.random.default_rng(seed).permutation(len(drawn)):
        yield drawn[index]


def _remove_fast(entry: CardEntry) -> None:
    """What an earlier check allowed must not stay when the next one does not."""
    from nscweb.inference.fast_check import CHECK_FILE
    from nscweb.inference.fast_mode import FAST_FILE

    for name in (FAST_FILE, CHECK_FILE):
        (entry.folder / name).unlink(missing_ok=True)


def _rewrite(entry: CardEntry, exports: dict[str, Any], fast_mode: dict[str, Any]) -> CardEntry:
    """Put `exports` and the result of the check into ``card.json``, leaving everything else as it is on disk now.

    Raises:
        CardInvalid: the card became invalid meanwhile.
        ModelError: the folder cannot be written.
    """
    from nscweb.core.card import card_from_dict

    path = entry.folder / "card.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        data["exports"] = exports
        data["origin"].setdefault("settings", {})["fast_mode"] = fast_mode
        card_from_dict(data)
        with atomic_write(path) as stream:
            stream.write((json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CardInvalid(f"The model card in {entry.folder.name} cannot be completed: {error}.") from error
    except OSError as error:
        raise ModelError(
            f"The model folder {entry.folder.name} cannot be written: {error.strerror or error}.",
            "Copy the model into the folder models of the data folder and try again.",
        ) from error
    return read_card(entry.folder)
