"""The shortcut audit and the robustness table of a network, and how they enter its card."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from nscweb.core.card import ModelCard
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.training.checks.audit_words import FAILED_MARK
from nscweb.training.checks.network_probe import probe_of
from nscweb.training.checks.robustness import robustness
from nscweb.training.checks.shortcut_audit import audit
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.splits.plan import Split


@dataclass(frozen=True)
class Checks:
    """What was asked of a network beside its accuracy; empty parts were not asked."""

    audit: dict[str, Any] = field(default_factory=dict)
    robustness: tuple[dict[str, Any], ...] = ()


def run_checks(
    model: nn.Module,
    data: TrainingData,
    split: Split,
    scored: HeldOut,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Checks:
    """Audit and robustness on held-out cells; the network comes back to the processor in evaluation mode.

    Args:
        scored: what the network said of all held-out cells, in the order of `split.held_out`.
        device: where the network is asked.
    """
    probe = probe_of(model, data, split, seed, device)
    try:
        return Checks(
            audit(data, split, scored, probe, seed=seed, progress=progress, cancel=cancel),
            robustness(probe, seed=seed, progress=progress, cancel=cancel),
        )
    finally:
        model.cpu().eval()


def scored_held_out(
    model: nn.Module, data: TrainingData, split: Split, device: torch.device, temperature: float = 1.0
) -> HeldOut:
    """What a network says of all held-out cells, in the order of `split.held_out`; it stays on `device`.

    Samples keep their numbers in `data.samples`.

    Args:
        temperature: of the card, so that the scores are those that a user's cells get.
    """
    logits = predict_rows(model.to(device), data, split.held_out, device)
    return data.scored(split.held_out, torch.softmax(torch.from_numpy(logits) / temperature, dim=1).numpy())


def with_checks(card: ModelCard, checks: Checks) -> ModelCard:
    """The card with its checks. A failed audit, or one with a remark, is the first of its limits.

    The sentence and the mark of an earlier audit are taken out, so that a card can be checked again.
    """
    before = str(card.audit.get("sentence", ""))
    limits = tuple(line for line in card.limits if line != before)
    mark = "" if card.mark == FAILED_MARK else card.mark
    if checks.audit and checks.audit["level"] != "clear":
        limits = (str(checks.audit["sentence"]), *limits)
    if checks.audit and not checks.audit["passed"]:
        mark = mark or FAILED_MARK
    return replace(card, audit=checks.audit, robustness=checks.robustness, limits=limits, mark=mark)
