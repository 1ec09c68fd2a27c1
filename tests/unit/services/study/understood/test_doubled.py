"""Objects that come twice are noticed, whatever the second image is, and taken once; alike numbers prove nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from nscweb.core.errors import StudyExists
from nscweb.services.context import App
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import get_study
from nscweb.services.study.understood.join_studies import bring_in
from nscweb.services.study.understood.understanding import offer, take, understand

NUMBERS = (1, 5, 6, 8, 11, 14, 19, 23)
SAMPLE = "RA_1d_rep1"
Y, X = np.mgrid[:48, :48]


def pictures(seed: int) -> dict[str, np.ndarray]:
    """A cell in brightfield, in fluorescence, and its mask."""
    rng = np.random.default_rng(seed)
    far = np.hypot(Y - 24 - 2 * rng.random(), X - 24 - 2 * rng.random())
    radius = 8 + 4 * rng.random()
    bright = 1500 + rng.normal(0, 12, far.shape) + 350 * np.exp(-(((far - radius) / 2) ** 2))
    bright -= 250 * (far < radius - 2) * rng.random(far.shape)
    stained = 90 + np.clip(rng.normal(0, 4, far.shape), -20, 20) + 2500 * np.exp(-((far / radius) ** 2))
    return {
        "bf": bright.astype(np.uint16),
        "gfp": stained.astype(np.uint16),
        "mask": (255 * (far < radius)).astype(np.uint8),
    }


def laid(folder: Path, names: dict[str, str], numbers: tuple[int, ...] = NUMBERS, seed: int = 0) -> Path:
    """Files for each number: pattern of a name -> which picture."""
    for number in numbers:
        own = pictures(100 * seed + number)
        for pattern, what in names.items():
            path = folder / pattern.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".tif":
                tifffile.imwrite(path, own[what])
            else:
                pixels = own[what] if own[what].dtype == np.uint8 else (own[what] / 16).astype(np.uint8)
                cv2.imwrite(str(path), pixels)
    return folder


def kinds(app: App, folder: Path) -> list[str]:
    bring_in(app, ImportRequest((folder,), "S"))
    return [doubt.kind for doubt in understand(app, "S").doubts if doubt.kind.startswith("doubled")]


CASES = {
    "another ending": ({f"{SAMPLE}/c_{{}}.tif": "bf", f"{SAMPLE}/c_{{}}.png": "bf"}, "same"),
    "jpeg, numbers alone": ({f"{SAMPLE}/{{}}.tif": "bf", f"{SAMPLE}/{{}}.jpg": "bf"}, "same"),
    "another ending with channel": ({f"{SAMPLE}/c_{{}}_Ch1.tif": "bf", f"{SAMPLE}/c_{{}}_Ch1.png": "bf"}, "same"),
    "copies": ({f"{SAMPLE}/c_{{}}.tif": "bf", f"{SAMPLE}/c_{{}} - Kopie.tif": "bf"}, "same"),
    "folders of formats": ({f"tif/{SAMPLE}/c_{{}}.tif": "bf", f"png/{SAMPLE}/c_{{}}.png": "bf"}, "same"),
    "letters": ({f"{SAMPLE}/c_{{}}a.tif": "bf", f"{SAMPLE}/c_{{}}b.tif": "gfp"}, "channel"),
    "folders of channels": ({f"{SAMPLE}/hell/c_{{}}.tif": "bf", f"{SAMPLE}/leuchten/c_{{}}.tif": "gfp"}, "channel"),
    "samples called by channel": ({f"{SAMPLE}_hell/{{}}.tif": "bf", f"{SAMPLE}_rot/{{}}.tif": "gfp"}, "channel"),
    "outer folders": ({f"Kanal A/{SAMPLE}/{{}}.tif": "gfp", f"Kanal B/{SAMPLE}/{{}}.tif": "bf"}, "channel"),
    "masks beside": ({f"{SAMPLE}/c_{{}}.tif": "bf", f"{SAMPLE}/c_{{}}_seg.png": "mask"}, "mask"),
    "masks of another name": ({f"{SAMPLE}/c_{{}}.tif": "bf", f"{SAMPLE}/m{{}}.tif": "mask"}, "mask"),
    "folder of masks": ({f"{SAMPLE}/img/{{}}.tif": "bf", f"{SAMPLE}/binary/{{}}.tif": "mask"}, "mask"),
}


@pytest.mark.parametrize(("names", "kind"), CASES.values(), ids=list(CASES))
def test_fewer_objects_than_images_are_noticed_and_taken_once(
    opened: App, tmp_path: Path, names: dict[str, str], kind: str
) -> None:
    assert kinds(opened, laid(tmp_path / "in", names)) == [f"doubled_{kind}"]
    card = understand(opened, "S")
    number = next(n for n, doubt in enumerate(card.doubts, start=1) if doubt.kind.startswith("doubled"))
    assert "16 images" in card.doubts[number - 1].sentence and "8 objects" in card.doubts[number - 1].sentence
    take(opened, card.study, offer(card, number))
    once = get_study(opened, "S, each once")
    assert (once.cells, len(once.samples)) == (8, 1) and get_study(opened, "S").cells == 16
    assert once.channels == (("Ch1", "Fluorescence") if kind == "channel" else ("Ch1",)) and once.channel == "Ch1"
    assert not [doubt for doubt in understand(opened, once.study_id).doubts if doubt.kind.startswith("doubled")]
    with pytest.raises(StudyExists):
        take(opened, card.study, offer(card, number))


@pytest.mark.parametrize(
    "names",
    [
        {"RA_1d_rep1/c_{}.tif": "bf"},
        {"RA_1d_rep1/a_{}_Ch1.tif": "bf", "RA_1d_rep1/a_{}_Ch2.tif": "gfp"},
        {"RA_1d_rep1/BF/{}.tif": "bf", "RA_1d_rep1/GFP/{}.tif": "gfp"},
        {"RA_1d_rep1/c_{}.tif": "bf", "RA_1d_rep1/c_{}_mask.tif": "mask"},
    ],
)
def test_what_is_understood_is_not_doubted(opened: App, tmp_path: Path, names: dict[str, str]) -> None:
    assert kinds(opened, laid(tmp_path / "in", names)) == []


def test_samples_and_prefixes_that_are_numbered_alike_are_other_cells(opened: App, tmp_path: Path) -> None:
    numbers = tuple(range(1, 9))
    for seed, name in enumerate(("RA_1d_rep1/c_{}.tif", "RA_1d_rep2/c_{}.tif", "NT3_1d/x{}.tif", "NT3_1d/y{}.tif")):
        laid(tmp_path / "in", {name: "bf"}, numbers, seed)
    assert kinds(opened, tmp_path / "in") == []


@pytest.mark.parametrize(("second", "kind"), [("gfp", "channel"), ("mask", "mask")])
@pytest.mark.parametrize("pattern", ["x_{}_Ch1.tif", "x{}.tif"])
def test_images_numbered_through_in_turn_are_noticed(
    opened: App, tmp_path: Path, pattern: str, second: str, kind: str
) -> None:
    (tmp_path / "in" / SAMPLE).mkdir(parents=True)
    for place, number in enumerate(NUMBERS):
        own = pictures(number)
        # The other image of a cell first: the order must not matter.
        tifffile.imwrite(tmp_path / "in" / SAMPLE / pattern.format(2 * place), own[second])
        tifffile.imwrite(tmp_path / "in" / SAMPLE / pattern.format(2 * place + 1), own["bf"])
    # An object list that says so is no contradiction.
    rows = "".join(f"{number},{100 + number}\n" for number in range(1, 16, 2))
    (tmp_path / "in" / SAMPLE / "objects.csv").write_text(f"Object Number,Area\n{rows}", "utf-8")
    assert kinds(opened, tmp_path / "in") == [f"doubled_{kind}"]
    card = understand(opened, "S")
    take(opened, card.study, offer(card, [doubt.kind for doubt in card.doubts].index(f"doubled_{kind}") + 1))
    once = get_study(opened, "S, each once")
    assert once.cells == 8 and once.channels == (("Ch1", "Fluorescence") if kind == "channel" else ("Ch1",))


def test_a_copied_sample_is_said_once(opened: App, tmp_path: Path) -> None:
    laid(tmp_path / "in", {"RA_1d_rep1/c_{}.tif": "bf", "RA_1d_rep2/c_{}.tif": "bf"})
    assert kinds(opened, tmp_path / "in") == []
    assert "copies" in [doubt.kind for doubt in understand(opened, "S").doubts]


def test_the_rest_of_the_study_goes_along(opened: App, tmp_path: Path) -> None:
    laid(tmp_path / "in", {"RA_1d_rep1/{}a.tif": "bf", "RA_1d_rep1/{}b.tif": "gfp"})
    laid(tmp_path / "in", {"RA_1d_rep2/c_{}.tif": "bf"}, seed=3)
    assert kinds(opened, tmp_path / "in") == ["doubled_channel"]
    card = understand(opened, "S")
    take(opened, card.study, offer(card, 1))
    once = get_study(opened, "S, each once")
    assert [(s.name, s.group, s.replicate, s.cells) for s in once.samples] == [
        ("RA_1d_rep1", "RA", "1", 8),
        ("RA_1d_rep2", "RA", "2", 8),
    ]
