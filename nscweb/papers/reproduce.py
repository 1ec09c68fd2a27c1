"""Do a paper again: train its models on its data, or on simulated ones, and put our figures beside the printed ones."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb import __version__
from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.files.outgoing import MadeBy, columns_table
from nscweb.papers.printed_tables import SIMULATED, Piece
from nscweb.papers.protocol import Protocol
from nscweb.papers.protocol_cells import Cells, cells_of, no_cells
from nscweb.papers.protocol_files import read_protocol

if TYPE_CHECKING:
    from nscweb.services.context import App

WARNING = (
    "SIMULATED. The cells of this page are drawn by a program with the shape of the paper's data. Its figures test the "
    "protocol and say nothing about real cells."
)
_QUICK = "Quick size: few cells, small inputs and few epochs, so the figures are far below what the networks can do."


# Outputs that look at cells without a training of their own block.
_ON_CELLS = ("shape_modes", "search")


@dataclass(frozen=True)
class ReproduceRequest:
    """What to do.

    Attributes:
        paper: name of a protocol. quick: the small size. study: name or id of an imported study; "" takes the paper's
        public study if it is there and simulated cells if not. out: folder of the result; None puts it into the
        data folder. only: name of one table or figure. seed: added to every seed of the protocol. device: ``auto``,
        ``cpu`` or ``cuda``. pretrained: ``imagenet`` starts networks from ImageNet where weights can be had.
    """

    paper: str
    quick: bool = False
    study: str = ""
    out: Path | None = None
    only: str = ""
    seed: int = 0
    device: str = "auto"
    pretrained: str = "none"


@dataclass(frozen=True)
class Reproduced:
    """The result: folder, page, pieces, whether the cells were simulated, what could not be done, seconds."""

    folder: Path
    report: Path
    pieces: tuple[Piece, ...]
    simulated: bool
    data: str
    skipped: tuple[str, ...]
    trainings: int
    seconds: float


def reproduce(
    app: App,
    request: ReproduceRequest,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    clock: Callable[[], float] = time.monotonic,
) -> Reproduced:
    """Run a protocol and write README.md, tables as CSV and report.html. The same call after a stop goes on.

    Raises:
        WrongUse: no such paper, table or device.
        StudyNotFound: a study that was asked for is not there.
        JobCancelled: somebody asked to stop; finished trainings are kept.
    """
    protocol = narrowed(read_protocol(request.paper, request.quick), request)
    name = request.paper + ("-quick" if request.quick else "")
    folder = (request.out or app.settings.data_dir / "reproduce" / name).absolute()
    return run_protocol(
        app,
        protocol,
        request,
        folder,
        created_utc=app.clock(),
        threads=app.settings.threads,
        progress=progress,
        cancel=cancel,
        clock=clock,
    )


def narrowed(protocol: Protocol, request: ReproduceRequest) -> Protocol:
    """The protocol with the one output that was asked for, and with the start from ImageNet where it was.

    Raises:
        WrongUse: there is no such output.
    """
    if request.pretrained not in ("none", "imagenet"):
        raise WrongUse("Networks start from none (random weights) or imagenet.")
    if request.pretrained == "imagenet":
        from nscweb.models.architectures import ARCHITECTURES

        models = tuple(
            replace(model, train={**model.train, "pretrained": "imagenet"})
            if ARCHITECTURES[model.architecture].pretrained
            else model
            for model in protocol.models
        )
        protocol = replace(protocol, models=models)
    if not request.only:
        return protocol
    kept = tuple(output for output in protocol.outputs if output.name == request.only)
    if not kept:
        names = ", ".join(output.name for output in protocol.outputs)
        raise WrongUse(f"{protocol.paper} has no table or figure called {request.only!r}.", f"It has {names}.")
    return replace(protocol, outputs=kept)


def run_protocol(
    app: App | None,
    protocol: Protocol,
    request: ReproduceRequest,
    folder: Path,
    *,
    created_utc: str,
    threads: int | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    clock: Callable[[], float] = time.monotonic,
) -> Reproduced:
    """As `reproduce`, for a protocol at hand."""
    from nscweb.papers.merit import Finished
    from nscweb.papers.outputs import make
    from nscweb.papers.trainings import Bench, units_of

    started = clock()
    folder.mkdir(parents=True, exist_ok=True)
    blocks = list(dict.fromkeys(name for output in protocol.outputs for name in output.blocks))
    if blocks or any(output.kind in _ON_CELLS for output in protocol.outputs):
        cells = cells_of(app, protocol, request.study, seed=request.seed, progress=progress, cancel=cancel)
    else:
        cells = no_cells(protocol)
    bench = Bench(protocol, cells, folder / "trainings", request.seed, request.device, threads, progress, cancel, clock)
    if app is not None:
        from nscweb.services.fetch.published_models import backbones_folder

        bench.backbones = backbones_folder(app)
    units = units_of(protocol, blocks)
    results = bench.run(units)
    by_block = {name: [result for result in results if result.unit.block == name] for name in blocks}
    done = Finished(protocol, cells, bench, by_block, request.seed, 200 if protocol.quick else 1000)
    pieces = []
    for number, output in enumerate(protocol.outputs):
        progress(number, len(protocol.outputs), f"Tables and figures: {output.title}")
        try:
            pieces.append(_marked(make(done, output), cells))
        except NscwebError as error:
            if error.code == "E-JOB-CANCELLED":
                raise
            bench.skipped.append(f"{output.title} was left out. {error}")
    result = Reproduced(
        folder,
        folder / "report.html",
        tuple(pieces),
        cells.simulated,
        cells.description,
        tuple(bench.skipped),
        len(bench.finished),
        clock() - started,
    )
    write_folder(result, protocol, request, cells, created_utc, [r.device for r in bench.finished])
    return result


def write_folder(
    result: Reproduced,
    protocol: Protocol,
    request: ReproduceRequest,
    cells: Cells,
    created_utc: str,
    devices: list[str],
) -> None:
    """README.md, one CSV per piece, what their columns mean, what made them, report.html."""
    from nscweb.files.plain_tables import csv_bytes
    from nscweb.papers.printed_tables import report_page
    from nscweb.store.files import atomic_write, write_files

    warning = WARNING if cells.simulated else ""
    facts = _facts(result, protocol, request, created_utc, devices)
    made = MadeBy("", f"reproduce {request.paper}", cells.simulated)
    tables = {f"{piece.name}.csv": piece.leaving(made) for piece in result.pieces}
    explained = {name: list(table.columns) for name, table in tables.items()}
    contents = {name: csv_bytes(table) for name, table in tables.items()}
    contents["columns.csv"] = csv_bytes(columns_table(explained))
    said = _provenance(result, protocol, request, cells, created_utc, facts)
    contents["provenance.json"] = json.dumps(said, indent=2, ensure_ascii=False).encode("utf-8")
    write_files(result.folder, contents)
    lines = [
        protocol.question,
        f"The paper: {protocol.citation}",
        *([_QUICK] if protocol.quick else []),
        *(() if cells.fits else ("The study has other classes than the paper, so no printed figures stand here.",)),
        f"Cells: {cells.description}",
        *(f"Differs from the paper: {line}" for line in protocol.differs),
        *(f"Left out: {line}" for line in result.skipped),
        "; ".join(f"{key}: {value}" for key, value in facts.items()),
    ]
    title = _heading(protocol, cells)
    with atomic_write(result.report) as stream:
        stream.write(report_page(title, lines, result.pieces, warning).encode("utf-8"))
    with atomic_write(result.folder / "README.md") as stream:
        stream.write(_readme(title, warning, lines[:-1], facts, result).encode("utf-8"))


def _provenance(
    result: Reproduced,
    protocol: Protocol,
    request: ReproduceRequest,
    cells: Cells,
    created_utc: str,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """What made the tables and stands in none of their lines, ready for JSON."""
    return {
        "format": "nscweb reproduce 1",
        "paper": protocol.citation,
        "simulated_cells": cells.simulated,
        "data": cells.description,
        "nscweb": __version__,
        "created_utc": created_utc,
        "seed": request.seed,
        **{name.lower(): value for name, value in facts.items() if name not in ("Made", "Seed")},
        "differs_from_the_paper": list(protocol.differs),
        "left_out": list(result.skipped),
        "files": {f"{piece.name}.csv": {"title": piece.title, "note": piece.caption} for piece in result.pieces},
    }


def _heading(protocol: Protocol, cells: Cells) -> str:
    return f"{SIMULATED}: {protocol.title}" if cells.simulated else protocol.title


def _marked(piece: Piece, cells: Cells) -> Piece:
    """A piece of simulated cells says so in its file name, title, caption and figure."""
    if not cells.simulated:
        return piece
    from nscweb.figures.look import plain

    if piece.figure is not None:
        # In place of the small "simulated cells" that every figure of such cells carries.
        piece.figure.update_layout(title={"text": f"<b>{plain(f'{SIMULATED}: {piece.title}', 90)}</b>"})
        piece.figure.update_layout(title_font_size=13)
    return replace(
        piece,
        name=f"simulated_{piece.name}",
        title=f"{SIMULATED}: {piece.title}",
        caption=f"{SIMULATED} cells. {piece.caption}".strip(),
    )


def _facts(
    result: Reproduced, protocol: Protocol, request: ReproduceRequest, created_utc: str, devices: list[str]
) -> dict[str, Any]:
    packages = ("torch", "torchvision", "numpy", "scikit-learn", "optuna")
    return {
        "Made": created_utc,
        "Took": f"{result.seconds:.0f} s for {result.trainings} trainings, those done before included",
        "Size": "quick" if protocol.quick else "full",
        "Seed": request.seed,
        "Start": "ImageNet" if request.pretrained == "imagenet" else "random weights",
        "Device": ", ".join(dict.fromkeys(devices)) or "none needed",
        "Versions": ", ".join(
            [f"nscweb {__version__}", f"Python {platform.python_version()}"]
            + [f"{name} {_version(name)}" for name in packages]
        ),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _readme(title: str, warning: str, lines: list[str], facts: dict[str, Any], result: Reproduced) -> str:
    parts = [f"# {title}", "", *([f"**{warning}**", ""] if warning else [])]
    parts += [f"- {line}" for line in lines]
    parts += ["", "## Run", "", *(f"- {key}: {value}" for key, value in facts.items())]
    parts += ["", "## Files", "", "- `report.html`: every table and figure on one page, works without a network"]
    parts += [f"- `{piece.name}.csv`: {piece.title}" for piece in result.pieces]
    parts += ["- `columns.csv`: what every column of these files means", "- `provenance.json`: what made them"]
    parts += ["- `trainings/`: scores, history and settings of each training; with them nothing is trained twice"]
    return "\n".join(parts) + "\n"
