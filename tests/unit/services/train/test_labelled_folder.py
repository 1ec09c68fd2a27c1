"""One folder per class becomes a labelled study, in one command, once."""

import zipfile

import numpy as np
import pytest
import tifffile

from nscweb.core.errors import InputRefused, StudyNotFound
from nscweb.services.train.labelled_folders import classes_of_samples, labelled_study


def write_cells(folder, count, seed):
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(seed).integers(700, 900, (count, 30, 30)).astype(np.uint16)
    for number, image in enumerate(pixels):
        tifffile.imwrite(folder / f"{number}_Ch1.ome.tif", image)


def test_a_folder_per_class_becomes_a_study_once(opened, tmp_path):
    write_cells(tmp_path / "cells" / "neuron", 5, 1)
    write_cells(tmp_path / "cells" / "astrocyte", 4, 2)
    study, said = labelled_study(opened, str(tmp_path / "cells"))
    assert {sample.true_class: sample.cells for sample in study.samples} == {"neuron": 5, "astrocyte": 4}
    assert said == "Imported 9 cells into the study cells. The true class is the name of the folder."
    again, nothing = labelled_study(opened, str(tmp_path / "cells"))
    assert (again.study_id, nothing) == (study.study_id, "")
    assert labelled_study(opened, "cells")[0].study_id == study.study_id
    write_cells(tmp_path / "cells" / "oligodendrocyte", 3, 3)
    changed, _ = labelled_study(opened, str(tmp_path / "cells"))
    assert changed.name == "cells (2)"
    assert len(changed.samples) == 3


def test_samples_inside_classes(opened, tmp_path):
    for number, name in enumerate(("neuron/r1", "neuron/r2", "astrocyte/r1", "astrocyte/r3")):
        write_cells(tmp_path / "cells" / name, 3, number)
    study, said = labelled_study(opened, str(tmp_path / "cells"))
    assert sorted((sample.name, sample.true_class) for sample in study.samples) == [
        ("astrocyte/r1", "astrocyte"),
        ("astrocyte/r3", "astrocyte"),
        ("neuron/r1", "neuron"),
        ("neuron/r2", "neuron"),
    ]
    assert "outer folder" in said


@pytest.mark.parametrize(
    ("names", "level", "classes"),
    [
        (["a", "b"], "auto", ["a", "b"]),
        (["r1/a", "r2/a", "r3/a", "r1/b", "r2/b", "r3/b"], "auto", ["a", "a", "a", "b", "b", "b"]),
        (["a/s1", "a/s2", "b/s3"], "auto", ["a", "a", "b"]),
        (["a/r1", "a/r2", "b/r1", "b/r2"], "auto", ["a", "a", "b", "b"]),
        (["a/r1", "a/r2", "b/r1", "b/r2"], "inner", ["r1", "r2", "r1", "r2"]),
        (["r1/a", "r2/a", "r3/a", "r1/b", "r2/b", "r3/b"], "outer", ["r1", "r2", "r3", "r1", "r2", "r3"]),
    ],
)
def test_which_folder_names_the_class(names, level, classes):
    found, sentence = classes_of_samples(names, level)
    assert [found[name] for name in names] == classes
    assert sentence.startswith("The true class is")


def test_images_without_folders_and_unknown_names_are_refused(opened, tmp_path):
    image = tmp_path / "1_Ch1.ome.tif"
    tifffile.imwrite(image, np.full((20, 20), 700, np.uint16))
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        archive.write(image, image.name)
    with pytest.raises(InputRefused, match="lie in no folders"):
        labelled_study(opened, str(tmp_path / "cells.zip"))
    with pytest.raises(StudyNotFound, match="neither a study nor a folder"):
        labelled_study(opened, "nowhere")
