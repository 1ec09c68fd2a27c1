"""``nscweb worker``: the process that imports and predicts, one for each data folder."""

from __future__ import annotations

from typing import Annotated

import typer

from nscweb.cli.console import DataDir, running


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("worker")
    def worker(
        parent: Annotated[int | None, typer.Option(help="End with the process of this id.", hidden=True)] = None,
        once: Annotated[bool, typer.Option("--once", help="End when the queue is empty.")] = False,
        data_dir: DataDir = None,
    ) -> None:
        """Take jobs from the queue until stopped. The app starts one by itself."""
        with running() as console:
            from nscweb.jobs import worker as jobs
            from nscweb.services.study.import_staging import clean_imports
            from nscweb.services.study.uploads import clean_uploads

            opened = console.open(data_dir)
            clean_uploads(opened)
            clean_imports(opened)
            console.warn(f"Worker for {opened.settings.data_dir}; the log is logs/worker.log.")
            done = jobs.main(opened, parent=parent, once=once)
            console.warn(f"Worker ended after {done} jobs.")
