"""``python -m nscweb`` and the installed command ``nscweb``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold characters that the terminal cannot show; that must not end a command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from nscweb.cli.main import app

    app()


if __name__ == "__main__":
    main()
