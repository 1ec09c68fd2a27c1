"""In which letters the names in a zip are written, where the zip does not say so: one guess over all of them.

A name is UTF-8 where its flag says so, or where Info-ZIP's extra field 0x7075 repeats it in UTF-8 with the CRC of the
name it repeats (PKWARE APPNOTE 6.3.10, sections 4.4.4 and 4.6.9). Windows packs all other names in the letters of its
region. A few candidates are weighed by how common their characters are; a general detector needs more text than the
names of a few folders have.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

_MOST_WEIGHED = 2000
_UNICODE_PATH = 0x7075
USUAL = "cp437"
_SHOWN = {
    "cp932": "Shift-JIS (Japanese)",
    "gb18030": "GBK (Chinese)",
    "cp950": "Big5 (traditional Chinese)",
    "cp949": "EUC-KR (Korean)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp866": "DOS 866 (Cyrillic)",
    "cp1252": "Windows-1252 (Western European)",
    "cp850": "DOS 850 (Western European)",
    USUAL: "DOS 437 (the standard of zips)",
}
# Characters that are frequent in names of folders, of laboratories above all; the rest is weighed by its place in the
# tables of the standards, which hold common characters first.
_FREQUENT = {
    "cp932": "のをにはがとでたしてなるいれさあありまんらくアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフ"
    "ヘホマミムメモラリルレロワンュョャィーガギグゲゴザジズゼゾダデドバビブベボパピプペポッ"
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先"
    "名川千水半男西電校語土木車何社白天母火右読友左父東京"
    "対照実験予備試料細胞神経幹分化誘導処理群組濃度薬剤添加無有培養表示画像結果再回目時間週撮影解析新旧測"
    "定標準番号第条件薄膜機能準備",
    "gb18030": "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里"
    "所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从"
    "对照组处理实验样本细胞神经干化诱导药物浓度重复小时分钟天数据图像结果培养阳阴性空白标准编号新旧测试最"
    "第次批组给药模型正常高低剂量染色未",
    "cp950": "的一是不了人我在有他這為之大來以個中上們到說國和地也子時道出而要於就下得可你年生自會那後能對著事其里"
    "所去行過家十用發天如然作方成者多日都三小軍二無同麼經法當起與好看學進種將還分此心前面又定見只主沒公從"
    "對照組處理實驗樣本細胞神經幹化誘導藥物濃度重複小時分鐘天數據圖像結果培養陽陰性空白標準編號新舊測試最"
    "第次批給藥模型正常高低劑量染色未",
    "cp949": "이다는을의에가한하고지도로를사기어자나서리시은대인아정그해일있것수보들제스과전거음주부장만구성조원라"
    "상없신동안면여오유생우비문무같물소모진공연경중적간선국당내와재발말미수회집게후분할"
    "대조군실험처리세포신경줄기분화유도약물농도반복시간일차주차샘플이미지결과배양양성음성표준번호정상신규"
    "테스트원본관찰",
}
_FREQUENT_SETS = {codec: frozenset(text) for codec, text in _FREQUENT.items()}
_WESTERN = frozenset("äöüÄÖÜßéèêëàâáçñíìîïóòôõúùûåæøœÉÈÀÇÑÅØÁÍÓÚãÊÂÎÔŠšŽž")
_WESTERN_SIGNS = frozenset("µ°²³±–’´·§«»“”‘€©®×")
_RUN = re.compile(r"[\u0400-\u045f]+")
# Second bytes of two-byte characters, when they are taken for characters of their own.
_ODD = re.compile(r"[\\:*?\"<>|\[\]{}@^`~]")
# In the order in which they win a draw.
_CANDIDATES = ("cp932", "gb18030", "cp950", "cp949", "cp1251", "cp866", "cp1252", "cp850")
_HOPELESS = 9.0


@dataclass(frozen=True)
class NameReading:
    """How names without a mark are read.

    Attributes:
        codec: of Python; "" where all of them are UTF-8, which cannot be a coincidence.
        example: a name as read, "" where nothing was guessed.
    """

    codec: str = ""
    example: str = ""

    @property
    def letters(self) -> str:
        """The encoding as people call it."""
        return _SHOWN[self.codec]

    @property
    def standard(self) -> bool:
        """What the standard of zips asks for, or as good as that."""
        return self.codec in (USUAL, "cp850")

    def read(self, raw: bytes) -> str:
        """A name without a mark."""
        for codec in (self.codec, "utf-8") if self.codec else ("utf-8",):
            try:
                return raw.decode(codec)
            except UnicodeDecodeError:
                continue
        return raw.decode(USUAL)


def guess_reading(names: Iterable[bytes]) -> NameReading:
    """One encoding for all names of a zip that are neither ASCII nor marked as UTF-8."""
    raws = list(dict.fromkeys(names))
    if not raws or all(_is_utf8(raw) for raw in raws):
        return NameReading()
    # A folder is weighed once, however many files it has.
    parts = dict.fromkeys(part for raw in raws for part in raw.split(b"/") if not part.isascii())
    weighed = list(parts)[:_MOST_WEIGHED]
    costs = {codec: sum(_cost(part, codec) for part in weighed) for codec in _CANDIDATES}
    best = min(_CANDIDATES, key=costs.__getitem__)
    if costs[best] >= _HOPELESS * sum(byte > 127 for part in weighed for byte in part):
        best = USUAL
    reading = NameReading(best)
    return NameReading(best, reading.read(raws[0]))


def unicode_name(extra: bytes, name: bytes) -> str | None:
    """The UTF-8 name of the extra field 0x7075, None where there is none or it belongs to another name."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == _UNICODE_PATH and len(body) == length > 5 and body[0] == 1:
            if int.from_bytes(body[1:5], "little") != zlib.crc32(name):
                return None
            try:
                return body[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
        position += 4 + length
    return None


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cost(raw: bytes, codec: str) -> float:
    """How unlikely a name is in an encoding: about the negative logarithm of its characters' frequencies."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return _HOPELESS * len(raw)
    odd = 3.0 * len(_ODD.findall(text))
    if codec in _FREQUENT:
        return odd + sum(_east_asian(char, codec) for char in text if not char.isascii())
    return odd + (_cyrillic(text) if codec in ("cp1251", "cp866") else _western(text))


def _east_asian(char: str, codec: str) -> float:
    """Cost of a character that takes two bytes (or one, for half-width signs)."""
    if char in _FREQUENT_SETS[codec]:
        return 5.0
    raw = char.encode(codec)
    lead, trail = raw[0], raw[-1]
    if len(raw) != 2:
        return 2 * _HOPELESS if len(raw) > 2 else _HOPELESS  # half-width katakana; four bytes of GB 18030
    if codec == "cp932":
        common, known = 0x82 <= lead <= 0x83 or 0x88 <= lead <= 0x97, 0x98 <= lead <= 0xEA or lead == 0x81
    elif codec == "gb18030":
        common, known = 0xB0 <= lead <= 0xD7 and trail >= 0xA1, 0xA1 <= lead <= 0xF7 and trail >= 0xA1
    elif codec == "cp950":
        common, known = 0xA4 <= lead <= 0xC6, 0xA1 <= lead <= 0xF9
    else:
        common, known = 0xB0 <= lead <= 0xC8 and trail >= 0xA1, 0xA1 <= lead <= 0xFD and trail >= 0xA1
    # Korean names hardly ever hold Chinese characters, so a rarer kind costs more there.
    rare = 14.0 if codec == "cp949" else 11.0
    return (7.6 if codec == "cp949" else 8.0) if common else rare if known else 16.0


def _cyrillic(text: str) -> float:
    cost = 0.0
    for char in text:
        if not char.isascii():
            cost += 3.2 if "\u0410" <= char <= "\u044f" or char in "Ёё" else 5.0 if char in "№µ°" else _HOPELESS
    for run in _RUN.finditer(text):
        word = run.group()
        if word != word.lower() and word != word.upper() and word != word.capitalize():
            cost += 4.0 * sum(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
        neighbours = text[max(0, run.start() - 1) : run.start()] + text[run.end() : run.end() + 1]
        cost += 4.0 * sum(char.isascii() and char.isalpha() for char in neighbours)
        cost += 3.0 * (len(word) == 1)
    return cost


def _western(text: str) -> float:
    cost = 0.0
    for place, char in enumerate(text):
        if char.isascii():
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        beside = sum(other.isascii() and other.isalpha() for other in (before, after) if other)
        if char in _WESTERN:
            cost += 3.0 + 1.5 * (not beside)
            # Capitals stand at the beginning or among capitals.
            cost += 4.0 * (char.isupper() and (before.islower() or before.isdigit()))
            cost += 4.0 * (char.islower() and after.isupper()) + 1.0 * (char in "ŠšŽž")
        elif char in _WESTERN_SIGNS:
            cost += 3.0 if before.isdigit() else 5.0
        else:
            cost += _HOPELESS
    return cost
