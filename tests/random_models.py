"""A complete model folder with random weights, for tests that need a model and not a good one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from nscweb.core.card import CardEntry, ModelCard, Origin, Performance, WeightsFile, card_to_dict, read_card
from nscweb.core.classes import ClassScheme
from nscweb.core.recipe import InputRecipe
from nscweb.inference.classifier import Classifier
from nscweb.inference.embeddings import CALIBRATION_KEY, fit_reference
from nscweb.inference.familiarity import input_statistics
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.labelled_cells import iter_labelled_cells

FATES = ("astrocyte", "oligodendrocyte", "neuron")


def write_random_model(
    folder: Path,
    *,
    seed: int = 0,
    classes: tuple[str, ...] = FATES,
    architecture: str = "compact",
    recipe: InputRecipe | None = None,
    simulated: bool = True,
    settings: dict[str, object] | None = None,
    describes: Sequence[np.ndarray] = (),
) -> CardEntry:
    """Write card, weights and example of a network with random weights; the card describes the cells `describes`."""
    folder.mkdir(parents=True)
    recipe = recipe or InputRecipe(field_px=(40, 40), resize=(32, 32))
    options = {"width": 8, "depth": 1} if architecture == "compact" else {}
    torch.manual_seed(seed)
    network = ARCHITECTURES[architecture].make(len(recipe.channels), len(classes), options).eval()
    _spread_scores(network, recipe)
    weights = folder / "weights.safetensors"
    safetensors.torch.save_file({k: v.contiguous() for k, v in network.state_dict().items()}, weights)
    inputs = np.random.default_rng(seed).normal(size=(4, len(recipe.channels), *recipe.resize)).astype(np.float32)
    with torch.inference_mode():
        scores = torch.softmax(network(torch.from_numpy(inputs)), dim=1).numpy()
    np.savez(folder / "example.npz", input=inputs, probabilities=scores)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = ModelCard(
        name=folder.name,
        version="0.0.1",
        title="Random weights",
        summary="A network that has learnt nothing, for tests.",
        architecture=architecture,
        options=options,
        classes=ClassScheme(classes),
        recipe=recipe,
        weights=WeightsFile(weights.name, digest, "example.npz"),
        origin=Origin(
            data="nothing",
            simulated=simulated,
            cells=0,
            split="none",
            device="CPU",
            seconds=0.0,
            seed=seed,
            command="none",
            licence="CC0-1.0",
            created_utc="2026-01-01T00:00:00Z",
            settings=settings or {},
        ),
        performance=Performance(data="nothing"),
        uses=("Tests.",),
        limits=("It has learnt nothing.",),
    )
    (folder / "card.json").write_text(json.dumps(card_to_dict(card)), "utf-8")
    if describes:
        known = Classifier(read_card(folder), threads=1)
        kinds = {"embedding": known.embed(describes), "input": input_statistics(known.prepare(describes))}
        kept = {kind: fit_reference(values).as_dict() for kind, values in kinds.items()}
        card = replace(card, calibration={CALIBRATION_KEY: kept})
        (folder / "card.json").write_text(json.dumps(card_to_dict(card)), "utf-8")
    return read_card(folder)


def _spread_scores(network: CellNetwork, recipe: InputRecipe) -> None:
    """Scale the last layer so that different cells get different classes, as from a network that has learnt."""
    planes = [np.repeat(pixels, len(recipe.channels), axis=0) for pixels in _drawn_cells()]
    batch = torch.from_numpy(apply_recipe(replace(recipe, field_um=None), planes))
    with torch.no_grad():
        logits = network(batch)
        scale = 2.0 / logits.std(dim=0).clamp_min(1e-6)
        network.classifier.weight.mul_(scale[:, None])
        network.classifier.bias.copy_((network.classifier.bias - logits.mean(dim=0)) * scale)


@cache
def _drawn_cells() -> tuple[np.ndarray, ...]:
    return tuple(cell.pixels for cell in iter_labelled_cells(0, 60, replicates=1))
