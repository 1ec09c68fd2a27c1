"""What became of two studies that were made one: what is gone, and what is doubtful now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nscweb.core.progress import Progress, no_progress
from nscweb.services.study.understood.join_studies import JOINED, merge_studies, runs_of
from nscweb.services.study.understood.understanding import Understanding, understand
from nscweb.words.numbers import count

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class Merged:
    """The answer to a merge.

    Attributes:
        card: of the study that stays, with the doubts that it has now.
        other: name of the study that is gone.
        runs: ids of its runs, which are gone with it.
        kept_runs: number of runs of the study that stays; none has the new samples.
    """

    card: Understanding
    other: str
    runs: tuple[str, ...]
    kept_runs: int

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        study = self.card.study
        kept = (
            f" The {count(self.kept_runs, 'run')} of {study.name} stayed, without the new samples; predict it again."
            if self.kept_runs
            else ""
        )
        return (
            f"{study.name} has {count(study.cells, 'cell')} in {count(len(study.samples), 'sample')}. "
            f"{self.other} was deleted, {with_runs(self.runs)}.{kept}"
        )


def with_runs(runs: Sequence[str]) -> str:
    """What goes with a study: "with 2 runs of it (r000001, r000002)"."""
    if not runs:
        return "which had no run"
    return f"with {count(len(runs), 'run')} of it ({', '.join(runs)})"


def merge_and_tell(app: App, into: str, other: str, *, progress: Progress = no_progress) -> Merged:
    """Merge two studies, see `merge_studies`, and say what is gone and what is doubtful.

    Raises:
        StudyNotFound, WrongUse, StudyError: see `merge_studies`.
    """
    return told_of(app, merge_studies(app, into, other, progress=progress).study_id)


def told_of(app: App, study: str) -> Merged:
    """The answer to the last merge into a study, also when whoever merged it was lost before the answer.

    Raises:
        StudyNotFound: no such study.
    """
    card = understand(app, study)
    gone = app.catalogue.study_info(card.study.study_id)[JOINED]
    return Merged(card, gone["name"], tuple(gone["runs"]), len(runs_of(app, card.study)))
