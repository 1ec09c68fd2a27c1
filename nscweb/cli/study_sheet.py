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
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the sample sheet of a study to a file, or read one into it."""
    with running(as_json) as console:
        from nscweb.services.study import study as services

        if out is None and apply is None and not columns and not make_alike_one:
            raise WrongUse("Say what to do with the sheet.", "Give --out FILE.csv or --apply FILE.csv.")
        if time_unit not in (None, "h", "d"):
            raise WrongUse(f"--time-unit is h or d, not {time_unit!r}.")
        if time_unit and apply is None and not columns:
            raise WrongUse("--time-unit says what numbers of a sheet mean.", "Give it with --apply or --column.")
        said = dict(_said(text) for text in columns or ())
        opened = console.open(data_dir)
        result: dict[str, Any] = {"study": services.get_study(opened, name).name}
        updates = []
        if apply is not None:
            updates.append(services.apply_sheet_file(opened, name, apply, said))
        elif said:
            updates.append(services.name_columns(opened, name, said))
        if updates and time_unit and updates[0].bare_times:
            unit = cast(Literal["h", "d"], time_unit)
            updates.append(services.set_times(opened, name, updates[0].bare_times, unit))
        if make_alike_one:
            updates.append(services.make_alike_one(opened, name))
        lines = []
        if updates:
            first = updates[0]
            answered = len(updates) > 1 and time_unit is not None
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
            if first.bare_times and not time_unit:
                lines.append("Times without a unit: give --time-unit h or --time-unit d.")
            if not stored:
                console.result(result, "\n".join(lines))
                raise typer.Exit(1)
        if out is not None:
            services.write_sheet_file(opened, name, out)
            result["out"] = str(out)
            lines.append(f"Wrote {out}.")
        console.result(result, "\n".join(lines))


def _said(text: str) -> tuple[str, str]:
    title, sign, answer = text.rpartition("=")
    if not sign or not title.strip():
        raise WrongUse(f"--column takes TITLE=group, not {text!r}.")
    return title.strip(), answer.strip()
