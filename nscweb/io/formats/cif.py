"""`.cif` and `.rif`, the files in which imaging flow cytometers keep all cells of a sample with their masks.

Layout: FACTS section 2. Opening walks the chain of directories (`cif_index`) and reads the settings (`cif_header`);
pixels are decoded object by object (`cif_codec`). Channels lie side by side in one image, so they are decoded together
and then split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding, FindingLog, Level
from nscweb.core.limits import Limits
from nscweb.io.formats.cif_codec import NONE, damaged, decode_image, decode_mask
from nscweb.io.formats.cif_file import KIND_TAG, CifFile, Entry, not_cif
from nscweb.io.formats.cif_header import CifHeader, read_header
from nscweb.io.formats.cif_index import IMAGE, MASK, Walk, walk
from nscweb.io.formats.daf import DafInfo
from nscweb.io.pixels.pixel_policy import check_plane, check_size

_MOST_CHANNELS = 64
_LOOK_AT = 16
_VALUES = {33052: "background", 33053: "background deviation", 33054: "saturated pixels"}
_Tags = dict[int, Entry]


def sniff(head: bytes) -> bool:
    """A TIFF whose first directory has the tag that says what kind it is."""
    return head.startswith((b"II*\0", b"II+\0")) and b"\xea\x80\x03\x00\x01\x00\x00\x00" in head


class CifCells:
    """The objects of one `.cif` or `.rif` (see `CellTable`); use it as a context manager.

    Attributes:
        notes: what was noticed on opening.
        claimed: number of objects that the header claims, None when it does not.
        numbers: (N,) object numbers, ascending, from 0 as the instrument counts.
        companions: `.daf` files whose populations the cells carry.

    Raises:
        InputRefused: another kind of file, or its list of objects cannot be read.
        LimitExceeded: too many objects.
    """

    labelled = False

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.name
        self.notes: list[Finding] = []
        self.companions: tuple[Path, ...] = ()
        self._file = CifFile(path)
        try:
            found = walk(self._file, 2 * limits.max_members + 3)
            header = read_header(self._file, found.header)
            self._arrange(found)
            limits.check("max_members", len(self.numbers), f"Cells in {self.name}")
            self._open(header, found.broken)
        except BaseException:
            self.close()
            raise

    def _arrange(self, found: Walk) -> None:
        """Rows in the order of object numbers, each with its image and its mask (-1 for none)."""
        images = np.flatnonzero((found.kinds == IMAGE) & (found.numbers >= 0))
        masks = np.flatnonzero(found.kinds == MASK)
        self._unnumbered = int((found.kinds == IMAGE).sum()) - len(images)
        row_of = np.full(len(found.kinds), -1, np.int64)
        row_of[images] = np.arange(len(images))
        numbers, mask_at = found.numbers[images], np.full(len(images), -1, np.int64)
        # A mask without a number belongs to the image right before it; one with a number to the image of that number.
        before = np.where(masks > 0, row_of[masks - 1], -1)
        own = found.numbers[masks]
        beside = (before >= 0) & ~found.fresh[masks]
        beside &= (own < 0) | (own == numbers[np.maximum(before, 0)] if len(numbers) else own < 0)
        mask_at[before[beside]] = found.offsets[masks[beside]]
        order = np.argsort(numbers, kind="stable")
        apart = masks[~beside & (own >= 0)]
        if len(apart) and len(order):
            places = np.searchsorted(numbers[order], found.numbers[apart])
            rows = order[np.minimum(places, len(order) - 1)]
            fits = (numbers[rows] == found.numbers[apart]) & (mask_at[rows] < 0)
            mask_at[rows[fits]] = found.offsets[apart[fits]]
        self.numbers: NDArray[np.int64] = numbers[order]
        self._image_at, self._mask_at = found.offsets[images][order], mask_at[order]

    def _open(self, header: CifHeader, broken: bool) -> None:
        self.cells, self.claimed = len(self.numbers), header.objects
        if not self.cells:
            if header.objects is None:
                raise not_cif(self.name)
            raise InputRefused(
                f"{self.name} has no object that can be found.", "Copy or export it again.", "E-CIF-EMPTY"
            )
        channels = self._channel_numbers(header)
        self.channels = tuple(f"Ch{number}" for number in channels)
        self.brightfield = next((f"Ch{number}" for number in header.brightfield if number in channels), "")
        self.pixel_size_um = header.pixel_size_um
        self.has_masks = bool((self._mask_at >= 0).any())
        self.groups: Mapping[str, NDArray[Any]] = {"": np.arange(self.cells)}
        self._pops: tuple[str, ...] = ()
        self._pop_rows = self._pop_of_row = np.zeros(0, np.int64)
        twice = self.cells - len(np.unique(self.numbers))
        self._has_twice = twice > 0
        if broken:
            message = "The file's list of objects is damaged; the objects that could still be found were read."
            self._note("warn", "W-CIF-LIST", message, self.name)
        if header.objects is not None and header.objects != self.cells:
            message = "The file says that it has another number of objects than were found."
            where = f"{self.name}: {self.cells:,} of {header.objects:,}"
            self._note("warn", "W-CIF-COUNT", message, where)
        if twice:
            message = "Some objects have the same number; each counts as a cell of its own."
            self._note("warn", "W-CIF-TWICE", message, f"{self.name}: {twice:,}")
        if self._unnumbered:
            message = "Some objects of the file have no number; they were left out."
            self._note("warn", "W-CIF-NUMBER", message, f"{self.name}: {self._unnumbered:,}")
        if not header.readable:
            message = "The instrument's settings in the file cannot be read; check which channel is brightfield."
            self._note("warn", "W-CIF-SETTINGS", message, self.name)

    def _note(self, level: Level, code: str, message: str, where: str) -> None:
        self.notes.append(Finding(level, code, message, where))

    def _channel_numbers(self, header: CifHeader) -> tuple[int, ...]:
        """Physical numbers of the channels, as many as most objects have."""
        rows = np.unique(np.linspace(0, self.cells - 1, _LOOK_AT).astype(np.int64)).tolist()
        counts: Counter[int] = Counter()
        for row in rows:
            entry = (self._file.entries(int(self._image_at[row])) or {}).get(33052)
            if entry is not None and 0 < entry.length <= _MOST_CHANNELS:
                counts[entry.length] += 1
        count = counts.most_common(1)[0][0] if counts else header.channels
        if not count:
            raise InputRefused(
                f"{self.name} does not say how many channels its images have.",
                "Export the cells as .ome.tif from the instrument's software.",
                "E-CIF-CHANNELS",
            )
        return header.in_use if len(header.in_use) == count else tuple(range(1, count + 1))

    def attach(self, info: DafInfo, path: Path) -> None:
        """Let the cells carry the populations of a `.daf`, and take the channel that it calls brightfield."""
        self.companions += (path,)
        if info.brightfield is not None and f"Ch{info.brightfield}" in self.channels:
            self.brightfield = f"Ch{info.brightfield}"
        names, rows, of_row = list(self._pops), [self._pop_rows], [self._pop_of_row]
        for name, objects in info.populations.items():
            if objects is None:
                continue
            known = name in names
            names.append(f"{name} ({path.stem})" if known else name)
            rows.append(np.flatnonzero(np.isin(self.numbers, objects)))
            of_row.append(np.full(len(rows[-1]), len(names) - 1, np.int64))
        all_rows, all_pops = np.concatenate(rows), np.concatenate(of_row)
        order = np.argsort(all_rows, kind="stable")
        self._pops, self._pop_rows, self._pop_of_row = tuple(names), all_rows[order], all_pops[order]

    def _tags(self, row: int) -> tuple[str, ...]:
        if not self._pops:
            return ()
        begin, end = np.searchsorted(self._pop_rows, (row, row + 1)).tolist()
        return tuple(self._pops[number] for number in self._pop_of_row[begin:end].tolist())

    def object_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) object numbers of rows, known without reading them."""
        return self.numbers[rows]

    def where(self, row: int) -> str:
        number = int(self.numbers[row])
        again = row - int(np.searchsorted(self.numbers, number)) if self._has_twice else 0
        return f"{self.name} object {number}" + (f" ({again + 1})" if again else "")

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """See `CellTable`; numbers are those of the instrument, from 0."""
        names = tuple(name for name in channels if name in self.channels)
        chosen = [self.channels.index(name) for name in names]
        for row in rows:
            try:
                yield row, self._cell(row, names, chosen, limits, log)
            except NscwebError as error:
                yield row, error
            except OSError as error:
                raise InputRefused(
                    f"{self.name} cannot be read any more.", "Check that it is still there.", "E-FILE-UNREADABLE"
                ) from error

    def _cell(self, row: int, names: tuple[str, ...], chosen: list[int], limits: Limits, log: FindingLog) -> CellImage:
        at, where = int(self._image_at[row]), self.where(row)
        tags = self._file.entries(at)
        if tags is None or self._one(at, tags, KIND_TAG) != IMAGE:
            raise damaged("its directory cannot be read.")
        height, width = self._size(at, tags)
        count = len(self.channels)
        if width % count:
            raise damaged(f"its width does not fit {count} channels.")
        check_size(height, width // count, 2 * count, limits)
        data = self._strip(at, tags, height, width)
        pixels = decode_image(data, height, width, self._one(at, tags, 258), self._one(at, tags, 259, NONE))
        planes = _split(pixels, count, chosen)
        for plane in planes:
            check_plane(plane, where, limits, log)
        masks = self._masks(row, (height, width), log, where)
        values: dict[str, float | str] = {}
        for tag, word in _VALUES.items():
            found = self._file.values(at, tags.get(tag), count)
            if len(found) == count:
                picked = ((name, float(found[place])) for name, place in zip(names, chosen, strict=True))
                values |= {f"{word} {name}": value for name, value in picked if np.isfinite(value)}
        return CellImage(
            int(self.numbers[row]),
            names,
            planes,
            where,
            None if masks is None else _split(masks, count, chosen),
            self._tags(row),
            values,
        )

    def _masks(self, row: int, size: tuple[int, int], log: FindingLog, where: str) -> NDArray[np.bool_] | None:
        """Mask (height, width) over all channels, None when the object has none that can be read."""
        at = int(self._mask_at[row])
        if at < 0:
            return None
        try:
            tags = self._file.entries(at)
            if tags is None or self._one(at, tags, KIND_TAG) != MASK or self._size(at, tags) != size:
                raise damaged("its mask does not fit its image.")
            data = self._strip(at, tags, *size)
            return decode_mask(data, *size, self._one(at, tags, 258, 8), self._one(at, tags, 259, NONE))
        except NscwebError:
            message = "The mask of the object is damaged and was left out; its pixels were kept."
            log.add("warn", "W-CIF-MASK", message, where)
            return None

    def _one(self, at: int, tags: _Tags, tag: int, default: int = -1) -> int:
        found = self._file.values(at, tags.get(tag), 1)
        return int(found[0]) if found else default

    def _size(self, at: int, tags: _Tags) -> tuple[int, int]:
        width, height = self._one(at, tags, 256), self._one(at, tags, 257)
        if min(width, height) <= 0:
            raise damaged("its size is missing.")
        return height, width

    def _strip(self, at: int, tags: _Tags, height: int, width: int) -> bytes:
        """The bytes of an image or mask, never more than its size can need."""
        offset, count = self._one(at, tags, 273), self._one(at, tags, 279)
        if offset < 0 or count < 0:
            raise damaged("where its pixels lie is missing.")
        if count > 5 * height * width + 1:
            raise damaged("it holds more data than pixels.")
        data = self._file.read_near(self._file.near(at, offset), count)
        if len(data) != count:
            raise damaged("its pixels are cut off.")
        return data

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _split(side_by_side: NDArray[Any], count: int, chosen: list[int]) -> NDArray[Any]:
    """(h, count x w) with channels side by side to (C, h, w) of the chosen ones."""
    height, width = side_by_side.shape
    parts = side_by_side.reshape(height, count, width // count)
    return np.ascontiguousarray(parts[:, chosen].transpose(1, 0, 2))
