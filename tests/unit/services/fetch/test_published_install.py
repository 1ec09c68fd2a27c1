"""Installing published weights from a server on this computer, from a file, and not at all."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from asked import predict_study
from loopback import Clock, Loopback, Served, loopback
from small_studies import add_study

from nscweb.core.errors import InputRefused, JobCancelled, WeightsInvalid, WrongUse
from nscweb.core.samples import Sample
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.backbone_files import BACKBONE_FILES
from nscweb.models.published import PUBLISHED, PublishedModel
from nscweb.services.context import App
from nscweb.services.fetch import published_models
from nscweb.services.fetch.downloads import git_blob_id
from nscweb.services.models import list_models


@pytest.fixture(scope="module")
def authors_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the structure of the authors', with random weights."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("authors") / "model.pt"
    torch.save((ARCHITECTURES["zhu2021"].make(1, 3).state_dict(), 99), path)
    return path


@pytest.fixture
def server():
    with loopback() as running:
        yield running


def line(server: Loopback, file: Path, *paths: str) -> PublishedModel:
    return replace(
        PUBLISHED["zhu2021"],
        urls=tuple(f"{server.url}{path}" for path in paths or ("/model.pt",)),
        git_blob=git_blob_id(file),
    )


def install(opened: App, model: PublishedModel, **options):
    return published_models.install(opened, "zhu2021", published=model, patience=Clock().patience(), **options)


def left_over(opened: App) -> list[str]:
    return sorted(path.name for path in opened.folder.models_dir.iterdir())


def test_download_check_map_and_predict(opened: App, server: Loopback, authors_file: Path) -> None:
    server.files["/model.pt"] = Served(authors_file.read_bytes(), etag='"a"', cuts=[3_000_000])
    told: list[str] = []
    done = install(opened, line(server, authors_file), progress=lambda done, total, step="": told.append(step))
    assert not done.already and done.entry is not None and done.as_dict()["mark"] == done.entry.card.mark
    assert len(server.asked) == 2 and "Range" in server.asked[1][1]
    assert any(step.startswith("Downloading model.pt") for step in told)
    assert left_over(opened) == ["zhu2021"]
    assert not (opened.settings.data_dir / "downloads" / "zhu2021").exists()
    assert [entry.card.name for entry in list_models(opened)] == ["zhu2021"]
    rng = np.random.default_rng(0)
    cells = [rng.integers(60, 160, (1, 40, 60), dtype=np.uint8) for _ in range(5)]
    study = add_study(opened, "five", [(Sample("one"), cells)])
    run = predict_study(opened, study.name, "zhu2021")
    assert run.cells == 5 and run.class_names == ("astrocyte", "oligodendrocyte", "neuron")


def test_a_second_time_nothing_is_asked(opened: App, server: Loopback, authors_file: Path) -> None:
    server.files["/model.pt"] = Served(authors_file.read_bytes())
    install(opened, line(server, authors_file))
    asked = len(server.asked)
    again = install(opened, line(server, authors_file))
    assert again.already and again.entry is not None and len(server.asked) == asked


def test_the_next_address_is_asked_when_the_first_has_no_file(
    opened: App, server: Loopback, authors_file: Path
) -> None:
    server.files["/second.pt"] = Served(authors_file.read_bytes())
    install(opened, line(server, authors_file, "/first.pt", "/second.pt"))
    assert server.paths() == ["/first.pt", "/second.pt"]
    with pytest.raises(InputRefused, match="answered 404"):
        install(opened, replace(line(server, authors_file, "/first.pt", "/third.pt"), name="other"))


def test_another_file_is_not_installed(opened: App, server: Loopback, authors_file: Path) -> None:
    content = bytearray(authors_file.read_bytes())
    content[5000] ^= 1
    server.files["/model.pt"] = Served(bytes(content))
    with pytest.raises(InputRefused, match="its git blob id is") as caught:
        install(opened, line(server, authors_file))
    assert caught.value.code == "E-DOWNLOAD-HASH" and left_over(opened) == []
    assert not list(opened.settings.data_dir.rglob("*.part")) and not list(opened.settings.data_dir.rglob("*.pt"))


def test_a_file_of_another_structure_is_refused(opened: App, server: Loopback, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"epoch": 1, "net": 2}, other)
    server.files["/model.pt"] = Served(other.read_bytes())
    with pytest.raises(WeightsInvalid, match="a dictionary with 2 entries"):
        install(opened, line(server, other))
    assert left_over(opened) == []


def test_without_a_network(opened: App, authors_file: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/model.pt"
    with pytest.raises(InputRefused, match="there is no network") as caught:
        install(opened, replace(PUBLISHED["zhu2021"], urls=(url, url)))
    assert caught.value.code == "E-NO-NETWORK" and left_over(opened) == []


def test_from_a_file_on_disk(opened: App, server: Loopback, authors_file: Path, tmp_path: Path) -> None:
    model = line(server, authors_file)
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"something else")
    with pytest.raises(InputRefused, match=r"wrong\.pt is not the one that was meant"):
        install(opened, model, file=wrong)
    with pytest.raises(WrongUse, match="There is no file"):
        install(opened, model, file=tmp_path / "none.pt")
    done = install(opened, model, file=authors_file)
    assert done.entry is not None and server.asked == [] and authors_file.is_file()


def test_the_real_id_is_what_a_file_must_have(opened: App, authors_file: Path) -> None:
    with pytest.raises(InputRefused, match="it should be 3b985135ed61d12e6163651d2e14664c65820aa2"):
        published_models.install(opened, "zhu2021", file=authors_file)


def test_a_folder_that_is_no_model_is_told(opened: App, authors_file: Path, server: Loopback) -> None:
    (opened.folder.models_dir / "zhu2021").mkdir()
    with pytest.raises(InputRefused, match="is not a complete model") as caught:
        install(opened, line(server, authors_file))
    assert "Remove the folder" in caught.value.todo


def test_a_cancelled_installation_leaves_no_model(opened: App, server: Loopback, authors_file: Path) -> None:
    server.files["/model.pt"] = Served(authors_file.read_bytes())
    seen: list[int] = []
    with pytest.raises(JobCancelled):
        install(
            opened,
            line(server, authors_file),
            progress=lambda done, total, step="": seen.append(done),
            cancel=lambda: bool(seen),
        )
    assert left_over(opened) == []


def test_backbones_are_got_once_and_then_lie_in_the_data_folder(
    opened: App, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights" * 1000
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr("nscweb.models.backbone_files._SERVER", f"{server.url}/")
    file = replace(BACKBONE_FILES["resnet18"], file=f"resnet18-{digest[:8]}.pth", megabytes=0.1)
    server.files[f"/{file.file}"] = Served(content)
    for already in (False, True):
        done = published_models.install(opened, "resnet18", backbone=file, patience=Clock().patience())
        assert done.already is already and done.path.read_bytes() == content
        assert done.as_dict()["kind"] == "backbone"
    assert len(server.asked) == 1
    wrong = replace(file, file="resnet18-00000000.pth")
    server.files[f"/{wrong.file}"] = Served(content)
    with pytest.raises(InputRefused, match="its SHA-256 is"):
        published_models.install(opened, "resnet18", backbone=wrong, patience=Clock().patience())


def test_the_list_says_size_licence_and_source_and_asks_nobody(opened: App) -> None:
    items = {item.name: item for item in published_models.list_installable(opened)}
    assert items["zhu2021"].licence == "Apache-2.0" and items["zhu2021"].source.startswith("https://github.com/")
    assert not items["zhu2021"].installed and items["efficientnet-lite0"].installed
    assert items["vgg19"].megabytes > 500 and set(BACKBONE_FILES) < set(items)
    assert published_models.install(opened, "efficientnet-lite0").already
    with pytest.raises(WrongUse, match="nothing called 'zhu2022'"):
        published_models.install(opened, "zhu2022")


def test_the_task_takes_its_file_from_the_payload(
    opened: App, authors_file: Path, monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    monkeypatch.setitem(PUBLISHED, "zhu2021", line(server, authors_file))
    result = published_models.install_task(
        opened, {"name": "zhu2021", "file": str(authors_file)}, lambda *told: None, lambda: False
    )
    assert result["name"] == "zhu2021" and not result["already"] and authors_file.is_file()


def test_weights_of_torchvision_go_from_the_server_into_a_network(
    opened: App, server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nscweb.models.pretrained import load_pretrained
    from nscweb.models.torchvision_compat import ensure_torchvision

    ensure_torchvision()
    from torchvision import models

    theirs = models.mobilenet_v2(weights=None)
    torch.save(theirs.state_dict(), tmp_path / "plain")
    content = (tmp_path / "plain").read_bytes()
    file = replace(BACKBONE_FILES["mobilenet_v2"], file=f"mobilenet_v2-{hashlib.sha256(content).hexdigest()[:8]}.pth")
    monkeypatch.setattr("nscweb.models.backbone_files._SERVER", f"{server.url}/")
    monkeypatch.setitem(BACKBONE_FILES, "mobilenet_v2", file)
    server.files[f"/{file.file}"] = Served(content, etag='"m"', cuts=[5_000_000])
    get = published_models.backbone_download(opened, patience=Clock().patience())
    network = ARCHITECTURES["cgrecnet2026-mobilenetv2"].make(2, 3)
    folder = published_models.backbones_folder(opened)
    told = load_pretrained(network, "cgrecnet2026-mobilenetv2", 2, folder=folder, download=get)
    assert len(told) == len(theirs.state_dict()) - 2 and len(server.asked) == 2
    first = theirs.features[0][0].weight.sum(dim=1)
    assert torch.allclose(network.state_dict()["body.0.0.weight"].sum(dim=1), first, atol=1e-5)
    # Without a downloader the file that is there now is enough.
    assert load_pretrained(network, "cgrecnet2026-mobilenetv2", 2, folder=folder) == told
