"""The demo: a simulated study, imported by the real road and predicted with the shipped model."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nscweb.core.errors import ModelNotFound, StudyNotFound
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample, Study
from nscweb.services.file_lock import file_lock
from nscweb.services.study.simulate import Plan, small_design

if TYPE_CHECKING:
    from nscweb.services.context import App

DEMO_NAME = "Demo (simulated)"
LABELLED_NAME = "Known fates, to check a model (simulated)"
# 250 cells for each of 60 samples; 50 for each of 45. Ready in under a minute on two cores.
DEMO_CELLS = 15_000
# Four replicates, so that the first look shows all there is: a clear winner (neurons at day 1), a tie (at day 5), and a
# sample that does not fit.
DEMO_PLAN = Plan(
    ("RA+SHH", "NT3", "NT4", "astrocyte medium", "oligodendrocyte medium"), 4, out_of_focus=("NT3_3d_rep2",)
)
LABELLED_CELLS = 2_250
DEMO_SEED = 20_210
LABELLED_SEED = 20_211


def study_to_open(app: App) -> Study | None:
    """The study that a page shows when nobody has chosen one: the last that was brought in or predicted.

    The demo of known fates is there to check a model with and comes last.
    """
    known = app.catalogue.studies()
    if not known:
        return None

    def touched(study: Study) -> tuple[bool, str, str]:
        run = app.catalogue.last_run(study.study_id)
        last = max(study.created_utc, run.created_utc if run else "")
        return study.name != LABELLED_NAME, last, study.study_id

    return max(known, key=touched)


@dataclass(frozen=True)
class Demo:
    """The demo study with its newest run (None when no model is installed), and the one with known fates."""

    study: Study
    run: Run | None
    labelled: Study
    labelled_run: Run | None


def find_demo(app: App) -> Demo | None:
    """The demo when both studies are there and predicted, else None; quick, for a page."""
    try:
        study, labelled = app.catalogue.study(DEMO_NAME), app.catalogue.study(LABELLED_NAME)
    except StudyNotFound:
        return None
    run = app.catalogue.last_run(study.study_id)
    labelled_run = app.catalogue.last_run(labelled.study_id)
    return Demo(study, run, labelled, labelled_run) if run and labelled_run else None


def ensure_demo(
    app: App,
    *,
    cells: int = DEMO_CELLS,
    labelled_cells: int | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Demo:
    """Make what is missing of the demo; a second call finds everything there and changes nothing.

    Two starts at once make one demo: the second waits for the first.

    Raises:
        WrongUse: fewer cells than samples.
        JobCancelled: somebody asked to stop.
        DiskFull: there is no room.
    """

    def wait() -> None:
        stop_if_asked(cancel)
        progress(0, 0, "Another process is making the demo")

    with file_lock(app.folder.root / "studies" / ".demo.lock", wait):
        study = _study(app, DEMO_NAME, cells, DEMO_SEED, False, progress, cancel)
        labelled = _study(app, LABELLED_NAME, labelled_cells or LABELLED_CELLS, LABELLED_SEED, True, progress, cancel)
        run = _run(app, study, progress, cancel)
        return Demo(study, run, labelled, _run(app, labelled, progress, cancel))


def _study(app: App, name: str, cells: int, seed: int, pure: bool, progress: Progress, cancel: CancelAsked) -> Study:
    """The study of that name: as it is, or written by the simulator and imported like any export."""
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.simulate import simulate
    from nscweb.services.study.study_import import import_study
    from nscweb.simulation.camera import PROFILES

    try:
        return app.catalogue.study(name)
    except StudyNotFound:
        pass
    # The same place and bytes at each try, so that an import that was killed is found again.
    folder = app.folder.uploads_dir / f"demo-{seed}-{cells}"
    out = folder / f"demo-{seed}.zip"
    if not out.exists():
        simulate(
            out,
            cells=cells,
            seed=seed,
            pure=pure,
            plan=_plan(cells, pure),
            channels=("Ch1",) if pure else None,
            progress=_told(progress, "Drawing simulated cells"),
            cancel=cancel,
        )
    size = PROFILES["flowsight"].pixel_size_um
    described = _sheet(cells, seed, pure)
    request = ImportRequest((out,), name, channel="Ch1", simulated=True, pixel_size_um=size, describe=described)
    import_study(app, request, progress=progress, cancel=cancel)
    shutil.rmtree(folder, ignore_errors=True)
    return app.catalogue.study(name)


def _plan(cells: int, pure: bool) -> Plan:
    """The plan of the demo, or for other numbers of cells the usual one."""
    return DEMO_PLAN if cells == DEMO_CELLS and not pure else small_design(cells, pure)


def _sheet(cells: int, seed: int, pure: bool) -> dict[str, Sample]:
    """What the simulator knows of its samples; file names cannot say all of it (spaces, truth)."""
    from nscweb.simulation.design import plan_study
    from nscweb.simulation.traits import FATES

    chosen = _plan(cells, pure)
    plan = plan_study(cells, seed, replicates=chosen.replicates, groups=chosen.groups, pure=pure)
    return {
        sample.name: Sample(
            sample.name,
            group=sample.group,
            time_h=sample.time_h,
            replicate=str(sample.replicate),
            instrument="simulated",
            true_class=FATES[sample.ratios.index(max(sample.ratios))] if pure else "",
        )
        for sample in plan.samples
    }


def _run(app: App, study: Study, progress: Progress, cancel: CancelAsked) -> Run | None:
    """The newest run of a study, made when there is none; None when no model is installed."""
    from nscweb.services.models import default_model
    from nscweb.services.predict.predict import predict_study
    from nscweb.services.predict.predict_request import PredictRequest

    run = app.catalogue.last_run(study.study_id)
    if run is not None:
        return run
    try:
        model = default_model(app).card.name
    except ModelNotFound:
        return None
    return predict_study(app, PredictRequest(study.study_id, model), progress=progress, cancel=cancel)


def _told(progress: Progress, words: str) -> Progress:
    def told(done: int, total: int, step: str = "") -> None:
        progress(done, total, f"{words}: {step}" if step else words)

    return told
