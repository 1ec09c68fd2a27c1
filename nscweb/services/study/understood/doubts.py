"""What is implausible in a study: one rule each, with the likely reading where there is one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Any

from nscweb.core.look_alikes import look
from nscweb.core.rules import MANY_BLANK
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.services.study.import_request import BLANK, COPIES, NAMES, OFFERED_SIZE
from nscweb.services.study.understood.doubled import DOUBLED
from nscweb.store.kept_outlines import OUTLINES
from nscweb.words.numbers import count, listed

# So many names a sentence gives, the last as "and 3 more".
NAMED = 6
# Of the cells, so many with several objects make whole fields likely.
_FIELDS_FROM = 0.5
_LEAST_SAMPLES = 4
_ZHU = {"a": "astrocyte", "o": "oligodendrocyte", "n": "neuron"}
_LAST = re.compile(r"^(.*\S)[\s_.#-]*?(\d{1,3}|[A-Ha-h])$")

# Kind of the doubt whose offer uses outlines that lie beside the images.
OUTLINED = "outlines_beside"
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
        apart: taking the offer parts samples by the names of their files, see `part_again.part_study`.
        each: what comes twice; taking the offer makes a study with each object once, see `one_of_each.one_of_each`.
        samples: that show it.
        answer: model and yes or no, whether the setting is that of its training images.
    """

    kind: str
    sentence: str
    offer: str = ""
    changes: tuple[Change, ...] = ()
    way: str = ""
    cut: bool = False
    pixel_size_um: float | None = None
    apart: bool = False
    each: str = ""
    samples: tuple[str, ...] = ()
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
    """The time of a sample, "" where it has none."""
    return "" if sample.time_h is None else TimePoint(sample.time_h).label()


def _outlined(seen: Seen) -> list[Doubt]:
    outlines = seen.info.get(OUTLINES, {})
    if seen.info.get("fields") or not outlines.get("several"):
        return []
    names = list(dict.fromkeys(name for name, _, _ in outlines["files"].values()))
    lie = f"Outlines of cells lie beside {count(len(outlines['files']), 'image')}" if len(names) > 1 else ""
    lie = lie or "Outlines of cells lie beside an image"
    sentence = f"{lie} ({listed(names, NAMED)}), several in each, so the images are likely whole fields of view."
    way = "The cells become a study of their own; this one stays. In images without outlines they are searched for."
    return [Doubt(OUTLINED, sentence, "Cut the cells out along these outlines", way=way, cut=True)]


