"""A finished run to a model folder: weights, an example that can be replayed, curves, and the card, written last."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors.torch
import torch

from nscweb import __version__
from nscweb.core.card import CardEntry, ModelCard, Origin, Performance, WeightsFile, card_to_dict, read_card
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.device import choose_device
from nscweb.inference.embeddings import CALIBRATION_KEY
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import count_cost
from nscweb.training.card_figures import with_figures
from nscweb.training.checkpoint import copy_of, write_atomically
from nscweb.training.checks.card_checks import run_checks, with_checks
from nscweb.training.checks.features_baseline import with_baseline
from nscweb.training.checks.harmful_changes import with_harmful_changes
from nscweb.training.checks.held_out_scores import write_held_out
from nscweb.training.checks.known_samples import described_inputs, with_known_samples
from nscweb.training.checks.map_tests import with_map_tests
from nscweb.training.config import TrainConfig
from nscweb.training.cross_fitting import CrossFitted
from nscweb.training.data.dataset import TrainingData, with_pixel_size
from nscweb.training.jury import Jury, write_judges
from nscweb.training.loop import Trained, predict_logits
from nscweb.training.splits.plan import Split
from nscweb.training.temperature import fit_temperature

WEIGHTS, EXAMPLE, CURVES, HISTORY = "weights.safetensors", "example.npz", "curves.json", "history.csv"
_EXAMPLES = 16


@dataclass(frozen=True)
class CardText:
    """What a person has to say about a model; the rest of the card is measured.

    Attributes:
        title, summary: plain words for pages.
        command: the command that makes these weights again.
        created_utc: ISO 8601 with Z.
        version: of the weights.
        uses, limits: sentences; limits that follow from the data are added.
        citation: paper, may be empty.
        comparison: rows of a table of other models on the same data.
        mark: a few words that stand beside the title everywhere.
    """

    title: str
    summary: str
    command: str
    created_utc: str
    version: str = "1"
    uses: tuple[str, ...] = ("Cells recorded and prepared like those that it was trained on.",)
    limits: tuple[str, ...] = ()
    citation: str = ""
    comparison: tuple[dict[str, Any], ...] = field(default=())
    mark: str = ""


def refuse_existing_model(out: Path) -> None:
    """Raise `WrongUse` when `out` holds a model already, so that no model is lost by training another."""
    if (out / "card.json").exists():
        raise WrongUse(f"The folder {out.name} holds a model already.", "Choose another folder for the new model.")


def write_model_folder(
    out: Path,
    config: TrainConfig,
    jury: Jury,
    trained: Trained,
    text: CardText,
    *,
    fitted: CrossFitted | None = None,
    checks: bool = True,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> CardEntry:
    """Measure a network on its held-out cells and write the whole folder; returns the card as read back.

    Args:
        jury: the network and who judges its cells, with data and split.
        trained: how it was trained; its network is ``jury.kept``.
        fitted: what cross-fitting knows beside; None where a part was held out.
        checks: False leaves out the shortcut audit, the robustness table, the tests of class maps and the comparison
            with plain features, for quick trials.
        progress, cancel: of the checks.

    Raises:
        JobCancelled: somebody asked to stop; there is no card yet.
    """
    out.mkdir(parents=True, exist_ok=True)
    data, split = jury.data, jury.split
    temperature = _temperature(jury)
    scored = jury.scored(temperature)
    # The network was trained with channels last; files hold plain contiguous tensors.
    tensors = {name: tensor.contiguous() for name, tensor in copy_of(trained.model).items()}
    weights = safetensors.torch.save(tensors, {"architecture": trained.architecture or config.architecture})
    write_atomically(out / WEIGHTS, weights)
    write_atomically(out / EXAMPLE, _example(data, split, trained, temperature))
    beside = write_judges(out, jury)
    if fitted is not None and fitted.shares is not None:
        beside["shares"] = asdict(fitted.shares)
    performance = _performance(jury, scored, trained, text)
    if fitted is not None:
        # The last epoch is kept where no cells decide when to stop.
        further = {"cross_validation": fitted.folds, "best_epoch": trained.best_epoch}
        performance = replace(performance, curves={**performance.curves, **further})
    write_atomically(out / CURVES, _json(performance.curves))
    write_atomically(out / HISTORY, _history_csv(trained.history))
    card = ModelCard(
        name=out.name,
        version=text.version,
        title=text.title,
        summary=text.summary,
        architecture=trained.architecture or config.architecture,
        options=config.options if trained.options is None else trained.options,
        classes=data.classes,
        recipe=with_pixel_size(data.recipe, data.pixel_size_um),
        weights=WeightsFile(WEIGHTS, hashlib.sha256(weights).hexdigest(), EXAMPLE),
        origin=_origin(config, data, split, trained, text, beside),
        performance=performance,
        uses=text.uses,
        limits=(*_limits(data, split), *text.limits),
        citation=text.citation,
        calibration=with_known_samples({"temperature": temperature, **_calibration(jury)}, jury, cancel),
        mark=text.mark,
        held_out=write_held_out(out, scored, data, split),
    )
    if checks:
        device = choose_device(config.device, config.threads)
        card = with_checks(
            card, run_checks(jury, scored, seed=config.seed, device=device, progress=progress, cancel=cancel)
        )
        card = with_harmful_changes(card, jury, progress=progress, cancel=cancel)
        card = with_map_tests(card, jury, device=device, progress=progress, cancel=cancel)
        card = with_baseline(
            card,
            jury,
            scored,
            seed=config.seed,
            balance=config.balance,
            known=None if fitted is None else fitted.plain,
            progress=progress,
            cancel=cancel,
        )
    write_atomically(out / "card.json", _json(card_to_dict(card)))
    return read_card(out)


def _origin(
    config: TrainConfig, data: TrainingData, split: Split, trained: Trained, text: CardText, beside: dict[str, Any]
) -> Origin:
    cost = count_cost(trained.model, (len(data.recipe.channels), *data.recipe.resize))
    settings = {
        **config.as_dict(),
        "precision": trained.precision,
        "threads": trained.threads,
        "best_epoch": trained.best_epoch,
        "epochs_run": len(trained.history),
        "parameters": cost.parameters,
        "mflop_per_cell": round(cost.mflop, 2),
        "source": ARCHITECTURES[config.architecture].source,
        **beside,
    }
    versions = {
        "nscweb": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
    return Origin(
        data=data.description,
        simulated=data.simulated,
        cells=len(split.train),
        split=split.sentence,
        device=trained.device,
        seconds=round(trained.seconds, 1),
        seed=config.seed,
        command=text.command,
        licence=data.licence,
        created_utc=text.created_utc,
        versions=versions,
        settings=settings,
    )


def _performance(jury: Jury, scored: HeldOut, trained: Trained, text: CardText) -> Performance:
    data, split = jury.data, jury.split
    kind = "simulated " if data.simulated else ""
    samples = len(np.unique(data.sample_of[split.held_out]))
    if jury.crossed:
        whose = f"of {samples} samples, each judged by one of {len(jury.judges)} networks that had not seen it"
        if split.by_sample:
            whose += f" or its {split.by}"
    else:
        whose = f"of {samples} samples never seen in training" if split.by_sample else "held out by cell"
    history = [{key: round(value, 6) for key, value in row.items()} for row in trained.history]
    measured = Performance(
        data=f"{len(scored):,} {kind}cells {whose}. {data.description}",
        curves={"history": history},
        comparison=text.comparison,
    )
    return with_figures(measured, scored)


def _limits(data: TrainingData, split: Split) -> tuple[str, ...]:
    found = []
    if data.simulated:
        found.append(
            "Trained and measured on simulated cells only: it has no known accuracy on real cells. Use it to "
            "learn and test the program, not to draw conclusions about real cultures."
        )
    if not split.by_sample:
        found.append(
            "Trained and held-out cells come from the same acquisitions, so its figures are better than what "
            "can be expected of a new acquisition."
        )
    channels = ", ".join(data.recipe.channels)
    found.append(f"It answers with one of {len(data.classes)} classes for anything it is shown ({channels}).")
    return tuple(found)


def _temperature(jury: Jury) -> float:
    """Fitted on cells that did not train: those that decided when to stop, or all of them out of fold."""
    rows = jury.split.held_out if jury.crossed else jury.split.validation
    return fit_temperature(jury.logits(rows), jury.data.labels[rows])


def _calibration(jury: Jury) -> dict[str, Any]:
    """What known cells look like, to the network and in plain statistics."""
    reference = jury.reference()
    if reference is None:
        return {}
    return {CALIBRATION_KEY: {"embedding": reference.as_dict(), "input": described_inputs(jury.data, jury.split)}}


def _example(data: TrainingData, split: Split, trained: Trained, temperature: float) -> bytes:
    """A few held-out cells of each class as network inputs, and the probabilities that belong to them."""
    rows: list[int] = []
    per_class = max(1, _EXAMPLES // len(data.classes))
    for label in range(len(data.classes)):
        rows.extend(split.held_out[data.labels[split.held_out] == label][:per_class].tolist())
    inputs = data.inputs(np.asarray(rows, np.int64))
    logits = predict_logits(trained.model, inputs, torch.device("cpu"))
    buffer = io.BytesIO()
    probabilities = torch.softmax(torch.from_numpy(logits) / temperature, dim=1).numpy()
    np.savez_compressed(buffer, input=inputs, probabilities=probabilities)
    return buffer.getvalue()


def _history_csv(history: list[dict[str, float]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]) if history else ["epoch"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in history)
    return text.getvalue().encode()


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
