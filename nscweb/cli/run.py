"""``nscweb run``: the app, with a worker beside it and the demo study prepared."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nscweb.cli.console import Console, DataDir, running
from nscweb.core.errors import NscwebError, WrongUse

if TYPE_CHECKING:
    from nscweb.services.context import App

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("run")
    def run(
        port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; 8501 otherwise.")] = None,
        host: Annotated[str | None, typer.Option(help="Address to listen on; this computer only otherwise.")] = None,
        no_demo: Annotated[bool, typer.Option("--no-demo", help="Do not make the demo study.")] = False,
        no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
        data_dir: DataDir = None,
    ) -> None:
        """Start the app and open it in the browser. Ctrl-C ends everything."""
        with running() as console:
            opened = console.open(data_dir)
            chosen_port, chosen_host = port or opened.settings.port, host or opened.settings.host
            script = _script()
            _check_port(chosen_host, chosen_port)
            _start_worker(opened)
            if not no_demo:
                _prepare_demo(opened, console)
            address = f"http://{'127.0.0.1' if chosen_host in ('0.0.0.0', '::') else chosen_host}:{chosen_port}"
            console.say(f"nscweb runs at {address} - Ctrl-C ends it. Data: {opened.settings.data_dir}")
            if chosen_host not in LOOPBACK:
                console.warn("Everyone who can reach this computer on that address can see and change the studies.")
            raise typer.Exit(_serve(opened, script, chosen_host, chosen_port, None if no_browser else address))


def _script() -> Path:
    from nscweb.settings import PROJECT

    script = PROJECT / "streamlit_app.py"
    if not script.exists():
        raise WrongUse("The pages of the app are not installed here.", "Start it from a copy of the whole project.")
    return script


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WrongUse(
                f"The app cannot listen on {host}:{port} ({error.strerror or error}).",
                "Perhaps it runs already; otherwise choose another port with --port.",
                "E-PORT",
            ) from error


def _start_worker(opened: App) -> None:
    from nscweb.jobs.supervisor import ensure_worker

    ensure_worker(opened.settings, parent=os.getpid())


def _prepare_demo(opened: App, console: Console) -> None:
    """Make the demo as a job, so that a second start or a press on the page finds the same one."""
    from nscweb.jobs import queue
    from nscweb.services.predict.demo import find_demo

    try:
        if find_demo(opened) is not None:
            return
        console.say("Making the simulated demo study; this happens once.")
        job = queue.submit(opened, "demo", {})
        while job.state in ("queued", "running", "interrupted"):
            job = queue.wait(opened, job.job_id, 1.0)
            console.progress(job.done, job.total, job.step or "Waiting for the worker")
        if job.state != "done":
            console.warn(f"The demo study could not be made: {job.message or job.state}")
    except NscwebError as error:
        # The app is of use without its demo.
        console.warn(f"The demo study could not be made: {error}")


def _serve(opened: App, script: Path, host: str, port: int, open_address: str | None) -> int:
    """Run the server as a process of its own until it ends; hand back its exit code."""
    from nscweb.settings import environment

    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.address",
        host,
        "--server.headless",
        "true",
        "--browser.gatherUsageStats",
        "false",
    ]
    if host not in LOOPBACK:
        # Who listens on another address means to be called by that name.
        command += ["--server.allowedHosts", "localhost", "--server.allowedHosts", host]
    # The settings of the server are read from the folder that it runs in.
    process = subprocess.Popen(command, cwd=script.parent, env={**environment(), **opened.settings.as_environment()})
    if open_address:
        threading.Thread(target=_open_browser, args=(open_address, process), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return max(0, process.wait())
        except KeyboardInterrupt:
            process.terminate()


def _open_browser(address: str, process: subprocess.Popen[bytes]) -> None:
    """Open the page as soon as the server answers."""
    for _ in range(120):
        if process.poll() is not None:
            return
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((address.split("//")[1].rsplit(":", 1)[0], int(address.rsplit(":", 1)[1]))) == 0:
                webbrowser.open(address)
                return
        threading.Event().wait(0.5)
