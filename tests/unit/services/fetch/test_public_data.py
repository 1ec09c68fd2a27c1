"""Fetching a public set from a server on this computer that speaks figshare's API, and importing its folders."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from loopback import Clock, Loopback, Served, loopback

from nscweb.core.errors import InputRefused, JobCancelled, StudyExists, WrongUse
from nscweb.services.context import App
from nscweb.services.fetch import public_data, public_data_import
from nscweb.services.fetch.public_data import fetch_files, list_files
from nscweb.services.fetch.public_data_import import fetch_and_import, folder_meaning, import_public
from nscweb.services.study.study import findings_of

ARTICLE = "/v2/articles/13070666"


def image(suffix: str, seed: int) -> bytes:
    """A small cell image as the authors name theirs: 8-bit, three equal planes."""
    rng = np.random.default_rng(seed)
    grey = np.full((44, 60), 101.0) + rng.normal(0, 2, (44, 60))
    cv2.circle(grey, (30, 22), 9, (60.0,), -1)
    planes = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    done, data = cv2.imencode(suffix, planes)
    assert done
    return data.tobytes()


def zipped(folders: dict[str, str], suffix: str = ".bmp", cells: int = 2) -> bytes:
    """A zip with folders of images: folder -> prefix of its file names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (folder, prefix) in enumerate(folders.items()):
            for cell in range(1, cells + 1):
                archive.writestr(f"{folder}/{prefix}_{cell}_Ch1.ome{suffix}", image(suffix, 10 * number + cell))
    return stream.getvalue()


class Figshare:
    """What the public API says of the article."""

    def __init__(self, server: Loopback) -> None:
        self.server, self.items, self.paged = server, [], True
        self.api = f"{server.url}/v2"
        about = {"title": "Images", "doi": "10.6084/x", "license": {"value": 1, "name": "CC BY 4.0"}, "files": []}
        server.answers[ARTICLE] = lambda query: json.dumps(about).encode()
        server.answers[f"{ARTICLE}/files"] = self._files

    def add(self, name: str, content: bytes, **changes: Any) -> Served:
        number = 100 + len(self.items)
        served = Served(content, etag=f'"{number}"')
        self.server.files[f"/files/{number}"] = served
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.items.append(
            {
                "id": number,
                "name": name,
                "size": len(content),
                "is_link_only": False,
                "download_url": f"{self.server.url}/files/{number}",
                "computed_md5": md5,
                "supplied_md5": md5,
                **changes,
            }
        )
        return served

    def _files(self, query: dict[str, list[str]]) -> bytes:
        if not self.paged:
            return json.dumps(self.items).encode()
        page, size = int(query["page"][0]), int(query["page_size"][0])
        return json.dumps(self.items[(page - 1) * size : page * size]).encode()


@pytest.fixture
def figshare():
    with loopback() as running:
        yield Figshare(running)


def fetch(opened: App, figshare: Figshare, **options: Any):
    return fetch_files(opened, "zhu2021", api=figshare.api, patience=Clock().patience(), **options)


def test_folders_become_samples_with_inducer_class_time_and_a_warning(opened: App, figshare: Figshare) -> None:
    training = {"a_1d1": "a_1d1", "o_0.5d2": "o_0.5d2", "n_1d1": "n_1d1"}
    figshare.add("training.zip", zipped(training), supplied_md5="")
    others = {"independent/nt3_1d1": "nt3_1d1", "independent/ln_1d2": "ln_1d2", "independent/cntf_5d1": "cntf_5d1"}
    figshare.add("independent.zip", zipped(others, ".tif"))
    told: list[tuple[int, int]] = []
    report = fetch_and_import(
        opened,
        "zhu2021",
        api=figshare.api,
        patience=Clock().patience(),
        progress=lambda done, total, step="": told.append((done, total)),
    )
    assert (report.imported, report.samples, report.skipped) == (12, 6, 0)
    study = opened.catalogue.study("zhu2021")
    found = {
        sample.name.rpartition("/")[2]: (sample.group, sample.true_class, sample.time_h, sample.replicate)
        for sample in study.samples
    }
    assert found == {
        "a_1d1": ("astrocyte medium", "astrocyte", 24.0, "1"),
        "o_0.5d2": ("oligodendrocyte medium", "oligodendrocyte", 12.0, "2"),
        "n_1d1": ("RA+SHH", "neuron", 24.0, "1"),
        "nt3_1d1": ("NT3", "", 24.0, "1"),
        "ln_1d2": ("LDH-NT3", "", 24.0, "2"),
        "cntf_5d1": ("CNTF", "", 120.0, "1"),
    }
    assert {dict(sample.extra)["set"] for sample in study.samples} == {"training", "independent"}
    kept = {finding.code: finding for finding in findings_of(opened, "zhu2021")}
    assert "medium" in kept["W-LABEL-IS-MEDIUM"].message and kept["W-LABEL-IS-MEDIUM"].where == "3 samples"
    assert {"N-PUBLIC-INDEPENDENT", "N-PUBLIC-TIME"} <= set(kept)
    assert {"W-LABEL-IS-MEDIUM"} <= {finding["code"] for finding in report.as_dict()["findings"]}
    total = sum(item["size"] for item in figshare.items)
    assert (total, total) in told
    about = json.loads((opened.settings.data_dir / "public" / "zhu2021" / "about_this_data.json").read_text())
    assert about["licence"] == "CC BY 4.0" and about["set"]["article"] == 13070666


