"""What file and folder names say: sample, object number, channel, and hints for the sample sheet.

Naming rules of IDEAS exports: FACTS section 2 (`{prefix}_{object}_Ch{n}.ome.tif`; the object number is the last
integer before ``_Ch``; the channel has no leading zero; the case of the prefix may vary within one export).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

IMAGE_SUFFIXES: frozenset[str] = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})

_CHANNEL = re.compile(r"^(?:(.*\D))??(\d+)(?:\D*?)_Ch0*(\d+)(?![0-9A-Za-z])(.*)$", re.IGNORECASE | re.DOTALL)
# The name that instruments write, in one go: prefix, object number, channel. Everything else takes `parse_name`.
PLAIN_NAME = re.compile(
    r"(?:([^.~\\\x00:][^\\\x00:]*)_)?([0-9]{1,15})_Ch0*([0-9]{1,4})(?:\.ome)?\.(?:tiff?|png|jpe?g|bmp)",
    re.IGNORECASE | re.DOTALL,
)
_MERGED = re.compile(r"^(?:(.*\D))??(\d+)_(\d+)_colou?rs?$", re.IGNORECASE | re.DOTALL)
# A montage: channel and running number, `Ch3_CP0001.tif` (FACTS section 2).
_MONTAGE = re.compile(
    r"^(?:(.+?)[_ .-]+)?Ch0*(\d{1,4})[_ .-]*CP[_ .-]?0*(\d{1,9})$", re.IGNORECASE | re.DOTALL | re.ASCII
)
# Twice where a program added its own behind the one that was there.
_SUFFIX = re.compile(r"(?:(?:\.ome)?\.(?:tiff?|png|jpe?g|bmp)){1,2}\s*$", re.IGNORECASE)
_CHANNEL_FOLDER = re.compile(r"^(?:ch|channel)[ _-]?\d+$", re.IGNORECASE)

_MAX_NAME = 1024
_DRIVE = re.compile(r"^[A-Za-z]:")
_JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What one file name says.

    Attributes:
        folder: folders joined by "/", "" at the top.
        prefix: text before the object number, without separators at its end.
        object_number: None when the name has no ``_Ch`` part.
        channel: "Ch1", "3_colour"..., "" when the name has none.
    """

    folder: str
    prefix: str
    object_number: int | None
    channel: str

    @property
    def sample(self) -> str:
        """The folder, or the prefix for a file that lies loose."""
        return self.folder or self.prefix


def parse_name(path: str) -> ParsedName:
    """Read sample, object number and channel from a path with "/" between folders."""
    folder, _, base = path.rpartition("/")
    if not base.isascii():
        # Digits of other scripts are digits to `int` and `\d` alike; keep to what the instrument writes.
        return ParsedName(sample_folder(folder), *_parse_base(_ascii_digits(base)))
    return ParsedName(sample_folder(folder), *_parse_base(base))


def parse_montage_name(path: str) -> ParsedName | None:
    """What the name of a montage says, its running number in place of the object number; None for other names."""
    folder, _, base = path.rpartition("/")
    match = _MONTAGE.match(_SUFFIX.sub("", base))
    if match is None:
        return None
    return ParsedName(sample_folder(folder), match[1] or "", int(match[3]), f"Ch{int(match[2])}")


def _parse_base(base: str) -> tuple[str, int | None, str]:
    stem = _SUFFIX.sub("", base)
    match = _CHANNEL.match(stem)
    if match:
        prefix, number, channel, rest = match.groups()
        if len(number) <= 15 and len(channel) <= 4:
            return (prefix or "").rstrip("_- ."), int(number), f"Ch{int(channel)}{rest}"
    match = _MERGED.match(stem)
    if match and len(match.group(2)) <= 15:
        return (match.group(1) or "").rstrip("_- ."), int(match.group(2)), f"{int(match.group(3))}_colour"
    return stem, None, ""


def _ascii_digits(text: str) -> str:
    return "".join("?" if char.isdigit() and not char.isascii() else char for char in text)


def sample_folder(folder: str) -> str:
    """The folder that stands for a sample: a last level that only says "Ch3" belongs to the channel."""
    head, _, last = folder.rpartition("/")
    return head if _CHANNEL_FOLDER.match(last) else folder


def stem_of(path: str) -> str:
    """File name without folders and without the suffix of an image, ``.ome.tif`` as a whole."""
    return _SUFFIX.sub("", path.rpartition("/")[2])


def suffix_of(path: str) -> str:
    """Last suffix in lower case, "" when there is none."""
    base = path.rpartition("/")[2]
    dot = base.rfind(".")
    return base[dot:].lower().rstrip() if dot > 0 else ""


def unsafe_name(path: str) -> tuple[str, str] | None:
    """Code and sentence when a name inside an archive tries to be more than a name; None for a decent one."""
    if len(path) > _MAX_NAME:
        return "E-ZIP-NAME-LONG", f"The name of the file is longer than {_MAX_NAME} characters."
    if "\x00" in path:
        return "E-ZIP-NAME-NUL", "The name of the file has a NUL character in it."
    if "\\" in path or path.startswith("/") or _DRIVE.match(path) or (".." in path and ".." in path.split("/")):
        return "E-ZIP-PATH", "The name of the file points outside its folder."
    return None


def is_junk(path: str) -> bool:
    """Files that operating systems leave behind: no data of the user is in them."""
    parts = path.split("/")
    base = parts[-1]
    if base.startswith((".", "~$")) or base.lower() in _JUNK_NAMES:
        return True
    return any(part.lower() in _JUNK_FOLDERS or (part.startswith(".") and part != ".") for part in parts[:-1])


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key by which "a10" comes after "a9"."""
    return tuple(
        (0, int(part)) if part.isdecimal() and part.isascii() and len(part) < 19 else (1, part.casefold())
        for part in re.split(r"([0-9]+)", text)
        if part
    )
