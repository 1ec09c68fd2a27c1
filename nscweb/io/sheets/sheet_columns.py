"""Columns of the sample sheet: what they may be called in five languages, what their values mean, which are likely."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.look_alikes import plain_text
from nscweb.core.timepoint import TimePoint, unit_hours

# Written in this order; `cells` is for the reader and is not read back.
SHEET_COLUMNS: tuple[str, ...] = (
    "sample",
    "group",
    "time",
    "replicate",
    "donor",
    "instrument",
    "control",
    "true_class",
    "cells",
)
# Written for the reader and never read back; the sample is what rows are joined by.
NOT_READ: tuple[str, ...] = ("sample", "cells")
# Fields that are read -> how a sentence calls them.
LABELS: dict[str, str] = {
    "group": "inducer group",
    "time": "time",
    "replicate": "replicate",
    "donor": "donor",
    "instrument": "instrument",
    "control": "control",
    "true_class": "true class",
}
TEXT_FIELDS: tuple[str, ...] = ("group", "replicate", "donor", "instrument", "true_class")
# What a column may be said to be: a field, a time in a unit, or nothing that is analysed.
TIME_IN: dict[str, float] = {"time in hours": 1.0, "time in days": 24.0}
FURTHER = "further"
ANSWERS: dict[str, str] = {
    "sample": "sample (rows are matched by it)",
    **LABELS,
    **{answer: answer for answer in TIME_IN},
    FURTHER: "something else: keep it as a further column",
}
# Titles without accents, spaces and signs; English, German, French, Spanish, Chinese.
_TITLES: dict[str, tuple[str, ...]] = {
    "sample": (
        *("sample", "samplename", "sampleid", "samples", "probe", "probenname", "proben", "echantillon"),
        *("nomdelechantillon", "muestra", "nombredelamuestra", "样品", "样本", "样品名", "样品名称", "样本名称"),
    ),
    "group": (
        *("group", "inducergroup", "inducer", "inducers", "treatment", "treatments", "condition", "conditions", "arm"),
        *("compound", "drug", "medium", "stimulus", "treatmentgroup", "experimentalgroup", "treatedwith"),
        *("gruppe", "behandlung", "bedingung", "induktor", "substanz", "wirkstoff", "versuchsgruppe"),
        *("groupe", "traitement", "inducteur", "milieu", "grupo", "tratamiento", "condicion", "inductor", "medio"),
        *("组", "组别", "分组", "处理", "处理组", "条件", "诱导剂", "诱导组", "药物"),
    ),
    "replicate": (
        *("replicate", "replicates", "rep", "repl", "biologicalreplicate", "biorep", "bioreplicate", "repeat"),
        *("replikat", "wiederholung", "wdh", "biologischesreplikat", "replicat", "repetition", "replicatbiologique"),
        *("replica", "repeticion", "replicabiologica", "重复", "生物学重复", "重复号", "重复编号"),
    ),
    "donor": (
        *("donor", "animal", "donorid", "animalid", "mouse", "mouseid", "patient", "cellline", "spender", "tier"),
        *("maus", "spendertier", "donneur", "souris", "donante", "raton", "供体", "动物", "小鼠"),
    ),
    "instrument": (
        *("instrument", "cytometer", "machine", "gerat", "zytometer", "appareil", "cytometre", "instrumento"),
        *("citometro", "equipo", "仪器", "流式细胞仪"),
    ),
    "control": (
        *("control", "iscontrol", "controlsample", "kontrolle", "istkontrolle", "controle", "temoin", "对照"),
        *("是否对照", "对照组"),
    ),
    "true_class": (
        *("trueclass", "class", "truth", "label", "fate", "celltype", "wahreklasse", "klasse", "zelltyp"),
        *("vraieclasse", "classe", "typecellulaire", "claseverdadera", "clase", "tipocelular"),
        *("真实类别", "类别", "细胞类型"),
    ),
    "cells": (
        *("cells", "ncells", "cellcount", "numberofcells", "zellen", "zellzahl", "anzahlzellen", "cellules"),
        *("nombredecellules", "celulas", "numerodecelulas", "细胞数", "细胞"),
    ),
}  # fmt: skip
# Where no column is called sample, one of these may hold its name.
_PERHAPS_SAMPLE: tuple[str, ...] = (
    *("folder", "foldername", "directory", "file", "filename", "filepath", "path", "name", "image", "images", "ordner"),
    *("datei", "dateiname", "pfad", "fichier", "nomdufichier", "dossier", "chemin", "nom", "archivo", "carpeta"),
    *("ruta", "nombre", "文件", "文件名", "文件夹", "路径", "名称", "well", "wellid"),
)  # fmt: skip
# Columns that are no field and need no question.
_FURTHER: tuple[str, ...] = (
    *("well", "wellid", "plate", "dose", "concentration", "conc", "date", "day0", "note", "notes", "comment"),
    *("comments", "passage", "experiment", "batch", "operator", "experimenter", "row", "column", "code", "site"),
    *("platte", "dosis", "konzentration", "datum", "bemerkung", "bemerkungen", "kommentar", "notiz", "charge"),
    *("plaque", "puits", "remarque", "commentaire", "placa", "pocillo", "fecha", "comentario", "nota"),
    *("孔", "孔位", "板", "剂量", "浓度", "日期", "备注", "批次"),
)  # fmt: skip
_TIME_WORDS = frozenset(
    (
        *(
            "time",
            "timepoint",
            "point",
            "t",
            "tp",
            "duration",
            "zeit",
            "zeitpunkt",
            "dauer",
            "temps",
            "duree",
            "tiempo",
        ),
        *("duracion", "时间", "时间点", "培养时间", "诱导时间", "处理时间", "zeitdauer"),
    )
)
_FILLING = frozenset(
    (
        *(
            "in",
            "post",
            "after",
            "since",
            "of",
            "the",
            "induction",
            "culture",
            "vitro",
            "treatment",
            "p",
            "i",
            "pi",
            "nach",
        ),
        *("der", "induktion", "kultur", "apres", "de", "en", "la", "l", "d", "desde", "induccion", "cultivo", "from"),
    )
)
# Words for a unit that are something else where they stand alone.
_NO_UNIT_ALONE = frozenset({"min", "mins", "std", "sem", "ora", "ore", "wk", "wks", "wpi", "dag", "hrs"})
_NUMBERED = frozenset({"#", "no", "nr", "id", "name", "number", "num", "nummer", "n", "numero", "编号"})
_BIOLOGICAL = frozenset({"bio", "biol", "biological"})
# How a number is written whose unit stands in the title.
UNIT_WORDS: dict[float, str] = {1 / 60: "min", 1.0: "h", 24.0: "d", 168.0: "weeks"}
# "t24" and "T = 24" say no unit either.
_BARE_NUMBER = re.compile(r"^(?:(?:t|tp|time|zeit|temps|tiempo)[ =_.:]*)?(\+?\d+(?:[.,]\d+)?)$", re.IGNORECASE)
# A well holds one sample, so its name must not come twice either.
PLATE_TITLES = frozenset({"plate", "plate id", "plate name", "platte", "plaque", "placa", "板"})
KEYS: tuple[str, ...] = ("sample", "well")
YES = frozenset(
    {"yes", "y", "true", "1", "x", "control", "ctrl", "ja", "wahr", "kontrolle", "oui", "o", "vrai", "contrôle"}
    | {"témoin", "si", "sí", "verdadero", "是", "对照", "✓", "✔", "+"}
)
NO = frozenset({"no", "n", "false", "0", "", "nein", "falsch", "non", "faux", "falso", "否", "-", "–", "treated"})


@dataclass(frozen=True)
class Column:
    """Attributes:
    field: name in `SHEET_COLUMNS`, "" for a further column.
    title: as written.
    hours: of the unit of bare numbers, 0 when the title does not say it.
    place: from the left, from 0.
    named: False for a column without a title; it counts only where it holds a value.
    understood: False when nothing is known about the title.
    """

    field: str
    title: str
    hours: float = 0.0
    place: int = 0
    named: bool = True
    understood: bool = True

    def with_unit(self, text: str) -> str:
        """A bare number with the unit of the title; any other value as it is."""
        number = bare_number(text)
        return f"{number} {UNIT_WORDS[self.hours]}" if self.hours and number else text


def bare_number(text: str) -> str:
    """ "24" of a time that says no unit, such as "24" and "t24"; "" for any other text."""
    match = _BARE_NUMBER.match(plain_text(text))
    return match[1] if match else ""


@dataclass(frozen=True)
class UnknownColumn:
    """A column that is not understood.

    Attributes:
        title: as written.
        likely: the answer of `ANSWERS` that fits best.
        examples: some of its values.
    """

    title: str
    likely: str
    examples: tuple[str, ...]


def understand_header(header: Sequence[str], name: str, said: Mapping[str, str] | None = None) -> list[Column]:
    """What each column is. Without a column for the sample the likeliest one takes its place.

    Args:
        said: title -> one of `ANSWERS`, what the user says that a column is.

    Raises:
        InputRefused: two columns of one name.
        WrongUse: `said` names a column that is not there, or an answer that does not exist.
    """
    # pandas calls a column without a title so.
    titles = ["" if re.fullmatch(r"Unnamed: \d+", title) else plain_text(title) for title in header]
    _refuse_twice(Counter(title.casefold() for title in titles if title), name)
    columns = [
        column_of(title) if title else Column("", f"column {number}", named=False)
        for number, title in enumerate(titles, start=1)
    ]
    for title, answer in (said or {}).items():
        place = next((at for at, known in enumerate(titles) if known.casefold() == plain_text(title).casefold()), None)
        if place is None:
            raise WrongUse(f"{name} has no column {title!r}.", f"It has: {', '.join(filter(None, titles))}.")
        columns[place] = said_to_be(titles[place], answer)
    given = {plain_text(title).casefold() for title in said or {}}
    columns = _one_of_each(columns, given)
    if all(column.field != "sample" for column in columns):
        likely = (at for word in _PERHAPS_SAMPLE for at, title in enumerate(titles) if _letters(title) == word)
        place = next(likely, next((at for at, column in enumerate(columns) if not column.field), 0))
        columns[place] = Column("sample", columns[place].title)
    return [replace(column, place=place) for place, column in enumerate(columns)]


def only_numbers(title: str) -> bool:
    """Whether a title says no more than that something is numbered: "#", "ID", "No."."""
    words = _words(title)
    return not words or all(word in _NUMBERED for word in words)


def said_to_be(title: str, answer: str) -> Column:
    """The column when the user says what it is.

    Raises:
        WrongUse: there is no such answer.
    """
    if answer not in ANSWERS:
        raise WrongUse(f"A column cannot be {answer!r}.", f"It can be: {', '.join(ANSWERS)}.")
    if answer in TIME_IN:
        return Column("time", title, TIME_IN[answer])
    return Column("" if answer == FURTHER else answer, title, column_of(title).hours if answer == "time" else 0.0)


def known_titles(header: Sequence[str]) -> int:
    """How many columns of the sample sheet the titles name."""
    return len({field for title in header if (field := column_of(plain_text(title)).field)})


def _one_of_each(columns: Sequence[Column], given: set[str]) -> list[Column]:
    """Of two columns with one meaning what the user said wins, then the exact name, then the first."""
    best: dict[str, Column] = {}
    for column in columns:
        rival = best.get(column.field)
        if column.field and (rival is None or _rank(column, given) > _rank(rival, given)):
            best[column.field] = column
    return [
        column if not column.field or best[column.field] is column else Column("", column.title, understood=False)
        for column in columns
    ]


def _rank(column: Column, given: set[str]) -> tuple[bool, bool]:
    return column.title.casefold() in given, _letters(column.title) == column.field.replace("_", "")


def _refuse_twice(counts: Counter[str], name: str) -> None:
    twice = {title: count for title, count in counts.items() if count > 1}
    if twice:
        told = ", ".join(f"{title!r} ({count} times)" for title, count in twice.items())
        raise InputRefused(
            f"The column {told} comes more than once in {name}.", "Remove or rename one.", "E-SHEET-DUPLICATE-COLUMN"
        )


def column_of(title: str) -> Column:
    """What a title alone says."""
    letters = _letters(title)
    words = _words(title)
    core = [word for word in words if word not in _NUMBERED and word not in _BIOLOGICAL]
    for candidate in (letters, "".join(core)):
        if candidate in _FIELD_OF:
            return Column(_FIELD_OF[candidate], title)
    hours = _hours_of_title(words)
    if hours is not None:
        return Column("time", title, hours)
    further = letters in _FURTHER or letters in _PERHAPS_SAMPLE or (bool(core) and core[0] in _FURTHER)
    return Column("", title, understood=further)


def _hours_of_title(words: Sequence[str]) -> float | None:
    """Hours of the unit of a title that means time, 0 when it has none; None for another meaning."""
    left = [word for word in words if word not in _FILLING or (len(words) > 1 and word == "d")]
    times = [word for word in left if word in _TIME_WORDS]
    units = [(word, hours) for word in left if word not in _TIME_WORDS and (hours := unit_hours(word))]
    if not left or len(times) + len(units) < len(left) or len({hours for _, hours in units}) > 1:
        return None
    if not times and (len(units[0][0]) < 2 or units[0][0] in _NO_UNIT_ALONE) and not _is_chinese(units[0][0]):
        return None
    if times == ["t"] and not units:
        return None
    return units[0][1] if units else 0.0


def _is_chinese(word: str) -> bool:
    return "\u4e00" <= word[0] <= "\u9fff"


def unit_row(values: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether a row below the header only says units, as in ``,,(h),`` below ``sample,group,time,replicate``."""
    found = [(title, value) for title, value in zip(columns, values, strict=False) if value.strip()]
    units = [unit_hours(value.strip(" ()[]")) is not None for _, value in found]
    return bool(found) and all(units) and not values[0].strip()


