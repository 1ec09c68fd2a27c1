"""What in a zip must not be read, judged from its list of files alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits, setting_name
from nscweb.io.archives.zip_directory import ZipDirectory

STORED, DEFLATED = 0, 8
_LOCAL_SIZE = 30
_ENCRYPTED = 0x2041
# Compression ratio is judged only above this size: a small blank image packs extremely well.
_RATIO_FROM = 1_000_000
# Numbers of PKWARE APPNOTE 6.3.10, section 4.4.5.
_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "xz",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
_KINDS = {0xA000: "symbolic link", 0x2000: "device", 0x6000: "device", 0x1000: "pipe", 0xC000: "socket"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A member that must not be read: stable code and a sentence."""

    code: str
    message: str


def odd_members(directory: ZipDirectory, limits: Limits) -> bytes:
    """One byte per member, 1 where `reject` must look closer; the rest pass without a look."""
    modes = (directory.external >> 16) & 0xF000
    odd = (modes != 0) & (modes != 0x8000)
    odd |= (directory.flags & _ENCRYPTED) != 0
    odd |= (directory.methods != STORED) & (directory.methods != DEFLATED)
    odd |= (directory.sizes > min(limits.max_member_bytes, _RATIO_FROM)) | (directory.sizes < 0)
    odd[list(directory.broken)] = True
    return bytes(odd.tolist())


def check_overlap(directory: ZipDirectory, name: str) -> None:
    """Members that share bytes are how a small file unpacks to terabytes (Fifield, 2019).

    Raises:
        InputRefused: two members overlap.
    """
    good = np.ones(len(directory), bool)
    good[list(directory.broken)] = False
    begin = directory.offsets[good]
    end = begin + _LOCAL_SIZE + directory.packed[good]
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    if len(begin) and np.any(end[:-1] > begin[1:]):
        raise InputRefused(
            f"Files inside {name} share the same bytes. No sound zip does that; unpacking it could fill the disk.",
            "Pack the images again with an ordinary zip program.",
            "E-ZIP-OVERLAP",
        )


def reject(directory: ZipDirectory, index: int, limits: Limits) -> Rejected | None:
    """Why a member must not be read, its name apart; None when it may be."""
    kind = (directory.external.item(index) >> 16) & 0xF000
    if kind in _KINDS:
        return Rejected("E-ZIP-LINK", f"The entry is a {_KINDS[kind]}, not a file.")
    if index in directory.broken:
        return Rejected("E-ZIP-ENTRY", "The entry of this file in the list of the zip is damaged.")
    if directory.flags.item(index) & _ENCRYPTED:
        return Rejected("E-ZIP-ENCRYPTED", "The file is protected with a password.")
    method = directory.methods.item(index)
    if method not in (STORED, DEFLATED):
        known = _METHODS.get(method, "an unknown method")
        message = f"The file is packed with {known} (method {method}), which is not read."
        return Rejected("E-ZIP-METHOD", message)
    size, packed = int(directory.sizes[index]), max(int(directory.packed[index]), 1)
    if size > limits.max_member_bytes:
        return Rejected(
            "E-LIMIT-MEMBER-BYTES",
            f"The file unpacks to {size:,} bytes, the limit is {limits.max_member_bytes:,} "
            f"({setting_name('max_member_bytes')} raises it).",
        )
    if size > _RATIO_FROM and size > limits.max_ratio * packed:
        return Rejected(
            "E-LIMIT-RATIO",
            f"The file unpacks to {size // packed:,} times its size, the limit is {limits.max_ratio} "
            f"({setting_name('max_ratio')} raises it).",
        )
    return None
