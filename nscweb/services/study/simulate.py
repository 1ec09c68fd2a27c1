"""Write a simulated study as a zip like a real export, with its truth table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.errors import DiskFull, JobCancelled, StoreError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress

if TYPE_CHECKING:
    from nscweb.simulation.writer import SimulatedStudySummary

# One process for each core pays only when there is enough to draw.
CELLS_FOR_TWO_PROCESSES = 4000
REPLICATES = 3
PURE_SAMPLES = 15  # three fates at five time points, in one replicate


@dataclass(frozen=True)
class Plan:
    """What a simulated study consists of.

    Attributes:
        groups: inducer groups; None for all.
        replicates: of each group and time point.
        out_of_focus: names of samples that are recorded out of focus.
    """

    groups: tuple[str, ...] | None = None
    replicates: int = REPLICATES
    out_of_focus: tuple[str, ...] = ()


def simulate(
    out: Path,
    *,
    cells: int,
    seed: int,
    truth: Path | None = None,
    profile: str = "flowsight",
    pure: bool = False,
    plan: Plan | None = None,
    channels: tuple[str, ...] | None = None,
    workers: int | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> SimulatedStudySummary:
    """Draw `cells` simulated cells with known fates; the same arguments give the same bytes.

    Args:
        truth: CSV with the fate of every object, written beside the zip when given.
        profile: ``flowsight`` (8 bit, frames 60 wide) or ``imagestream`` (12 bit in uint16).
        pure: each sample holds one fate, for training and evaluation.
        plan: what the study consists of; None takes `small_design`.
        channels: None writes all four (``Ch1`` brightfield, ``Ch2`` GFAP, ``Ch3`` Olig2, ``Ch11`` NeuN).
        workers: processes; None decides by the number of cells and processors.

    Raises:
        WrongUse: too few cells, or an unknown profile or channel.
        JobCancelled: `cancel` said so.
        DiskFull, StoreError: the zip cannot be written.
    """
    from nscweb.simulation import writer

    if cells < 1:
        raise WrongUse("The number of cells must be at least 1.")
    if seed < 0:
        raise WrongUse("The seed must be 0 or more.")
    unknown = sorted(set(channels or ()) - set(writer.CHANNELS))
    if unknown:
        raise WrongUse(f"The simulator has no channel {unknown[0]!r}.", f"It has {', '.join(writer.CHANNELS)}.")
    plan = plan or small_design(cells, pure)
    if workers is None:
        workers = min(4, os.cpu_count() or 1) if cells >= CELLS_FOR_TWO_PROCESSES else 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if truth is not None:
            truth.parent.mkdir(parents=True, exist_ok=True)
        return writer.write_study_zip(
            out,
            cells=cells,
            seed=seed,
            truth=truth,
            channels=channels or writer.CHANNELS,
            profile=profile,
            groups=plan.groups,
            replicates=plan.replicates,
            out_of_focus=plan.out_of_focus,
            pure=pure,
            workers=workers,
            progress=progress,
            cancel=cancel,
        )
    except ValueError as error:
        raise WrongUse(f"The study cannot be simulated: {error}.") from error
    except InterruptedError as error:
        raise JobCancelled("The simulation was cancelled.", "Nothing was written.") from error
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(f"The disk is full; {out.name} was not written.", "Free some space.") from error
        raise StoreError(f"{out} cannot be written ({error.strerror or error}).") from error


def small_design(cells: int, pure: bool) -> Plan:
    """The plan for which there are enough cells.

    A full study has 81 samples; a few cells for a quick try are spread over fewer groups and replicates.

    Raises:
        WrongUse: too few cells for any study.
    """
    from nscweb.simulation.design import GROUP_NAMES, GROUPS

    if pure:
        if cells < PURE_SAMPLES:
            raise WrongUse(f"With one fate in each sample at least {PURE_SAMPLES} cells are needed.")
        return Plan(None, min(REPLICATES, cells // PURE_SAMPLES))
    times = max(len(group.percent) for group in GROUPS)
    if cells >= len(GROUP_NAMES) * times * REPLICATES:
        return Plan()
    if cells < times:
        raise WrongUse(f"A study needs at least {times} cells, one for each time point.")
    replicates = REPLICATES if cells >= times * REPLICATES else 1
    # One neuronal group and both media first, so that a small study shows all fates.
    order = (GROUP_NAMES[0], *GROUP_NAMES[:-3:-1], *GROUP_NAMES[1:-2])
    chosen = order[: cells // (times * replicates)]
    return Plan(tuple(name for name in GROUP_NAMES if name in chosen), replicates)