def likely_field(title: str, values: Sequence[str], taken: Sequence[str]) -> str:
    """The answer of `ANSWERS` that fits a column best that was not understood, by its title, then by its values."""
    free = [field for field in LABELS if field not in taken]
    near = difflib.get_close_matches(_letters(title), _FIELD_OF, n=1, cutoff=0.75)
    if near and _FIELD_OF[near[0]] in free:
        return _FIELD_OF[near[0]]
    filled = [plain_text(value) for value in values if value.strip()]
    if not filled:
        return FURTHER
    if "time" in free and all(map(_is_time, filled)):
        return "time"
    words = {value.casefold() for value in filled}
    if "control" in free and len(words) <= 2 and words <= YES | NO and words & YES and not words <= {"1", "0"}:
        return "control"
    short = all(re.fullmatch(r"\d{1,2}|[A-Ha-h]|(?:rep|r|n|#)\.?\s?\d{1,2}", value) for value in filled)
    if "replicate" in free and short and len(words) <= max(2, len(filled) // 2):
        return "replicate"
    texts = not any(re.fullmatch(r"[\d.,]+", value) for value in filled)
    if "group" in free and texts and len(words) <= max(2, len(filled) // 2):
        return "group"
    return FURTHER


def _is_time(text: str) -> bool:
    try:
        TimePoint.parse(text)
    except ValueError:
        return False
    return True


def _letters(title: str) -> str:
    return "".join(_words(title))


def _words(title: str) -> list[str]:
    """Words of a title without capitals, accents and signs; "Rep #" keeps its sign, "sampleName" is two words."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    open_form = unicodedata.normalize("NFKD", parted.casefold())
    plain = "".join(letter for letter in open_form if not unicodedata.combining(letter))
    return re.findall(r"[^\W_]+|#", plain)


_FIELD_OF = {word: field for field, words in _TITLES.items() for word in words}
