"""What an import understood, and what is doubtful: one card for page, command line and scripts.

A doubt is a sentence on what is implausible. Most come with an offer: the likely reading as changes of the sample
sheet, which are shown before they are taken.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import WrongUse
from nscweb.core.findings import Finding
from nscweb.core.look_alikes import look
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.io.names.file_names import natural_key
from nscweb.services.study.import_request import COPIES, NAMES, OFFERED_SIZE
from nscweb.services.study.study import change_study, findings_of
from nscweb.words.numbers import count

if TYPE_CHECKING:
    from nscweb.services.context import App

# Levels of findings that belong on the card; notes and what was left out on purpose stay in the list.
_SHOWN = ("refuse", "skip", "warn")
# Of the cells, so many with several objects make whole fields likely.
_FIELDS_FROM = 0.5
_LEAST_SAMPLES = 4
_MOST_PREVIEWED = 50
_ZHU = {"a": "astrocyte", "o": "oligodendrocyte", "n": "neuron"}
_LAST = re.compile(r"^(.*\S)[\s_.#-]*?(\d{1,3}|[A-Ha-h])$")


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
    """

    kind: str
    sentence: str
    offer: str = ""
    changes: tuple[Change, ...] = ()
    way: str = ""
    cut: bool = False
    pixel_size_um: float | None = None


