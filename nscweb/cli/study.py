"""``nscweb study``: import, list, sheet, delete.

The options of ``study import --fields`` become `SegmentationSettings` here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nscweb.cli import study_quality, study_sheet
from nscweb.cli.assignments import listed
from nscweb.cli.console import AsJson, DataDir, Name, running, tell_findings
from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.field_settings import SegmentationSettings, least_background_radius
from nscweb.core.samples import Study

if TYPE_CHECKING:
    from nscweb.services.study.understood.understanding import Understanding


def field_settings(
    fields: bool, pixel_size_um: float | None, colonies: bool, **given: Any
) -> SegmentationSettings | None:
    """Settings suggested for the pixel size, changed by what was given; None when images are single cells.

    Args:
        given: settings by name, None where the option was not given; a `split_strength` below 0 turns splitting off.

    Raises:
        WrongUse: options of fields without ``--fields``, or values that make no sense.
    """
    changed = {name: value for name, value in given.items() if value is not None}
    if not fields:
        if changed or colonies:
            raise WrongUse("Options of fields of view were given without --fields.", "Add --fields, or leave them out.")
        return None
    suggested = SegmentationSettings.suggested(pixel_size_um, colonies=colonies)
    if changed.get("split_strength", 0) < 0:
        changed |= {"split": False, "split_strength": suggested.split_strength}
    elif "split_strength" in changed:
        changed["split"] = True
    if "max_area" in changed and "background_radius" not in changed:
        # A radius that nobody asked for must not stand in the way of larger objects.
        least = least_background_radius(max(1, changed["max_area"]))
        changed["background_radius"] = max(suggested.background_radius, least)
    return replace(suggested, **changed)


studies = typer.Typer(help="Import, list, describe and delete studies.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    study_quality.register(studies)
    study_sheet.register(studies)
    app.add_typer(studies, name="study")


@studies.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", show_default=False)],
    name: Annotated[str, typer.Option(help="Name of the new study.", show_default=False)] = "",
    add_to: Annotated[
        str, typer.Option("--add-to", help="Add the samples to this study instead; name or id.", show_default=False)
    ] = "",
    sheet: Annotated[Path | None, typer.Option(help="Sample sheet: CSV, XLSX, ODS or XLS.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="Brightfield channel, for example Ch1; guessed otherwise.")
    ] = None,
    channels: Annotated[
        str, typer.Option("--keep", help="Channels to keep, with commas; all of them otherwise.", show_default=False)
    ] = "",
    class_from_folder: Annotated[
        str | None,
        typer.Option("--class-from", help='"folder" fills the true class from the name of the innermost folder.'),
    ] = None,
    pixel_size_um: Annotated[
        float | None,
        typer.Option("--pixel-size", help="Micrometres per pixel, for scale bars and fields in micrometres."),
    ] = None,
    tile_px: Annotated[
        int | None,
        typer.Option("--tile", help="Side of the tiles of montages in pixels; found from the pixels otherwise."),
    ] = None,
    name_pattern: Annotated[
        str,
        typer.Option(
            "--pattern",
            help='How names of samples are read, for example "{group}_{day}d_{rep}"; by their words otherwise.',
            show_default=False,
        ),
    ] = "",
    fields: Annotated[
        bool,
        typer.Option(
            "--fields", help="Every image is a whole field of view; its cells, or the outlines beside it, are cut out."
        ),
    ] = False,
    field_threshold: Annotated[
        float | None, typer.Option(help="Fields: times the grain of the background; higher finds fewer cells.")
    ] = None,
    field_method: Annotated[
        str | None, typer.Option(help="Fields: noise, otsu, triangle, or learnt (phase contrast).", show_default=False)
    ] = None,
    field_min_area: Annotated[int | None, typer.Option(help="Fields: smallest cell in square pixels.")] = None,
    field_max_area: Annotated[int | None, typer.Option(help="Fields: largest cell in square pixels.")] = None,
    field_background_radius: Annotated[
        int | None,
        typer.Option("--field-background", help="Fields: background radius in pixels; 0 leaves the light as it is."),
    ] = None,
    field_smoothing: Annotated[float | None, typer.Option(help="Fields: blur against grain in pixels.")] = None,
    field_split_strength: Annotated[
        float | None,
        typer.Option("--field-split", help="Fields: 0 to 1, how readily touching cells are parted; -1 never."),
    ] = None,
    field_cell_px: Annotated[
        int | None, typer.Option(help="Fields: usual diameter of a cell in pixels, for the learnt method.")
    ] = None,
    field_margin: Annotated[
        int | None, typer.Option(help="Fields: pixels of surroundings kept around each cell.")
    ] = None,
    field_border: Annotated[
        bool, typer.Option("--field-border", help="Fields: keep cells that the border of the field cuts.")
    ] = False,
    colonies: Annotated[
        bool, typer.Option("--colonies", help="Fields: the objects are whole colonies, not single cells.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Import cell images: a file, a zip, or a folder; folders become samples."""
    with running(as_json) as console:
        console.on_failure = lambda error: refused_as_dict(name, error)
        if class_from_folder not in (None, "folder"):
            raise WrongUse(f"--class-from takes only the word folder, not {class_from_folder!r}.")
        from nscweb.services.study.import_request import ImportRequest
        from nscweb.services.study.understood import understanding
        from nscweb.services.study.understood.join_studies import bring_in

        request = ImportRequest(
            paths=tuple(paths),
            name=name,
            sheet=sheet,
            channel=channel,
            channels=listed(channels),
            class_from_folder=class_from_folder == "folder",
            pixel_size_um=pixel_size_um,
            tile_px=tile_px,
            name_pattern=name_pattern,
            add_to=add_to,
            fields=field_settings(
                fields,
                pixel_size_um,
                colonies,
                threshold=field_threshold,
                method=field_method,
                min_area=field_min_area,
                max_area=field_max_area,
                background_radius=field_background_radius,
                smoothing=field_smoothing,
                split_strength=field_split_strength,
                cell_px=field_cell_px,
                margin=field_margin,
                drop_border=False if field_border else None,
            ),
        )
        opened = console.open(data_dir)
        report = bring_in(opened, request, progress=console.progress)
        if not as_json:
            tell_findings(console, report.as_dict()["findings"])
        card = understanding.understand(opened, report.study_id)
        done = (
            f"Imported {report.imported:,} cells of {report.samples} samples into {report.study}; "
            f"{report.skipped:,} images skipped, {report.ignored:,} files ignored."
        )
        console.result({**report.as_dict(), "understood": card.as_dict()}, "\n".join([done, *_card_lines(card)]))


