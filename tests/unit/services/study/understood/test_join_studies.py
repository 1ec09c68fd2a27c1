"""Samples that come later: added to a study, two studies made one, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from nscweb.core.errors import StudyError, StudyNotFound, WrongUse
from nscweb.core.gates import Gates
from nscweb.jobs.tasks import AGAIN_SINCE, merge_task
from nscweb.services.context import App
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.quality import quality_table, set_gates
from nscweb.services.study.study import get_study
from nscweb.services.study.understood import join_studies
from nscweb.services.study.understood.merged import Merged, merge_and_tell
from nscweb.services.study.understood.understanding import understand


def export(folder: Path, samples: dict[str, int], channel: str = "Ch1") -> Path:
    for name, seed in samples.items():
        (folder / name).mkdir(parents=True)
        rng = np.random.default_rng(seed)
        for number in range(1, 5):
            pixels = rng.normal(128, 4, (40, 40))
            cv2.circle(pixels, (20, 20), 9, 190, -1)
            cv2.imwrite(str(folder / name / f"x_{number}_{channel}.png"), np.clip(pixels, 0, 255).astype(np.uint8))
    return folder


def brought(app: App, folder: Path, name: str = "", **options: object) -> str:
    return join_studies.bring_in(app, ImportRequest((folder,), name, **options)).study_id


def test_samples_are_added_to_a_study_with_their_quality(opened: App, tmp_path: Path) -> None:
    first = brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1, "RA_1d_r1": 2}), "S")
    set_gates(opened, first, Gates(focus=0.5))
    again = brought(opened, export(tmp_path / "two", {"NT3_1d_r1": 3, "NT3_1d_r2": 4}), add_to="S")
    study = get_study(opened, "S")
    assert again == first and [sample.name for sample in study.samples] == [
        "NT3_1d_r1",
        "RA_1d_r1",
        "NT3_1d_r1 (2)",
        "NT3_1d_r2",
    ]
    assert study.cells == 16 and len(opened.catalogue.studies()) == 1
    assert all(len(quality_table(opened, "S", sample.name)) == 4 for sample in study.samples)
    info = opened.catalogue.study_info(first)
    assert (info["images"], info["members"], info["joining"]) == (16, 16, {})
    assert not list(opened.folder.study_dir(first).rglob("*.part"))


def test_a_copy_is_found_across_what_is_added(opened: App, tmp_path: Path) -> None:
    brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    brought(opened, export(tmp_path / "two", {"NT3_1d_r2": 1}), add_to="S")
    assert [doubt.kind for doubt in understand(opened, "S").doubts] == ["copies"]


@pytest.mark.parametrize("breaks", ["_copy_files", "_join_facts", "delete_study"])
def test_what_was_killed_goes_on_without_doubling(opened: App, tmp_path: Path, breaks: str) -> None:
    brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    folder = export(tmp_path / "two", {"NT3_1d_r2": 2})
    with patch.object(join_studies, breaks, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        brought(opened, folder, add_to="S")
    brought(opened, folder, add_to="S")
    study = get_study(opened, "S")
    assert [sample.name for sample in study.samples] == ["NT3_1d_r1", "NT3_1d_r2"] and study.cells == 8
    assert [found.name for found in opened.catalogue.studies()] == ["S"]


def test_two_studies_become_one_and_what_does_not_fit_is_refused(opened: App, tmp_path: Path) -> None:
    brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    brought(opened, export(tmp_path / "two", {"RA_1d_r1": 2}), "T")
    brought(opened, export(tmp_path / "three", {"RA_1d_r1": 3}, "Ch2"), "U")
    with pytest.raises(StudyError, match="channels are Ch2"):
        join_studies.merge_studies(opened, "S", "U")
    with pytest.raises(WrongUse, match="itself"):
        join_studies.merge_studies(opened, "S", "S")
    with pytest.raises(StudyNotFound):
        join_studies.merge_studies(opened, "S", "V")
    assert join_studies.merge_studies(opened, "S", "T").cells == 8
    assert sorted(study.name for study in opened.catalogue.studies()) == ["S", "U"]


def test_a_merge_says_what_is_gone_and_what_is_doubtful_now(opened: App, tmp_path: Path) -> None:
    brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    brought(opened, export(tmp_path / "two", {"NT3_1d_r2": 1}), "T")
    merged = merge_and_tell(opened, "S", "T")
    assert merged.sentence == "S has 8 cells in 2 samples. T was deleted, which had no run."
    assert [doubt.kind for doubt in merged.card.doubts] == ["copies"] and merged.runs == ()


def blanks(folder: Path, cells: int, blank: int) -> Path:
    export(folder, {"NT3_1d_r1": 1, "NT3_1d_r2": 2})
    for number in range(5, cells + 1):
        pixels = np.random.default_rng(number).normal(128, 4, (40, 40)).astype(np.uint8)
        cv2.circle(pixels, (20, 20), 9, 190, -1)
        flat = np.full_like(pixels, 7 * number % 200)
        path = folder / "NT3_1d_r2" / f"x_{number}_Ch1.png"
        cv2.imwrite(str(path), flat if number > cells - blank else pixels)
    return folder


@pytest.mark.parametrize(("blank", "said"), [(0, False), (1, False), (6, True)])
def test_many_blank_images_are_a_doubt(opened: App, tmp_path: Path, blank: int, said: bool) -> None:
    brought(opened, blanks(tmp_path / "one", 40, blank), "S")
    doubts = {doubt.kind: doubt.sentence for doubt in understand(opened, "S").doubts}
    assert ("blank" in doubts) == said
    if said:
        assert "6 of 40 in NT3_1d_r2" in doubts["blank"]
        brought(opened, export(tmp_path / "two", {"RA_1d_r1": 9}), "T")
        assert "blank" in [doubt.kind for doubt in merge_and_tell(opened, "T", "S").card.doubts]


def test_deleted_and_kept_runs_are_named(opened: App, tmp_path: Path) -> None:
    brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    said = Merged(understand(opened, "S"), "T", ("r000001", "r000002"), 1).sentence
    assert "T was deleted, with 2 runs of it (r000001, r000002)." in said
    assert "The 1 run of S stayed, without the new samples; predict it again." in said


def test_the_job_tells_how_far_it_is_and_is_not_done_twice(opened: App, tmp_path: Path) -> None:
    first = brought(opened, export(tmp_path / "one", {"NT3_1d_r1": 1}), "S")
    second = brought(opened, export(tmp_path / "two", {"RA_1d_r1": 2, "RA_1d_r2": 3}), "T")
    told: list[tuple[int, int]] = []
    payload = {"into": first, "other": second}
    done = merge_task(opened, payload, lambda *said: told.append(said[:2]), lambda: False)
    said = "S has 12 cells in 3 samples. T was deleted, which had no run."
    assert done == {"study_id": first, "sentence": said} and told == [(4, 8), (8, 8)]
    # The worker was lost before it could say so: what is done stays done.
    again = {**payload, AGAIN_SINCE: "2026-01-01T00:00:00Z"}
    assert merge_task(opened, again, lambda *said: None, lambda: False) == done
    with pytest.raises(StudyNotFound):
        merge_task(opened, payload, lambda *said: None, lambda: False)
