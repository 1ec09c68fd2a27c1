"""A model folder packed as one file for a colleague, with a list of its files and their SHA-256.

A packed model is a zip without folders: ``nscweb-model.json`` (`Manifest`), then the files that the card names and
those that a training writes beside them. Nothing in it is pickled. `packed_models` installs it.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nscweb import __version__
from nscweb.core.card import JUDGES_FILE, SEEN_FILE, CardEntry, ModelCard
from nscweb.core.errors import WeightsInvalid, WrongUse
from nscweb.core.plain import REFUSE_UNKNOWN, Whole, to_plain
from nscweb.core.progress import Progress, no_progress
from nscweb.services.models import model_by_name
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

MANIFEST, CARD = "nscweb-model.json", "card.json"
ENDING = ".nscweb-model.zip"
PACK_FORMAT = 1
PART = 1 << 20
# Largest difference of a probability of the example on another processor, or in the form of ONNX. Sums in single
# precision in another order differ by 1e-6; other weights by far more.
_SAME_ELSEWHERE = 1e-3
ASK_AGAIN = "Ask for the file again; the colleague makes it with: nscweb models pack NAME."


@dataclass(frozen=True)
class PackedFile:
    """A file of a packed model: SHA-256 as 64 hexadecimal digits, and its size in bytes."""

    __pydantic_config__ = REFUSE_UNKNOWN
    sha256: str
    bytes: Whole


@dataclass(frozen=True)
class Manifest:
    """What ``nscweb-model.json`` says.

    Attributes:
        format: of the packed file.
        name, version: of the model, as in its card.
        made_by: the program that packed it.
        files: name -> hash and size, for every other file of the zip.
    """

    format: Whole
    name: str
    version: str
    made_by: str
    files: dict[str, PackedFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Packed:
    """What was packed: the file, its bytes, names of the files in it, and of those in the folder that stayed there."""

    path: Path
    size: int
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def pack_name(card: ModelCard) -> str:
    """Name of the packed file of a model, such as ``compact-1.nscweb-model.zip``."""
    return f"{card.name}-{re.sub(r'[^A-Za-z0-9._-]+', '-', card.version)}{ENDING}"


def pack_model(app: App, model: str, out: Path | None = None, *, progress: Progress = no_progress) -> Packed:
    """Write a model as one file.

    Args:
        model: name, or path of a folder.
        out: the file, or a folder for it; None puts it into the folder that one is in.

    Raises:
        ModelNotFound, CardInvalid, WeightsInvalid, ModelError: it is no sound model; the same as when it is installed.
        WrongUse: there is a file of that name.
        LimitExceeded: its files are over `Limits.max_model_bytes`, so that nobody could install it.
    """
    entry = model_by_name(app, model)
    path = out or Path(pack_name(entry.card))
    if path.is_dir():
        path = path / pack_name(entry.card)
    if path.exists():
        raise WrongUse(
            f"There is a file {path} already.", "Remove it, or name another file with --out.", "E-PACK-THERE"
        )
    with atomic_write(path) as stream:
        names = write_pack(app, entry, stream, progress=progress)
    others = sorted(item.name for item in entry.folder.iterdir() if item.name not in names)
    return Packed(path, path.stat().st_size, names, tuple(others))


def packed_bytes(app: App, entry: CardEntry) -> bytes:
    """The packed file of a model in memory, for a button."""
    stream = io.BytesIO()
    write_pack(app, entry, stream)
    return stream.getvalue()


def write_pack(app: App, entry: CardEntry, stream: BinaryIO, *, progress: Progress = no_progress) -> tuple[str, ...]:
    """Write the zip; the same files give the same bytes. Names of the files in it, the card first.

    Raises:
        ModelError: see `pack_model`.
    """
    progress(0, 0, f"Checking {entry.card.name}")
    check_whole(entry)
    names = tuple(name for name in model_files(entry.card) if (entry.folder / name).is_file())
    sizes = {name: (entry.folder / name).stat().st_size for name in names}
    app.settings.limits.check("max_model_bytes", sum(sizes.values()), f"Bytes of the model {entry.card.name}")
    files = {name: PackedFile(_sha256(entry.folder / name), sizes[name]) for name in names}
    manifest = Manifest(PACK_FORMAT, entry.card.name, entry.card.version, f"nscweb {__version__}", files)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(_member(MANIFEST), json.dumps(to_plain(manifest), indent=1))
        for number, name in enumerate(names):
            progress(number, len(names), f"Packing {name}")
            with (
                archive.open(_member(name), "w", force_zip64=True) as target,
                (entry.folder / name).open("rb") as source,
            ):
                shutil.copyfileobj(source, target, PART)
    return names


def model_files(card: ModelCard) -> tuple[str, ...]:
    """Names of all files that a model folder may have: the card, what it names, and what is written beside it."""
    from nscweb.inference.fast_check import CHECK_FILE
    from nscweb.training.card_writer import CURVES, HISTORY

    held_out = [str(card.held_out["file"])] if card.held_out.get("file") else []
    exports = [str(item["file"]) for item in card.exports.values() if item.get("file")]
    beside = [CURVES, HISTORY, CHECK_FILE, SEEN_FILE, JUDGES_FILE]
    names = [CARD, card.weights.file, card.weights.example, *exports, *held_out, *beside]
    return tuple(dict.fromkeys(names))


def check_whole(entry: CardEntry) -> None:
    """Every file of a model as its card says it, read as predictions read it; the example gives the same scores.

    Raises:
        CardInvalid, WeightsInvalid, ModelError: the first that is not.
    """
    from nscweb.inference.export_files import read_export
    from nscweb.inference.held_out_file import read_held_out
    from nscweb.inference.onnx_session import open_session
    from nscweb.models.loading import replay_example

    _alike(entry, replay_example(entry).largest_difference, entry.card.weights.file)
    for kind, record in entry.card.exports.items():
        # A stale export may be named and gone; what is there is opened by the loader's own rules.
        if not (entry.folder / str(record.get("file", ""))).is_file():
            continue
        session = open_session(read_export(entry, record))
        if kind == "onnx":
            _alike(entry, _onnx_difference(entry, session, record), str(record["file"]))
    read_held_out(entry)


def _onnx_difference(entry: CardEntry, session: Any, record: dict[str, Any]) -> float:
    """How far the probabilities of the example are apart, ONNX against what ships with the model."""
    import numpy as np

    from nscweb.inference.export_files import read_example, usable_export
    from nscweb.inference.onnx_export import PROBABILITIES
    from nscweb.inference.onnx_session import run_session

    if usable_export(entry, "onnx") is not record:
        return 0.0  # stale: it is not used, and would rightly differ
    inputs = read_example(entry)
    with np.load(entry.folder / entry.card.weights.example, allow_pickle=False) as arrays:
        expected = np.asarray(arrays["probabilities"], np.float32)
    try:
        found = run_session(session, inputs, [PROBABILITIES])[PROBABILITIES]
    except Exception as error:
        raise WeightsInvalid(
            f"The file {record['file']} of {entry.card.name} is no network for its own example: "
            f"{str(error).splitlines()[0][:160]}.",
            ASK_AGAIN,
        ) from error
    return float(np.abs(found - expected).max(initial=0.0)) if found.shape == expected.shape else float("inf")


def _alike(entry: CardEntry, difference: float, file: str) -> None:
    if not difference < _SAME_ELSEWHERE:
        raise WeightsInvalid(
            f"The model {entry.card.name} gives other scores for its own example than its card has (file {file}).",
            "The files do not belong together. " + ASK_AGAIN,
            "E-INSTALL-SCORES",
        )


def _member(name: str) -> zipfile.ZipInfo:
    """Words get smaller by packing, numbers hardly. One date, so that the same model gives the same bytes."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED if name.endswith((".json", ".csv")) else zipfile.ZIP_STORED
    info.external_attr = 0o100644 << 16
    return info


def _sha256(path: Path) -> str:
    from nscweb.models.weights import file_sha256

    return file_sha256(path)