@dataclass(frozen=True)
class Understanding:
    """What was understood of a study.

    Attributes:
        study: as it is now.
        rules: how names were read, in words, on examples.
        left_off: what names have in common and that says nothing.
        as_fields: cells were cut out of whole fields of view.
        rows: (group, time, samples, replicates, cells) in the order of the study.
        doubts: the gravest first; `offer` takes their number from 1.
        findings: of the import, that a person should read.
    """

    study: Study
    rules: tuple[str, ...] = ()
    left_off: tuple[str, ...] = ()
    as_fields: bool = False
    rows: tuple[tuple[str, str, int, str, int], ...] = ()
    doubts: tuple[Doubt, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def sentence(self) -> str:
        """Everything in a line: samples, groups, time points, replicates."""
        study = self.study
        groups = {sample.group for sample in study.samples if sample.group}
        times = {sample.time_h for sample in study.samples if sample.time_h is not None}
        parts = [
            count(len(study.samples), "sample"),
            count(len(groups), "group") if groups else "no group known",
            count(len(times), "time point") if times else "no time known",
        ]
        return f"{count(study.cells, 'cell')} in {', '.join(parts)}."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        study = self.study
        columns = ("group", "time", "samples", "replicates", "cells")
        return {
            "study": study.name,
            "sentence": self.sentence,
            "rules": list(self.rules),
            "left_off": list(self.left_off),
            "images_are": "fields" if self.as_fields else "cells",
            "channels": list(study.channels),
            "brightfield": study.channel,
            "pixel_size_um": study.pixel_size_um,
            "table": [dict(zip(columns, row, strict=True)) for row in self.rows],
            "doubts": [
                {
                    "number": number,
                    "kind": doubt.kind,
                    "sentence": doubt.sentence,
                    "offer": doubt.offer,
                    "way": doubt.way,
                    "changes": [vars(change) for change in doubt.changes],
                }
                for number, doubt in enumerate(self.doubts, start=1)
            ],
        }


@dataclass
class _Seen:
    """What doubts are judged by."""

    study: Study
    info: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    several: float = 0.0


def understand(app: App, study: str) -> Understanding:
    """The card of a study.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    info = app.catalogue.study_info(found.study_id)
    names = info.get(NAMES, {})
    samples = sorted(found.samples, key=lambda sample: natural_key(sample.name))
    seen = _Seen(found, info, samples, _share_of_several(app, found))
    doubts = [doubt for rule in _RULES for doubt in rule(seen)]
    findings = tuple(item for item in findings_of(app, found.study_id) if item.level in _SHOWN)
    return Understanding(
        found,
        tuple(names.get("rules", ())),
        tuple(names.get("left_off", ())),
        bool(info.get("fields")),
        _rows(samples),
        tuple(doubts),
        findings,
    )


def names_read(app: App, paths: Sequence[Path], pattern: str) -> list[tuple[str, str, str, str, str]]:
    """(name, group, time, replicate, whether the pattern fits) of the first samples in some files, before an import.

    Raises:
        WrongUse: a pattern that makes no sense.
        InputRefused: no image can be read.
    """
    from nscweb.core.findings import FindingLog
    from nscweb.io.survey.survey import survey

    with survey(paths, app.settings.limits, FindingLog(), name_pattern=pattern) as found:
        strange = set(found.strange_names)
        return [
            (
                sample.name,
                sample.hint.group,
                _time(sample.hint),
                sample.hint.replicate,
                "no" if sample.name in strange else "yes",
            )
            for sample in found.samples[:_MOST_PREVIEWED]
        ]


def offer(card: Understanding, number: int) -> Doubt:
    """The doubt with this number, from 1, which makes an offer.

    Raises:
        WrongUse: there is no such doubt, or it makes no offer.
    """
    if not 1 <= number <= len(card.doubts):
        there = f"There are {len(card.doubts)}." if card.doubts else "Nothing is doubtful."
        raise WrongUse(f"There is no doubt number {number} about {card.study.name}.", there)
    doubt = card.doubts[number - 1]
    if not doubt.offer:
        raise WrongUse(f"Doubt {number} makes no offer: {doubt.sentence}", doubt.way)
    return doubt


def take(
    app: App, study: Study, doubt: Doubt, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> None:
    """Take an offer: put its changes into the sample sheet, or cut the cells out of the images.

    Raises:
        JobCancelled, ImportRefused, StudyExists: see `cut_again.cut_study`.
    """
    if doubt.cut:
        from nscweb.services.study.cut_again import cut_study

        cut_study(app, study.study_id, progress=progress, cancel=cancel)
        return
    if doubt.pixel_size_um is not None:
        change_study(app, study.study_id, channel=study.channel, pixel_size_um=doubt.pixel_size_um)
        return
    by_sample: dict[str, list[Change]] = defaultdict(list)
    for change in doubt.changes:
        by_sample[change.sample].append(change)
    changed = [_changed(sample, by_sample[sample.name]) for sample in study.samples if sample.name in by_sample]
    app.catalogue.update_samples(study.study_id, changed)


def _changed(sample: Sample, changes: Sequence[Change]) -> Sample:
    values: dict[str, Any] = {}
    extra = dict(sample.extra)
    for change in changes:
        if change.column == "time":
            values["time_h"] = TimePoint.parse(change.after).hours
        elif change.column in Sample.__dataclass_fields__:
            values[change.column] = change.after
        elif change.after:
            extra[change.column] = change.after
        else:
            extra.pop(change.column, None)
    return sample.with_changes(**values, extra=tuple(extra.items()))


def _rows(samples: Sequence[Sample]) -> tuple[tuple[str, str, int, str, int], ...]:
    table: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda item: (natural_key(item.group), item.time_h or 0.0)):
        table[sample.group, _time(sample)].append(sample)
    return tuple(
        (group, time, len(own), ", ".join(sample.replicate or "?" for sample in own), sum(s.cells for s in own))
        for (group, time), own in table.items()
    )


def _time(sample: Sample) -> str:
    return "" if sample.time_h is None else TimePoint(sample.time_h).label()


def _share_of_several(app: App, study: Study) -> float:
    from nscweb.services.study.quality import quality_table

    keys = app.catalogue.sample_keys(study.study_id)
    counts = [
        quality_table(app, study.study_id, sample.name)["n_objects"]
        for sample in study.samples[:6]
        if sample.cells and app.folder.quality_path(study.study_id, keys[sample.name]).exists()
    ]
    cells = sum(map(len, counts))
    return sum(int((part > 1).sum()) for part in counts) / cells if cells else 0.0


def _fields(seen: _Seen) -> list[Doubt]:
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


def _pixel_size(seen: _Seen) -> list[Doubt]:
    size = seen.info.get(OFFERED_SIZE)
    if not size or seen.study.pixel_size_um:
        return []
    sentence = "The files do not say how wide a pixel is; a private value in them may mean it, which is a guess."
    way = "Compare it with the microscope's own figure before you take it."
    return [Doubt("pixel_size", sentence, f"A pixel is {size:.4g} µm wide", way=way, pixel_size_um=size)]


def _look_alikes(seen: _Seen) -> list[Doubt]:
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


def _single_samples(seen: _Seen) -> list[Doubt]:
    groups = Counter(look(sample.group) for sample in seen.samples if sample.group)
    if len(seen.samples) < _LEAST_SAMPLES or len(groups) < len(seen.samples):
        return []
    parted = {sample.name: match for sample in seen.samples if (match := _LAST.match(sample.group))}
    stems = Counter(look(match[1]) for match in parted.values())
    sentence = f"Every one of the {count(len(groups), 'group')} has one sample only, so no group has replicates."
    if len(parted) < len(seen.samples) or max(stems.values(), default=0) < 2:
        return [Doubt("single_samples", sentence, way="Say the groups in the sample sheet, or give a name pattern.")]
    changes = []
    for sample in seen.samples:
        match = parted[sample.name]
        changes.append(Change(sample.name, "group", sample.group, match[1]))
        if not sample.replicate:
            changes.append(Change(sample.name, "replicate", "", match[2].upper()))
    offer = f"The last letter or number is the replicate: {count(len(stems), 'group')}"
    return [Doubt("single_samples", sentence, offer, tuple(changes))]


def _replicates(seen: _Seen) -> list[Doubt]:
    alike: dict[tuple[str | float | None, ...], list[Sample]] = defaultdict(list)
    for sample in seen.samples:
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


def _twice(seen: _Seen) -> list[Doubt]:
    alike: dict[tuple[Any, ...], list[Sample]] = defaultdict(list)
    for sample in seen.samples:
        if sample.group and sample.replicate:
            alike[sample.group, sample.time_h, sample.replicate, sample.donor, sample.extra].append(sample)
    same = [own for own in alike.values() if len(own) > 1]
    if not same:
        return []
    first = same[0]
    names = ", ".join(repr(sample.name) for sample in first[:3])
    what = f"group {first[0].group}, time {_time(first[0]) or 'not known'}, replicate {first[0].replicate}"
    sentence = f"{names} all are {what}; their cells are taken together as one replicate."
    more = f" The same holds for {count(len(same) - 1, 'more set')} of samples." if len(same) > 1 else ""
    return [Doubt("same_replicate", sentence + more, way="If they are replicates, number them in the sample sheet.")]


def _times(seen: _Seen) -> list[Doubt]:
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


def _timed(seen: _Seen, numbers: dict[str, str], unit: str) -> tuple[Change, ...]:
    changes = []
    for sample in seen.samples:
        if sample.name in numbers:
            after = TimePoint.parse(f"{numbers[sample.name]} {unit}").label()
            changes.append(Change(sample.name, "time", _time(sample), after))
            changes.append(Change(sample.name, "t", numbers[sample.name], ""))
    return tuple(changes)


def _no_group(seen: _Seen) -> list[Doubt]:
    without = [sample.name for sample in seen.samples if not sample.group]
    if not without:
        return []
    sentence = f"{count(len(without), 'sample')} of {len(seen.samples)} have no group: {_listed(without)}."
    return [Doubt("no_group", sentence, way="Say in the sample sheet which inducer each of them got.")]


def _classes(seen: _Seen) -> list[Doubt]:
    groups = {sample.group for sample in seen.samples}
    if not groups or not groups <= set(_ZHU) or any(sample.true_class for sample in seen.samples):
        return []
    said = ", ".join(f"{letter} {_ZHU[letter]}" for letter in sorted(groups))
    sentence = f"The groups {', '.join(sorted(groups))} are the letters of the images of Zhu et al. 2021 ({said})."
    changes = tuple(Change(sample.name, "true_class", "", _ZHU[sample.group]) for sample in seen.samples)
    return [Doubt("classes_of_zhu", sentence, "They are the true classes of the cells", changes)]


def _copies(seen: _Seen) -> list[Doubt]:
    copies = seen.info.get(COPIES, {})
    if not copies:
        return []
    listed = _listed([f"{name} of {of}" for name, of in copies.items()])
    sentence = f"{count(len(copies), 'sample')} hold the cells of another sample, pixel by pixel: {listed}."
    return [Doubt("copies", sentence, way="They are not counted. Look which folder was copied, and import again.")]


def _strange(seen: _Seen) -> list[Doubt]:
    strange = seen.info.get(NAMES, {}).get("strange", ())
    if not strange:
        return []
    sentence = f"Your name pattern does not fit {count(len(strange), 'sample')}: {_listed(strange)}."
    return [Doubt("pattern", sentence, way="They were read by their words; correct them in the sample sheet.")]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


_RULES: tuple[Callable[[_Seen], list[Doubt]], ...] = (
    _fields,
    _pixel_size,
    _copies,
    _strange,
    _look_alikes,
    _single_samples,
    _classes,
    _times,
    _no_group,
    _replicates,
    _twice,
)
