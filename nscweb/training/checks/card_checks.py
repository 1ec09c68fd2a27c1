"""The shortcut audit and the robustness table of a network, and how they enter its card."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from nscweb.core.card import ModelCard
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.training.checks.audit_words import FAILED_MARK
from nscweb.training.checks.network_probe import probe_of
from nscweb.training.checks.robustness import robustness
from nscweb.training.checks.shortcut_audit import audit
from nscweb.training.jury import Jury


@dataclass(frozen=True)
class Checks:
    """What was asked of a network beside its accuracy; empty parts were not asked."""

    audit: dict[str, Any] = field(default_factory=dict)
    robustness: tuple[dict[str, Any], ...] = ()


def run_checks(
    jury: Jury,
    scored: HeldOut,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Checks:
    """Audit and robustness on held-out cells; the networks come back to the processor in evaluation mode.

    Args:
        jury: who judges, with data and split.
        scored: what the network said of all held-out cells, in the order of `split.held_out`.
        device: where the network is asked.
    """
    probe = probe_of(jury, seed, device)
    try:
        return Checks(
            audit(jury.data, jury.split, scored, probe, seed=seed, progress=progress, cancel=cancel),
            robustness(probe, seed=seed, progress=progress, cancel=cancel),
        )
    finally:
        jury.to_cpu()


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