def test_what_is_there_is_not_got_again_and_a_cut_file_goes_on(opened: App, figshare: Figshare) -> None:
    figshare.add("a.zip", zipped({"a_1d1": "a_1d1"}))
    cut = figshare.add("o.zip", zipped({"o_1d1": "o_1d1"}))
    cut.cuts[:] = [500, 0, 0, 0]
    with pytest.raises(InputRefused, match="cut off"):
        fetch(opened, figshare)
    figshare.server.asked.clear()
    fetched = fetch(opened, figshare)
    files = [asked for asked in figshare.server.asked if asked[0].startswith("/files/")]
    assert [path for path, _ in files] == ["/files/101"] and files[0][1]["Range"] == "bytes=500-"
    assert [path.name for path in fetched.files] == ["a.zip", "o.zip"]


def test_a_wrong_md5_is_refused_and_the_file_removed(opened: App, figshare: Figshare) -> None:
    figshare.add("a.zip", zipped({"a_1d1": "a_1d1"}), computed_md5="0" * 32)
    with pytest.raises(InputRefused, match=r"a\.zip is not the one that was meant: its MD5"):
        fetch(opened, figshare)
    assert not list((opened.settings.data_dir / "public" / "zhu2021").glob("*.zip"))


@pytest.mark.parametrize("paged", [True, False])
def test_long_lists_are_read_with_and_without_pages(figshare: Figshare, paged: bool) -> None:
    figshare.paged = paged
    for number in range(205):
        figshare.add(f"file{number}.zip", b"x" * number)
    listing = list_files("zhu2021", api=figshare.api, patience=Clock().patience())
    assert len(listing.files) == 205 and listing.size == sum(range(205))
    assert (listing.title, listing.licence, listing.doi) == ("Images", "CC BY 4.0", "10.6084/x")


def test_only_some_files_and_odd_names(opened: App, figshare: Figshare, tmp_path: Path) -> None:
    figshare.add("astro.zip", b"1")
    figshare.add("../../oligo.zip", b"2")
    figshare.add("oligo.zip", b"3")
    figshare.add("elsewhere", b"", is_link_only=True)
    listing = list_files("zhu2021", api=figshare.api, patience=Clock().patience())
    assert [file.name for file in listing.files] == ["astro.zip", "oligo.zip", "102-oligo.zip"]
    assert listing.elsewhere == ("elsewhere",)
    got = fetch(opened, figshare, only=("ast*",), folder=tmp_path / "here")
    assert [path.name for path in got.files] == ["astro.zip"] and got.folder == tmp_path / "here"
    with pytest.raises(WrongUse, match="No file of zhu2021 fits neuron") as caught:
        fetch(opened, figshare, only=("neuron",))
    assert "astro.zip" in caught.value.todo


@pytest.mark.parametrize("changes", [{"download_url": None}, {"size": "12"}, {"size": True}, {"size": -1}])
def test_answers_that_break_the_promise_are_refused(figshare: Figshare, changes: dict[str, Any]) -> None:
    figshare.add("a.zip", b"1", **changes)
    with pytest.raises(InputRefused, match="cannot be understood"):
        list_files("zhu2021", api=figshare.api, patience=Clock().patience())


def test_a_list_that_is_none_is_refused(figshare: Figshare) -> None:
    figshare.server.answers[f"{ARTICLE}/files"] = lambda query: b'{"message": "no"}'
    with pytest.raises(InputRefused, match="a list of files was expected"):
        list_files("zhu2021", api=figshare.api, patience=Clock().patience())


def test_addresses_that_are_not_https_are_not_followed(opened: App, figshare: Figshare) -> None:
    figshare.add("a.zip", b"1", download_url="http://example.org/a.zip")
    with pytest.raises(InputRefused, match="is not an https address"):
        fetch(opened, figshare)


def test_a_study_of_that_name_is_told_before_anything_is_asked(opened: App, figshare: Figshare) -> None:
    opened.catalogue.create_study(
        "zhu2021", opened.clock(), channel="Ch1", channels=["Ch1"], simulated=False, pixel_size_um=None
    )
    with pytest.raises(StudyExists, match="nothing was downloaded"):
        fetch_and_import(opened, "zhu2021", api=figshare.api, patience=Clock().patience())
    assert figshare.server.asked == []


