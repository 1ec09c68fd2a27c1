"""The understanding card: what names and images say, what is doubtful, and offers that are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from asked import import_study

from nscweb.core.errors import WrongUse
from nscweb.core.samples import Sample
from nscweb.services.context import App
from nscweb.services.study.understood.cut_again import cut_study, preview_cut
from nscweb.services.study.understood.understanding import Understanding, names_read, offer, offers, take, understand


def image(seed: int, objects: int = 1, side: int = 40) -> bytes:
    """A PNG of some discs on grey noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(128, 3, (side, side))
    for number in range(objects):
        middle = (
            int(side * (0.5 if objects == 1 else (0.25 + 0.5 * (number % 2)))),
            int(side * (0.5 if objects == 1 else (0.25 + 0.5 * (number // 2)))),
        )
        cv2.circle(pixels, middle, side // (4 if objects == 1 else 9), 190 + 3 * (seed % 7), -1)
    return cv2.imencode(".png", np.clip(pixels, 0, 255).astype(np.uint8))[1].tobytes()


def studied(app: App, folder: Path, samples: Mapping[str, Sequence[bytes]], **options: object) -> Understanding:
    for name, images in samples.items():
        (folder / name).mkdir(parents=True)
        for number, data in enumerate(images, start=1):
            (folder / name / f"{number}_Ch1.png").write_bytes(data)
    import_study(app, [folder], "S", **options)
    return understand(app, "S")


def cells(seed: int, number: int = 4) -> list[bytes]:
    return [image(100 * seed + place) for place in range(number)]


def kinds(found: Understanding) -> list[str]:
    return [doubt.kind for doubt in found.doubts]


def taken(app: App, found: Understanding, kind: str) -> list[Sample]:
    take(app, found.study, offer(found, kinds(found).index(kind) + 1))
    return list(understand(app, "S").study.samples)


def test_a_clear_study_has_a_card_without_doubts(opened: App, tmp_path: Path) -> None:
    names = [f"{group}_{day}d_r{number}" for group in ("NT3", "RA") for day in (1, 3) for number in (1, 2)]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert found.doubts == () and found.sentence == "32 cells in 8 samples, 2 groups, 2 time points."
    assert found.rows[0] == ("NT3", "", "1 d", 2, "1, 2", 8) and "says group NT3" in found.rules[0]
    said = found.as_dict()
    assert (said["brightfield"], said["images_are"], said["doubts"]) == ("Ch1", "cells", [])


@pytest.mark.parametrize("other", ["nt3", "NT3 ", "NТ3", "NT\u200b3", "NT-3 x"])
def test_groups_that_look_alike_are_offered_as_one(opened: App, tmp_path: Path, other: str) -> None:
    names = {"NT3_1d_r1": "NT3", "NT3_1d_r2": "NT3", "b_1d_r3": other}
    found = studied(
        opened,
        tmp_path / "in",
        {name: cells(seed) for seed, name in enumerate(names)},
        describe={name: Sample(name, group, 24.0, name[-1]) for name, group in names.items()},
    )
    if other == "NT-3 x":
        assert found.doubts == ()
        return
    (doubt,) = found.doubts
    assert doubt.kind == "look_alike_groups" and doubt.offer == "They are one group: NT3"
    assert {sample.group for sample in taken(opened, found, doubt.kind)} == {"NT3"}
    assert understand(opened, "S").doubts == ()


def test_every_group_with_one_sample_is_read_by_its_last_letter(opened: App, tmp_path: Path) -> None:
    names = ["NT3-x1", "NT3-x2", "RA-y1", "RA-y2"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    samples = taken(opened, found, "single_samples")
    assert [(sample.group, sample.replicate) for sample in samples] == [
        ("NT3-x", "1"),
        ("NT3-x", "2"),
        ("RA-y", "1"),
        ("RA-y", "2"),
    ]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["NT3 1", "NT3 2", "NT3 3"], 1),
        (["Kontrolle XY1 1d", "Kontrolle XY2 1d", "NT3 1d r1", "NT3 1d r2"], 2),
        (["a.b 01 1d", "a.b 02 1d", "RA #1 1d"], 2),
        (["NT3 I 1d", "NT3 II 1d", "NT3 IV 1d"], 1),
        (["NT3 1d r1", "NT4 1d r1"], 0),
        (["NT3 1d r1", "NT3 x1 1d r2", "NT3 x2 1d r2"], 0),
        (["medium NT3 1d", "medium BMP4 1d"], 0),
    ],
)
def test_groups_that_differ_in_a_last_number_are_asked_about(
    opened: App, tmp_path: Path, names: list[str], groups: int
) -> None:
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert ("numbers" in kinds(found)) == bool(groups)
    if groups:
        samples = taken(opened, found, "numbers")
        assert all(sample.replicate for sample in samples) and len({sample.group for sample in samples}) == groups


def test_missing_replicates_are_numbered(opened: App, tmp_path: Path) -> None:
    names = ["a/NT3_1d", "b/NT3_1d", "c/NT3_1d_r1"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert kinds(found) == ["replicates"]
    assert [sample.replicate for sample in taken(opened, found, "replicates")] == ["2", "3", "1"]


def test_a_time_without_a_unit_is_asked_for(opened: App, tmp_path: Path) -> None:
    names = ["NT3_t24_r1", "NT3_t72_r1"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert kinds(found) == ["time_in_hours", "time_in_days"]
    assert [(s.time_h, s.extra) for s in taken(opened, found, "time_in_hours")] == [(24.0, ()), (72.0, ())]
    assert understand(opened, "S").doubts == ()


def test_whole_fields_are_noticed_at_any_size_and_their_cells_cut_out(opened: App, tmp_path: Path) -> None:
    names = ["NT3_1d_r1", "NT3_1d_r2"]
    images = {name: [image(9 * seed + place, 4, 128) for place in range(3)] for seed, name in enumerate(names)}
    found = studied(opened, tmp_path / "in", images)
    assert kinds(found) == ["fields"] and found.doubts[0].cut and not found.as_fields
    assert preview_cut(opened, "S").n_cells == 4
    with pytest.raises(WrongUse, match="no doubt number 2"):
        offer(found, 2)
    take(opened, found.study, offer(found, 1))
    card = understand(opened, "S, cells")
    assert card.as_fields and card.doubts == () and card.study.cells == 24
    assert [(sample.group, sample.replicate, sample.cells) for sample in card.study.samples] == [
        ("NT3", "1", 12),
        ("NT3", "2", 12),
    ]
    assert opened.catalogue.study("S").cells == 6
    with pytest.raises(WrongUse, match="already"):
        cut_study(opened, "S, cells")


def test_an_offer_must_be_one(opened: App, tmp_path: Path) -> None:
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(("1d_r1", "1d_r2"))})
    assert kinds(found) == ["no_group"]
    with pytest.raises(WrongUse, match="makes no offer"):
        offer(found, 1)


def test_a_pixel_size_that_files_may_mean_is_offered(opened: App, tmp_path: Path) -> None:
    for name in ("NT3_1d_r1", "NT3_1d_r2"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number, data in enumerate(cells(ord(name[-1])), start=1):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
            tifffile.imwrite(
                tmp_path / "in" / name / f"{number}_Ch1.tif", pixels, extratags=[(65326, 12, 1, 0.32, True)]
            )
    import_study(opened, [tmp_path / "in"], "S")
    found = understand(opened, "S")
    assert kinds(found) == ["pixel_size"] and found.doubts[0].offer == "A pixel is 0.32 µm wide"
    take(opened, found.study, found.doubts[0])
    after = understand(opened, "S")
    assert after.study.pixel_size_um == 0.32 and after.doubts == ()


def test_a_copied_folder_is_said_and_is_no_replicate(opened: App, tmp_path: Path) -> None:
    once, other = cells(1), cells(2)
    samples = {"NT3_1d_r1": once, "NT3_1d_r2": once, "NT3_1d_r3": other, "RA_1d_r1": [*other[:2], *cells(3), other[3]]}
    found = studied(opened, tmp_path / "in", samples)
    assert kinds(found) == ["copies"] and "NT3_1d_r2 of NT3_1d_r1" in found.doubts[0].sentence
    codes = {item.code: item.where for item in found.findings}
    assert codes == {"W-SAMPLE-COPY": "NT3_1d_r2", "W-SAMPLE-OVERLAP": "RA_1d_r1"}


def test_the_letters_of_the_set_of_zhu_may_be_classes(opened: App, tmp_path: Path) -> None:
    found = studied(
        opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(["a_1d1", "o_1d1", "n_1d1"])}
    )
    classes = {sample.group: sample.true_class for sample in taken(opened, found, "classes_of_zhu")}
    assert classes == {"a": "astrocyte", "o": "oligodendrocyte", "n": "neuron"}


def test_a_pattern_is_shown_before_the_import_and_names_what_it_does_not_fit(opened: App, tmp_path: Path) -> None:
    names = ["NT3_1_1", "NT3_3_2", "other"]
    found = studied(
        opened,
        tmp_path / "in",
        {name: cells(seed) for seed, name in enumerate(names)},
        name_pattern="{group}_{day}_{rep}",
    )
    assert [(s.group, s.time_h, s.replicate) for s in found.study.samples][:2] == [("NT3", 24, "1"), ("NT3", 72, "2")]
    assert kinds(found)[0] == "pattern" and "other" in found.doubts[0].sentence
    shown = names_read(opened, [tmp_path / "in"], "{group}_{day}_{rep}")
    assert shown[0] == ("NT3_1_1", "NT3", "1 d", "1", "yes") and shown[2][-1] == "no"


@pytest.mark.parametrize("name", ["RA 24h pulse 72h chase r1", "RA d1-d3 r1", "RA_1d_r1/3d", "RA D1 72h r1"])
def test_a_name_with_several_times_is_doubted_until_somebody_says_which(opened: App, tmp_path: Path, name: str) -> None:
    names = [name, "NT3_1d_r1", "NT3_1d 24h_r2"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert kinds(found) == ["several_times"] and "names of 1 sample, such" in found.doubts[0].sentence
    (sample,) = [item for item in found.study.samples if item.name.endswith(name)]
    opened.catalogue.update_samples(found.study.study_id, [sample.with_changes(time_h=96.0)])
    assert understand(opened, "S").doubts == ()


def test_copies_are_not_offered_as_replicates(opened: App, tmp_path: Path) -> None:
    found = studied(opened, tmp_path / "in", {"a/NT3_1d": cells(1), "b/NT3_1d": cells(1), "c/RA_1d": cells(2)})
    assert kinds(found) == ["copies"]


def test_offers_that_contradict_are_not_taken_together(opened: App, tmp_path: Path) -> None:
    found = studied(opened, tmp_path / "in", {name: cells(n) for n, name in enumerate(("NT3_t24_r1", "NT3_t72_r1"))})
    assert kinds(found) == ["time_in_hours", "time_in_days"]
    with pytest.raises(WrongUse, match="Offers 2 and 1 say two things of the time of NT3_t24_r1"):
        offers(found, [2, 1])
    assert [doubt.kind for doubt in offers(found, [2, 2])] == ["time_in_days"]


def test_a_day_glued_to_the_group_is_offered_as_a_time_and_not_as_a_replicate(opened: App, tmp_path: Path) -> None:
    names = ["NT3d1", "NT3d3", "RAd1", "RAd3"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert [(s.group, s.time_h, s.replicate) for s in taken(opened, found, "single_samples")] == [
        ("NT3", 24.0, ""),
        ("NT3", 72.0, ""),
        ("RA", 24.0, ""),
        ("RA", 72.0, ""),
    ]


def loose(folder: Path, *heads: str) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{head}_{number}.png" for head in heads for number in range(1, 5)]
    for seed, path in enumerate(paths):
        path.write_bytes(image(seed))
    return paths


def test_loose_files_of_several_samples_are_told_on_the_card(opened: App, tmp_path: Path) -> None:
    import_study(opened, loose(tmp_path / "in", "NT3_1d_r1", "RA_1d_r1"), "S")
    found = understand(opened, "S")
    assert [sample.name for sample in found.study.samples] == ["NT3_1d_r1", "RA_1d_r1"] and found.doubts == ()
    assert any("'NT3_1d_r1_1' belongs to 'NT3_1d_r1'" in rule for rule in found.rules)


@pytest.mark.parametrize("heads", [("NT3", "RA"), ("NT3", "RA", "LDH-NT3"), ("clone7", "cloneX")])
def test_names_that_no_table_knows_are_parted_by_one_button(
    opened: App, tmp_path: Path, heads: tuple[str, ...]
) -> None:
    import_study(opened, loose(tmp_path / "in", *heads), "S")
    found = understand(opened, "S")
    assert [sample.cells for sample in found.study.samples] == [4 * len(heads)]
    number = kinds(found).index("apart") + 1
    doubt = offer(found, number)
    assert [change.after for change in doubt.changes] == [f"{head}: 4 images" for head in heads]
    take(opened, found.study, doubt)
    parted = opened.catalogue.study("S, samples apart")
    assert {sample.name: (sample.group, sample.cells) for sample in parted.samples} == {
        head: (head, 4) for head in heads
    }
    assert "apart" not in kinds(understand(opened, parted.name))
    assert opened.catalogue.study("S").cells == parted.cells


def test_letters_that_were_taken_can_be_given_back(opened: App, tmp_path: Path) -> None:
    names = [f"{group} {letter} 1d" for group in ("Hepatitis", "Influenza") for letter in "AB"]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert kinds(found) == ["letters"] and "'Hepatitis A'" in found.doubts[0].sentence
    assert {sample.group for sample in taken(opened, found, "letters")} == {name[:-3] for name in names}
    assert "letters" not in kinds(understand(opened, "S")) or understand(opened, "S").doubts[0].offer


def test_letters_that_stayed_can_be_taken(opened: App, tmp_path: Path) -> None:
    names = ("Hepatitis A 1d", "Hepatitis B 1d", "mock 1d")
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert [sample.group for sample in found.study.samples] == ["Hepatitis A", "Hepatitis B", "mock"]
    assert kinds(found) == ["letters"]
    assert sorted((item.group, item.replicate) for item in taken(opened, found, "letters")) == [
        ("Hepatitis", "A"),
        ("Hepatitis", "B"),
        ("mock", ""),
    ]


@pytest.mark.parametrize("before", ["", "RA "])
def test_one_row_of_a_plate_is_not_taken_for_days_without_a_word(opened: App, tmp_path: Path, before: str) -> None:
    names = [f"{before}D{column}" for column in range(1, 7)]
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    kind = "one_row" if before else "short_wells"
    assert kind in kinds(found)
    samples = taken(opened, found, kind)
    assert sorted(dict(sample.extra)["well"] for sample in samples) == [f"D0{column}" for column in range(1, 7)]
    assert {sample.time_h for sample in samples} == {None}
    assert kind not in kinds(understand(opened, "S"))


@pytest.mark.parametrize("names", [("D3", "J1"), ("T3", "T5"), ("N2", "N3")])
def test_short_names_are_asked_about(opened: App, tmp_path: Path, names: tuple[str, ...]) -> None:
    found = studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)})
    assert "short_names" in kinds(found)
    assert sorted(sample.group for sample in taken(opened, found, "short_names")) == sorted(names)


def test_days_of_several_groups_are_days(opened: App, tmp_path: Path) -> None:
    names = [f"{group} D{day} r{number}" for group in ("NT3", "RA") for day in (1, 3) for number in (1, 2)]
    names += ["NT3 D5 r1", "NT3 D5 r2", "RA D5 r1", "RA D5 r2"]
    assert studied(opened, tmp_path / "in", {name: cells(seed) for seed, name in enumerate(names)}).doubts == ()


def test_replicates_that_became_dates_are_offered_as_they_likely_were(opened: App, tmp_path: Path) -> None:
    names = {f"x{number}": f"2021-0{number}-04" for number in (1, 2)}
    found = studied(
        opened,
        tmp_path / "in",
        {name: cells(seed) for seed, name in enumerate(names)},
        describe={name: Sample(name, "NT3", 24.0, date) for name, date in names.items()},
    )
    assert [doubt.offer for doubt in found.doubts if doubt.kind.startswith("replicate_dates")] == [
        "They were written as 1/4",
        "They were written as 4/1",
    ]
    assert sorted(sample.replicate for sample in taken(opened, found, "replicate_dates")) == ["1/4", "2/4"]
