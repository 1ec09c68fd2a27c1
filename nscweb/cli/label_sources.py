"""``nscweb labels markers``, ``populations``, ``sheet`` and ``fcs``: labels from what is measured or known already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running
from nscweb.core.errors import WrongUse


def register(group: typer.Typer) -> None:
    """Add the commands to the group ``labels``."""
    group.command("markers")(markers)
    group.command("populations")(populations)
    group.command("sheet")(sheet)
    group.command("fcs")(fcs)


def markers(
    study: Name,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--marker",
            help="A channel, its marker and the class of a cell that has this marker alone: Ch2=GFAP:astrocyte. May be "
            "repeated; without it what was set before, or what names of channels say.",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            help="How the threshold of a channel is found, Ch2=mixture (or auto, controls, otsu), or where it lies in "
            "grey values above the background, Ch2=120.",
        ),
    ] = None,
    unstained: Annotated[list[str] | None, typer.Option("--unstained", help="A sample without any stain.")] = None,
    single: Annotated[
        list[str] | None, typer.Option("--single", help="A sample with one stain alone: Ch2=SAMPLE.")
    ] = None,
    run: Annotated[
        str, typer.Option("--run", help="Also compare with this prediction; the last one if there is.")
    ] = "",
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the measured light of every cell here.")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be labelled.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Label cells by their markers: one above its threshold names the class, two or none leave the cell out."""
    with running(as_json) as console:
        from nscweb.services.labels import marker_labels, marker_table
        from nscweb.services.labels.marker_thresholds import Marker, marker_settings, spill_over, with_controls
        from nscweb.store.files import atomic_write

        opened = console.open(data_dir)
        found = opened.catalogue.study(study)
        settings = marker_settings(opened, found.study_id)
        if rule:
            made = []
            for text in rule:
                channel, said = _pair(text, "--marker", "Ch2=GFAP:astrocyte")
                name, _, class_name = said.rpartition(":")
                made.append(Marker(channel, name or class_name, class_name))
            settings = with_controls(replace(settings, markers=tuple(made)), found.samples)
        for text in threshold or ():
            channel, said = _pair(text, "--threshold", "Ch2=mixture")
            settings = replace(settings, markers=tuple(_by(item, channel, said) for item in settings.markers))
        if unstained:
            settings = replace(settings, unstained=tuple(unstained))
        if single:
            pairs = [_pair(text, "--single", "Ch2=SAMPLE") for text in single]
            settings = replace(
                settings, single={channel: tuple(name for own, name in pairs if own == channel) for channel, _ in pairs}
            )
        marker_table.measure_markers(opened, found.study_id, progress=console.progress)
        if csv is not None:
            with atomic_write(csv) as stream:
                stream.write(marker_table.markers_csv(opened, found.study_id))
        verdicts = marker_labels.marker_verdicts(opened, found.study_id, settings)
        lines = [
            f"{limit.marker.title} over {limit.value:.4g}: {limit.sentence}" for limit in verdicts.thresholds.values()
        ]
        spill = spill_over(opened, found.study_id, settings)
        lines += [*spill, verdicts.sentence]
        data: dict[str, Any] = {
            "thresholds": {channel: limit.value for channel, limit in verdicts.thresholds.items()},
            "methods": {channel: limit.method for channel, limit in verdicts.thresholds.items()},
            "spill_over": spill,
            "cells": int((verdicts.table["class"] != "").sum()),
            "left_out": {str(why): int(n) for why, n in verdicts.table["why"].value_counts().items() if why},
        }
        if not dry:
            data["act"] = marker_labels.label_by_markers(opened, found.study_id, settings).act
            against = marker_labels.marker_against_medium(opened, found.study_id)
            last = run or next((item.run_id for item in opened.catalogue.runs(found.study_id)[::-1]), "")
            data["medium"] = against.to_dict("records")
            if last:
                predicted = marker_labels.marker_against_prediction(opened, last)
                data["prediction"] = predicted.to_dict("records")
            lines += [said for said in (marker_labels.agreement_sentence(against),) if said]
        console.result(data, "\n".join(lines))


def populations(
    study: Name,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="POPULATION=CLASS; without it what was said on the page Study. May be repeated."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Label the cells of populations that came with files or were made here, such as gates."""
    with running(as_json) as console:
        from nscweb.services.labels.known_labels import label_by_populations

        opened = console.open(data_dir)
        said = dict(_pair(text, "--class", "POPULATION=CLASS") for text in classes) if classes else None
        done = label_by_populations(opened, study, said)
        console.result({"act": done.act, "cells": done.cells}, done.sentence)


def sheet(study: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Give every cell the true class of its sample, as a label."""
    with running(as_json) as console:
        from nscweb.services.labels.known_labels import label_by_sheet

        done = label_by_sheet(console.open(data_dir), study)
        console.result({"act": done.act, "cells": done.cells}, done.sentence)


def fcs(
    study: Name,
    file: Annotated[Path, typer.Argument(help="Population exported as FCS.", show_default=False)],
    class_name: Annotated[str, typer.Option("--class", help="What its cells are.")],
    who: Annotated[str, typer.Option("--who", help="Who gated.")] = "FlowJo",
    sample: Annotated[str, typer.Option("--sample", help="Sample of its cells, where the file does not say it.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Label the cells of a population that FlowJo or another program exported as FCS, by object number."""
    with running(as_json) as console:
        from nscweb.services.labels.known_labels import label_by_fcs
        from nscweb.services.study.sheet import read_sheet_file

        opened = console.open(data_dir)
        done = label_by_fcs(opened, study, read_sheet_file(opened, file), file.name, class_name, who, sample=sample)
        console.result({"act": done.act, "cells": done.cells}, done.sentence)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    first, sign, second = text.partition("=")
    if not sign or not first.strip() or not second.strip():
        raise WrongUse(f"{option} takes {form}, not {text!r}.")
    return first.strip(), second.strip()


def _by(marker: Any, channel: str, said: str) -> Any:
    from nscweb.services.labels.marker_thresholds import METHODS

    if marker.channel != channel:
        return marker
    if said in METHODS:
        return replace(marker, method=said)
    try:
        return replace(marker, method="by hand", threshold=float(said))
    except ValueError:
        raise WrongUse(f"--threshold takes a number or one of {', '.join(METHODS)}, not {said!r}.") from None
