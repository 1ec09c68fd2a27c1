"""`nscweb models list`: which models there are."""

from __future__ import annotations

import typer

from nscweb.cli.console import AsJson, DataDir, running


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Installed models.", no_args_is_help=True)
    group.command("list")(list_installed)
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
