"""Which models are there: cards found in folders. Does not import torch, so that a list opens at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import CardInvalid, ModelNotFound
from nscweb.core.findings import FindingLog


def list_cards(folders: Sequence[Path], log: FindingLog | None = None) -> list[CardEntry]:
    """Every valid card in the sub-folders of `folders`, in the order of the folders, then by name.

    Args:
        folders: places that hold one folder per model; missing ones are passed over.
        log: receives a finding for each card that is not valid, and for each name that a place before it has
            already (the first one counts).
    """
    found: dict[str, CardEntry] = {}
    for place in folders:
        for folder in _model_folders(place):
            try:
                entry = read_card(folder)
            except CardInvalid as error:
                if log is not None:
                    log.add("skip", error.code, error.what, folder.name)
                continue
            name = entry.card.name
            if name not in found:
                found[name] = entry
            elif log is not None:
                log.add(
                    "warn",
                    "W-MODEL-TWICE",
                    f"Two models are called {name}; the one in {found[name].folder.parent.name} is used.",
                    str(folder.name),
                )
    return list(found.values())


def find_card(name_or_path: str, folders: Sequence[Path]) -> CardEntry:
    """The model of that name in `folders`, or the model folder at that path.

    Raises:
        ModelNotFound: neither a name nor a folder with a card.
        CardInvalid: the folder is there, but its card fails a check.
    """
    for entry in list_cards(folders):
        if entry.card.name == name_or_path:
            return entry
    if _is_plain_name(name_or_path):
        for place in folders:
            if (place / name_or_path / "card.json").is_file():
                return read_card(place / name_or_path)
    path = Path(name_or_path).expanduser()
    if path.name == "card.json":
        path = path.parent
    if path.is_dir() and (path / "card.json").is_file():
        return read_card(path)
    known = ", ".join(entry.card.name for entry in list_cards(folders)) or "none"
    raise ModelNotFound(
        f"There is no model called {name_or_path}.",
        f"Models here: {known}. A path to a folder with card.json works too.",
    )


def _model_folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(folder for folder in place.iterdir() if (folder / "card.json").is_file())


def _is_plain_name(text: str) -> bool:
    return bool(text) and not any(mark in text for mark in ("/", "\\", "..", "\0"))
