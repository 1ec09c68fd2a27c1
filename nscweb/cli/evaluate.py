"""`nscweb evaluate`: figures of a model on a study whose true classes are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.assignments import level_of
from nscweb.cli.console import AsJson, ClassFrom, DataDir, Device, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    study: Annotated[
        str,
        typer.Argument(
            help="Name or id of a study, or a folder that has one folder of images per class.", show_default=False
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", help="Name of a model, or path of its folder; without it the default model.")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for metrics.json, figures and their data.")] = None,
    svg: Annotated[
        bool, typer.Option("--svg", help="Also one SVG per figure, where Chrome or Chromium is installed.")
    ] = False,
    class_from: ClassFrom = "auto",
    against: Annotated[
        str,
        typer.Option(
            "--against",
            help="A second model, or the id of a run, to compare with on the same cells.",
            show_default=False,
        ),
    ] = "",
    even_if_trained_on: Annotated[
        bool,
        typer.Option(
            "--even-if-trained-on", help="Give figures even for cells that trained the model; they are marked."
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap behind the intervals.")] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Compare predictions with the true classes in the sample sheet; every figure with its interval."""
    with running(as_json) as console:
        from nscweb.core.findings import FindingLog
        from nscweb.services.evaluate.by_parts import bands_of, split_evaluation, splits_of
        from nscweb.services.evaluate.evaluate import evaluate_run
        from nscweb.services.evaluate.metrics_files import metrics_dict, write_evaluation
        from nscweb.services.evaluate.two_runs import (
            MCNEMAR_NOTE,
            compare_models,
            comparison_dict,
            run_or_model,
            write_comparison,
        )
        from nscweb.services.models import default_model
        from nscweb.services.predict.predict import run_for
        from nscweb.services.train.labelled_folders import labelled_study

        opened = console.open(data_dir)
        chosen = model or default_model(opened).card.name
        found, said = labelled_study(opened, study, class_level=level_of(class_from), progress=console.progress)
        if said:
            console.warn(said)
        run = run_for(opened, found.study_id, chosen, progress=console.progress, device=device)
        result = evaluate_run(opened, run, seed=seed, even_if_trained_on=even_if_trained_on)
        log = FindingLog()
        files = {}
        if out:
            parts = {by: split_evaluation(opened, result, by, seed=seed) for by in splits_of(opened, result)}
            bands = bands_of(opened, result, seed=seed)
            files = write_evaluation(result, out, svg=svg, log=log, parts=parts, bands=bands)
        for line in log.by_reason():
            console.warn(f"Note: {line.message}")
        data = metrics_dict(result)
        lines = [
            f"{result.cells:,} cells of {result.samples} samples of {data['study']}, model {data['model']}, "
            f"run {run.run_id}."
        ]
        if result.mark:
            lines.append(f"{result.mark}.")
        lines += [
            f"{item.name.replace('_', ' ')}{' ' + item.class_name if item.class_name else ''}: "
            f"{item.value:.3f} ({item.low:.3f} to {item.high:.3f})"
            for item in result.metrics
        ]
        lines += [f"Left out: {count:,} cells, {reason}" for reason, count in result.left_out.items()]
        lines += [f"Note: {sentence}" for sentence in result.warnings]
        if against:
            other = run_or_model(opened, found.study_id, against, progress=console.progress, device=device)
            compared = compare_models(opened, run, other, seed=seed)
            data["against"] = comparison_dict(compared)
            files |= write_comparison(compared, out) if out else {}
            lines += [compared.sentence, MCNEMAR_NOTE]
            lines += [f"Note: {sentence}" for sentence in compared.warnings if sentence not in result.warnings]
        lines += [f"Written: {path}" for name, path in files.items() if not name.endswith(".csv")]
        console.result(data, "\n".join(lines))
