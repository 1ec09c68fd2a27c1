"""Write a simulated study as a zip like a real export, with its truth table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.errors import DiskFull, JobCancelled, StoreError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress

if TYPE_CHECKING:
    from nscweb.simulation.writer import SimulatedStudySummary

# One process for each core pays only when there is enough to draw.
CELLS_FOR_TWO_PROCESSES = 4000


def simulate(
    out: Path,
    *,
    cells: int,
    seed: int,
    truth: Path | None = None,
    profile: str = "flowsight",
    pure: bool = False,
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
        raise WrongUse(
            f"The simulator has no channel {unknown[0]!r}.", f"It has {', '.join(writer.CHANNELS)}."
        )
    if workers is None:
        workers = min(4, os.cpu_count() or 1) if cells >= CELLS_FOR_TWO_PROCESSES else 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if truth is not None:
            truth.parent.mkdir(parents=True, exist_ok=True)
        return writer.write_study_zip(
            out, cells=cells, seed=seed, truth=truth, channels=channels or writer.CHANNELS, profile=profile,
            pure=pure, workers=workers, progress=progress, cancel=cancel,
        )  # fmt: skip
    except ValueError as error:
        raise WrongUse(f"The study cannot be simulated: {error}.") from error
    except InterruptedError as error:
        raise JobCancelled("The simulation was cancelled.", "Nothing was written.") from error
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(f"The disk is full; {out.name} was not written.", "Free some space.") from error
        raise StoreError(f"{out} cannot be written ({error.strerror or error}).") from error
