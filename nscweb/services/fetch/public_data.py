"""Public data sets of papers: what they hold, and getting their files on request, checked and resumed.

Files come from figshare by its public API (version 2, no account): ``/articles/<id>`` tells title and licence,
``/articles/<id>/files`` the files in pages, each with size, MD5 and address. Nothing is asked of any server before
somebody gives the command or presses the button.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.fetch.downloads import Expected, download
from nscweb.services.fetch.web_requests import Patience, fetch_json, is_loopback
from nscweb.services.study.uploads import safe_name
from nscweb.store.files import atomic_write, need_space

if TYPE_CHECKING:
    from nscweb.services.context import App

FIGSHARE = "https://api.figshare.com/v2"
_PAGE = 100
_MOST_PAGES = 50
_ABOUT = "about_this_data.json"


@dataclass(frozen=True)
class PublicSet:
    """A data set that can be fetched.

    Attributes:
        name: for the command, and of the study that it becomes.
        title, what: plain words.
        article: number at figshare.
        page: for people. paper: to cite.
    """

    name: str
    title: str
    what: str
    article: int
    page: str
    paper: str


PUBLIC: dict[str, PublicSet] = {
    item.name: item
    for item in (
        PublicSet(
            name="zhu2021",
            title="Single-cell images of Zhu et al. 2021",
            what="Neural stem cells in differentiation media, brightfield and markers, one folder per medium.",
            article=13070666,
            page="https://doi.org/10.6084/m9.figshare.13070666",
            paper="Zhu et al. 2021, Nature Communications 12, 2614, doi:10.1038/s41467-021-22758-0",
        ),
    )
}


@dataclass(frozen=True)
class PublicFile:
    """A file of a public set: its safe name here, bytes, MD5 ("" when not told) and address."""

    name: str
    size: int
    md5: str
    url: str


@dataclass(frozen=True)
class Listing:
    """What a server says of a set.

    Attributes:
        title, licence, doi: as told there; the licence may be empty.
        files: that can be downloaded. elsewhere: names of files that are only links to other places.
    """

    title: str
    licence: str
    doi: str
    files: tuple[PublicFile, ...]
    elsewhere: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Fetched:
    """Files of a set on this computer: their folder, which were asked for, and the listing."""

    folder: Path
    files: tuple[Path, ...]
    listing: Listing


def public_set(name: str) -> PublicSet:
    """The set of that name.

    Raises:
        WrongUse: there is none; the sentence lists those that there are.
    """
    if name not in PUBLIC:
        raise WrongUse(
            f"There is no public data set called {name!r} here.", f"There are: {', '.join(PUBLIC)}.", "E-DATA-NAME"
        )
    return PUBLIC[name]


def public_folder(app: App, name: str) -> Path:
    """Where the files of a set lie when no other folder was chosen."""
    return app.settings.data_dir / "public" / public_set(name).name


def list_files(
    name: str, *, api: str = FIGSHARE, patience: Patience | None = None, cancel: CancelAsked = never_cancelled
) -> Listing:
    """Ask figshare what a set holds.

    Args:
        api: address of the API; another one only in tests.

    Raises:
        InputRefused: no network, or an answer that is not what the API promises.
    """
    article = f"{api}/articles/{public_set(name).article}"
    about = fetch_json(article, patience=patience, cancel=cancel)
    items: dict[str, Any] = {}
    for page in range(1, _MOST_PAGES + 1):
        # Pages came late to this part of the API; a server that does not know them gives everything each time.
        answer = fetch_json(f"{article}/files?page={page}&page_size={_PAGE}", patience=patience, cancel=cancel)
        if not isinstance(answer, list) or not all(isinstance(item, Mapping) for item in answer):
            raise _strange(article, "a list of files was expected")
        fresh = {str(item.get("id")): item for item in answer if str(item.get("id")) not in items}
        items |= fresh
        if not fresh or len(answer) < _PAGE:
            break
    licence = about.get("license") if isinstance(about, Mapping) else None
    return Listing(
        title=_text(about, "title"),
        licence=_text(licence, "name"),
        doi=_text(about, "doi"),
        files=_files(article, [item for item in items.values() if not item.get("is_link_only")], api),
        elsewhere=tuple(_text(item, "name") for item in items.values() if item.get("is_link_only")),
    )


def fetch_files(
    app: App,
    name: str,
    *,
    folder: Path | None = None,
    only: Sequence[str] = (),
    api: str = FIGSHARE,
    patience: Patience | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Fetched:
    """Download the files of a set; those that are there and right are kept, parts go on where they stopped.

    Args:
        folder: where to put them, a folder of the data folder otherwise.
        only: names or patterns such as ``a*``; everything otherwise.
        progress: called with bytes done and in all, over all files.

    Raises:
        WrongUse: `only` fits no file.
        InputRefused, LimitExceeded, DiskFull, JobCancelled: see `nscweb.services.fetch.downloads.download`.
    """
    target = folder or public_folder(app, name)
    progress(0, 0, "Asking figshare for the list of files")
    listing = list_files(name, api=api, patience=patience, cancel=cancel)
    chosen = [file for file in listing.files if not only or _wanted(file.name, only)]
    if not chosen:
        raise WrongUse(
            f"No file of {name} fits {', '.join(only) or 'the list'}.",
            f"There are: {', '.join(file.name for file in listing.files) or 'none'}.",
            "E-DATA-NAME",
        )
    total = sum(file.size for file in chosen)
    # What is there already does not count; parts do, so this asks for a little too much at worst.
    need_space(target, sum(file.size for file in chosen if not (target / file.name).is_file()))
    done, paths = 0, []
    for file in chosen:
        path = download(
            file.url,
            target / file.name,
            expected=Expected(file.size, md5=file.md5),
            most_bytes=file.size,
            patience=patience,
            progress=_behind(progress, done, total),
            cancel=cancel,
        )
        paths.append(path)
        done += file.size
        progress(done, total, f"Checked {file.name} (bytes)")
    with atomic_write(target / _ABOUT) as stream:
        stream.write(json.dumps({"set": asdict(public_set(name)), **asdict(listing)}, indent=1).encode("utf-8"))
    return Fetched(target, tuple(paths), listing)


def _behind(progress: Progress, before: int, of_all: int) -> Progress:
    """Progress of one file as that of all."""

    def report(done: int, total: int, step: str = "") -> None:
        progress(before + done, of_all, step)

    return report


def _files(article: str, items: Sequence[Mapping[str, Any]], api: str) -> tuple[PublicFile, ...]:
    found: dict[str, PublicFile] = {}
    for item in items:
        url, size = item.get("download_url"), item.get("size")
        if not isinstance(url, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise _strange(article, "a file has no address or size")
        if is_loopback(url) and not is_loopback(api):
            raise _strange(article, "a file lies on this computer")
        name = safe_name(_text(item, "name"))
        if name in found or name == _ABOUT:
            name = f"{item.get('id')}-{name}"
        md5 = _text(item, "computed_md5") or _text(item, "supplied_md5")
        found[name] = PublicFile(name, size, md5.lower(), url)
    return tuple(found.values())


def _wanted(name: str, only: Sequence[str]) -> bool:
    plain = name.casefold()
    return any(
        plain == item.casefold() or fnmatch(plain, item.casefold()) or plain.split(".")[0] == item.casefold()
        for item in only
    )


def _text(item: Any, key: str) -> str:
    value = item.get(key) if isinstance(item, Mapping) else None
    return value if isinstance(value, str) else ""


def _strange(article: str, why: str) -> InputRefused:
    return InputRefused(
        f"The answer for {article} cannot be understood: {why}.",
        "The server may have changed; look at the page of the data in a browser and import what you download there.",
        "E-API-ANSWER",
    )