def test_cancelling_keeps_what_has_arrived(opened: App, figshare: Figshare) -> None:
    figshare.add("a.zip", zipped({"a_1d1": "a_1d1"}, cells=40))
    seen: list[int] = []

    def watch(done: int, total: int, step: str = "") -> None:
        if done:
            seen.append(done)

    with pytest.raises(JobCancelled):
        fetch(opened, figshare, progress=watch, cancel=lambda: bool(seen))
    assert list((opened.settings.data_dir / "public" / "zhu2021").glob(".a.zip.part"))


def test_unpacked_folders_are_imported_and_foreign_archives_told(opened: App, tmp_path: Path) -> None:
    for name in ("a_1d1", "ngf_1d1", "pictures"):
        (tmp_path / "set" / "NSC" / name).mkdir(parents=True)
        for cell in (1, 2):
            path = tmp_path / "set" / "NSC" / name / f"{name}_{cell}_Ch1.ome.bmp"
            path.write_bytes(image(".bmp", cell))
    (tmp_path / "set" / "NSC.zip").write_bytes(zipped({"a_1d1": "a_1d1"}))
    (tmp_path / "set" / "rest.rar").write_bytes(b"Rar!")
    report = import_public(opened, "zhu2021", tmp_path / "set", study_name="mine")
    # The zip lies there unpacked, so its cells are not counted twice.
    assert (report.study, report.imported) == ("mine", 6)
    codes = {finding.code: finding.where for finding in report.findings}
    assert codes["W-PUBLIC-ARCHIVE"] == "rest.rar" and codes["W-PUBLIC-NAME"].endswith("pictures")
    classes = {s.name.rpartition("/")[2]: s.true_class for s in opened.catalogue.study("mine").samples}
    assert classes == {"a_1d1": "astrocyte", "ngf_1d1": "", "pictures": ""}


def test_only_foreign_archives_are_refused_with_the_way_out(opened: App, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "all.rar").write_bytes(b"Rar!")
    with pytest.raises(InputRefused, match=r"there is all\.rar") as caught:
        import_public(opened, "zhu2021", folder)
    assert "7-Zip" in caught.value.todo and "--offline" in caught.value.todo
    with pytest.raises(WrongUse, match="no public data set called 'zhu'"):
        import_public(opened, "zhu", folder)


@pytest.mark.parametrize(
    ("name", "group", "fate", "hours", "replicate"),
    [
        ("a_1d1", "astrocyte medium", "astrocyte", 24.0, "1"),
        ("a0.5d2", "astrocyte medium", "astrocyte", 12.0, "2"),
        ("Training/O_3d1", "oligodendrocyte medium", "oligodendrocyte", 72.0, "1"),
        ("n_2d", "RA+SHH", "neuron", 48.0, ""),
        ("NT3/1d", "NT3", "", 24.0, ""),
        ("nt3_12h1", "NT3", "", 12.0, "1"),
        ("NT4_1d2", "NT4", "", 24.0, "2"),
        ("mt1d1", "MT", "", 24.0, "1"),
        ("NGF", "NGF", "", None, ""),
        ("ln-5d-3", "LDH-NT3", "", 120.0, "3"),
        ("astrocytes_1d", "astrocyte medium", "astrocyte", 24.0, ""),
    ],
)
def test_names_of_folders(name: str, group: str, fate: str, hours: float | None, replicate: str) -> None:
    found = folder_meaning(name)
    assert found is not None
    assert (found.group, found.true_class, found.time_h, found.replicate) == (group, fate, hours, replicate)
    assert found.part == ("training" if fate else "independent")


@pytest.mark.parametrize("name", ["all", "images", "data/other", "notes", "mtor_1d", "Ch1", "1d1", "ant3"])
def test_names_that_are_no_medium(name: str) -> None:
    assert folder_meaning(name) is None


def test_the_task_takes_its_payload(opened: App, figshare: Figshare, monkeypatch: pytest.MonkeyPatch) -> None:
    figshare.add("a.zip", zipped({"a_1d1": "a_1d1", "n_1d1": "n_1d1"}))
    real = public_data.fetch_files

    def here(*given: Any, **options: Any) -> Any:
        return real(*given, **{**options, "api": figshare.api, "patience": Clock().patience()})

    monkeypatch.setattr(public_data_import, "fetch_files", here)
    result = public_data_import.fetch_task(
        opened, {"name": "zhu2021", "study": "by job"}, lambda *told: None, lambda: False
    )
    assert result["study"] == "by job" and result["imported"] == 4
    assert [path.name for path in public_data_import.files_here(opened, "zhu2021")] == ["a.zip"]
