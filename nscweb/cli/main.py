"""The Typer app. Commands import their heavy parts when they run, so that ``nscweb --help`` answers at once."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from nscweb import __version__
from nscweb.cli.console import DataDir, data_dir_given_first

# One module per command, in the order of the help. Each has `register(app)`.
COMMANDS: tuple[str, ...] = (
    "simulate",
    "study",
    "predict",
    "compare",
    "evaluate",
    "explain",
    "map",
    "labels",
    "report",
    "train",
    "tune",
    "reproduce",
    "data",
    "models",
    "demo",
    "worker",
    "run",
)

app = typer.Typer(
    name="nscweb",
    help="Predicted fates of neural stem cells from brightfield images. For research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"nscweb {__version__}")
        raise typer.Exit


@app.callback()
def nscweb(
    data_dir: DataDir = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Predicted fates of neural stem cells from brightfield images. For research use only."""
    data_dir_given_first.set(data_dir)


for _name in COMMANDS:
    import_module(f"nscweb.cli.{_name}").register(app)
