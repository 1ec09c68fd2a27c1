"""Ask an existing model again for figures, audit, robustness, held-out scores and known samples; write its card anew.

The cells that the model has never seen are found again: simulated ones are drawn again from the seed, those of studies
are read from their cell files, and both are split as the card says. That they are the same cells is checked before
anything is written: the model must give them the confusion matrix that is in its card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.card import CardEntry, ModelCard, Performance, card_to_dict, read_card
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress

if TYPE_CHECKING:
    from nscweb.core.samples import Study
    from nscweb.evaluation.scores.held_out import HeldOut
    from nscweb.services.context import App
    from nscweb.training.data.dataset import TrainingData
    from nscweb.training.jury import Jury
    from nscweb.training.splits.plan import Split

_SIMULATED = re.compile(r"--simulated[ =](\d+)")
# Share of the cells whose class may differ from the card: other processors round otherwise.
_SAME_CELLS = 0.005


def audit_model(
    app: App,
    entry: CardEntry,
    studies: Sequence[str] = (),
    *,
    device: str = "auto",
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> CardEntry:
    """Measure figures, shortcut audit and robustness of a model and write its card anew; the weights stay as they are.

    Args:
        app: services.
        entry: the model.
        studies: names of the studies that it was trained on; () looks for them by the cells that the card remembers.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        WrongUse: the training cells are neither simulated by a command nor in studies that are here.
        InputRefused: the cells that were held out cannot be told any more, or are not those of the card.
        JobCancelled: somebody asked to stop; the card is as it was.
    """
    from nscweb.inference.device import choose_device
    from nscweb.services.train.finished_model import look_for_twins
    from nscweb.training.card_figures import with_figures
    from nscweb.training.checks.card_checks import run_checks, with_checks
    from nscweb.training.checks.features_baseline import with_baseline
    from nscweb.training.checks.harmful_changes import with_harmful_changes
    from nscweb.training.checks.held_out_scores import write_held_out
    from nscweb.training.checks.known_samples import with_known_samples
    from nscweb.training.checks.map_tests import with_map_tests
    from nscweb.training.data.dataset import with_pixel_size

    card = entry.card
    jury = _jury_of(app, entry, studies, progress, cancel)
    data, split = jury.data, jury.split
    chosen = choose_device(device, app.settings.threads)
    progress(0, 0, "Measuring on held-out cells")
    scored = jury.scored(card.temperature, chosen)
    _check_same(card, scored)
    checks = run_checks(jury, scored, seed=card.origin.seed, device=chosen, progress=progress, cancel=cancel)
    twins = look_for_twins(data, split, progress, cancel)
    checked = with_checks(card, checks)
    # The temperature stays as it is: the other forms of the network hold it, and runs were made with it.
    checked = replace(
        checked,
        audit={**checked.audit, "duplicates": twins},
        calibration=with_known_samples(card.calibration, jury, cancel),
        held_out=write_held_out(entry.folder, scored, data, split),
        performance=with_figures(card.performance, scored),
    )
    checked = with_harmful_changes(checked, jury, progress=progress, cancel=cancel)
    checked = with_map_tests(checked, jury, device=chosen, progress=progress, cancel=cancel)
    balance = card.origin.settings.get("balance", 0.0)
    checked = with_baseline(
        checked, jury, scored, seed=card.origin.seed, balance=balance, progress=progress, cancel=cancel
    )
    return _written(entry, replace(checked, recipe=with_pixel_size(card.recipe, data.pixel_size_um)))


def light_tests_again(
    app: App,
    entry: CardEntry,
    studies: Sequence[str] = (),
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> CardEntry:
    """Give a card what tests samples for the changes that its robustness table calls harmful; nothing else changes.

    The known cells are found again, as `audit_model` does, but neither figures nor audit nor table are made anew.

    Raises:
        As `audit_model`.
    """
    from nscweb.training.checks.harmful_changes import with_harmful_changes
    from nscweb.training.data.dataset import with_pixel_size

    jury, _ = _known_again(app, entry, studies, "cpu", progress, cancel)
    tested = with_harmful_changes(entry.card, jury, progress=progress, cancel=cancel)
    return _written(entry, replace(tested, recipe=with_pixel_size(entry.card.recipe, jury.data.pixel_size_um)))


def map_tests_again(
    app: App,
    entry: CardEntry,
    studies: Sequence[str] = (),
    *,
    device: str = "auto",
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> CardEntry:
    """Give a card the tests of its class maps; nothing else changes.

    Raises:
        As `audit_model`.
    """
    from nscweb.training.checks.map_tests import with_map_tests

    jury, chosen = _known_again(app, entry, studies, device, progress, cancel)
    tested = with_map_tests(entry.card, jury, device=chosen, progress=progress, cancel=cancel)
    return _written(entry, tested)


def figures_again(entry: CardEntry) -> CardEntry:
    """Take the figures of merit, matrices and curves of a card again from the held-out scores that lie with it.

    No cell is read and no network is asked, so a card from before a change of the intervals has those of today within
    seconds. Audit and robustness stay as they are (`audit_model`), but for the figures of the network that the audit
    repeats.

    Raises:
        WrongUse: the model came without held-out scores.
        ModelError: their file is damaged.
        InputRefused: they are fewer cells than the card was measured on, or say something else.
    """
    from nscweb.inference.held_out_file import read_held_out
    from nscweb.training.card_figures import with_figures

    held_out = read_held_out(entry)
    if held_out is None:
        raise WrongUse(
            f"The model {entry.card.name} came without the scores of its held-out cells.",
            f"Measure it again with: nscweb models audit {entry.card.name}",
        )
    _check_same(entry.card, held_out)
    performance = with_figures(entry.card.performance, held_out)
    return _written(entry, replace(entry.card, performance=performance, audit=_repeated(entry.card.audit, performance)))


def _repeated(audit: dict[str, Any], performance: Performance) -> dict[str, Any]:
    """The audit with the figures of the network as the card gives them now."""
    rows = []
    for row in audit.get("alone", {}).get("figures", ()):
        found = performance.metric(row["figure"])
        network = row["network"] if found is None else {"value": found.value, "low": found.low, "high": found.high}
        rows.append({**row, "network": network})
    return {**audit, "alone": {**audit["alone"], "figures": rows}} if rows else audit


def _known_again(
    app: App, entry: CardEntry, studies: Sequence[str], device: str, progress: Progress, cancel: CancelAsked
) -> tuple[Jury, Any]:
    """The network and who judges its cells, checked to be those of the card, and the torch device."""
    from nscweb.inference.device import choose_device

    jury = _jury_of(app, entry, studies, progress, cancel)
    chosen = choose_device(device, app.settings.threads)
    progress(0, 0, "Measuring on held-out cells")
    _check_same(entry.card, jury.scored(entry.card.temperature, chosen))
    jury.to_cpu()
    return jury, chosen


def _written(entry: CardEntry, card: ModelCard) -> CardEntry:
    """Card and curves into the folder of the model; the card last."""
    from nscweb.store.files import atomic_write
    from nscweb.training.card_writer import CURVES

    for name, content in ((CURVES, card.performance.curves), ("card.json", card_to_dict(card))):
        with atomic_write(entry.folder / name) as stream:
            stream.write((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    return read_card(entry.folder)


def _jury_of(app: App, entry: CardEntry, studies: Sequence[str], progress: Progress, cancel: CancelAsked) -> Jury:
    """The network of a model and those that judged its cells, with the cells and the split of its training.

    Raises:
        As `audit_model`; `WrongUse` where the networks that judged were too large to be kept.
    """
    from nscweb.models.loading import load_model
    from nscweb.training.jury import Jury, read_judges

    data = _data_of(app, entry.card, studies, progress, cancel)
    split = _split_of(entry.card, data)
    model = load_model(entry)
    return Jury(model, read_judges(entry) if split.folds else (model,), data, split)


def _data_of(
    app: App, card: ModelCard, studies: Sequence[str], progress: Progress, cancel: CancelAsked
) -> TrainingData:
    """The training cells again, prepared as they were for training: before the recipe knew their pixel size.

    A changed cell whose pixels count "as they come" must not be brought back to the old size.
    """
    recipe = replace(card.recipe, pixel_size_um=None)
    drawn = _SIMULATED.search(card.origin.command)
    if drawn and not studies:
        from nscweb.training.data.simulated import simulated_data

        data = simulated_data(int(drawn[1]), card.origin.seed, recipe, progress=progress, cancel=cancel)
        if data.classes.names != card.classes.names:
            raise WrongUse(f"The model {card.name} has other classes than simulated cells have.")
        return data
    from nscweb.services.train.class_sources import sources_of
    from nscweb.services.train.training_data import one_pixel_size
    from nscweb.training.data.dataset import collect, read_cell_files

    found = [app.catalogue.study(name) for name in studies] or _studies_of(app, card)
    channels = () if card.recipe.channels == ("brightfield",) else card.recipe.channels
    sources = [
        source
        for study in found
        for source in sources_of(app, study, channels, _labels(card))
        if source.true_class in card.classes.names
    ]
    return collect(
        read_cell_files(sources, card.classes),
        card.classes,
        recipe,
        simulated=card.origin.simulated,
        description=card.origin.data,
        licence=card.origin.licence,
        total=sum(study.cells for study in found),
        pixel_size_um=one_pixel_size(found),
        progress=progress,
        cancel=cancel,
    )


def _labels(card: ModelCard) -> tuple[str, ...]:
    """What the model learned from, as its request said it."""
    return tuple(card.origin.settings.get("labels", ()))


def _studies_of(app: App, card: ModelCard) -> list[Study]:
    """The studies that hold the cells which the card remembers, in the order in which its sentence names them."""
    from nscweb.services.train.class_sources import sources_of
    from nscweb.store.cell_files import CellFile

    known = set(card.origin.settings.get("training_cells_sha256", ()))
    found = []
    for study in app.catalogue.studies() if known else ():
        for source in sources_of(app, study, labels=_labels(card)):
            with CellFile(source.path) as cells:
                if cells.sha256() in known:
                    found.append(study)
                    break
    if not found:
        raise WrongUse(
            f"The cells that {card.name} was trained on are not here.",
            "Import the studies that it was trained on, or name them in the command.",
            "E-AUDIT-DATA",
        )
    return sorted(found, key=lambda study: card.origin.data.find(study.name))


def _split_of(card: ModelCard, data: TrainingData) -> Split:
    """The split that the card describes, found by its sentence."""
    from nscweb.training.splits.folds import folds_said, split_for
    from nscweb.training.splits.grouping import CHOICES
    from nscweb.training.splits.plan import SplitPlan

    folds = folds_said(card.origin.split)
    for by in CHOICES:
        try:
            split = split_for(data, SplitPlan(by, folds=folds), card.origin.seed)
        except (InputRefused, WrongUse):
            continue
        if split.sentence == card.origin.split:
            return split
    raise InputRefused(
        f"The cells that were held out when {card.name} was trained cannot be told any more.",
        "The studies have changed since, or other ones are meant; train again for a card with an audit.",
        "E-AUDIT-SPLIT",
    )


def _check_same(card: ModelCard, scored: HeldOut) -> None:
    from nscweb.evaluation.scores.confusion import held_out_confusion

    known = np.asarray(card.performance.confusion, np.int64)
    found = held_out_confusion(scored)
    if known.shape != found.shape or np.abs(known - found).sum() > 2 * _SAME_CELLS * max(1, known.sum()):
        raise InputRefused(
            f"The cells found here are not those that {card.name} was measured on: it names other classes for them.",
            "The simulator or the studies have changed since; train again for a card with an audit.",
            "E-AUDIT-CELLS",
        )
