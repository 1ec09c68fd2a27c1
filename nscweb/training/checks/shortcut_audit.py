"""Whether a shortcut could explain the figures of a network: asked on every training, kept in every card.

Two questions. Could the recording alone have done it: how far does a plain classifier go that sees background level,
slope of the light, noise, mean and frame size, but no cell? And does the network use it: how many cells does it lose
when the light or the frame of each cell is replaced by that of a cell of another class?

The second question decides. A set may give its classes away by the light, as that of Zhu et al. 2021 does, and a
network whose recipe takes the light away is still sound; but one that loses more than `rules.SWAP_COSTS` by a swap of
what is not the cell has learnt the recording. When the recording alone goes as far as the network and no held-out
images are there to swap, the figures could be due to it, and the audit fails as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.rules import SWAP_COST, SWAP_COSTS
from nscweb.evaluation.scores.confusion import held_out_metrics
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.right_answers import RightAnswers
from nscweb.training.checks.audit_words import audit_sentence, plain_name
from nscweb.training.checks.changes import reframed, swapped
from nscweb.training.checks.network_probe import Probe
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.recording_features import PlainClassifier, nuisance_names
from nscweb.training.data.recordings import Array, Recording
from nscweb.training.splits.plan import Split

_MOST_TRAINED = 12_000
_LIGHT = (
    ("background", ("background",)),
    ("gradient", ("gradient",)),
    ("noise", ("noise",)),
    ("contrast", ("contrast",)),
    ("light", ("background", "gradient", "noise", "contrast")),
)
_MORE_FRAME = 1.25


def audit(
    data: TrainingData,
    split: Split,
    scored: HeldOut,
    probe: Probe | None,
    *,
    seed: int,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> dict[str, Any]:
    """The audit of a network for its card, JSON-ready.

    Args:
        data, split: of the training.
        scored: what the network said of all held-out cells, in the order of `split.held_out`.
        probe: the network with held-out cells as stored; None where none were kept.
        seed: of draws.

    Returns:
        ``passed``, ``level`` (``clear``, ``remark`` or ``failed``), ``sentence``, ``chance``; ``alone``: the plain
        classifier beside the network, with ``figures``, ``difference`` and ``single``; ``accuracy`` of the cells as
        they are; ``swaps``: rows with ``what``, ``kind``, ``accuracy``, ``low``, ``high``, ``control`` (accuracy
        after the same swap with a cell of its own class), ``cost`` (of the class alone), ``cost_low``,
        ``cost_high``, ``limit``, ``decides``. Empty when the training data hold nothing that could be asked.
    """
    if data.nuisance is None and probe is None:
        return {}
    progress(0, 0, "Shortcut audit: what the recording alone tells")
    alone = _alone(data, split, scored, seed) if data.nuisance is not None else {}
    swaps = _swaps(probe, seed, progress, cancel) if probe is not None else []
    deciding = [row for row in swaps if row["decides"]]
    worst = max(deciding, key=lambda row: float(row["cost"]), default=None)
    over = [row for row in deciding if row["cost"] > row["limit"]]
    used = [row for row in over if row["cost_low"] > 0]
    chance = 1 / len(data.classes)
    explains = bool(alone) and _reaches(alone, chance)
    failed = bool(used) or (explains and (worst is None or bool(over)))
    level = "failed" if failed else "remark" if explains else "clear"
    return {
        "passed": not failed,
        "level": level,
        "sentence": audit_sentence(level, alone, used, worst, chance),
        "chance": round(chance, 4),
        "alone": alone,
        "swaps": swaps,
        "accuracy": {} if probe is None else probe.answers.accuracy(probe.hits).as_dict(),
        "cells": 0 if probe is None else len(probe.labels),
        "interval": "" if probe is None else probe.answers.how.label,
    }


def _reaches(alone: dict[str, Any], chance: float) -> bool:
    """The recording alone is above chance, and the network is not shown to be better than it."""
    plain = next(row for row in alone["figures"] if row["figure"] == "balanced_accuracy")
    return bool(plain["recording"]["low"] > chance and alone["difference"]["low"] <= 0)


def _alone(data: TrainingData, split: Split, scored: HeldOut, seed: int) -> dict[str, Any]:
    """The plain classifier on the recording beside the network, on the same held-out cells."""
    assert data.nuisance is not None
    said, trained = _recording_says(data, split, data.nuisance, seed)
    answers = RightAnswers.of(scored.labels, scored.samples, scored.classes, seed=seed)
    plain = replace(scored, scores=said)
    hits = [np.asarray(item.scores.argmax(axis=1) == item.labels) for item in (plain, scored)]
    figures = [
        {
            "figure": "balanced_accuracy",
            "recording": answers.balanced(hits[0]).as_dict(),
            "network": answers.balanced(hits[1]).as_dict(),
        }
    ]
    found = [
        {metric.name: metric for metric in held_out_metrics(item, by_time=False) if not metric.class_name}
        for item in (plain, scored)
    ]
    for name in ("accuracy", "macro_f1", "auc"):
        if all(name in item for item in found):
            pair = [{"value": item[name].value, "low": item[name].low, "high": item[name].high} for item in found]
            figures.append({"figure": name, "recording": pair[0], "network": pair[1]})
    return {
        "figures": figures,
        "difference": answers.lead(hits[1], hits[0]).as_dict(),
        "single": _single(data, split, seed, answers),
        "cells_trained": trained,
        "cells": len(scored.labels),
        "samples": answers.samples,
        "interval": answers.how.label,
    }


def _recording_says(
    data: TrainingData, split: Split, numbers: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float32], int]:
    """What plain classifiers say of the held-out cells, each trained beside a network that judges; their cells."""
    said = np.zeros((len(data), len(data.classes)), np.float32)
    trained = 0
    for train, held_out in split.judged:
        rows = _some(train, seed)
        plain = PlainClassifier(numbers[rows], data.labels[rows], len(data.classes))
        said[held_out] = plain.probabilities(numbers[held_out])
        trained = max(trained, len(rows))
    return said[split.held_out], trained


def _single(data: TrainingData, split: Split, seed: int, answers: RightAnswers) -> list[dict[str, Any]]:
    """Balanced accuracy of each number of the recording on its own, strongest first."""
    assert data.nuisance is not None
    found = []
    for column, name in enumerate(nuisance_names(data.recipe.channels)):
        said, _ = _recording_says(data, split, data.nuisance[:, [column]], seed)
        right = np.asarray(said.argmax(axis=1) == data.labels[split.held_out])
        found.append(
            {"feature": name, "label": plain_name(name), "balanced_accuracy": round(answers.balanced(right).value, 4)}
        )
    return sorted(found, key=lambda row: -float(str(row["balanced_accuracy"])))


def _swaps(probe: Probe, seed: int, progress: Progress, cancel: CancelAsked) -> list[dict[str, Any]]:
    """What each swap does; noise and contrast of any other cell do some harm, which the control takes off."""
    lent = probe.donors
    other = chosen_donors(probe, seed, same_class=False)
    same = chosen_donors(probe, seed, same_class=True)
    if other is None or same is None:
        return []
    found = []
    questions = len(_LIGHT) + 2

    def relit(parts: Sequence[str], donor: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
        rng = np.random.default_rng([seed, 9, number])
        return _right(
            probe, lambda place, image, own: swapped(image, own, lent.recordings[donor[place]], parts, rng), cancel
        )

    def framed(donor: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        rng = np.random.default_rng([seed, 9, len(_LIGHT)])

        def change(place: int, image: Array, own: Recording) -> Array:
            if donor is None:
                size = round(_MORE_FRAME * image.shape[1]), round(_MORE_FRAME * image.shape[2])
            else:
                size = int(lent.sizes[donor[place], 0]), int(lent.sizes[donor[place], 1])
            return reframed(image, own, size, rng)

        return _right(probe, change, cancel)

    for number, (kind, parts) in enumerate(_LIGHT):
        progress(number, questions, "Shortcut audit: light swapped between classes")
        found.append(_row(probe, kind, relit(parts, other, number), relit(parts, same, number)))
    progress(len(_LIGHT), questions, "Shortcut audit: other frames")
    found.append(_row(probe, "frame", framed(other), framed(same)))
    found.append({**_row(probe, "padding", framed(None), probe.hits), "decides": False})
    return found


def _right(probe: Probe, change: Callable[[int, Array, Recording], Array], cancel: CancelAsked) -> NDArray[np.bool_]:
    return np.asarray(probe.ask(change, cancel).argmax(axis=1) == probe.labels)


def _row(probe: Probe, kind: str, hits: NDArray[np.bool_], control: NDArray[np.bool_]) -> dict[str, Any]:
    accuracy, cost = probe.answers.accuracy(hits).as_dict(), probe.answers.cost(control, hits).as_dict()
    return {
        "what": plain_name(kind),
        "kind": kind,
        "accuracy": accuracy["value"],
        "low": accuracy["low"],
        "high": accuracy["high"],
        "control": round(float(control.mean()), 4),
        "cost": cost["value"],
        "cost_low": cost["low"],
        "cost_high": cost["high"],
        "limit": SWAP_COSTS.get(kind, SWAP_COST),
        "decides": True,
    }


def chosen_donors(probe: Probe, seed: int, *, same_class: bool) -> NDArray[np.int64] | None:
    """For each cell the place in `probe.donors` of the cell whose light it gets; None where a class has no donor.

    Donors come from the training part, because a shortcut is what went with the class there; the few held-out
    samples may differ by chance.

    Args:
        same_class: a cell of its own class, of another sample where there is one; else of another class, each of
            them as likely.
    """
    labels, samples = probe.donors.labels, probe.donors.sample_of
    present = np.unique(labels)
    if len(present) < 2 or not np.isin(probe.labels, present).all():
        return None
    rng = np.random.default_rng([seed, 10, same_class])
    members = {int(label): np.flatnonzero(labels == label) for label in present}
    found = np.empty(len(probe.labels), np.int64)
    for place, label in enumerate(probe.labels):
        if same_class:
            pool = members[int(label)]
            away = pool[samples[pool] != probe.sample_of[place]]
            pool = away if len(away) else pool
        else:
            pool = members[int(rng.choice(present[present != label]))]
        found[place] = rng.choice(pool)
    return found


def _some(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """At most `_MOST_TRAINED` of the rows, drawn at random."""
    if len(rows) <= _MOST_TRAINED:
        return rows
    return np.sort(np.random.default_rng([seed, 11]).choice(rows, _MOST_TRAINED, replace=False))
