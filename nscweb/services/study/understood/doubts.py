"""What is implausible in a study: one rule each, with the likely reading where there is one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nscweb.core.look_alikes import look
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.services.study.import_request import COPIES, NAMES, OFFERED_SIZE
from nscweb.words.numbers import count

# Of the cells, so many with several objects make whole fields likely.
_FIELDS_FROM = 0.5
_LEAST_SAMPLES = 4
_ZHU = {"a": "astrocyte", "o": "oligodendrocyte", "n": "neuron"}
_LAST = re.compile(r"^(.*\S)[\s_.#-]*?(\d{1,3}|[A-Ha-h])$")

# "NT3d1": a day without anything between.
_GLUED_DAY = re.compile(r"^(.*[^\W_])d(\d{1,3})$", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """One field of the sample sheet before and after."""

    sample: str
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class Doubt:
    """Something implausible.

    Attributes:
        kind: stable name of its rule.
        sentence: what is implausible.
        offer: the likely reading, as words on a button; "" where only a person can say.
        changes: of the sheet, when the offer is taken.
        way: what to do where the sheet cannot mend it.
        cut: taking the offer cuts the cells out of the images, see `cut_again.cut_study`.
        pixel_size_um: that taking the offer sets.
        answer: model and yes or no, whether the setting is that of its training images.
    """

    kind: str
    sentence: str
    offer: str = ""
    changes: tuple[Change, ...] = ()
    way: str = ""
    cut: bool = False
    pixel_size_um: float | None = None
    answer: tuple[str, str] | None = None


@dataclass
class Seen:
    """What doubts are judged by."""

    study: Study
    info: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    several: float = 0.0
    asked_models: tuple[str, ...] = ()


def time_words(sample: Sample) -> str:
    return "" if sample.time_h is None else TimePoint(sample.time_h).label()


def _fields(seen: Seen) -> list[Doubt]:
    if seen.info.get("fields") or seen.several < _FIELDS_FROM:
        return []
    sentence = (
        f"{100 * seen.several:.0f} % of the images that were looked at hold several objects, so they are likely whole "
        "fields of view and not single cells."
    )
    way = (
        "The cells become a study of their own; this one stays. With other settings: import again as whole fields "
        "(--fields, or the tick on the page Study)."
    )
    return [Doubt("fields", sentence, "They are whole fields: cut the cells out", way=way, cut=True)]


def _pixel_size(seen: Seen) -> list[Doubt]:
    size = seen.info.get(OFFERED_SIZE)
    if not size or seen.study.pixel_size_um:
        return []
    sentence = "The files do not say how wide a pixel is; a private value in them may mean it, which is a guess."
    way = "Compare it with the microscope's own figure before you take it."
    return [Doubt("pixel_size", sentence, f"A pixel is {size:.4g} µm wide", way=way, pixel_size_um=size)]


def _setting(seen: Seen) -> list[Doubt]:
    """Last of all: a question about every study whose pixel size nobody knows, or whose model does not know its own."""
    what = "of the study is not known" if not seen.study.pixel_size_um else "of the model is not known"
    return [
        Doubt(
            f"same_setting_{said}_{model}",
            f"Same setting as the training images of {model} (magnification, binning, camera)? The pixel size {what}, "
            "so the program cannot tell; until this is answered no trust light is green.",
            offer,
            answer=(model, said),
        )
        for model in seen.asked_models
        for said, offer in (("yes", "Yes, the same setting"), ("no", "No, another setting"))
    ]


def _look_alikes(seen: Seen) -> list[Doubt]:
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in seen.samples:
        if sample.group:
            spelled[look(sample.group)][sample.group] += 1
    doubts = []
    for names in spelled.values():
        if len(names) < 2:
            continue
        (best, _), *others = names.most_common()
        changes = tuple(
            Change(sample.name, "group", sample.group, best)
            for sample in seen.samples
            if sample.group in names and sample.group != best
        )
        listed = ", ".join(f"{name!r}" for name, _ in others)
        sentence = f"The groups {best!r} and {listed} differ only in capitals, spaces, dashes or look-alike letters."
        doubts.append(Doubt("look_alike_groups", sentence, f"They are one group: {best}", changes))
    return doubts


def _single_samples(seen: Seen) -> list[Doubt]:
    groups = Counter(look(sample.group) for sample in seen.samples if sample.group)
    if len(seen.samples) < _LEAST_SAMPLES or len(groups) < len(seen.samples):
        return []
    parted = {sample.name: match for sample in seen.samples if (match := _LAST.match(sample.group))}
    stems = Counter(look(match[1]) for match in parted.values())
    sentence = f"Every one of the {count(len(groups), 'group')} has one sample only, so no group has replicates."
    if len(parted) < len(seen.samples) or max(stems.values(), default=0) < 2:
        return [Doubt("single_samples", sentence, way="Say the groups in the sample sheet, or give a name pattern.")]
    days = {sample.name: match for sample in seen.samples if (match := _GLUED_DAY.match(sample.group))}
    if len(days) == len(seen.samples) and all(sample.time_h is None for sample in seen.samples):
        told = [
            Change(name, column, before, after)
            for name, match in days.items()
            for column, before, after in (("group", match[0], match[1]), ("time", "", f"{match[2]} d"))
        ]
        groups_left = count(len({look(match[1]) for match in days.values()}), "group")
        return [Doubt("single_samples", sentence, f"The last number is the day: {groups_left}", tuple(told))]
    changes = []
    for sample in seen.samples:
        match = parted[sample.name]
        changes.append(Change(sample.name, "group", sample.group, match[1]))
        if not sample.replicate:
            changes.append(Change(sample.name, "replicate", "", match[2].upper()))
    offer = f"The last letter or number is the replicate: {count(len(stems), 'group')}"
    return [Doubt("single_samples", sentence, offer, tuple(changes))]


def _no_copies(seen: Seen) -> list[Sample]:
    copies = seen.info.get(COPIES, {})
    return [sample for sample in seen.samples if sample.name not in copies]


def _replicates(seen: Seen) -> list[Doubt]:
    alike: dict[tuple[str | float | None, ...], list[Sample]] = defaultdict(list)
    for sample in _no_copies(seen):
        extra = dict(sample.extra)
        alike[sample.group, sample.time_h, extra.get("dose", ""), extra.get("t", "")].append(sample)
    changes = []
    for own in alike.values():
        open_ = [sample for sample in own if not sample.replicate]
        if len(own) < 2 or not open_:
            continue
        taken = {sample.replicate for sample in own}
        free = (str(number) for number in range(1, 2 * len(own) + 1) if str(number) not in taken)
        changes += [Change(sample.name, "replicate", "", next(free)) for sample in open_]
    if not changes:
        return []
    sentence = (
        f"{count(len(changes), 'sample')} of a group and time with several samples name no replicate; "
        "as they are, they count as one."
    )
    return [Doubt("replicates", sentence, "Each of these samples is a replicate of its own", tuple(changes))]


def _twice(seen: Seen) -> list[Doubt]:
    alike: dict[tuple[Any, ...], list[Sample]] = defaultdict(list)
    for sample in _no_copies(seen):
        if sample.group and sample.replicate:
            alike[sample.group, sample.time_h, sample.replicate, sample.donor, sample.extra].append(sample)
    same = [own for own in alike.values() if len(own) > 1]
    if not same:
        return []
    first = same[0]
    names = ", ".join(repr(sample.name) for sample in first[:3])
    what = f"group {first[0].group}, time {time_words(first[0]) or 'not known'}, replicate {first[0].replicate}"
    sentence = f"{names} all are {what}; their cells are taken together as one replicate."
    more = f" The same holds for {count(len(same) - 1, 'more set')} of samples." if len(same) > 1 else ""
    return [Doubt("same_replicate", sentence + more, way="If they are replicates, number them in the sample sheet.")]


def _times(seen: Seen) -> list[Doubt]:
    numbers = {sample.name: dict(sample.extra)["t"] for sample in seen.samples if "t" in dict(sample.extra)}
    if numbers:
        first = next(iter(numbers))
        sentence = f"Names say a time without its unit, such as t{numbers[first]} in {first!r}."
        return [
            Doubt(f"time_in_{word}", sentence, f"t is the time in {word}", _timed(seen, numbers, unit))
            for word, unit in (("hours", "h"), ("days", "d"))
        ]
    without = [sample.name for sample in seen.samples if sample.time_h is None]
    if without and len(without) < len(seen.samples):
        sentence = f"{count(len(without), 'sample')} of {len(seen.samples)} have no time: {_listed(without)}."
        return [Doubt("no_time", sentence, way="Enter it in the sample sheet, or leave it where there is none.")]
    return []


def _several_times(seen: Seen) -> list[Doubt]:
    several = seen.info.get(NAMES, {}).get("several_times", {})
    # What somebody corrected is not doubted any more.
    open_ = [sample for sample in seen.samples if sample.time_h in several.get(sample.name, ())[:1]]
    if not open_:
        return []
    times = " and ".join(TimePoint(hours).label() for hours in several[open_[0].name])
    sentence = (
        f"Several times are said by the names of {count(len(open_), 'sample')}, such as {open_[0].name!r} ({times}); "
        f"{time_words(open_[0])} was taken there."
    )
    return [Doubt("several_times", sentence, way="Correct the time in the sample sheet where another one is meant.")]


def _timed(seen: Seen, numbers: dict[str, str], unit: str) -> tuple[Change, ...]:
    changes = []
    for sample in seen.samples:
        if sample.name in numbers:
            after = TimePoint.parse(f"{numbers[sample.name]} {unit}").label()
            changes.append(Change(sample.name, "time", time_words(sample), after))
            changes.append(Change(sample.name, "t", numbers[sample.name], ""))
    return tuple(changes)


def _no_group(seen: Seen) -> list[Doubt]:
    without = [sample.name for sample in seen.samples if not sample.group]
    if not without:
        return []
    sentence = f"{count(len(without), 'sample')} of {len(seen.samples)} have no group: {_listed(without)}."
    return [Doubt("no_group", sentence, way="Say in the sample sheet which inducer each of them got.")]


def _classes(seen: Seen) -> list[Doubt]:
    groups = {sample.group for sample in seen.samples}
    if not groups or not groups <= set(_ZHU) or any(sample.true_class for sample in seen.samples):
        return []
    said = ", ".join(f"{letter} {_ZHU[letter]}" for letter in sorted(groups))
    sentence = f"The groups {', '.join(sorted(groups))} are the letters of the images of Zhu et al. 2021 ({said})."
    changes = tuple(Change(sample.name, "true_class", "", _ZHU[sample.group]) for sample in seen.samples)
    return [Doubt("classes_of_zhu", sentence, "They are the true classes of the cells", changes)]


def _copies(seen: Seen) -> list[Doubt]:
    copies = seen.info.get(COPIES, {})
    if not copies:
        return []
    listed = _listed([f"{name} of {of}" for name, of in copies.items()])
    sentence = f"{count(len(copies), 'sample')} hold the cells of another sample, pixel by pixel: {listed}."
    return [Doubt("copies", sentence, way="They are not counted. Look which folder was copied, and import again.")]


def _strange(seen: Seen) -> list[Doubt]:
    strange = seen.info.get(NAMES, {}).get("strange", ())
    if not strange:
        return []
    sentence = f"Your name pattern does not fit {count(len(strange), 'sample')}: {_listed(strange)}."
    return [Doubt("pattern", sentence, way="They were read by their words; correct them in the sample sheet.")]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


RULES: tuple[Callable[[Seen], list[Doubt]], ...] = (
    _fields,
    _pixel_size,
    _copies,
    _strange,
    _look_alikes,
    _single_samples,
    _classes,
    _times,
    _several_times,
    _no_group,
    _replicates,
    _twice,
    _setting,
)
