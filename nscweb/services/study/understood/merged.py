"""What became of two studies that were made one: what is gone, and what is doubtful now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nscweb.services.study.study import get_study
from nscweb.services.study.understood.join_studies import merge_studies
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
        gone = (
            f"with {count(len(self.runs), 'run')} of it ({', '.join(self.runs)})" if self.runs else "which had no run"
        )
        kept = (
            f" The {count(self.kept_runs, 'run')} of {study.name} stayed, without the new samples; predict it again."
            if self.kept_runs
            else ""
        )
        return (
            f"{study.name} has {count(study.cells, 'cell')} in {count(len(study.samples), 'sample')}. "
            f"{self.other} was deleted, {gone}.{kept}"
        )


def merge_and_tell(app: App, into: str, other: str) -> Merged:
    """Merge two studies, see `merge_studies`, and say what is gone and what is doubtful.

    Raises:
        StudyNotFound, WrongUse, StudyError: see `merge_studies`.
    """
    source = get_study(app, other)
    runs = tuple(run.run_id for run in app.catalogue.runs(source.study_id))
    study = merge_studies(app, into, other)
    return Merged(understand(app, study.study_id), source.name, runs, len(app.catalogue.runs(study.study_id)))
