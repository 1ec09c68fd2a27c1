"""``nscweb study gates`` and ``nscweb study quality``: what counts of a study, and how its samples were lit."""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running
from nscweb.core.errors import WrongUse
from nscweb.core.plain import to_plain

if TYPE_CHECKING:
    import pandas as pd

    from nscweb.core.gates import Gates

# A note of the page, and gates that are drawn there.
_NOT_SET = ("pixel_size_um", "regions")
_LISTS = ("populations", "off")


def register(studies: typer.Typer) -> None:
    """Add the commands to the group ``study``."""
    studies.command("gates")(gates)
    studies.command("quality")(quality)


def gates(
    name: Name,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="LIMIT=VALUE",
            show_default=False,
            help="For example focus=0.5, area_low=40 (pixels), aspect_low=none, populations=live,round or "
            "off=border. May be given several times.",
        ),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Back to the defaults first; drawn gates then only name their cells.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show or set which cells of a study are left out of its numbers. Predict again afterwards; it takes seconds."""
    with running(as_json) as console:
        from nscweb.services.study import gates as services
        from nscweb.services.study.study import get_study

        opened = console.open(data_dir)
        study = get_study(opened, name)
        now = services.get_gates(opened, study.study_id)
        wanted = changed(now.reset() if reset else now, set_ or [])
        if set_ or reset:
            services.set_gates(opened, study.study_id, wanted, console.progress)
        table = services.funnel(opened, study.study_id)
        imported, kept = int(table["imported"].sum()), int(table["kept"].sum())
        result = {
            "study": study.name,
            "gates": to_plain(wanted),
            "digest": wanted.digest(),
            "sentence": wanted.sentence(),
            "changed": wanted.digest() != now.digest(),
            "imported": imported,
            "kept": kept,
        }
        console.result(result, f"{wanted.sentence()}\n{kept:,} of {imported:,} cells are kept.")


def quality(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """What each gate leaves of the samples of a study, and how they were lit."""
    with running(as_json) as console:
        from nscweb.files.outgoing import outgoing
        from nscweb.services.study.gates import flag_columns, funnel, get_gates
        from nscweb.services.study.illumination import illumination_report
        from nscweb.services.study.study import get_study

        opened = console.open(data_dir)
        study = get_study(opened, name)
        table = funnel(opened, study.study_id)
        light = illumination_report(opened, study.study_id)
        result = {
            "study": study.name,
            "gates": get_gates(opened, study.study_id).sentence(),
            "funnel": rows_of(outgoing(table, "Funnel")),
            "illumination": {
                "samples": rows_of(outgoing(light.samples, "Light")),
                "checks": [_finite(item.as_dict()) for item in light.checks],
                "warnings": list(light.warnings),
            },
        }
        lines = [get_gates(opened, study.study_id).sentence()]
        for row in table.to_dict("records"):
            out = [f"{item.label} {row[item.name]:,}" for item in flag_columns() if row[item.name]]
            lines.append(
                f"{row['sample']}: {row['kept']:,} of {row['imported']:,} cells kept ({row['kept_percent']:.1f} %)"
                + (f"; left out for this reason first: {', '.join(out)}" if out else "")
            )
        for row in light.samples.to_dict("records"):
            lines.append(
                f"{row['sample']}: background {row['background']:.4g}, noise {row['noise']:.3g}, "
                + (
                    f"slope {row['gradient']:.2g} %, stripes {row['stripes']:.2g} %"
                    if isfinite(row["gradient"])
                    else "slope and stripes not known, because the images have values below 0"
                )
            )
        console.result(result, "\n".join([*lines, *light.warnings]))


def changed(gates: Gates, said: list[str]) -> Gates:
    """Gates with the limits that ``--set LIMIT=VALUE`` said. WrongUse for what cannot be understood."""
    from nscweb.core.gates import Gates

    kinds = {item.name: item.type for item in fields(Gates) if item.name not in _NOT_SET}
    values: dict[str, Any] = {}
    for text in said:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or name not in kinds:
            raise WrongUse(f"{text!r} is not LIMIT=VALUE.", f"The limits are: {', '.join(kinds)}.")
        if name in _LISTS:
            values[name] = tuple(item.strip() for item in value.split(",") if item.strip())
        elif value.lower() == "none" and "None" in str(kinds[name]):
            values[name] = None
        else:
            values[name] = _number(name, value)
    return gates.changed(**values)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise WrongUse(f"{name}={text} is not a number.", "Write for example focus=0.5.") from error
    return int(value) if name == "objects" and value.is_integer() else value


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table ready for JSON: what is no number becomes null."""
    return [_finite({str(key): value for key, value in row.items()}) for row in table.to_dict("records")]


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not isfinite(value) else value for key, value in row.items()}
