"""What an import understood, and what is doubtful: one card for page, command line and scripts.

A doubt is a sentence on what is implausible. Most come with an offer: the likely reading as changes of the sample
sheet, which are shown before they are taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nscweb.core.errors import WrongUse
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.io.names.file_names import natural_key
from nscweb.services.study.import_request import NAMES, SEVERAL
from nscweb.services.study.quality import share_of_several
from nscweb.services.study.sheet import SheetUpdate, store_samples
from nscweb.services.study.study import change_study, findings_of
from nscweb.services.study.understood.doubled import Kind
from nscweb.services.study.understood.doubts import OUTLINED, RULES, Change, Doubt, Seen, time_words
from nscweb.services.study.understood.name_doubts import NAME_RULES
from nscweb.services.study.understood.same_setting import answer, asked_models
from nscweb.words.numbers import count

if TYPE_CHECKING:
    from nscweb.services.context import App

# Levels of findings that belong on the card; notes and what was left out on purpose stay in the list.
_SHOWN = ("refuse", "skip", "warn")
_MOST_PREVIEWED = 50


@dataclass(frozen=True)
class Understanding:
    """What was understood of a study.

    Attributes:
        study: as it is now.
        rules: how names were read, in words, on examples.
        left_off: what names have in common and that says nothing.
        as_fields: cells were cut out of whole fields of view.
        rows: (group, dose, time, samples, replicates, cells) in natural order; dose is "" where none is known.
        doubts: the gravest first; `offer` takes their number from 1.
        findings: of the import, that a person should read.
    """

    study: Study
    rules: tuple[str, ...] = ()
    left_off: tuple[str, ...] = ()
    as_fields: bool = False
    rows: tuple[tuple[str, str, str, int, str, int], ...] = ()
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
        columns = ("group", "dose", "time", "samples", "replicates", "cells")
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


def understand(app: App, study: str) -> Understanding:
    """The card of a study.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    info = app.catalogue.study_info(found.study_id)
    names = info.get(NAMES, {})
    samples = sorted(found.samples, key=lambda sample: natural_key(sample.name))
    # Studies of earlier versions were not looked at when they were imported.
    several = info.get(SEVERAL)
    if several is None:
        keys = app.catalogue.sample_keys(found.study_id)
        several = 0.0 if info.get("fields") else share_of_several(app, found.study_id, keys, found.channel)
    seen = Seen(found, info, samples, several, asked_models(app, found, info))
    doubts = [doubt for rule in (*NAME_RULES, *RULES) for doubt in rule(seen)]
    # The doubt says it, with what can be done.
    asked = {doubt.kind for doubt in doubts}
    said = {"W-MASK-UNUSED", "W-IMG-FIELD"} if OUTLINED in asked else {"W-IMG-FIELD"} if "fields" in asked else set()
    findings = tuple(
        item for item in findings_of(app, found.study_id) if item.level in _SHOWN and item.code not in said
    )
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
    from nscweb.io.survey.survey import survey

    with survey(paths, app.settings.limits, FindingLog(), name_pattern=pattern) as found:
        strange = set(found.strange_names)
        return [
            (
                sample.name,
                sample.hint.group,
                time_words(sample.hint),
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


def offers(card: Understanding, numbers: Sequence[int]) -> list[Doubt]:
    """The doubts with these numbers, each once.

    Raises:
        WrongUse: see `offer`; or two of them change the same box of the sheet.
    """
    chosen = {number: offer(card, number) for number in numbers}
    changed: dict[tuple[str, str], int] = {}
    for number, doubt in chosen.items():
        boxes = [(change.sample, change.column) for change in doubt.changes]
        for box in [*boxes, *([(doubt.answer[0], "setting")] if doubt.answer else [])]:
            other = changed.setdefault(box, number)
            if other != number:
                what = f"Offers {other} and {number} say two things of the {box[1]} of {box[0]}."
                raise WrongUse(what, "Take one of them, and look at what is doubtful then.")
    return list(chosen.values())


def take(
    app: App, study: Study, doubt: Doubt, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> SheetUpdate | None:
    """Take an offer: put its changes into the sample sheet, cut the cells out of the images, part samples, or take
    each object once.

    Returns:
        What became of the sheet, with an undo; None when the offer is about something else.

    Raises:
        JobCancelled, ImportRefused, StudyExists: see `cut_again.cut_study`, `part_again.part_study` and
            `one_of_each.one_of_each`.
    """
    if doubt.cut:
        from nscweb.services.study.understood.cut_again import cut_study

        cut_study(app, study.study_id, progress=progress, cancel=cancel)
        return None
    if doubt.apart:
        from nscweb.services.study.understood.part_again import part_study

        part_study(app, study.study_id, progress=progress, cancel=cancel)
        return None
    if doubt.each:
        from nscweb.services.study.understood.one_of_each import one_of_each

        one_of_each(app, study.study_id, cast(Kind, doubt.each), progress=progress, cancel=cancel)
        return None
    if doubt.answer is not None:
        answer(app, study, *doubt.answer)
        return None
    if doubt.pixel_size_um is not None:
        change_study(app, study.study_id, channel=study.channel, pixel_size_um=doubt.pixel_size_um)
        return None
    by_sample: dict[str, list[Change]] = defaultdict(list)
    for change in doubt.changes:
        by_sample[change.sample].append(change)
    changed = [_changed(sample, by_sample[sample.name]) for sample in study.samples if sample.name in by_sample]
    return store_samples(app, app.catalogue.study(study.study_id), changed, FindingLog())


def _changed(sample: Sample, changes: Sequence[Change]) -> Sample:
    values: dict[str, Any] = {}
    extra = dict(sample.extra)
    for change in changes:
        if change.column == "time":
            values["time_h"] = TimePoint.parse(change.after).hours if change.after else None
        elif change.column in Sample.__dataclass_fields__:
            values[change.column] = change.after
        elif change.after:
            extra[change.column] = change.after
        else:
            extra.pop(change.column, None)
    return sample.with_changes(**values, extra=tuple(extra.items()))


def _rows(samples: Sequence[Sample]) -> tuple[tuple[str, str, str, int, str, int], ...]:
    table: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
    doses = {sample.name: dict(sample.extra).get("dose", "") for sample in samples}
    order = sorted(samples, key=lambda s: (natural_key(s.group), natural_key(doses[s.name]), s.time_h or 0.0))
    for sample in order:
        table[sample.group, doses[sample.name], time_words(sample)].append(sample)
    return tuple(
        (*key, len(own), ", ".join(sample.replicate or "?" for sample in own), sum(s.cells for s in own))
        for key, own in table.items()
    )
