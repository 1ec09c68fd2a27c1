"""Which single cells a model was trained on, known by their pixels: whatever the study, order or name they come in.

A digest of a whole cell file is lost when somebody imports the same images again in another order, takes a part of
them, or renames them. The pixels of a cell stay. Of each image 8 bytes of a BLAKE2b digest are kept beside the card:
4 MB for 500,000 cells, and a chance below one in ten million that one of 500,000 other cells looks like a known one.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import SEEN_FILE
from nscweb.core.errors import StoreError
from nscweb.core.progress import CancelAsked, never_cancelled, stop_if_asked
from nscweb.services.kept import kept
from nscweb.services.study.pixels import split_id
from nscweb.store.cell_files import CellFile
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.core.run_record import Run
    from nscweb.services.context import App
    from nscweb.training.data.dataset import CellFileSource
    from nscweb.training.splits.plan import Split

# An image without any contrast, or none at all: it says nothing about which cell it is.
NOTHING = np.uint64(0)
_PIECE = 4096
_MOST_BYTES = 1_000_000_000

Prints = NDArray[np.uint64]


def fingerprint(image: NDArray[Any] | None) -> int:
    """Fingerprint of the pixels (h, w) of one channel as stored; 0 for an image that is missing or all the same."""
    if image is None or not image.size:
        return 0
    raw = image.tobytes()
    size = image.dtype.itemsize
    if raw == raw[:size] * (len(raw) // size):
        return 0
    head = f"{image.shape[0]}x{image.shape[1]}{image.dtype.newbyteorder('<').str}".encode("ascii")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, key=head).digest(), "little") or 1


def fingerprints(
    cells: CellFile, channels: Sequence[str], cancel: CancelAsked = never_cancelled
) -> tuple[Prints, NDArray[np.bool_]]:
    """Fingerprints of every cell of a file.

    Args:
        cells: an open cell file.
        channels: channels to look at.
        cancel: asked after every few thousand cells.

    Returns:
        (N, C) fingerprints, and (N,) whether a cell has all the channels.
    """
    result = np.zeros((len(cells), len(channels)), np.uint64)
    whole = np.ones(len(cells), bool)
    for start in range(0, len(cells), _PIECE):
        stop_if_asked(cancel)
        for column, channel in enumerate(channels):
            images = cells.images(channel, start, min(start + _PIECE, len(cells)))
            result[start : start + len(images), column] = [
                fingerprint(None if image is None else image[0]) for image in images
            ]
            whole[start : start + len(images)] &= [image is not None for image in images]
    return result, whole


def trained_fingerprints(
    sources: Sequence[CellFileSource], split: Split, cancel: CancelAsked = never_cancelled
) -> Prints:
    """Fingerprints of the cells that trained a model or decided when to stop.

    Args:
        sources: the cell files in the order in which they were read for training; cells without all channels were
            left out there, and are here.
        split: of those cells.

    Raises:
        StoreError: a cell file changed since.
    """
    parts = []
    # The sources of one file, for its classes, come one after the other.
    of: Path | None = None
    for source in sources:
        if source.path != of:
            with CellFile(source.path) as cells:
                found, whole = fingerprints(cells, source.channels, cancel)
            of = source.path
        chosen = slice(None) if source.rows is None else list(source.rows)
        parts.append(found[chosen][whole[chosen]])
    known = np.concatenate(parts) if parts else np.zeros((0, 1), np.uint64)
    size = sum(len(rows) for rows in (split.train, split.validation, split.held_out, split.aside))
    if len(known) != size:
        raise StoreError(
            f"{size:,} cells were trained on or held out, and the cell files now hold {len(known):,}.",
            "Do not change a study while it trains; train again.",
        )
    return np.asarray(known[np.concatenate((split.train, split.validation))].ravel())


def write_seen(folder: Path, prints: Prints) -> dict[str, Any]:
    """Keep fingerprints beside a card, sorted, each once.

    Returns:
        What a card may say about the file: ``file``, ``images`` and ``sha256``.
    """
    kept = np.unique(prints)
    kept = kept[kept != NOTHING].astype("<u8")
    with atomic_write(folder / SEEN_FILE) as stream:
        np.savez(stream, seen=kept)
    return {"file": SEEN_FILE, "images": len(kept), "sha256": hashlib.sha256(kept.tobytes()).hexdigest()}


def read_seen(folder: Path) -> Prints | None:
    """Sorted fingerprints of the cells that the model in `folder` was trained on; None when it keeps none.

    Raises:
        StoreError: the file is damaged.
    """
    path = folder / SEEN_FILE
    try:
        stamp = path.stat()
    except FileNotFoundError:
        return None
    if stamp.st_size > _MOST_BYTES:
        raise _damaged(path)
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


@kept(4)
def _read(path: Path, stamp: int, size: int) -> Prints:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            seen = arrays["seen"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise _damaged(path) from error
    if seen.ndim != 1 or seen.dtype != np.dtype("<u8") or np.any(seen[1:] <= seen[:-1]):
        raise _damaged(path)
    return np.asarray(seen, np.uint64)


def overlap(seen: Prints, prints: Prints) -> NDArray[np.bool_]:
    """(N,) which cells with fingerprints `prints`, (N,) or (N, C), have an image among the sorted `seen`."""
    flat = prints.reshape(len(prints), -1) if len(prints) else prints.reshape(0, 1)
    if not len(seen):
        return np.zeros(len(flat), bool)
    at = np.searchsorted(seen, flat).clip(max=len(seen) - 1)
    found: NDArray[np.bool_] = ((seen[at] == flat) & (flat != NOTHING)).any(axis=1)
    return found


@dataclass(frozen=True)
class TrainedCells:
    """How much of what a run scored was trained on.

    Attributes:
        cells: cells looked at.
        trained: how many of them the model was trained on, or was stopped by.
        samples, trained_samples: samples of those cells, and samples with at least one such cell.
        by_pixels: told by the pixels of single cells; False: by digests of whole cell files, as older models keep.
    """

    cells: int
    trained: int
    samples: int
    trained_samples: int
    by_pixels: bool

    @property
    def share(self) -> float:
        """Share of the cells."""
        return self.trained / max(1, self.cells)


def trained_cells(app: App, run: Run, folder: Path, cell_ids: Sequence[str]) -> TrainedCells | None:
    """Of some cells of a run those that the model in `folder` was trained on, by their pixels.

    Args:
        cell_ids: as in the prediction table.

    Returns:
        None when the model keeps no fingerprints, or the study was deleted.

    Raises:
        StoreError: the fingerprints or a cell file are damaged.
    """
    seen = read_seen(folder)
    if seen is None:
        return None
    channels = tuple(run.extra.get("channels") or (run.provenance.channel,))
    rows: dict[str, list[int]] = {}
    for cell_id in cell_ids:
        key, row = split_id(str(cell_id))
        rows.setdefault(key, []).append(row)
    trained = samples = 0
    for key, numbers in rows.items():
        path = app.folder.cells_path(run.study_id, key)
        try:
            stamp = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        hits = int(overlap(seen, _prints_of(path, stamp, channels)[numbers]).sum())
        trained += hits
        samples += hits > 0
    return TrainedCells(len(cell_ids), trained, len(rows), samples, True)


@kept(256)
def _prints_of(path: Path, stamp: int, channels: tuple[str, ...]) -> Prints:
    """Fingerprints of a cell file, kept because every look at an evaluation asks for the same ones."""
    with CellFile(path) as cells:
        return fingerprints(cells, channels)[0]


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The list of cells that the model {path.parent.name} was trained on ({path.name}) is damaged.",
        "Install the model again, or train it again.",
        "E-SEEN_FILE",
    )