@studies.command("understand")
def understand(
    name: Name,
    accept: Annotated[
        list[int] | None, typer.Option("--accept", help="Take the offer with this number; may be given again.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show how the names and images of a study were understood and what is doubtful, and take what is offered."""
    with running(as_json) as console:
        from nscweb.services.study.import_request import finding_as_dict, fold
        from nscweb.services.study.understood import understanding

        opened = console.open(data_dir)
        card = understanding.understand(opened, name)
        # By what they are about: numbers move when an offer before them was taken.
        for doubt in understanding.offers(card, accept or ()):
            study = understanding.understand(opened, name).study
            understanding.take(opened, study, doubt, progress=console.progress)
        card = understanding.understand(opened, name)
        findings = [finding_as_dict(item) for item in fold(card.findings)]
        tell_findings(console, findings)
        console.result({**card.as_dict(), "findings": findings}, "\n".join(_card_lines(card)))


def _card_lines(card: Understanding) -> list[str]:
    """The understanding card as text."""
    lines = [card.sentence, *card.rules]
    if card.left_off:
        lines.append(f"Left off, because it says nothing: {', '.join(card.left_off)}.")
    for number, doubt in enumerate(card.doubts, start=1):
        lines.append(f"Doubt {number}: {doubt.sentence}")
        if doubt.offer:
            first = ", ".join(f"{c.sample}: {c.column} {c.before or 'empty'} -> {c.after}" for c in doubt.changes[:3])
            shown = f" ({first})" if first else ""
            lines.append(f"  Offer: {doubt.offer}{shown}. Take it: nscweb study understand NAME --accept {number}")
        if doubt.way:
            lines.append(f"  {doubt.way}")
    return lines


@studies.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the studies, newest first."""
    with running(as_json) as console:
        from nscweb.services.study.study import list_studies

        opened = console.open(data_dir)
        rows = [
            {**study_as_dict(study), "runs": [run.run_id for run in opened.catalogue.runs(study.study_id)]}
            for study in list_studies(opened)
        ]
        lines = [
            f"{row['study_id']}  {row['name']}  {row['cells']:,} cells, {row['samples']} samples, "
            f"{len(row['runs'])} runs" + (", simulated" if row["simulated"] else "")
            for row in rows
        ]
        console.result({"studies": rows}, "\n".join(lines) or "There is no study yet.")


@studies.command("outlines")
def outlines(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    form: Annotated[str, typer.Option("--format", help="labels (TIFF), rois (ImageJ) or geojson (QuPath).")] = "labels",
    run: Annotated[
        str | None, typer.Option(help="Id of the prediction whose classes the cells get.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the outlines of the cells of a study: a file per field of view, and a table of their classes."""
    with running(as_json) as console:
        from nscweb.services.cells.outlines import write_outlines

        files = write_outlines(console.open(data_dir), name, out, form, run, progress=console.progress)
        console.result({"out": str(out), "files": files}, f"Wrote {len(files):,} files to {out}.")


@studies.command("merge")
def merge(
    into: Name,
    other: Annotated[str, typer.Argument(help="Name or id of the study whose samples go into the first.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put the samples of a second study into the first; the second is deleted, with its runs."""
    with running(as_json) as console:
        from nscweb.services.study.understood.merged import merge_and_tell

        merged = merge_and_tell(console.open(data_dir), into, other)
        answer = {
            **study_as_dict(merged.card.study),
            "deleted_study": merged.other,
            "deleted_runs": list(merged.runs),
            "understood": merged.card.as_dict(),
        }
        console.result(answer, "\n".join([merged.sentence, *_card_lines(merged.card)]))


@studies.command("delete")
def delete(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Delete a study with its cells and runs. This cannot be undone."""
    with running(as_json) as console:
        from nscweb.services.study.study import delete_study

        gone = delete_study(console.open(data_dir), name)
        console.result({"deleted": gone.name, "study_id": gone.study_id}, f"Deleted {gone.name}.")


def study_as_dict(study: Study) -> dict[str, Any]:
    """What a script wants to know of a study."""
    return {
        "study_id": study.study_id,
        "name": study.name,
        "created_utc": study.created_utc,
        "cells": study.cells,
        "samples": len(study.samples),
        "channel": study.channel,
        "channels": list(study.channels),
        "simulated": study.simulated,
        "pixel_size_um": study.pixel_size_um,
    }


def refused_as_dict(name: str, error: NscwebError) -> dict[str, Any]:
    """The same object as a good import prints, for an import that was refused."""
    from nscweb.services.study.import_request import ImportRefused, refusal

    return (error.report if isinstance(error, ImportRefused) else refusal(name, error)).as_dict()
