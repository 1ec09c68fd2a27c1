"""``nscweb study sheet`` and ``nscweb study rename``: what a study says of its samples, and what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running, tell_findings
from nscweb.core.errors import WrongUse


def register(studies: typer.Typer) -> None:
    """Add the commands to the group ``study``."""
    studies.command("sheet")(sheet)
    studies.command("rename")(rename)


def sheet(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File to write, .csv or .xlsx.")] = None,
    apply: Annotated[Path | None, typer.Option(help="Sheet to read into the study: CSV, XLSX, ODS or XLS.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help='What a column is that was not understood, "TITLE=group": sample, group, time, "time in hours", '
            '"time in days", replicate, donor, instrument, control, true_class or further. May be repeated.',
            show_default=False,
        ),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of times that are numbers alone: h or d.", show_default=False)
    ] = None,
    make_alike_one: Annotated[
        bool, typer.Option("--make-alike-one", help="Values that look alike, such as NT3 and nt3, become one.")
    ] = False,
    plate_map: Annotated[
        Path | None, typer.Option(help="Values by well: a text file, a grid of the plate or a list of wells.")
    ] = None,
    plate_field: Annotated[str, typer.Option(help="What the plate map says: group, dose, time, ...")] = "group",
    plate: Annotated[str, typer.Option(help="Which plate, where the study has several.", show_default=False)] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the last change of the sheet; the same again brings it back.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the sample sheet of a study to a file, or read one into it."""
    with running(as_json) as console:
        from nscweb.services.study import study as services
        from nscweb.services.study.plate_map import apply_plate_map, read_plate_file

        if not (out or apply or columns or make_alike_one or plate_map or undo):
            raise WrongUse("Say what to do with the sheet.", "Give --out FILE.csv or --apply FILE.csv.")
        if undo and (apply or columns or make_alike_one or plate_map):
            raise WrongUse("--undo takes back the last change, so it stands alone or with --out.")
        if time_unit not in (None, "h", "d"):
            raise WrongUse(f"--time-unit is h or d, not {time_unit!r}.")
        if time_unit and not (apply or columns or plate_map):
            raise WrongUse(
                "--time-unit says what numbers of a sheet mean.", "Give it with --apply, --column or --plate-map."
            )
        said = dict(_said(text) for text in columns or ())
        opened = console.open(data_dir)
        result: dict[str, Any] = {"study": services.get_study(opened, name).name}
        updates = []
        if undo:
            updates.append(services.undo_sheet(opened, name))
        if apply is not None:
            updates.append(services.apply_sheet_file(opened, name, apply, said))
        elif said:
            updates.append(services.name_columns(opened, name, said))
        if plate_map is not None:
            text = read_plate_file(opened, plate_map)
            updates.append(apply_plate_map(opened, name, plate_field, text, plate))
        bare = {sample: number for update in updates for sample, number in update.bare_times.items()}
        if time_unit and bare:
            updates.append(services.set_times(opened, name, bare, cast(Literal["h", "d"], time_unit)))
        if make_alike_one:
            updates.append(services.make_alike_one(opened, name))
        if len(updates) > 1:
            services.one_change(opened, updates)
        lines = []
        if updates:
            first = updates[0]
            answered = bool(bare and time_unit)
            found = [
                finding
                for update in updates
                for finding in update.findings
                if not (answered and finding.code == "E-SHEET-TIME-UNIT")
            ]
            findings = services.findings_as_dicts(dict.fromkeys(found))
            stored = any(update.changed for update in updates) or not first.rejected
            result |= {
                "changed": max(update.changed for update in updates),
                "stored": stored,
                "rows": first.rows,
                "matched": first.matched,
                "matched_how": first.way,
                "not_understood": {column.title: column.likely for column in first.unknown},
                "findings": findings,
            }
            if not as_json:
                tell_findings(console, findings, "--json lists all")
            lines = [update.sentence for update in updates]
            lines += [f'Perhaps: --column "{column.title}={column.likely}".' for column in first.unknown]
            if bare and not time_unit:
                lines.append("Times without a unit: give --time-unit h or --time-unit d.")
            if not stored:
                console.result(result, "\n".join(lines))
                raise typer.Exit(1)
        if out is not None:
            services.write_sheet_file(opened, name, out)
            result["out"] = str(out)
            lines.append(f"Wrote {out}.")
        console.result(result, "\n".join(lines))


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name or id of the study.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.", show_default=False)],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a study another name. Its cells, runs and id stay."""
    with running(as_json) as console:
        from nscweb.services.study.study import get_study, rename_study

        opened = console.open(data_dir)
        before = get_study(opened, old)
        after = rename_study(opened, before.study_id, new)
        said = f"{before.name} is now called {after.name}." if before.name != after.name else "The name is the same."
        console.result({"study": after.name, "study_id": after.study_id, "before": before.name}, said)


def _said(text: str) -> tuple[str, str]:
    title, sign, answer = text.rpartition("=")
    if not sign or not title.strip():
        raise WrongUse(f"--column takes TITLE=group, not {text!r}.")
    return title.strip(), answer.strip()
