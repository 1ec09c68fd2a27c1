"""`.daf`, the analysis file of IDEAS beside a `.cif`: names of channels and populations, no pixels.

XML with a mark of its encoding, often followed by binary features (FACTS section 2). A population is known here when
it lists its objects (``<ob O="17"/>``), when its gate is a range of object numbers (how people tag cells by hand after
merging files), or when it combines such populations. Gates over features would need the features and are only named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits
from nscweb.io.formats.daf_populations import MOST_LISTED, Objects, Pop, Region, Solver
from nscweb.io.names.brightfield import called_brightfield

_END = b"</Assay>"
_CHUNK = 1 << 20
_MOST_NAMES = 2_000
_NAME_LENGTH = 200


@dataclass(frozen=True)
class DafInfo:
    """What a `.daf` says about the cells of its `.cif`.

    Attributes:
        file: base name of the `.cif`; its folder is never followed.
        objects: number of objects that it was made from, None when it does not say.
        channels: physical channel (from 1, so that 4 is Ch4) -> name that somebody gave it.
        brightfield: the channel whose name says brightfield, from 1; None when none does.
        populations: name -> sorted object numbers, None where a gate over features defines it. The population of all
            objects is left out.
    """

    file: str
    objects: int | None
    channels: Mapping[int, str]
    brightfield: int | None
    populations: Mapping[str, Objects | None]

    def names(self, *, known: bool) -> tuple[str, ...]:
        """Names of the populations whose objects are known, or of those that a gate over features defines."""
        return tuple(name for name, objects in self.populations.items() if (objects is not None) == known)


def read_daf(path: Path, limits: Limits) -> DafInfo:
    """Read the XML of a `.daf` in parts, up to its end; what comes behind is left alone.

    Raises:
        InputRefused: no such XML, damaged, or with definitions of entities.
        LimitExceeded: the XML is over the limit of one file.
    """
    found = _Collector()
    parser = ElementTree.DefusedXMLParser(target=found, forbid_dtd=True)
    try:
        for chunk in _xml_of(path, limits):
            parser.feed(chunk)
        parser.close()
    except (ParseError, ValueError, LookupError) as error:
        # defusedxml refuses entities by kinds of ValueError; unknown encodings are LookupErrors.
        raise InputRefused(
            f"{path.name} is damaged: its XML cannot be read.", "Save it again in IDEAS.", "E-DAF-DAMAGED"
        ) from error
    if not found.file:
        raise InputRefused(
            f"{path.name} does not name the .cif that it belongs to.", "Save it again in IDEAS.", "E-DAF-NO-FILE"
        )
    names = dict(sorted(found.channels.items()))
    named = called_brightfield(list(names.values()))
    brightfield = next((number for number, name in names.items() if named and name == named), None)
    return DafInfo(found.file, found.objects, names, brightfield, _populations(found))


def _xml_of(path: Path, limits: Limits) -> Iterator[bytes]:
    """The file up to the end of its XML."""
    done, tail = 0, b""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            joined = tail + chunk
            end = joined.find(_END)
            if end >= 0:
                yield joined[len(tail) : end + len(_END)] if end + len(_END) > len(tail) else b""
                return
            yield chunk
            done += len(chunk)
            limits.check("max_member_bytes", done, f"Bytes of XML in {path.name}")
            tail = joined[1 - len(_END) :]
    raise ValueError("the XML does not end")


class _Collector:
    """Takes what is needed out of the events of the parser, so that no tree of the whole XML is built."""

    def __init__(self) -> None:
        self.file = ""
        self.objects: int | None = None
        self.channels: dict[int, str] = {}
        self.pops: dict[str, Pop] = {}
        self.regions: dict[str, Region] = {}
        self._pop: Pop | None = None
        self._region: Region | None = None
        self._listed = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        get = attributes.get
        if tag == "SOD" and not self.file:
            self.file = _name(re.split(r"[\\/]", get("file", ""))[-1])
            self.objects = _whole(get("objcount", ""))
        elif tag == "image" and len(self.channels) < _MOST_NAMES:
            number, name = _whole(get("physicalChannel", "")), _name(get("name", ""))
            if number is not None and number < 64 and name and not get("function"):
                self.channels.setdefault(number + 1, name)
        elif tag == "Region" and len(self.regions) < _MOST_NAMES:
            self._region = Region(get("type", ""), get("xlogrange", "P") in ("P", ""))
            self.regions[get("label", "")] = self._region
        elif tag == "axy" and self._region is not None:
            self._region.x.append(_real(get("x", "")))
        elif tag == "Pop":
            features = get("fx", ""), get("fy", "")
            self._pop = Pop(get("type", ""), get("base", ""), get("region", ""), features, get("definition", ""))
            if len(self.pops) < _MOST_NAMES and get("name"):
                self.pops[get("name", "")] = self._pop
        elif tag.lower() == "ob" and self._pop is not None:
            numbers = [number for number in map(_whole, attributes.values()) if number is not None]
            self._listed += len(numbers)
            if self._listed > MOST_LISTED:
                raise ValueError("too many objects are listed")
            self._pop.listed += numbers

    def end(self, tag: str) -> None:
        if tag == "Pop":
            self._pop = None
        elif tag == "Region":
            self._region = None

    def data(self, data: str) -> None:
        return None

    def close(self) -> None:
        return None


def _populations(found: _Collector) -> dict[str, Objects | None]:
    solver = Solver(found.objects, found.pops, found.regions)
    return {_name(name): solver.objects(name) for name, pop in found.pops.items() if pop.kind != "B" and _name(name)}


def _name(text: str) -> str:
    """A name as it may be shown: one line, not too long."""
    return "".join(char for char in text if char.isprintable()).strip()[:_NAME_LENGTH]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
