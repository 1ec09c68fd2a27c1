"""The model card as a part of the HTML report."""

from __future__ import annotations

from nscweb.core.card import ModelCard
from nscweb.files.html_document import Html, Section, bullets, facts, heading, paragraph, table
from nscweb.services.report.content import ReportData

_TITLE = "Model card"
_SHOWN = ("accuracy", "macro_f1", "recall", "precision", "auc")


def card_section(data: ReportData) -> Section:
    """What the model is, learnt from, can and cannot do; a sentence where the model is gone."""
    card = data.card
    if card is None:
        made = data.run.provenance
        gone = f"The model {made.model} is not installed any more; its weights had the SHA-256 {made.weights_sha256}."
        return Section(_TITLE, [paragraph(gone)])
    parts = [
        paragraph(card.title, "lead"),
        paragraph(card.summary),
        facts(_facts(card)),
        heading("What it cannot do"),
        bullets(card.limits),
        heading("What it may be used for"),
        bullets(card.uses),
        *_performance(card),
    ]
    if card.audit.get("sentence"):
        parts += [heading("What shortcuts could explain"), paragraph(str(card.audit["sentence"]))]
    return Section(_TITLE, parts)


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    origin = card.origin
    lines = [
        ("Name and version", f"{card.name} {card.version}"),
        ("Marked", card.mark),
        ("Classes", ", ".join(card.classes.names)),
        ("Architecture", card.architecture),
        ("Learnt from", f"{origin.data} ({origin.cells:,} cells{', simulated' if origin.simulated else ''})"),
        ("Held-out cells", origin.split),
        ("Made", f"{origin.created_utc}, seed {origin.seed}, {origin.device}"),
        ("Command", origin.command),
        ("Licence", origin.licence),
        ("Citation", card.citation),
        ("SHA-256 of the weights", card.weights.sha256),
    ]
    return [(name, value) for name, value in lines if value]


def _performance(card: ModelCard) -> list[Html]:
    metrics = [m for m in card.performance.metrics if m.name in _SHOWN and m.time_h is None]
    if not metrics:
        return []
    rows = [
        [
            m.name.replace("_", " "),
            m.class_name or "all",
            f"{m.value:.3f}",
            f"[{m.low:.3f}, {m.high:.3f}]",
            f"{m.cells:,}",
            m.samples,
        ]
        for m in metrics
    ]
    columns = ["Figure", "Class", "Value", "95 % interval", "Cells", "Samples"]
    return [
        heading("How well it does on samples that it has never seen"),
        paragraph(card.performance.data, "small"),
        table(columns, rows, numbers=(2, 3, 4, 5), caption="Figures on held-out samples", side_by_side=30),
    ]
