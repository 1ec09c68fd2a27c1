"""What every command shares: opening the data folder, progress, one JSON object, errors without a traceback.

::

    def register(app: typer.Typer) -> None:
        @app.command("predict")
        def predict(name: str, as_json: AsJson = False, data_dir: DataDir = None) -> None:
            with running(as_json) as console:
                opened = console.open(data_dir)
                run = predict_study(opened, name, progress=console.progress)
                console.result({"run": run.run_id}, f"Predicted {run.cells:,} cells.")
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO
from uuid import uuid4

import typer
import typer.exceptions

from nscweb.core.errors import NscwebError, WrongUse

if TYPE_CHECKING:
    from nscweb.services.context import App

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of studies and runs; otherwise NSCWEB_DATA_DIR, otherwise nscweb-data."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")
]
# ``nscweb --data-dir DIR study list`` says the same as ``nscweb study list --data-dir DIR``.
data_dir_given_first: ContextVar[Path | None] = ContextVar("data_dir_given_first", default=None)
Name = Annotated[str, typer.Argument(help="Name or id of a study.", show_default=False)]
# Options that several commands have; what they mean and how they are written is said here.
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Method = Annotated[str, typer.Option("--method", help="Way of counting: pacc, acc, em (corrected) or naive.")]
Adjust = Annotated[
    str,
    typer.Option(
        "--adjust", help="holm or fdr_bh (Benjamini-Hochberg), over all comparisons of a fate and time point."
    ),
]
Variance = Annotated[
    str,
    typer.Option(
        "--variance",
        help="moderated (spread of replicates borrowed across groups) or own (each group by itself, Welch).",
    ),
]
Control = Annotated[
    str | None,
    typer.Option(
        "--control", help='Group that the others are tested against; "" for every pair; else that of the sheet.'
    ),
]
Fate = Annotated[str, typer.Option("--fate", help="Class that the answer is about; neuron where there is one.")]
Time = Annotated[
    str,
    typer.Option(
        "--time", help="Time point, such as 1d or 12h; without it the last at which two groups can be compared."
    ),
]
Architecture = Annotated[
    str,
    typer.Option("--architecture", help="Network, by its name in docs/measured/ARCHITECTURES.md: compact, accurate..."),
]
Channels = Annotated[
    str, typer.Option("--channels", help="Channels to learn from, with commas; brightfield otherwise.")
]
LabelWays = Annotated[
    str,
    typer.Option(
        "--labels",
        help="Learn from labels of single cells, not from the classes of samples: all, or with commas hand, blind, "
        "marker, population, gate, sheet, csv, map.",
    ),
]
ClassFrom = Annotated[
    str, typer.Option("--class-from", help="Folders in folders: outer or inner names the class; auto looks.")
]
Recipe = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe", help="A step of preprocessing, for example --recipe clahe=[2,8] or --recipe background=none."
    ),
]
LabelledStudies = Annotated[
    list[str] | None,
    typer.Argument(help="Studies whose samples have true classes, or folders with one folder of images per class."),
]


def hours_of(text: str) -> float | None:
    """Hours of a `Time` option; None where it was not given. WrongUse for anything that is no time point."""
    return point_of(text) if text else None


def point_of(text: str) -> float:
    """Hours of a time point. WrongUse for anything else."""
    from nscweb.core.timepoint import TimePoint

    try:
        return TimePoint.parse(text).hours
    except ValueError as error:
        raise WrongUse(f"The time point cannot be read: {error}.", "Give it as the study has it, such as 1d.") from None


class Console:
    """Talks to the person or script behind one command. Results go to standard output, all else to error.

    Attributes:
        as_json: True when a script reads the result.
        on_failure: makes the JSON object of a refused command, where it must have a certain shape.
    """

    def __init__(self, as_json: bool, out: TextIO) -> None:
        self.as_json = as_json
        self.on_failure: Callable[[NscwebError], dict[str, Any]] = error_as_dict
        self._out = out
        self._data_dir: Path | None = None
        # Short work needs no word about its progress where nobody watches.
        self._shown = 0.0 if sys.stderr.isatty() else time.monotonic()
        self._open_line = False
        self._printed = False

    def open(self, data_dir: Path | None) -> App:
        """The opened program on the data folder of this command."""
        from nscweb.services.context import open_app
        from nscweb.settings import Settings, environment

        settings = Settings.from_environment(environment(), data_dir=data_dir or data_dir_given_first.get())
        opened = open_app(settings)
        self._data_dir = settings.data_dir
        return opened

    def progress(self, done: int, total: int, step: str = "") -> None:
        """Show how far the work is: a line that is overwritten, or one now and then when nobody watches."""
        watched = sys.stderr.isatty()
        now = time.monotonic()
        if now - self._shown < (0.2 if watched else 10.0):
            return
        self._shown = now
        of = f"{done:,} of {total:,}" if total else f"{done:,}"
        line = f"{step or 'Working'}: {of}"
        if watched:
            sys.stderr.write(f"\r\x1b[2K{line[:110]}")
            self._open_line = True
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def say(self, line: str) -> None:
        """A line for the person, never on standard output when a script reads it."""
        self._end_line()
        print(line, file=sys.stderr if self.as_json else self._out, flush=True)

    def warn(self, line: str) -> None:
        """A line on standard error."""
        self._end_line()
        print(line, file=sys.stderr, flush=True)

    def result(self, data: dict[str, Any], text: str = "") -> None:
        """The outcome: `data` as JSON for a script, `text` for a person. Called once."""
        self._end_line()
        if not self.as_json:
            if text:
                print(text, file=self._out, flush=True)
            return
        if not self._printed:
            self._printed = True
            print(json.dumps(data, default=str), file=self._out, flush=True)

    def fail(self, error: NscwebError) -> int:
        """Tell an error and hand back the exit code: 2 for wrong use, else 1."""
        self.result(self.on_failure(error))
        self.warn(f"nscweb: {error}")
        return 2 if isinstance(error, WrongUse) else 1

    def unexpected(self, error: BaseException) -> NscwebError:
        """One sentence with an id for a fault of ours; the traceback goes to ``logs/errors.log``."""
        error_id = uuid4().hex[:8]
        folder = (self._data_dir or Path.cwd()) / "logs"
        place = "the log could not be written"
        with contextlib.suppress(OSError):
            if self._data_dir is not None:
                folder.mkdir(parents=True, exist_ok=True)
                with (folder / "errors.log").open("a", encoding="utf-8") as log:
                    log.write(f"[{error_id}]\n{''.join(traceback.format_exception(error))}\n")
                place = f"the details are in {folder / 'errors.log'}"
        return NscwebError(
            f"Something went wrong that nscweb did not expect ({type(error).__name__}, error id {error_id}).",
            f"Please report it; {place}.",
            "E-UNEXPECTED",
        )

    def _end_line(self) -> None:
        if self._open_line:
            sys.stderr.write("\r\x1b[2K")
            self._open_line = False


def error_as_dict(error: NscwebError) -> dict[str, Any]:
    """What `--json` prints when a command could not do its work."""
    return {"error": {"code": error.code, "message": error.what, "todo": error.todo}}


@contextlib.contextmanager
def running(as_json: bool = False) -> Iterator[Console]:
    """Run the body of a command: errors become a sentence and an exit code, libraries stay quiet.

    While the body runs, anything that a library prints goes to standard error, so that a script finds one JSON
    object on standard output and nothing else.
    """
    console = Console(as_json, sys.stdout)
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(message)s")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield console
        except NscwebError as error:
            raise typer.Exit(console.fail(error)) from None
        except KeyboardInterrupt:
            console.warn("Stopped. What was finished is kept; give the same command again to go on.")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of the output has had enough, as `head` does; Python must not complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, typer.exceptions.TyperException):
            raise
        except Exception as error:  # noqa: BLE001 - the last net: a user never sees a traceback
            raise typer.Exit(console.fail(console.unexpected(error))) from None


# A person reads this many lines of findings; `--json` and findings.csv have more.
SHOWN_FINDINGS = 20


def tell_findings(console: Console, findings: list[dict[str, str]], where_else: str = "all are in skipped.csv") -> None:
    """Findings as lines for a person, the first ones only."""
    for line in findings[:SHOWN_FINDINGS]:
        where = f" [{line['where']}]" if line["where"] else ""
        console.warn(f"{line['level']}: {line['message']}{where}")
    if len(findings) > SHOWN_FINDINGS:
        console.warn(f"... and {len(findings) - SHOWN_FINDINGS} more; {where_else}.")
