"""A model as a package of bioimage.io, for programs that read those: weights as ONNX, a test, and the card as a text.

The description follows the model specification 0.5 of bioimage.io (https://bioimage.io/docs): ``rdf.yaml``, which is
written as JSON here, because every JSON text is YAML 1.2. The network takes prepared images; how a raw image is
prepared is nscweb's own recipe, which that specification cannot express, and the documentation tells it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb import __version__
from nscweb.core.card import CardEntry, ModelCard
from nscweb.core.errors import WrongUse
from nscweb.core.progress import Progress, no_progress
from nscweb.core.timepoint import TimePoint
from nscweb.services.models import model_by_name
from nscweb.store.files import atomic_write
from nscweb.words.card_words import input_rows, metric_word

if TYPE_CHECKING:
    from nscweb.services.context import App

Floats = NDArray[np.float32]
FORMAT_VERSION = "0.5.3"
WEIGHTS, INPUT_FILE, DOCUMENTATION, LICENCE = (
    "model.onnx",
    "simulated_cells_input.npy",
    "documentation.md",
    "LICENSE.txt",
)
_OUTPUT_FILE = "simulated_cells_{}.npy"
# Sums in single precision differ by 1e-6 from one program to another; other weights differ by far more.
_SAME = 1e-3
# Cells that no training uses.
_SEED, _CELLS = 990_003, 8
# Of 24 cells to a sample, every third: several fates and times.
_DRAWN = 24
# Identifiers of SPDX that data and weights are given under; any other licence goes along as a text.
_SPDX = frozenset({
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0", "CC-BY-SA-4.0", "CC0-1.0", "GPL-3.0-only", "GPL-3.0-or-later", "MIT", "ODbL-1.0",
})  # fmt: skip
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>,;]+")
_URL = re.compile(r"https?://[^\s\"<>,;]+")
# What the specification takes for a name.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_+\- ()]+")
_SIMULATED_TEST = (
    "The test images are simulated cells, drawn by a computer. They show that a program computes the same numbers, and "
    "say nothing about how good the model is."
)


@dataclass(frozen=True)
class Package:
    """What was written: the file, names of the files in it, and what a person should add before it is published."""

    path: Path
    files: tuple[str, ...]
    missing: tuple[str, ...]


def write_bioimageio(
    app: App, model: str, out: Path, authors: Sequence[str] = (), *, progress: Progress = no_progress
) -> Package:
    """Write a model as a package of bioimage.io.

    Args:
        model: name, or path of a folder; nothing is written into it.
        out: the zip file.
        authors: names of the people who made the model.

    Raises:
        ModelNotFound, CardInvalid, WeightsInvalid: it is no sound model.
        ModelError: the network has no ONNX form that gives the same numbers.
        WrongUse: there is a file of that name, or an author has a slash in the name.
    """
    entry = model_by_name(app, model)
    if out.exists():
        raise WrongUse(f"There is a file {out} already.", "Remove it, or name another one.", "E-PACK-THERE")
    if any("/" in name or not name.strip() for name in authors):
        raise WrongUse("The name of an author is empty or has a slash in it.", "Give each person an --author.")
    progress(0, 3, "Writing the ONNX form")
    weights, opset = _weights(entry)
    progress(1, 3, "Predicting simulated cells")
    inputs = simulated_input(entry.card)
    outputs = _outputs(weights, inputs)
    progress(2, 3, "Writing the package")
    files = {WEIGHTS: weights, INPUT_FILE: _npy(inputs), DOCUMENTATION: documentation(entry.card).encode()}
    files |= {_OUTPUT_FILE.format(name): _npy(values) for name, values in outputs.items()}
    if entry.card.origin.licence not in _SPDX:
        files[LICENCE] = f"{entry.card.origin.licence}\n".encode()
    rdf = description(entry.card, files, inputs, outputs, opset, authors)
    with atomic_write(out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rdf.yaml", json.dumps(rdf, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        for name, data in files.items():
            archive.writestr(name, data)
    return Package(out, ("rdf.yaml", *files), _missing(entry.card, authors))


def simulated_input(card: ModelCard) -> Floats:
    """(8, C, H, W) prepared images of simulated cells, the same plane in every channel of the model."""
    from nscweb.preprocess.prepare import apply_recipe
    from nscweb.simulation.camera import PROFILES
    from nscweb.simulation.labelled_cells import iter_labelled_cells

    planes = len(card.recipe.channels)
    drawn = list(islice(iter_labelled_cells(_SEED, _DRAWN), _DRAWN))[:: _DRAWN // _CELLS]
    images = [np.repeat(cell.pixels[:1], planes, axis=0) for cell in drawn]
    size = next(iter(PROFILES.values())).pixel_size_um
    return apply_recipe(card.recipe, images, pixel_size_um=size)


def description(
    card: ModelCard,
    files: Mapping[str, bytes],
    inputs: Floats,
    outputs: Mapping[str, Floats],
    opset: int,
    authors: Sequence[str],
) -> dict[str, Any]:
    """What ``rdf.yaml`` says.

    Args:
        files: name -> content of the files of the package.
        inputs, outputs: of the test, (N, C, H, W) and by name.
        opset: of the ONNX form.
    """
    source = {name: {"source": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    spatial = [{"type": "space", "id": name, "size": size} for name, size in zip("yx", inputs.shape[2:], strict=True)]
    name = _NOT_IN_NAMES.sub(" ", card.title).strip()
    licence = card.origin.licence
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        "name": (name if len(name) >= 5 else f"{card.name} model")[:128].strip(),
        "description": _short(f"{_origin(card)} {card.summary}", 512),
        "authors": [{"name": person} for person in authors],
        "cite": _citations(card),
        "license": licence if licence in _SPDX else source[LICENCE],
        "tags": ["classification", "single-cell", "imaging-flow-cytometry", *(["simulated"] * card.origin.simulated)],
        "documentation": source[DOCUMENTATION],
        "timestamp": card.origin.created_utc,
        "inputs": [
            {
                "id": "images",
                "description": "Prepared images, one cell each; see the documentation for how they are prepared.",
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": _names(card.recipe.channels)},
                    *spatial,
                ],
                "data": {"type": "float32"},
                "test_tensor": source[INPUT_FILE],
            }
        ],
        "outputs": [_output(card, name, values, source[_OUTPUT_FILE.format(name)]) for name, values in outputs.items()],
        "weights": {"onnx": {**source[WEIGHTS], "opset_version": opset}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [_tolerance(*item) for item in outputs.items()]},
            "nscweb": {
                "made_by": f"nscweb {__version__}",
                "model": card.name,
                "version": card.version,
                "weights_sha256": card.weights.sha256,
                "simulated_training": card.origin.simulated,
                "test_images": "simulated",
                "classes": list(card.classes.names),
                "recipe": card.recipe.as_dict(),
                "limits": list(card.limits),
            },
        },
    }


def documentation(card: ModelCard) -> str:
    """The card as Markdown: what it is, where it stops, how it was measured, what it sees, where it comes from."""
    lines = [f"# {card.title}", "", card.summary, "", f"**{_origin(card)}**"]
    if card.mark:
        lines += ["", f"**This model is marked: {card.mark}.**"]
    for title, sentences in (("What it may be used for", card.uses), ("Where it stops", card.limits)):
        lines += ["", f"## {title}", "", *(f"- {sentence}" for sentence in sentences)]
    lines += ["", "## Validation", "", f"Measured on: {card.performance.data}", ""]
    if card.performance.metrics:
        lines += [
            "| figure | class | time | value | 95 % interval | cells | samples |",
            "|---|---|---|---|---|---|---|",
        ]
    for item in card.performance.metrics:
        time = "all" if item.time_h is None else TimePoint(item.time_h).label()
        interval = f"{item.low:.3f} to {item.high:.3f}"
        row = (metric_word(item.name), item.class_name or "all", time, f"{item.value:.3f}", interval)
        lines.append(f"| {' | '.join(row)} | {item.cells:,} | {item.samples} |")
    lines += ["", "To validate it on labelled cells of your own: `nscweb evaluate`."]
    lines += ["", "## Input", ""]
    lines += [
        "The network takes prepared images, not raw ones: float32, one cell each, "
        f"{' x '.join(str(size) for size in card.input_shape)} (channels x height x width). Steps, in this order:",
        "",
        *(f"- {name}: {value}" for name, value in input_rows(card).items()),
        "",
        "The exact numbers are in `rdf.yaml` under config, nscweb, recipe. In Python, "
        "``nscweb.preprocess.prepare.apply_recipe`` does it.",
        "",
        "## Output",
        "",
        f"Probabilities of {', '.join(card.classes.names)}, in this order, calibrated; then the features of the "
        "last layer and, where the network has them in closed form, a map of each class.",
        "",
        "## Test",
        "",
        _SIMULATED_TEST,
        "",
        "## Origin",
        "",
        f"- Data: {card.origin.data}",
        f"- Split: {card.origin.split}",
        f"- Licence: {card.origin.licence}",
        f"- Made: {card.origin.created_utc}, seed {card.origin.seed}",
        f"- Name and version: {card.name} {card.version}; SHA-256 of the weights {card.weights.sha256}",
    ]
    if card.citation:
        lines += ["", "## Cite", "", card.citation]
    return "\n".join(lines) + "\n"


def _weights(entry: CardEntry) -> tuple[bytes, int]:
    """The ONNX form beside the card where it is one of these weights, else one that is made now; and its opset."""
    from nscweb.inference.export_files import read_export, usable_export
    from nscweb.inference.onnx_export import OPSET, checked_onnx
    from nscweb.models.loading import weights_sha256

    weights_sha256(entry)
    record = usable_export(entry, "onnx")
    if record is not None:
        return read_export(entry, record), int(record.get("opset", OPSET))
    return checked_onnx(entry)[0], OPSET


def _outputs(weights: bytes, inputs: Floats) -> dict[str, Floats]:
    """Every output of the network for the test images, in the order in which it gives them."""
    from nscweb.inference.onnx_session import open_session, run_session

    session = open_session(weights)
    return run_session(session, inputs, [item.name for item in session.get_outputs()])


def _output(card: ModelCard, name: str, values: Floats, tensor: dict[str, str]) -> dict[str, Any]:
    from nscweb.inference.onnx_export import EMBEDDINGS, MAPS, PROBABILITIES

    said = {
        PROBABILITIES: "Calibrated probability of each class.",
        EMBEDDINGS: "Mean of each feature of the last layer; no unit.",
        MAPS: "How much each place of the last layer speaks for each class; no unit.",
    }
    names = [f"feature {index + 1}" for index in range(values.shape[1])] if name == EMBEDDINGS else card.classes.names
    space = [{"type": "space", "id": axis, "size": size} for axis, size in zip("yx", values.shape[2:], strict=False)]
    return {
        "id": name,
        "description": said.get(name, ""),
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": _names(names)}, *space],
        "data": {"type": "float32"},
        "test_tensor": tensor,
    }


def _tolerance(name: str, values: Floats) -> dict[str, Any]:
    """How far another program may be from the test: as a share of the largest value, since features have no unit."""
    return {
        "output_ids": [name],
        "relative_tolerance": _SAME,
        "absolute_tolerance": float(f"{_SAME * float(values.max(initial=0.0)):.3g}"),
    }


def _names(names: Sequence[str]) -> list[str]:
    """Names of channels as the specification takes them: letters, digits and underscores."""
    cleaned = [re.sub(r"\W+", "_", name).strip("_") or "channel" for name in names]
    return [f"c_{name}" if not name[0].isalpha() else name for name in cleaned]


def _origin(card: ModelCard) -> str:
    if card.origin.simulated:
        return "Trained on simulated cells only: it says nothing about real cells."
    return f"Trained on {card.origin.cells:,} cells."


def _citations(card: ModelCard) -> list[dict[str, str]]:
    """The paper of the card, where it names a DOI or an address; the specification takes no other."""
    doi, url = _DOI.search(card.citation), _URL.search(card.citation)
    if doi:
        return [{"text": card.citation, "doi": doi[0].rstrip(".)")}]
    return [{"text": card.citation, "url": url[0].rstrip(".)")}] if url else []


def _missing(card: ModelCard, authors: Sequence[str]) -> tuple[str, ...]:
    said = []
    if not authors:
        said.append("It names no author: give each with --author.")
    if not _citations(card):
        said.append("It cites nothing: the card has no citation with a DOI or an address.")
    if card.origin.licence not in _SPDX:
        said.append(f"Its licence is no identifier of SPDX ({card.origin.licence}); it goes along as {LICENCE}.")
    return tuple(said)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


def _npy(values: Floats) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()
