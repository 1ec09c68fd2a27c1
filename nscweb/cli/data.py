"""`nscweb data fetch`: public data sets of papers, downloaded on request and imported as studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nscweb.cli.console import AsJson, Console, DataDir, running

if TYPE_CHECKING:
    from nscweb.services.fetch.public_data import Listing
    from nscweb.services.study.import_request import ImportReport


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Public data sets of papers.", no_args_is_help=True)
    group.callback()(_nothing)
    group.command("fetch")(fetch)
    app.add_typer(group, name="data")


def _nothing() -> None:
    """Public data sets of papers."""


def fetch(
    data: Annotated[str, typer.Argument(help="Name of the set, such as zhu2021.", show_default=False)],
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the files go; otherwise a folder of the data folder.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="File to get, by name or pattern such as 'a*'; may be given again."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the files and their sizes.")] = False,
    no_import: Annotated[bool, typer.Option("--no-import", help="Only download.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing; import what lies in the folder.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="Name of the study; otherwise that of the set.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Download a public data set, check it, and import its folders as samples with inducers and classes.

    A download that was stopped goes on where it was when the same command is given again.
    """
    with running(as_json) as console:
        from nscweb.services.fetch import public_data, public_data_import

        opened = console.open(data_dir)
        about = public_data.public_set(data)
        if list_:
            listing = public_data.list_files(data)
            console.result(_listing_as_dict(listing), _listing_text(about.page, listing))
            return
        if not no_import:
            public_data_import.check_free(opened, name or data)
        where = folder or public_data.public_folder(opened, data)
        result: dict[str, Any] = {"folder": str(where)}
        if not offline:
            fetched = public_data.fetch_files(
                opened, data, folder=folder, only=tuple(only or ()), progress=console.progress
            )
            result["files"] = [str(path) for path in fetched.files]
            result["licence"] = fetched.listing.licence
            console.say(
                f"{len(fetched.files)} files are in {where}. Licence as stated there: "
                f"{fetched.listing.licence or 'not stated'}. Cite: {about.paper}."
            )
        if no_import:
            console.result(result)
            return
        report = public_data_import.import_public(opened, data, where, study_name=name, progress=console.progress)
        _tell(console, report)
        console.result(
            {**result, **report.as_dict()},
            f"Imported {report.imported:,} cells of {report.samples} samples into {report.study}; "
            f"{report.skipped:,} images skipped, {report.ignored:,} files ignored.",
        )


def _tell(console: Console, report: ImportReport) -> None:
    if console.as_json:
        return
    from nscweb.core.findings import FindingLog

    for line in FindingLog(report.findings).by_reason():
        places = ", ".join(line.examples)
        console.warn(f"{line.level} ({line.count:,}): {line.message}" + (f" [{places}]" if places else ""))


def _listing_as_dict(listing: Listing) -> dict[str, Any]:
    return {
        "title": listing.title,
        "licence": listing.licence,
        "doi": listing.doi,
        "bytes": listing.size,
        "files": [{"name": file.name, "bytes": file.size, "md5": file.md5} for file in listing.files],
    }


def _listing_text(page: str, listing: Listing) -> str:
    lines = [
        f"{listing.title or 'Without title'}; licence as stated there: {listing.licence or 'not stated'}; {page}",
        *(f"    {file.name}: {file.size / 1e6:,.1f} MB" for file in listing.files),
        *(f"    {name}: only a link to another place" for name in listing.elsewhere),
        f"Together {listing.size / 1e9:,.2f} GB.",
    ]
    return "\n".join(lines)
