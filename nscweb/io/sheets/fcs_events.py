"""Events of an FCS file as numbers: for populations that flow cytometry software hands back by object number.

After the Data File Standard FCS 3.1 (Spidlen et al. 2010, Cytometry A 77:97) and its forerunners 2.0 and 3.0; list
mode, floats or whole numbers of 8, 16 or 32 bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused

_HEADER = 58
_MOST_CHANNELS = 10_000
# An offset with more digits is no place in a file.
_NUMBER = re.compile(rb"\s*(\d{1,18})\s*")


@dataclass(frozen=True, eq=False)
class FcsEvents:
    """An FCS file.

    Attributes:
        names: short name of each channel.
        values: (N, C) float64.
        keywords: of TEXT, in capitals.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    keywords: Mapping[str, str]

    def column(self, *names: str) -> NDArray[np.float64] | None:
        """(N,) the first channel with one of these names, whatever its capitals; None when there is none."""
        known = {name.casefold(): place for place, name in enumerate(self.names)}
        found = next((known[name.casefold()] for name in names if name.casefold() in known), None)
        return None if found is None else self.values[:, found]


def read_fcs(data: bytes, name: str) -> FcsEvents:
    """The first data set of an FCS file.

    Raises:
        InputRefused: it is none, is cut off, or holds no events in list mode.
    """
    if len(data) < _HEADER or not data.startswith((b"FCS2.", b"FCS3.")):
        raise _refused(name, "it does not begin as an FCS file does")
    begin, end, data_begin, data_end = (_number(data[10 + 8 * place : 18 + 8 * place], name) for place in range(4))
    text = data[begin : end + 1]
    if begin < _HEADER or len(text) < 2 or len(text) != end + 1 - begin:
        raise _refused(name, "its text is cut off")
    said = _keywords(text)
    if not data_end:
        data_begin, data_end = (_whole(said, key, name) for key in ("$BEGINDATA", "$ENDDATA"))
    if said.get("$MODE", "L") != "L":
        raise _refused(name, "it holds no events one by one (list mode)")
    channels, events = _whole(said, "$PAR", name), _whole(said, "$TOT", name)
    if not 0 < channels <= _MOST_CHANNELS:
        raise _refused(name, f"it says that it has {channels} channels")
    names = tuple(said.get(f"$P{place}N", f"P{place}") for place in range(1, channels + 1))
    fields = [_kind(said, place, name) for place in range(1, channels + 1)]
    size = sum(kind.itemsize for kind in fields)
    block = data[data_begin : data_begin + size * events]
    if len(block) < size * events:
        raise _refused(name, f"it says that it has {events:,} events and is cut off before")
    layout = np.dtype({"names": [f"c{place}" for place in range(channels)], "formats": fields})
    table = np.frombuffer(block, layout, events)
    values = np.stack([table[f"c{place}"].astype(np.float64) for place in range(channels)], axis=1)
    return FcsEvents(names, values.reshape(events, channels), said)


def _keywords(text: bytes) -> dict[str, str]:
    """Keywords in capitals -> values; a delimiter that is doubled belongs to the value."""
    mark = text[:1].decode("latin-1")
    body = text[1:].decode("utf-8", errors="replace").replace(mark * 2, "\x00")
    parts = [part.replace("\x00", mark) for part in body.split(mark)]
    return {key.strip().upper(): value.strip() for key, value in zip(parts[::2], parts[1::2], strict=False)}


def _kind(said: Mapping[str, str], place: int, name: str) -> np.dtype[np.generic]:
    order = "<" if said.get("$BYTEORD", "1,2,3,4").startswith("1") else ">"
    letter, bits = said.get("$DATATYPE", "F").upper(), said.get(f"$P{place}B", "32")
    known = {("F", "32"): "f4", ("D", "64"): "f8", ("I", "8"): "u1", ("I", "16"): "u2", ("I", "32"): "u4"}
    if (letter, bits) not in known:
        raise _refused(name, f"channel {place} holds numbers of kind {letter} with {bits} bits")
    return np.dtype(order + known[letter, bits])


def _number(text: bytes, name: str) -> int:
    found = _NUMBER.fullmatch(text)
    if not found and text.strip():
        raise _refused(name, "its header holds no numbers")
    return int(found[1]) if found else 0


def _whole(said: Mapping[str, str], key: str, name: str) -> int:
    found = _NUMBER.fullmatch(said.get(key, "").encode("utf-8"))
    if not found:
        raise _refused(name, f"it does not say {key}")
    return int(found[1])


def _refused(name: str, why: str) -> InputRefused:
    return InputRefused(
        f"{name} cannot be read as FCS: {why}.", "Export the population again, as FCS 3.0 or 3.1.", "E-FCS"
    )
