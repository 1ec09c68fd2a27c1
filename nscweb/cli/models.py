"""`nscweb models`: which models there are, and installing published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, running
from nscweb.core.errors import WrongUse

if TYPE_CHECKING:
    from nscweb.services.published import Installable


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Installed models.", no_args_is_help=True)
    group.command("list")(list_installed)
    group.command("install")(install_)
    app.add_typer(group, name="models")


def list_installed(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the models with their classes, accuracy and where they come from."""
    with running(as_json) as console:
        from nscweb.core.findings import FindingLog
        from nscweb.services.models import list_models, model_summary

        log = FindingLog()
        entries = list_models(console.open(data_dir), log)
        models = [model_summary(entry) for entry in entries]
        findings = [
            {"level": item.level, "code": item.code, "message": item.message, "where": item.where}
            for item in log
        ]
        lines = []
        for item in models:
            accuracy = item["accuracy"]
            figure = (
                f"accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
                if accuracy
                else "accuracy not stated"
            )
            trained = (
                "trained on simulated cells" if item["simulated_training"] else "trained on measured cells"
            )
            lines.append(
                f"{item['name']} {item['version']}: {', '.join(item['classes'])}; {figure}; {trained}"
            )
        lines += [f"Not offered: {item['where']}: {item['message']}" for item in findings]
        console.result({"models": models, "findings": findings}, "\n".join(lines) or "No model is installed.")


def install_(
    name: Annotated[str, typer.Argument(help="What to install; see --list.", show_default=False)] = "",
    list_: Annotated[bool, typer.Option("--list", help="Only list what can be installed.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="The authors' file on this disk, for computers without internet."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Install a published model or ImageNet weights: downloaded from their authors, checked, and kept.

    Nothing is downloaded unless this command asks for it by name.
    """
    with running(as_json) as console:
        from nscweb.services import published

        opened = console.open(data_dir)
        if list_ or not name:
            if file is not None:
                raise WrongUse("Say what the file is.", "Write: nscweb models install zhu2021 --from FILE.")
            items = published.list_installable(opened)
            console.result(
                {"installable": [vars(item) for item in items]},
                "\n".join(_installable_line(item) for item in items),
            )
            return
        done = published.install(opened, name, file=file, progress=console.progress)
        if done.already:
            text = f"{name} is installed already: {done.path}."
        elif done.entry is None:
            text = f"{name} is installed: {done.path}. Training can start from it now, without a network."
        else:
            text = (
                f"{name} is installed ({done.entry.card.mark}): {done.path}. Read where it stops on the page "
                "Models before you use it."
            )
        console.result(done.as_dict(), text)


def _installable_line(item: Installable) -> str:
    size = f"{item.megabytes:.0f} MB" if item.megabytes else "no download"
    there = "installed" if item.installed else "not installed"
    return f"{item.name}: {item.title}; {size}; {there}\n    {item.what}\n    {item.licence}; {item.source}"
