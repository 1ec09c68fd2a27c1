"""Writes a simulated study like a real export: a folder per sample, one TIFF per cell and channel, zipped."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from nscweb.simulation.camera import PROFILES, Illumination, draw_illumination
from nscweb.simulation.design import SimulatedSample, StudyDesign, plan_study
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.small_tiff import SIMULATED_MARK, tiff_bytes
from nscweb.simulation.traits import FATES

CHANNELS: tuple[str, ...] = ("Ch1", "Ch2", "Ch3", "Ch11")
_DATE = (2021, 1, 1, 0, 0, 0)  # a fixed date, so that the same seed gives the same bytes
TRUTH_COLUMNS: tuple[str, ...] = ("sample", "object_number", "group", "time_h", "replicate", "fate", "kind")

Progress = Callable[[int, int, str], None]
_Object = tuple[int, str, str, list[bytes]]


@dataclass(frozen=True)
class SimulatedStudySummary:
    """What was written: cells, samples, members (one per cell and channel) and bytes of the zip."""

    cells: int
    samples: int
    members: int
    size_bytes: int


def write_study_zip(
    out: Path,
    *,
    cells: int,
    seed: int,
    truth: Path | None = None,
    channels: Sequence[str] = CHANNELS,
    profile: str = "flowsight",
    groups: Sequence[str] | None = None,
    replicates: int = 3,
    confounded: bool = False,
    pure: bool = False,
    out_of_focus: Sequence[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SimulatedStudySummary:
    """Write a simulated study and, beside it, its truth table.

    The same arguments give the same bytes, whatever the number of `workers`.

    Args:
        channels: ``Ch1`` brightfield, ``Ch2`` GFAP, ``Ch3`` Olig2, ``Ch11`` NeuN.
        profile: ``flowsight`` or ``imagestream``.
        confounded: background level depends on the fate, the trap of the published sets (101 against 151).
        pure: each sample holds one fate and is named after it.
        out_of_focus: names of samples that are recorded out of focus.
        progress: called with cells done, cells in all and the name of the sample.
        cancel: asked after every sample; True stops and leaves no file.

    Raises:
        ValueError: too few cells, or an unknown group or profile.
        InterruptedError: `cancel` said so.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    design = plan_study(cells, seed, replicates=replicates, groups=groups, pure=pure, out_of_focus=out_of_focus)
    rows: list[tuple[object, ...]] = []
    members = 0
    with _complete(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.comment = SIMULATED_MARK
        done = 0
        for sample, objects in _drawn(design, tuple(channels), profile, confounded, workers):
            if cancel is not None and cancel():
                raise InterruptedError("the simulation was cancelled")
            for number, fate, kind, files in objects:
                rows.append((sample.name, number, sample.group, sample.time_h, sample.replicate, fate, kind))
                for channel, data in zip(channels, files, strict=True):
                    member = f"{sample.name}/{sample.name}_{number}_{channel}.ome.tif"
                    info = zipfile.ZipInfo(member, _DATE)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    info.create_system, info.external_attr = 3, 0o644 << 16
                    archive.writestr(info, data)
                    members += 1
            done += sample.cells
            if progress is not None:
                progress(done, design.cells, sample.name)
    if truth is not None:
        _write_truth(truth, rows)
    return SimulatedStudySummary(design.cells, len(design.samples), members, out.stat().st_size)


def sample_illumination(
    design_seed: int, sample: SimulatedSample, profile: str, confounded: bool
) -> list[Illumination]:
    """Light of one acquisition: one for all fates, or one per fate in a confounded study."""
    rng = np.random.default_rng([design_seed, 2, sample.index])
    if not confounded:
        return [draw_illumination(rng, PROFILES[profile])]
    return [draw_illumination(rng, PROFILES[profile], bright=fate == "oligodendrocyte") for fate in FATES]


def draw_objects(
    seed: int, sample: SimulatedSample, channels: Sequence[str], profile: str, confounded: bool
) -> list[_Object]:
    """All objects of a sample as (object number, fate, kind, TIFF bytes per channel)."""
    cv2.setNumThreads(1)
    light = sample_illumination(seed, sample, profile, confounded)
    cells = draw_sample(
        np.random.default_rng([seed, 3, sample.index]),
        sample.cells,
        sample.ratios,
        sample.time_h,
        PROFILES[profile],
        light if confounded else light[0],
        channels=channels,
    )
    return [
        (
            cell.object_number,
            "" if cell.kind in ("debris", "empty") else FATES[cell.fate],
            cell.kind,
            [
                tiff_bytes(_focused(plane, sample.blur_px), name)
                for plane, name in zip(cell.pixels, channels, strict=True)
            ],
        )
        for cell in cells
    ]


def _focused(plane: np.ndarray, blur_px: float) -> np.ndarray:
    """The image as the camera saw it: out of focus where the sample is."""
    return cv2.GaussianBlur(plane, (0, 0), blur_px) if blur_px else np.ascontiguousarray(plane)


def _drawn(
    design: StudyDesign, channels: tuple[str, ...], profile: str, confounded: bool, workers: int
) -> Iterator[tuple[SimulatedSample, list[_Object]]]:
    jobs = [(design.seed, sample, channels, profile, confounded) for sample in design.samples]
    if workers <= 1:
        for sample, job in zip(design.samples, jobs, strict=True):
            yield sample, draw_objects(*job)
        return
    # Spawned, not forked: the caller may hold threads (a server, a worker with its heartbeat).
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        # Few samples in flight, so that a slow disk does not let drawn samples pile up in memory.
        ahead = [pool.submit(draw_objects, *job) for job in jobs[: 2 * workers]]
        for position, sample in enumerate(design.samples):
            objects = ahead.pop(0).result()
            following = position + 2 * workers
            if following < len(jobs):
                ahead.append(pool.submit(draw_objects, *jobs[following]))
            yield sample, objects


@contextmanager
def _complete(out: Path) -> Iterator[Path]:
    """A temporary name that becomes `out` only when everything is written."""
    part = out.with_name(f".{out.name}.part")
    try:
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _write_truth(truth: Path, rows: list[tuple[object, ...]]) -> None:
    with _complete(truth) as part, part.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(TRUTH_COLUMNS)
        table.writerows(rows)
