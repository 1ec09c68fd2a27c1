"""A packed model (`model_packing`) installed: checked as a whole, or not at all.

It is read by the reader that imports are read by, and every file of it is compared with the list of the packer.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nscweb.core.card import MOST_CARD_BYTES, CardEntry, ModelCard, card_from_dict, read_card
from nscweb.core.errors import InputRefused, LimitExceeded, NscwebError, WrongUse
from nscweb.core.limits import Limits
from nscweb.core.model_names import MODEL_NAME, MODEL_NAME_RULE
from nscweb.core.plain import from_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.io.archives.archive import Archive
from nscweb.services.fetch.model_packing import (
    ASK_AGAIN,
    CARD,
    ENDING,
    MANIFEST,
    PACK_FORMAT,
    PART,
    Manifest,
    PackedFile,
    check_whole,
    model_files,
)
from nscweb.services.fetch.model_staging import staged_model
from nscweb.services.models import list_models
from nscweb.store.files import need_space

if TYPE_CHECKING:
    from nscweb.services.context import App

# A manifest is a line for each of a dozen files.
_MOST_MANIFEST_BYTES = 1_000_000
_CHANGED = "It was changed or damaged on its way. " + ASK_AGAIN
State = Literal["new", "same", "other"]


@dataclass(frozen=True)
class LookedAt:
    """What a packed model is, and how it stands to the models that are installed.

    Attributes:
        manifest, card: as packed.
        state: ``new``; ``same`` when an installed model of that name has the same card and weights; ``other`` when
            one of that name differs.
        there: the installed model of that name, or None.
        differs: in words, how it differs; "" otherwise.
        replaceable: the installed one lies in the data folder, and did not come with nscweb.
    """

    manifest: Manifest
    card: ModelCard
    state: State
    there: CardEntry | None = None
    differs: str = ""
    replaceable: bool = False


def free_name(app: App, name: str) -> str:
    """The name with the first number behind it that no model of the data folder and no shipped one has."""
    taken = {entry.card.name for entry in list_models(app)}
    numbers = (f"{name[:75]}-{number}" for number in range(2, 1_000))
    return next(new for new in numbers if new not in taken and not (app.folder.models_dir / new).exists())


def look_into(app: App, file: Path) -> LookedAt:
    """Read manifest and card of a packed model, without installing anything.

    Raises:
        WrongUse: there is no such file.
        InputRefused: it is no packed model, or not as it was packed.
        LimitExceeded: it unpacks to more than `Limits.max_model_bytes`.
        CardInvalid: its card fails a check, or is one of a newer version.
    """
    with _opened(app, file) as (archive, members, manifest):
        card = _card_in(archive, members, manifest, file.name)
    return _standing(app, manifest, card)


def install_packed(
    app: App,
    file: Path,
    *,
    rename: str = "",
    over: bool = False,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> tuple[CardEntry, bool]:
    """Install a packed model into the data folder: checked as a whole, or not at all.

    Args:
        rename: name that it gets here; "" keeps its own.
        over: replace an installed model of that name that is another one.

    Returns:
        The model, and True when the same one was there already.

    Raises:
        WrongUse: no such file, an impossible name, or another model has the name (E-INSTALL-OTHER), with the ways out.
        InputRefused, LimitExceeded, ModelError: see `look_into`; also when a file of it is not what its card says.
        JobCancelled: somebody asked to stop; nothing stays.
    """
    if rename and not MODEL_NAME.match(rename):
        raise WrongUse(f"The model cannot be called {rename!r}.", MODEL_NAME_RULE)
    with _opened(app, file) as (archive, members, manifest):
        card = _card_in(archive, members, manifest, file.name)
        final = replace(card, name=rename or card.name)
        found = _standing(app, manifest, final)
        if found.state == "same" and found.there:
            return found.there, True
        _refuse_other(app, final.name, found, over)
        need_space(app.settings.data_dir, sum(item.bytes for item in manifest.files.values()))
        with staged_model(app, final.name, cancel) as staging:
            for number, (name, packed) in enumerate(manifest.files.items()):
                stop_if_asked(cancel)
                progress(number, len(manifest.files), f"Unpacking {name}")
                _unpack(archive, members[name], staging / name, packed, file.name)
            if final.name != card.name:
                _rename(staging / CARD, final.name)
            for path in sorted(staging.glob("*.npz")):
                _check_arrays(path, app.settings.limits, file.name)
            progress(0, 0, f"Checking {final.name}")
            check_whole(read_card(staging))
    return read_card(app.folder.models_dir / final.name), False


@contextmanager
def _opened(app: App, file: Path) -> Iterator[tuple[Archive, dict[str, int], Manifest]]:
    """The zip, its members by name, and its manifest: nothing foreign, nothing missing, nothing too large."""
    if not file.is_file():
        raise WrongUse(f"There is no file {file}.", "Check the spelling.", "E-PATH-MISSING")
    limits = app.settings.limits
    # Weights are larger than images; what all files have together is limited below, by a limit of its own.
    own = replace(limits, max_member_bytes=limits.max_model_bytes)
    try:
        archive = Archive(file, own)
    except LimitExceeded:
        raise
    except InputRefused as error:
        raise InputRefused(f"The file {file.name} is no packed model: {error.what}", ASK_AGAIN, error.code) from error
    except OSError as error:
        raise InputRefused(
            f"The file {file.name} cannot be opened: {error.strerror or error}.", "Check that you may read it."
        ) from error
    with archive:
        members = _members(archive, limits, file.name)
        manifest = _manifest(archive, members, file.name)
        foreign = sorted(set(members) - set(manifest.files) - {MANIFEST})
        missing = sorted(set(manifest.files) - set(members))
        if foreign or missing:
            said = (
                f"holds {foreign[0][:80]!r}, which is not in its list of files"
                if foreign
                else f"lacks {missing[0][:80]!r}, which is in its list of files"
            )
            raise InputRefused(f"The packed model {file.name} {said}.", _CHANGED, "E-INSTALL-MEMBERS")
        yield archive, members, manifest


def _members(archive: Archive, limits: Limits, file: str) -> dict[str, int]:
    """Name -> number of every member; refused when one is more than a plain file at the top of the zip."""
    names = list(archive.names())
    if all(name != MANIFEST for _, name in names):
        raise _no_manifest(file, [name for _, name in names])
    # Plain numbers, because a zip may declare so much that a sum of int64 turns negative.
    declared = sum(max(0, size) for size in archive.directory.sizes.tolist())
    limits.check("max_model_bytes", declared, f"Unpacked bytes of {file}")
    found: dict[str, int] = {}
    folded: set[str] = set()
    for index, name in names:
        rejected = archive.rejection(index, name)
        if rejected is not None:
            raise InputRefused(
                f"The packed model {file} holds {name[:80]!r}, which is not unpacked: {rejected.message}",
                "Nothing was installed. If you do not know who made this file, delete it. " + ASK_AGAIN,
                rejected.code,
            )
        if "/" in name:
            raise InputRefused(
                f"The packed model {file} holds a folder ({name[:80]!r}); a packed model has none.",
                _CHANGED,
                "E-INSTALL-MEMBERS",
            )
        if name.casefold() in folded:
            raise InputRefused(f"The packed model {file} holds {name[:80]!r} twice.", _CHANGED, "E-INSTALL-MEMBERS")
        folded.add(name.casefold())
        found[name] = index
    return found


def _no_manifest(file: str, names: list[str]) -> InputRefused:
    what = f"The zip {file} is no packed model: it has no {MANIFEST}."
    if any(name.split("/")[-1] == MANIFEST or name.endswith(ENDING) for name in names):
        return InputRefused(
            f"The zip {file} has a packed model inside; it was packed a second time.",
            "Take the inner file out, or ask for the file as nscweb models pack wrote it.",
            "E-INSTALL-NOT-PACKED",
        )
    if any(name.split("/")[-1] == CARD for name in names):
        return InputRefused(
            f"{what} It looks like a model folder that a zip program packed, so nobody can say whether it is whole.",
            ASK_AGAIN + " If you trust it, unpack it into the folder models of the data folder.",
            "E-INSTALL-NOT-PACKED",
        )
    return InputRefused(what, "Images are imported on the page Study. " + ASK_AGAIN, "E-INSTALL-NOT-PACKED")


def _manifest(archive: Archive, members: dict[str, int], file: str) -> Manifest:
    what = f"The list of files in {file}"
    if int(archive.directory.sizes[members[MANIFEST]]) > _MOST_MANIFEST_BYTES:
        raise InputRefused(f"{what} is larger than 1 MB.", _CHANGED, "E-INSTALL-MANIFEST")
    try:
        data = json.loads(_read(archive, members[MANIFEST], MANIFEST, file))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputRefused(f"{what} cannot be read.", _CHANGED, "E-INSTALL-MANIFEST") from error
    version = data.get("format") if isinstance(data, dict) else None
    if isinstance(version, int) and version > PACK_FORMAT:
        raise InputRefused(
            f"The packed model {file} has format {version}; this program reads format {PACK_FORMAT}.",
            "It was packed by a newer nscweb: update this one.",
            "E-INSTALL-NEWER",
        )
    manifest = from_plain(Manifest, data, what, lambda said: InputRefused(said, _CHANGED, "E-INSTALL-MANIFEST"))
    if manifest.format != PACK_FORMAT or CARD not in manifest.files:
        raise InputRefused(f"{what} is not one of a model.", _CHANGED, "E-INSTALL-MANIFEST")
    return manifest


def _card_in(archive: Archive, members: dict[str, int], manifest: Manifest, file: str) -> ModelCard:
    """The card, which names every other file that may be there."""
    if int(archive.directory.sizes[members[CARD]]) > MOST_CARD_BYTES:
        raise InputRefused(f"The model card in {file} is larger than 32 MB.", _CHANGED, "E-CARD")
    raw = _read(archive, members[CARD], CARD, file)
    _compare(hashlib.sha256(raw).hexdigest(), len(raw), manifest.files[CARD], CARD, file)
    try:
        data = json.loads(raw)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputRefused(f"The model card in {file} cannot be read.", _CHANGED, "E-CARD") from error
    card = card_from_dict(data, f"The model card in {file}")
    foreign = sorted(set(manifest.files) - set(model_files(card)))
    absent = [name for name in (card.weights.file, card.weights.example) if name not in manifest.files]
    if foreign or absent or (card.name, card.version) != (manifest.name, manifest.version):
        said = (
            f"holds {foreign[0][:80]!r}, which is no file of a model"
            if foreign
            else f"lacks {absent[0]!r}"
            if absent
            else f"says {manifest.name} {manifest.version} outside and {card.name} {card.version} inside"
        )
        raise InputRefused(f"The packed model {file} {said}.", _CHANGED, "E-INSTALL-MEMBERS")
    return card


def _standing(app: App, manifest: Manifest, card: ModelCard) -> LookedAt:
    there = next((entry for entry in list_models(app) if entry.card.name == card.name), None)
    if there is None:
        return LookedAt(manifest, card, "new")
    if there.card == card:
        return LookedAt(manifest, card, "same", there)
    same_weights = there.card.weights.sha256 == card.weights.sha256
    differs = (
        "the same weights and another card (figures, calibration or other forms of the network differ)"
        if same_weights
        else "other weights"
    )
    own = there.folder.resolve() == (app.folder.models_dir / card.name).resolve()
    return LookedAt(manifest, card, "other", there, differs, own)


def _refuse_other(app: App, name: str, found: LookedAt, over: bool) -> None:
    """Nothing is written over another model unless somebody asked for it."""
    place = app.folder.models_dir / name
    other_name = "Install this one under another name (--as NAME)"
    if found.there is None:
        if place.exists():
            raise InputRefused(
                f"There is a folder {name} among your models, and it is not a complete model; a training may be at "
                "work in it.",
                f"{other_name}, or remove the folder {place}.",
                "E-INSTALL-FOLDER",
            )
        return
    if not found.replaceable:
        raise WrongUse(
            f"A model called {name} came with nscweb; the one in the file has {found.differs}.",
            f"{other_name}; a model that came with nscweb is not replaced.",
            "E-INSTALL-OTHER",
        )
    if not over:
        raise WrongUse(
            f"A model called {name} (version {found.there.card.version}) is installed already; the one in the file "
            f"(version {found.card.version}) has {found.differs}.",
            f"{other_name} to keep both, or put it in its place (--replace); runs of the old one stay, and need the "
            "old one again to be explained.",
            "E-INSTALL-OTHER",
        )


def _unpack(archive: Archive, index: int, target: Path, packed: PackedFile, file: str) -> None:
    """Write one member and compare it with the manifest; what it declares is never passed."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as stream, _told(target.name, file):
        for block in archive.blocks(index, 0, PART, whole=False):
            stream.write(block)
            digest.update(block)
            size += len(block)
    _compare(digest.hexdigest(), size, packed, target.name, file)


