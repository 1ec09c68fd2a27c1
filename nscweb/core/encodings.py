"""Which encoding bytes without a mark are in: judged by how likely the letters are that they would become.

UTF-8 proves itself. Western European text on Windows and on old Macs, Shift-JIS, GBK, EUC-KR and Big5 do not: each byte
is a letter in several of them. Letters of East Asia come in runs, and nearly all are from the common part of their set;
accents of Western text stand alone between plain letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Codec -> name for people.
CODECS: dict[str, str] = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Western European text",
    "latin-1": "Western European text",
    "mac_roman": "Mac Roman",
    "cp932": "Shift-JIS (Japanese)",
    "cp1251": "Windows Cyrillic",
    "gb18030": "GBK (Chinese)",
    "euc_kr": "EUC-KR (Korean)",
    "big5": "Big5 (Chinese)",
}
# First and second bytes of the common letters and signs of each set.
_COMMON: dict[str, tuple[str, str]] = {
    "cp932": (r"[\x81-\x84\x88-\x97]", r"[\x40-\x7e\x80-\xfc]"),
    "euc_kr": (r"[\xa1-\xa3\xb0-\xc8]", r"[\xa1-\xfe]"),
    "gb18030": (r"[\xa1-\xa3\xb0-\xd7]", r"[\xa1-\xfe]"),
    "big5": (r"[\xa1-\xc6]", r"[\x40-\x7e\xa1-\xfe]"),
}
_EAST = {codec: re.compile(f"(?:{lead}{trail})+".encode("latin-1")) for codec, (lead, trail) in _COMMON.items()}
_LEAST_SHARE = 0.8
# Signs of cp1252 that people write; the others of its second row beside letters speak against it.
_WRITTEN = "€‘’“”–—…•™"
_AMID = re.compile(
    r"(?<=[A-Za-z])[‚ƒ„†‡ˆ‰Š‹ŒŽ˜š›œžŸ\x80-\x9f¡-©«-±´¶-¿×÷](?=[A-Za-z])|[a-z][À-ÞŠŽŸŒ](?=[a-z])|"
    r"[³¹¯¼¾¥£][A-Za-zÀ-ÿ]|[À-ÿ]{5}"
)
_ACCENTS = "éèêëàâäáãåçîïíìôöóòõùûüúñÿæœøßÄÖÜÉÈÊÇÀÅØÆÑŒµΩ"


@dataclass(frozen=True)
class Decoded:
    """Attributes:
    text: None when no encoding fits.
    codec: a key of `CODECS`.
    guessed: True when another encoding is nearly as likely.
    example: a word that the guess was made from.
    """

    text: str | None
    codec: str = ""
    guessed: bool = False
    example: str = ""

    @property
    def shown(self) -> str:
        return CODECS[self.codec]


def decoded(data: bytes) -> Decoded:
    """Text out of bytes, with how sure that is."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _with(data, "utf-16")
    if wide := _wide(data):
        found = _with(data, wide)
        if found.text is not None:
            return Decoded(found.text, wide, True, _example(found.text))
    try:
        return Decoded(data.decode("utf-8-sig"), "utf-8")
    except UnicodeDecodeError:
        pass
    for codec in ("cp932", "euc_kr", "gb18030", "big5"):
        text = _eastern(data, codec)
        if text is not None:
            return Decoded(text, codec, True, _example(text))
    cyrillic = sum(len(run) for run in re.findall(rb"[\xc0-\xff\xa8\xb8]{3,}", data))
    if cyrillic >= _LEAST_SHARE * sum(byte > 0x7F for byte in data):
        text = data.decode("cp1251", "replace")
        return Decoded(text, "cp1251", True, _example(text))
    western = _with(data, "cp1252")
    mac = data.decode("mac_roman")
    if _likely_mac(western.text, mac, data):
        return Decoded(mac, "mac_roman", True, _example(mac))
    text = western.text if western.text is not None else data.decode("latin-1")
    doubtful = western.text is None or bool(_AMID.search(text))
    return Decoded(text, "cp1252" if western.text is not None else "latin-1", doubtful, _example(text))


def _with(data: bytes, codec: str) -> Decoded:
    try:
        return Decoded(data.decode(codec), codec)
    except UnicodeDecodeError:
        return Decoded(None, codec)


def _wide(data: bytes) -> str:
    """UTF-16 without a mark: every second byte of its plain letters is zero."""
    head = data[: 4096 // 2 * 2]
    if len(head) < 8 or head.count(0) < len(head) // 5 or len(data) % 2:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) > max(even, odd) // 20:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _eastern(data: bytes, codec: str) -> str | None:
    """The text when nearly all its other letters are common ones of that set, in runs; else None."""
    found = _with(data, codec)
    high = sum(byte > 0x7F for byte in data)
    if found.text is None or not high:
        return None
    runs = [match.group() for match in _EAST[codec].finditer(data)]
    covered = sum(sum(byte > 0x7F for byte in run) for run in runs if len(run) >= 4)
    if covered < _LEAST_SHARE * high:
        return None
    if codec == "euc_kr" and any(0xA1 <= byte <= 0xA3 for run in runs for byte in run[::2]) and not _hangul(found.text):
        return None
    return found.text


def _hangul(text: str) -> bool:
    return any("\uac00" <= letter <= "\ud7a3" for letter in text)


def _likely_mac(western: str | None, mac: str, data: bytes) -> bool:
    """Accents of an old Mac become signs and capitals in the middle of words when they are read as cp1252."""
    high = [bytes([byte]).decode("mac_roman") for byte in data if byte > 0x7F]
    likely = sum(letter in _ACCENTS for letter in high) >= _LEAST_SHARE * len(high)
    if not likely:
        return False
    if western is None:
        return True
    strange = len(_AMID.findall(western)) + sum(letter in "\x81\x8d\x8f\x90\x9d" for letter in western)
    carriage = b"\r" in data and b"\n" not in data
    odd = sum(letter in "ŠŽŸšžœŒ‡†ˆ‰˜›‹" for letter in western)
    return strange > 0 or (carriage and odd > 0)


def _example(text: str) -> str:
    match = re.search(r"[^\s,;|\t\"]*[^\x00-\x7f][^\s,;|\t\"]*", text)
    return match.group()[:40] if match else text.strip()[:40]
