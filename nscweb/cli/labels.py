"""``nscweb labels``: what single cells are, by whom and how: shown, out and in as CSV, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli import label_sources
from nscweb.cli.console import AsJson, DataDir, Name, running

Who = Annotated[str, typer.Option("--who", help="The labeller: a name that is kept with every label.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Labels of single cells.", no_args_is_help=True)
    group.command("show")(show)
    group.command("export")(export)
    group.command("import")(import_)
    group.command("undo")(undo)
    label_sources.register(group)
    app.add_typer(group, name="labels")


def show(study: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Count the labels of a study by class, way and labeller, and say what more of them would bring."""
    with running(as_json) as console:
        from nscweb.services.labels.agreed import agreed_labels
        from nscweb.services.labels.gain import ExpectedGain, expected_gain
        from nscweb.services.labels.labels import HOW_WORDS, labels_of

        opened = console.open(data_dir)
        rows = labels_of(opened, study)
        agreed = agreed_labels(opened, study)
        counted = rows.groupby(["class", "how", "who"], sort=True).size().reset_index(name="cells")
        gain = expected_gain(opened, study)
        lines = [agreed.sentence]
        lines += [
            f"  {row['class']}: {row['cells']:,} {HOW_WORDS[row['how']]}, by {row['who']}"
            for row in counted.to_dict("records")
        ]
        said = gain.sentence if isinstance(gain, ExpectedGain) else gain
        judging = int(agreed.table["judges"].sum())
        lines += [f"{judging:,} of them may say how good a model is.", said] if len(agreed.table) else []
        data = {
            "classes": agreed.classes,
            "labels": counted.to_dict("records"),
            "left_out": agreed.disputed.to_dict("records"),
            "judging": judging,
            "expected_gain": said,
        }
        console.result(data, "\n".join(lines))


def export(
    study: Name,
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    history: Annotated[
        bool, typer.Option("--history", help="Every label that was ever given, also replaced and undone ones.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the labels of a study as CSV; nscweb labels import reads it back."""
    with running(as_json) as console:
        from nscweb.services.labels.labels_csv import labels_csv
        from nscweb.store.files import atomic_write

        content = labels_csv(console.open(data_dir), study, history=history)
        with atomic_write(out) as stream:
            stream.write(content)
        console.result({"out": str(out)}, f"Wrote {out}.")


def import_(
    study: Name,
    file: Annotated[
        Path, typer.Argument(help="CSV with sample, object_number and class, or cell_id and class.", show_default=False)
    ],
    who: Who = "file",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take labels in from a CSV; a file with cells that the study does not have is refused as a whole."""
    with running(as_json) as console:
        from nscweb.services.labels.labels_csv import read_labels
        from nscweb.services.study.sheet import read_sheet_file

        opened = console.open(data_dir)
        acts = read_labels(opened, study, read_sheet_file(opened, file), file.name, who)
        cells = sum(act.cells for act in acts)
        console.result({"cells": cells, "acts": [act.act for act in acts]}, "\n".join(act.sentence for act in acts))


def undo(study: Name, who: Who, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Take back what a labeller did last; what stood before it stands again."""
    with running(as_json) as console:
        from nscweb.services.labels.labels import undo_labels

        done = undo_labels(console.open(data_dir), study, who)
        said = done.sentence if done else f"There is no label of {who} to take back."
        console.result({"cells": done.cells if done else 0}, said)
