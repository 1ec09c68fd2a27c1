"""Numbers per cell as FCS 3.1, the format of flow cytometry software, so that scores can be gated like any channel.

Written after the Data File Standard FCS 3.1 (Spidlen et al. 2010, Cytometry A 77:97): HEADER with offsets, TEXT with
keywords, DATA as 32-bit floats in list mode, and eight zeros for a CRC that was not computed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

# A float with 24 bits of mantissa holds every whole number up to this one.
LARGEST_WHOLE = 2**24
SPLIT = 1_000_000
# Form feed: keywords are freed of control characters, so none of them can hold it and nothing has to be doubled.
_DELIMITER = "\x0c"
_TEXT_AT = 256
# A field of the HEADER has eight digits; longer offsets stand in TEXT alone, and the HEADER says 0.
_MOST_IN_HEADER = 99_999_999
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_EVENTS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Channel:
    """One parameter of an FCS file.

    Attributes:
        name: short name; `short_names` makes one that every program takes.
        long_name: in plain words with the unit.
        values: (N,) numbers; whole ones stay exact up to `LARGEST_WHOLE`.
        top: highest value, for the axis of other programs.
    """

    name: str
    long_name: str
    values: NDArray[np.generic]
    top: float = 1.0


def short_names(names: Sequence[str], prefix: str = "") -> list[str]:
    """Names of letters and digits alone, all different, at most 40 long.

    The standard forbids commas; other programs remove underscores, cut at blanks or take dots for paths. So
    ``"neural stem_cell"`` becomes ``"NeuralStemCell"``. A name without any Latin letter becomes a number.
    """
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
        words = re.findall(r"[A-Za-z0-9]+", plain)
        base = prefix + ("".join(word[0].upper() + word[1:] for word in words)[:40] or str(number))
        candidate, copy = base, 2
        while candidate.casefold() in {other.casefold() for other in found}:
            candidate, copy = f"{base}x{copy}", copy + 1
        found.append(candidate)
    return found


def object_channels(numbers: NDArray[np.int64]) -> list[Channel]:
    """The object number as one channel, or as two where a float could not hold it exactly.

    Then ``ObjectMillions`` x 1,000,000 + ``ObjectRest`` is the number.
    """
    highest = int(numbers.max(initial=0))
    if highest <= LARGEST_WHOLE:
        return [Channel("ObjectNumber", "object number as the instrument gave it", numbers, highest + 1)]
    return [
        Channel("ObjectMillions", "object number, millions", numbers // SPLIT, highest // SPLIT + 1),
        Channel("ObjectRest", "object number, the rest below a million", numbers % SPLIT, SPLIT),
    ]


def write_fcs(
    stream: BinaryIO,
    channels: Sequence[Channel],
    keywords: Mapping[str, str],
    progress: Callable[[int], None] = lambda events: None,
) -> int:
    """Write one data set; returns its bytes.

    Args:
        stream: written from where it stands, never read or moved back, so that a zip will do.
        channels: all of the same length.
        keywords: further keywords of TEXT, such as ``$FIL`` or our own; empty values are left out, because the
            standard knows none.
        progress: called with the events that are written.

    Raises:
        ValueError: channels of different lengths, without any, or with the same name twice.
    """
    names = [channel.name.casefold() for channel in channels]
    events = {len(channel.values) for channel in channels}
    if len(events) != 1 or len(set(names)) != len(names):
        raise ValueError("the channels of an FCS file have one length and different names")
    count = events.pop()
    size = 4 * count * len(channels)
    said = _keywords(channels, count, keywords)
    text, begin = _text_with_offsets(said, size)
    stream.write(_header(_TEXT_AT + len(text) - 1, begin, begin + size - 1 if size else 0))
    stream.write(b" " * (_TEXT_AT - 58))
    stream.write(text)
    for start in range(0, count, _EVENTS_AT_ONCE):
        part = [channel.values[start : start + _EVENTS_AT_ONCE].astype("<f4") for channel in channels]
        stream.write(np.stack(part, axis=1).tobytes())
        progress(min(start + _EVENTS_AT_ONCE, count))
    stream.write(b"0" * 8)
    return begin + size + 8


def _keywords(channels: Sequence[Channel], events: int, keywords: Mapping[str, str]) -> dict[str, str]:
    said = {
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$NEXTDATA": "0",
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$PAR": str(len(channels)),
        "$TOT": str(events),
    }
    for number, channel in enumerate(channels, start=1):
        said |= {
            f"$P{number}N": channel.name,
            f"$P{number}S": channel.long_name,
            f"$P{number}B": "32",
            f"$P{number}E": "0,0",
            f"$P{number}R": str(max(1, int(np.ceil(channel.top)))),
            f"$P{number}D": f"Linear,0,{max(1.0, float(channel.top)):g}",
        }
    taken = {key.upper() for key in said}
    return said | {key: value for key, value in keywords.items() if key.upper() not in taken}


def _text_with_offsets(said: Mapping[str, str], size: int) -> tuple[bytes, int]:
    """TEXT with the offsets of DATA in it, and where DATA begins. The offsets have a fixed width."""
    blank = {"$BEGINDATA": "0" * 20, "$ENDDATA": "0" * 20}
    begin = _TEXT_AT + len(_text({**blank, **said}))
    end = begin + size - 1 if size else 0
    offsets = {"$BEGINDATA": f"{begin if size else 0:020d}", "$ENDDATA": f"{end:020d}"}
    return _text({**offsets, **said}), begin


def _text(said: Mapping[str, str]) -> bytes:
    parts = []
    for key, value in said.items():
        cleaned = _CONTROL.sub(" ", value).strip()
        if cleaned:
            name = _CONTROL.sub("", key).encode("ascii", "ignore").decode("ascii")
            parts += [name.upper(), cleaned]
    return (_DELIMITER + _DELIMITER.join(parts) + _DELIMITER).encode("utf-8")


def _header(text_end: int, data_begin: int, data_end: int) -> bytes:
    if data_end > _MOST_IN_HEADER or not data_end:
        data_begin = data_end = 0
    offsets = (_TEXT_AT, text_end, data_begin, data_end, 0, 0)
    return b"FCS3.1    " + "".join(f"{offset:>8d}" for offset in offsets).encode("ascii")
