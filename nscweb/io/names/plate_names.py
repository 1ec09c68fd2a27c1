"""File names of plate microscopes: well, site, channel, time and plane, by one table with an example in each row.

Wells become samples, sites their images, and channels of one site are joined. Of several planes of one image the
middle one is taken. A time without a unit stays a number, which the understanding card asks about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HOUR = r"(?P<days>\d+)d(?P<hours>\d+)h(?P<minutes>\d+)m"
# Rows behind P are of plates with 1,536 wells, whose columns have two digits.
_WELL = r"(?P<row>A[A-F](?=-?\d\d)|[A-P]|[Q-Z](?=-?\d\d))-?(?P<column>\d{1,2})"


@dataclass(frozen=True)
class PlateRow:
    """One row of the table.

    Attributes:
        program: who writes such names.
        example: one of them, without its suffix.
        pattern: groups before, row, column, site, channel, time, plane, days, hours and minutes, where there are such.
    """

    program: str
    example: str
    pattern: re.Pattern[str]


def _row(program: str, example: str, pattern: str) -> PlateRow:
    return PlateRow(program, example, re.compile(pattern, re.IGNORECASE))


PLATE_ROWS: tuple[PlateRow, ...] = (
    _row(
        "Opera, Operetta (Harmony)",
        "r01c02f03p01-ch2sk1fk1fl1",
        r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<site>\d+)p(?P<plane>\d+)-ch(?P<channel>\d+)(?:t\d+)?sk(?P<time>\d+)\w*",
    ),
    _row(
        "Yokogawa CV",
        "AssayPlate_Greiner_#655090_D02_T0001F007L01A01Z01C01",
        rf"(?:(?P<before>.+)_)?{_WELL}_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+Z(?P<plane>\d+)C(?P<channel>\d+)",
    ),
    _row(
        "Yokogawa CQ",
        "A-02_F0001_T0020_Z0001",
        rf"(?:(?P<before>.+)_)?{_WELL}_F(?P<site>\d+)_T(?P<time>\d+)_Z(?P<plane>\d+)(?:_C(?P<channel>\d+))?",
    ),
    _row(
        "MetaXpress",
        "Screen1_A01_s1_w1",
        rf"(?:(?P<before>.+)_)?{_WELL}(?:_s(?P<site>\d+))?_w(?P<channel>\d+)(?:_?[0-9A-F]{{8}}-[0-9A-F-]{{27}})?",
    ),
    _row("MetaXpress, one channel", "Screen1_A01_s1", rf"(?:(?P<before>.+)_)?{_WELL}_s(?P<site>\d+)"),
    _row(
        "Cellomics, EVOS",
        "AS_09125_050116030001_D03f00d0",
        rf"(?:(?P<before>.+)_)?{_WELL}f(?P<site>\d+)d(?P<channel>\d+)",
    ),
    _row("IncuCyte", "VID1_A1_1_00d06h00m", rf"(?:(?P<before>.+)_)?{_WELL}_(?P<site>\d+)_{_HOUR}"),
    _row(
        "Micro-Manager",
        "img_channel000_position001_time000000000_z000",
        r"(?:img_)?channel(?P<channel>\d+)_position(?P<site>\d+)_time(?P<time>\d+)_z(?P<plane>\d+)",
    ),
    _row(
        "Vitra", "Channel 2-01-A-01-00", r"Channel (?P<channel>\d+)-\d+-(?P<row>[A-P])-(?P<column>\d{2})-(?P<site>\d+)"
    ),
    _row(
        "NIS-Elements",
        "20180101ef002xy01t01c1",
        r"(?P<before>.+?)_?xy(?P<site>\d+)(?:t(?P<time>\d+))?(?:z(?P<plane>\d+))?(?:c(?P<channel>\d+))?",
    ),
    _row("CellProfiler examples", "DMSO_B5_t24", rf"(?P<before>.+)_{_WELL}_t(?P<time>\d+)"),
    _row(
        "Columbus, Image Data Explorer",
        "DMSO_B5_f2_c1",
        rf"(?:(?P<before>.+)_)?{_WELL}_f(?P<site>\d+)_c(?P<channel>\d+)",
    ),
)


@dataclass(frozen=True)
class PlateName:
    """What the name of one image of a plate says.

    Attributes:
        program: of its row.
        before: text before the well, such as the name of the plate.
        well: "D03", "" where the name has none.
        site: number of the place in the well.
        channel: "Ch2", "" where the name has none.
        time: words of the time, "6 h" with a unit or "t20" without; "" where there is none.
        plane: of a focus stack, -1 where there is none.
    """

    program: str
    before: str
    well: str
    site: int
    channel: str
    time: str
    plane: int


def parse_plate_name(stem: str) -> PlateName | None:
    """Read a file name without its suffix; None for all names that no row fits."""
    for row in PLATE_ROWS:
        match = row.pattern.fullmatch(stem)
        if match is not None:
            return _read(row, match)
    return None


def _read(row: PlateRow, match: re.Match[str]) -> PlateName:
    said = {name: value for name, value in match.groupdict().items() if value is not None}
    letter = said.get("row", "")
    if letter.isdecimal():
        letter = chr(ord("A") + int(letter) - 1) if 1 <= int(letter) <= 26 else f"r{letter}"
    well = f"{letter.upper()}{int(said['column']):02d}" if "column" in said else ""
    time = f"t{int(said['time'])}" if "time" in said else ""
    if "days" in said:
        time = f"{24 * int(said['days']) + int(said['hours']) + int(said['minutes']) / 60:g} h"
    channel = f"Ch{int(said['channel'])}" if "channel" in said else ""
    site, plane = int(said.get("site", 0)), int(said.get("plane", -1))
    return PlateName(row.program, said.get("before", "").strip("_- "), well, site, channel, time, plane)