def _fields(seen: Seen) -> list[Doubt]:
    if _outlined(seen):
        return []
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
        named = ", ".join(f"{name!r}" for name, _ in others)
        sentence = f"The groups {best!r} and {named} differ only in capitals, spaces, dashes or look-alike letters."
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
        # Of what the group is not known nothing is a replicate.
        if len(own) < 2 or not open_ or not own[0].group:
            continue
        taken = {sample.replicate for sample in own}
        free = (str(number) for number in range(1, 2 * len(own) + 1) if str(number) not in taken)
        changes += [Change(sample.name, "replicate", "", next(free)) for sample in open_]
    if not changes:
        return []
    sentence = (
        f"{_samples(changes, 'says', 'say')} no replicate, though other samples have the same group and time; as they "
        "are, they count as one."
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
        sentence = (
            f"{_samples(without, 'has', 'have', len(seen.samples))} no time: {listed(list(map(repr, without)), NAMED)}."
        )
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
    sentence = (
        f"{_samples(without, 'has', 'have', len(seen.samples))} no group: {listed(list(map(repr, without)), NAMED)}."
    )
    return [Doubt("no_group", sentence, way="Say in the sample sheet which inducer each of them got.")]


def _classes(seen: Seen) -> list[Doubt]:
    groups = {sample.group for sample in seen.samples}
    if not groups or not groups <= set(_ZHU) or any(sample.true_class for sample in seen.samples):
        return []
    # One file a.tif says nothing; their names have several letters, or a time such as a_1d1_3.
    if len(groups) < 2 and any(sample.time_h is None for sample in seen.samples):
        return []
    said = ", ".join(f"{letter} {_ZHU[letter]}" for letter in sorted(groups))
    verb = "groups {} are letters" if len(groups) > 1 else "group {} is a letter"
    sentence = f"The {verb.format(', '.join(sorted(groups)))} of the images of Zhu et al. 2021 ({said})."
    changes = tuple(Change(sample.name, "true_class", "", _ZHU[sample.group]) for sample in seen.samples)
    return [Doubt("classes_of_zhu", sentence, "They are the true classes of the cells", changes)]


_DOUBLED = {
    "same": "the same picture twice",
    "mask": "a cell and a mask",
    "channel": "brightfield and fluorescence, so likely channels of one cell",
}
_DOUBLED_OFFER = {
    "same": ("Take one image of each cell", "As it is, each cell counts twice."),
    "mask": ("Leave the masks out", "As it is, the masks count as cells."),
    "channel": ("Join them as channels of one cell", "As it is, the fluorescence counts as cells."),
}
_NEW_STUDY = "What comes of it is a study of its own; this one stays."


def _doubled(seen: Seen) -> list[Doubt]:
    # Of copied samples their own doubt says it.
    there = {sample.name for sample in _no_copies(seen)}
    doubts = []
    for kind, what in _DOUBLED.items():
        own = [item for item in seen.info.get(DOUBLED, ()) if item["kind"] == kind and there >= set(item["samples"])]
        if not own:
            continue
        images, objects = (sum(item[name] for item in own) for name in ("images", "objects"))
        among = listed([repr(name) for name in own[0]["samples"]], NAMED) + (" and others" if len(own) > 1 else "")
        sentence = (
            f"{count(images, 'image')} of {among} show {count(objects, 'object')} only: {own[0]['first']!r} and "
            f"{own[0]['second']!r} are {what}."
        )
        offer, way = _DOUBLED_OFFER[kind]
        doubts.append(
            Doubt(
                f"doubled_{kind}",
                sentence,
                offer,
                way=f"{way} {_NEW_STUDY}",
                each=kind,
                samples=tuple(own[0]["samples"]),
            )
        )
    return doubts


def _copies(seen: Seen) -> list[Doubt]:
    copies = seen.info.get(COPIES, {})
    if not copies:
        return []
    pairs = listed([f"{name} of {of}" for name, of in copies.items()], NAMED)
    sentence = f"{_samples(copies, 'holds', 'hold')} the cells of another sample, pixel by pixel: {pairs}."
    return [Doubt("copies", sentence, way="They are not counted. Look which folder was copied, and import again.")]


def _blank(seen: Seen) -> list[Doubt]:
    blank: dict[str, int] = seen.info.get(BLANK, {})
    many = [item for item in seen.samples if blank.get(item.name, 0) >= max(1, MANY_BLANK * item.cells)]
    if not many:
        return []
    named = listed([f"{blank[item.name]:,} of {item.cells:,} in {item.name}" for item in many], NAMED)
    sentence = f"Many images are blank, every pixel of them has the same value: {named}."
    way = "They are not counted. Look whether the camera or the export failed, and import the sample again."
    return [Doubt("blank", sentence, way=way)]


def _strange(seen: Seen) -> list[Doubt]:
    strange = seen.info.get(NAMES, {}).get("strange", ())
    if not strange:
        return []
    sentence = f"Your name pattern does not fit {count(len(strange), 'sample')}: {listed(strange, NAMED)}."
    return [Doubt("pattern", sentence, way="They were read by their words; correct them in the sample sheet.")]


def _samples(some: Sized, one: str, many: str, of: int = 0) -> str:
    """ "2 samples of 6 have", "1 sample has", "All 6 samples have"."""
    if of > 1 and len(some) == of:
        return f"All {of:,} samples {many}"
    among = f" of {of:,}" if of > 1 else ""
    return f"{count(len(some), 'sample')}{among} {one if len(some) == 1 else many}"


RULES: tuple[Callable[[Seen], list[Doubt]], ...] = (
    _outlined,
    _fields,
    _pixel_size,
    _copies,
    _blank,
    _doubled,
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
