"""`nscweb models install`: the list, a file, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from nscweb.cli.main import app
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.published import PUBLISHED
from nscweb.services.fetch.downloads import git_blob_id


def ask(tmp_path: Path, *words: str):
    return CliRunner().invoke(app, ["models", "install", *words, "--data-dir", str(tmp_path / "data")])


def test_the_list_names_size_licence_and_source(tmp_path: Path) -> None:
    for words in (["--list"], []):
        result = ask(tmp_path, *words)
        assert result.exit_code == 0
        assert "zhu2021: Zhu et al. 2021, brightfield, as published; 16 MB; not installed" in result.stdout
        assert "Apache-2.0; https://github.com/yanjingmao/NC_paper_source_code" in result.stdout
        assert "efficientnet-lite0: EfficientNet-Lite0, ImageNet; no download; installed" in result.stdout
    items = json.loads(ask(tmp_path, "--list", "--json").stdout)["installable"]
    assert {item["kind"] for item in items} == {"model", "backbone"}


def test_install_from_a_file_then_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.pt"
    torch.manual_seed(5)
    torch.save([ARCHITECTURES["zhu2021"].make(1, 3).state_dict()], file)
    monkeypatch.setitem(PUBLISHED, "zhu2021", replace(PUBLISHED["zhu2021"], git_blob=git_blob_id(file), urls=()))
    result = ask(tmp_path, "zhu2021", "--from", str(file))
    assert result.exit_code == 0
    assert "installed (published, illumination shortcut not excluded)" in result.stdout
    again = ask(tmp_path, "zhu2021", "--json")
    assert json.loads(again.stdout)["already"] is True
    listed = CliRunner().invoke(app, ["models", "list", "--data-dir", str(tmp_path / "data")])
    assert "zhu2021 15d0e69: astrocyte, oligodendrocyte, neuron; accuracy not stated" in listed.stdout


def test_what_cannot_be_installed_is_told_in_a_line(tmp_path: Path) -> None:
    unknown = ask(tmp_path, "zhu2022")
    assert unknown.exit_code == 2 and "There are: zhu2021, efficientnet-lite0" in unknown.stderr
    nameless = ask(tmp_path, "--from", str(tmp_path))
    assert nameless.exit_code == 2
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"x")
    refused = ask(tmp_path, "zhu2021", "--from", str(wrong), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "E-DOWNLOAD-HASH"
    assert "Traceback" not in refused.stderr
