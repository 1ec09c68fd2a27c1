"""Cross-fitting: every cell trains, and each is judged by a network that never saw it.

The networks of a fold learn from the other folds and judge its own; last ones learn from all cells, in the same way and
for as many epochs, and are kept. Labels are then never set aside, and there are as many honest scores as cells, which
is what temperature, prediction sets and corrected ratios live on. The kept network has seen more cells than those that
judged, so it is a little better than its figures say; `benchmarks/small_data.py` measures by how much.

No cell decides when to stop: the rate falls to nothing at the end of a run whose length follows from the number of
cells, and the averaged weights of the end are what is kept. Plain features are fitted beside; where cells that nobody
had seen say that they help, both answer together (`nscweb.training.blending`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.models.architectures import ARCHITECTURES, blend
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.feature_measures import Features
from nscweb.training.blending import BLEND, Shares, shares_of
from nscweb.training.checkpoint import copy_of, write_atomically
from nscweb.training.checks.features_baseline import PlainScores, can_fit_features, fit_few
from nscweb.training.config import TrainConfig
from nscweb.training.cross_validation import CrossValidated, Fitted, fold_key, gathered, kept_fold
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.feature_fit import FEATURES
from nscweb.training.jury import Jury
from nscweb.training.loop import CHECKPOINT, Trained, fit, unheard
from nscweb.training.splits.plan import Split

NETWORKS, FACTS = "networks.safetensors", "fold.json"
_SEEDS_APART = 1000


@dataclass(frozen=True)
class CrossFitted:
    """A finished cross-fitting.

    Attributes:
        trained: the kept network; its history is the mean over the folds, its seconds those of all trainings.
        jury: it, and the networks of the folds.
        folds: what a card keeps under its curves as ``cross_validation``: ``by``, ``rows``, ``summary``, ``confusion``.
        plain: what plain features say of each cell out of fold; None for a model that is plain features itself.
        shares: how network and features answer together, None where the network answers alone.
    """

    trained: Trained
    jury: Jury
    folds: dict[str, Any]
    plain: PlainScores | None = None
    shares: Shares | None = None


@dataclass(frozen=True)
class _Part:
    """What one fold, or all cells, came to.

    Attributes:
        networks: one per member, in evaluation mode. trained: of the first. seconds: of all.
        plain: features fitted on the same cells, and the classifier in words.
    """

    networks: tuple[CellNetwork, ...]
    trained: Trained
    seconds: float
    plain: Features | None
    chosen: str


def cross_fit(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    *,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
    pretrained_folder: Path | None = None,
) -> CrossFitted:
    """Train the networks of each fold and those that are kept; a run that was stopped goes on where it was.

    Args:
        config: settings, every number chosen (`TrainConfig.for_cells`).
        data: labelled cells.
        split: with folds.
        folder: gets a folder per fold, and checkpoints; `tidy` removes them.
        progress: receives cells shown, of all trainings together.
        cancel: asked before each step; what is finished stays.
        after_epoch: hears of each epoch; its row has ``fold``, from 1, that of the kept network last.
        pretrained_folder: see `fit`.

    Raises:
        As `fit`.
    """
    parts = [replace(split, train=train, held_out=held, folds=()) for train, held in split.folds]
    room = _Room(config, data, folder, progress, cancel, after_epoch, pretrained_folder, [*parts, split])
    made = [room.part(index) for index in range(len(parts) + 1)]
    *folds, last = made
    held = [part.held_out for part in parts]
    judged = split.held_out
    plain, shares = None, None
    if folds[0].plain is not None:
        features = _said(data, split, [part.plain for part in folds if part.plain is not None])
        likely = torch.softmax(torch.from_numpy(features), dim=1).numpy()
        plain = PlainScores(likely, folds[0].chosen, max(len(part.train) for part in parts))
        if config.plain_features == "auto" and config.architecture == blend.PART:
            alone = _said(data, split, [blend.blended(part.networks, None, (1.0, 0.0)) for part in folds])
            samples = data.sample_of[judged] if split.by_sample else None
            fold_of = np.concatenate([np.full(len(rows), index) for index, rows in enumerate(held)])
            fold_of = fold_of[np.argsort(np.concatenate(held), kind="stable")]
            shares = shares_of(alone, features, data.labels[judged], fold_of, samples)
    judges = tuple(_answering(part, shares) for part in folds)
    kept = _answering(last, shares)
    jury = Jury(kept, judges, data, split)
    probabilities = [torch.softmax(torch.from_numpy(jury.logits(rows)), dim=1).numpy() for rows in held]
    fitted = [
        Fitted(scores, part.trained.history, part.trained.best_epoch, part.seconds, part.trained.device)
        for scores, part in zip(probabilities, folds, strict=True)
    ]
    rows_of_folds = [kept_fold(data, part, item) for part, item in zip(parts, fitted, strict=True)]
    found = gathered(data, parts, list(zip(rows_of_folds, probabilities, strict=True)))
    trained = replace(
        last.trained,
        model=kept,
        history=mean_history([part.trained.history for part in folds]),
        seconds=sum(part.seconds for part in made),
        **_as_in_card(config, last, kept),
    )
    return CrossFitted(trained, jury, fold_figures(found, split), plain, shares)


def tidy(folder: Path) -> None:
    """Take away what cross-fitting kept for going on, but for the folder itself."""
    for place in folder.glob("fold-*"):
        shutil.rmtree(place, ignore_errors=True)


def fold_figures(found: CrossValidated, split: Split) -> dict[str, Any]:
    """What a card keeps of the folds."""
    rows = [{key: row[key] for key in ("fold", "cells", "accuracy", "macro_f1", "f1")} for row in found.rows]
    confusion = [list(row) for row in found.confusion]
    return {"by": split.by, "rows": rows, "summary": found.summary, "confusion": confusion}


def mean_history(histories: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, float]]:
    """The mean over folds of each number of each epoch; seconds are added up."""
    rows = []
    for epoch in zip(*histories, strict=True):
        values = {name: [float(row[name]) for row in epoch] for name in epoch[0]}
        rows.append({name: sum(item) if name == "seconds" else float(np.mean(item)) for name, item in values.items()})
    return rows


@dataclass(frozen=True)
class _Room:
    """Everything that the trainings of one cross-fitting have in common."""

    config: TrainConfig
    data: TrainingData
    folder: Path
    progress: Progress
    cancel: CancelAsked
    after_epoch: Callable[[dict[str, float]], None]
    pretrained_folder: Path | None
    splits: Sequence[Split]

    @property
    def members(self) -> int:
        return self.config.members if self.config.architecture == blend.PART else 1

    def part(self, index: int) -> _Part:
        """Fold `index`, the last one being all cells: trained, or read where it was finished before."""
        place, split = self.folder / f"fold-{index + 1:02d}", self.splits[index]
        key = fold_key(self.config, self.data.digest(), split)
        found = self._read(place, key)
        if found is not None:
            self.progress(self._before(index + 1, 0), self._before(len(self.splits), 0), self._name(index))
            return found
        networks, trained, seconds = [], None, 0.0
        for member in range(self.members):
            one = self._trained(index, member, place)
            # As it comes out of a file: another layout in memory rounds otherwise.
            one.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # missing in torch
            networks.append(one.model)
            seconds += one.seconds
            trained = trained or one
        assert trained is not None
        plain, chosen = None, ""
        if self.config.architecture != FEATURES and can_fit_features():
            fitted = fit_few(
                self.data, split.train, seed=self.config.seed, balance=self.config.balance, cancel=self.cancel
            )
            plain, chosen = fitted.network, fitted.chosen
        made = _Part(tuple(networks), trained, seconds, plain, chosen)
        self._write(place, key, made)
        return made

    def _trained(self, index: int, member: int, place: Path) -> Trained:
        config = replace(self.config, seed=self.config.seed + _SEEDS_APART * member)
        before, whole = self._before(index, member), self._before(len(self.splits), 0)
        name = self._name(index) + (f", network {member + 1}" if self.members > 1 else "")

        def shown(done: int, total: int, step: str = "") -> None:
            self.progress(before + done, whole, f"{name}: {step}" if step else name)

        def heard(row: dict[str, float]) -> None:
            # The curves of further members are much the same.
            if member == 0:
                self.after_epoch({**row, "fold": float(index + 1)})

        folder = place / f"member-{member + 1}"
        return fit(
            config,
            self.data,
            self.splits[index],
            folder,
            shown,
            self.cancel,
            after_epoch=heard,
            pretrained_folder=self.pretrained_folder,
        )

    def _before(self, index: int, member: int) -> int:
        """Cells shown when this training begins."""
        sizes = [len(split.train) for split in self.splits]
        done = self.members * sum(sizes[:index]) + member * (sizes[index] if index < len(sizes) else 0)
        return self.config.epochs * done

    def _name(self, index: int) -> str:
        folds = len(self.splits) - 1
        return f"Fold {index + 1} of {folds}" if index < folds else "All cells"

    def _write(self, place: Path, key: str, made: _Part) -> None:
        tensors = {
            f"{number}.{name}": tensor.contiguous()
            for number, network in enumerate(made.networks)
            for name, tensor in copy_of(network).items()
        }
        if made.plain is not None:
            tensors |= {f"plain.{name}": tensor.contiguous() for name, tensor in made.plain.state_dict().items()}
        trained = made.trained
        facts = {
            "key": key,
            "history": trained.history,
            "best_epoch": trained.best_epoch,
            "first_seconds": trained.seconds,
            "seconds": made.seconds,
            "device": trained.device,
            "precision": trained.precision,
            "threads": trained.threads,
            "remarks": list(trained.remarks),
            "options": trained.options,
            "vectors": None if made.plain is None else int(made.plain.supported and len(made.plain.vectors)),
            "chosen": made.chosen,
        }
        # Features are fitted at once and leave no checkpoint, so that there may be no folder yet.
        place.mkdir(parents=True, exist_ok=True)
        write_atomically(place / NETWORKS, safetensors.torch.save(tensors))
        # Written last: a fold with this file is finished.
        write_atomically(place / FACTS, json.dumps(facts).encode())
        for member in place.glob(f"member-*/{CHECKPOINT}"):
            member.unlink()

    def _read(self, place: Path, key: str) -> _Part | None:
        """A finished part; None when it is not there, cannot be read, or is of other data, settings or splits."""
        try:
            facts = json.loads((place / FACTS).read_text("utf-8"))
            tensors = safetensors.torch.load((place / NETWORKS).read_bytes())
        except (OSError, ValueError, safetensors.SafetensorError):
            return None
        if facts.get("key") != key:
            return None
        channels, classes = len(self.data.recipe.channels), len(self.data.classes)
        options = self.config.options if facts["options"] is None else facts["options"]
        networks = []
        for number in range(self.members):
            network = ARCHITECTURES[self.config.architecture].make(channels, classes, options)
            network.load_state_dict(_under(tensors, f"{number}."))
            networks.append(network.eval())
        plain = None
        if facts["vectors"] is not None:
            plain = Features(channels, classes, vectors=facts["vectors"])
            plain.load_state_dict(_under(tensors, "plain."))
        trained = Trained(
            model=networks[0],
            history=facts["history"],
            best_epoch=facts["best_epoch"],
            seconds=facts["first_seconds"],
            device=facts["device"],
            precision=facts["precision"],
            threads=facts["threads"],
            remarks=tuple(facts["remarks"]),
            options=facts["options"],
        )
        return _Part(
            tuple(networks), trained, facts["seconds"], None if plain is None else plain.eval(), facts["chosen"]
        )


def _under(tensors: dict[str, torch.Tensor], head: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(head): tensor for name, tensor in tensors.items() if name.startswith(head)}


def _answering(part: _Part, shares: Shares | None) -> CellNetwork:
    """The network that answers for a part: its only one, or its members and features together."""
    if shares is not None:
        return blend.blended(part.networks, part.plain, (shares.network, shares.features))
    return part.networks[0] if len(part.networks) == 1 else blend.blended(part.networks, None, (1.0, 0.0))


def _as_in_card(config: TrainConfig, last: _Part, kept: CellNetwork) -> dict[str, Any]:
    """Architecture and options by which a card builds the kept network."""
    if not isinstance(kept, blend.Blend):
        return {}
    options = {**config.options, "members": len(last.networks), "plain": int(kept.plain is not None)}
    if kept.plain is not None and kept.plain.supported:
        options["vectors"] = len(kept.plain.vectors)
    return {"architecture": BLEND, "options": options}


def _said(data: TrainingData, split: Split, networks: Sequence[CellNetwork]) -> NDArray[np.float32]:
    """(n, K) logits of the cells of ``split.held_out``, each by the network of its fold."""
    found = np.zeros((len(data), len(data.classes)), np.float32)
    for (_, rows), network in zip(split.folds, networks, strict=True):
        found[rows] = predict_rows(network, data, rows, torch.device("cpu"))
    return found[split.held_out]