def _check_arrays(path: Path, limits: Limits, file: str) -> None:
    """A file of arrays is a zip of its own: neither it nor an array in it may claim more than there is.

    Raises:
        LimitExceeded: it unpacks to more than `Limits.max_model_bytes`.
        InputRefused: it is damaged, holds pickled objects, or an array claims more numbers than the file has.
    """
    import numpy as np

    what = f"{path.name} in the packed model {file}"
    try:
        with zipfile.ZipFile(path) as arrays:
            members = arrays.infolist()
            limits.check("max_model_bytes", sum(item.file_size for item in members), f"Unpacked bytes of {what}")
            for item in members:
                with arrays.open(item) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, kind = read(stream)
                if kind.hasobject or math.prod(shape) * kind.itemsize > item.file_size:
                    raise ValueError(f"{item.filename} is not an array of plain numbers")
    # Of zipfile: NotImplementedError for a way of packing that it does not know, RuntimeError for a password.
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputRefused(f"{what} is no sound file of arrays: {error}.", _CHANGED, "E-INSTALL-ARRAYS") from error


def _read(archive: Archive, index: int, name: str, file: str) -> bytes:
    with _told(name, file):
        return archive.read(index)


@contextmanager
def _told(name: str, file: str) -> Iterator[None]:
    """Errors of the reader, which say "the file", with the names of the member and the packed model."""
    try:
        yield
    except NscwebError as error:
        raise InputRefused(
            f"{name} in the packed model {file} cannot be read: {error.what}", _CHANGED, error.code
        ) from error


def _compare(sha256: str, size: int, packed: PackedFile, name: str, file: str) -> None:
    if (sha256, size) != (packed.sha256, packed.bytes):
        raise InputRefused(
            f"{name} in the packed model {file} is not the file that was packed (its SHA-256 differs).",
            _CHANGED,
            "E-INSTALL-HASH",
        )


def _rename(path: Path, name: str) -> None:
    data = json.loads(path.read_text("utf-8"))
    data["name"] = name
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
