"""A package of bioimage.io: taken by the validator of its specification, and its test gives the same numbers again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from random_models import write_random_model

from nscweb.core.card import card_to_dict
from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.services.context import App
from nscweb.services.predict.bioimageio_package import write_bioimageio

# In a process of its own: the validator brings its own logger and cache, and warns of its own future.
VALIDATE = """
import json, sys
from bioimageio.spec import load_description
summary = load_description(sys.argv[1], perform_io_checks=True).validation_summary
said = [[".".join(map(str, item.loc)), item.msg] for part in summary.details for item in [*part.warnings, *part.errors]]
print(json.dumps({"status": summary.status, "said": said}))
"""


def validated(path: Path, cache: Path) -> dict[str, object]:
    environment = {**os.environ, "BIOIMAGEIO_CACHE_PATH": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", VALIDATE, str(path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_card(opened: App, name: str, *, licence: str = "CC-BY-4.0", citation: str = "", **options: object) -> None:
    entry = write_random_model(opened.folder.models_dir / name, **options)
    card = replace(entry.card, citation=citation, origin=replace(entry.card.origin, licence=licence))
    (entry.folder / "card.json").write_text(json.dumps(card_to_dict(card)), "utf-8")


CASES = {
    "three fates": dict(citation="Somebody 2021, Nature, https://doi.org/10.1038/s41467-021-00001-1."),
    "two channels": dict(recipe=InputRecipe(channels=("Ch2", "Ch 11/BF"), field_um=(40.0, 40.0), resize=(32, 32))),
    "odd class names": dict(classes=("GFAP+", "7. phase", "β-III tubulin"), licence="ask Anna"),
    "measured cells": dict(simulated=False, licence="not stated; follows the images that it was trained on"),
    "a transformer": dict(architecture="zhu2021", recipe=InputRecipe(field_px=(66, 66), resize=(66, 66))),
}


@pytest.mark.parametrize("case", CASES)
def test_the_validator_takes_it_and_the_numbers_come_again(opened: App, tmp_path: Path, case: str) -> None:
    with_card(opened, "mine", **CASES[case])
    before = {path.name: path.read_bytes() for path in (opened.folder.models_dir / "mine").iterdir()}
    done = write_bioimageio(opened, "mine", tmp_path / "mine.zip", ["A Person"])
    found = validated(done.path, tmp_path / "cache")
    assert found["status"] in ("passed", "valid-format"), found["said"]
    # Recommended only: a paper with a DOI, a licence of SPDX, and pictures beside the arrays of the test.
    known = re.compile(r"cite|license|.*\.sample_tensor")
    assert not [said for said in found["said"] if not known.fullmatch(said[0])], found["said"]
    assert before == {path.name: path.read_bytes() for path in (opened.folder.models_dir / "mine").iterdir()}
    inside = members(done.path)
    rdf = json.loads(inside["rdf.yaml"])
    session = onnxruntime.InferenceSession(inside["model.onnx"], providers=["CPUExecutionProvider"])
    given = np.load(BytesIO(inside[rdf["inputs"][0]["test_tensor"]["source"]]))
    assert given.shape[0] == 8 and given.std() > 0
    for output, values in zip(rdf["outputs"], session.run(None, {"images": given}), strict=True):
        assert np.allclose(values, np.load(BytesIO(inside[output["test_tensor"]["source"]])), atol=1e-5)
        assert [axis["size"] for axis in output["axes"] if "size" in axis] == list(values.shape[2:])


def test_simulated_cells_are_called_simulated(opened: App, tmp_path: Path) -> None:
    with_card(opened, "mine")
    done = write_bioimageio(opened, "mine", tmp_path / "mine.zip")
    inside = members(done.path)
    arrays = [name for name in done.files if name.endswith(".npy")]
    assert len(arrays) >= 3 and all(name.startswith("simulated_cells_") for name in arrays)
    said = inside["documentation.md"].decode()
    assert "The test images are simulated cells" in said and "Trained on simulated cells only" in said
    assert "It has learnt nothing." in said and "## Validation" in said
    rdf = json.loads(inside["rdf.yaml"])
    assert rdf["config"]["nscweb"]["test_images"] == "simulated" and "simulated" in rdf["description"]


def test_what_a_person_has_to_add_is_told_and_nothing_is_made_up(opened: App, tmp_path: Path) -> None:
    with_card(opened, "mine", licence="ask Anna", citation="In preparation.")
    done = write_bioimageio(opened, "mine", tmp_path / "mine.zip")
    assert [said.split(":")[0].split("(")[0].strip() for said in done.missing] == [
        "It names no author",
        "It cites nothing",
        "Its licence is no identifier of SPDX",
    ]
    inside = members(done.path)
    rdf = json.loads(inside["rdf.yaml"])
    assert rdf["authors"] == [] and rdf["cite"] == [] and inside["LICENSE.txt"] == b"ask Anna\n"
    assert "In preparation." in inside["documentation.md"].decode()
    with_card(opened, "cited", citation="See (https://doi.org/10.1038/s41467-021-00001-1).")
    cited = write_bioimageio(opened, "cited", tmp_path / "cited.zip", ["Anna"])
    assert json.loads(members(cited.path)["rdf.yaml"])["cite"][0]["doi"] == "10.1038/s41467-021-00001-1"
    assert cited.missing == ()


def test_a_shipped_model_is_packed_from_its_own_onnx_form(opened: App, project: Path, tmp_path: Path) -> None:
    folder = project / "weights" / "nsc-simulated-compact"
    done = write_bioimageio(opened, str(folder), tmp_path / "a.zip", ["Anna"])
    assert members(done.path)["model.onnx"] == (folder / "model.onnx").read_bytes()
    assert validated(done.path, tmp_path / "cache")["status"] in ("passed", "valid-format")


@pytest.mark.parametrize("authors", [["a/b"], [""], ["Anna", " "]])
def test_names_of_authors_that_are_refused(opened: App, tmp_path: Path, authors: list[str]) -> None:
    with_card(opened, "mine")
    with pytest.raises(WrongUse, match="author"):
        write_bioimageio(opened, "mine", tmp_path / "mine.zip", authors)
    (tmp_path / "mine.zip").write_bytes(b"mine")
    with pytest.raises(WrongUse, match="already"):
        write_bioimageio(opened, "mine", tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").read_bytes() == b"mine"
