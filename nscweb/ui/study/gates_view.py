"""Gates on a page: which cells count, tried with sliders beside histogram and example cells, then kept."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from nscweb.core.columns import heading
from nscweb.core.gates import DEFAULT_GATES, GATE_NAMES, Gates
from nscweb.core.samples import Study
from nscweb.figures.gate_histogram import gate_histogram, gate_histogram_data
from nscweb.figures.look import figure_config
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.services.study import gates as services
from nscweb.services.study.gates import ExampleCell, GateInfo
from nscweb.ui import dataframes, figures, show
from nscweb.ui.cells import gallery
from nscweb.ui.text import label, plain
from nscweb.words.numbers import count

_ALL = ""
_HELP = (
    "A gate decides which cells count. Cells that a gate leaves out stay in the study and in the files; they are "
    "only left out of ratios and figures, and every export says by which gates."
)


def gates(app: App, study: Study) -> None:
    """Everything about the gates of one study: choose, try, save, and what is left per sample."""
    stored = services.get_gates(app, study.study_id)
    draft = _draft(study, stored)
    said = st.empty()
    known = {item.name: item for item in services.gate_list(app, study.study_id)}
    if not known:
        show.empty("No cells", "No sample of this study holds a cell.")
        return
    left, right = st.columns(2)
    name = left.selectbox(
        "Gate", list(known), format_func=lambda item: known[item].label.capitalize(), key=f"gate_{study.study_id}"
    )
    samples = [_ALL, *(sample.name for sample in study.samples if sample.cells)]
    sample = right.selectbox(
        "Sample shown",
        samples,
        format_func=lambda item: plain(item) if item else "all samples",
        key=f"gate_sample_{study.study_id}",
        help="The gates hold for the whole study; this chooses whose cells the histogram shows.",
    )
    info = known[name]
    st.caption(label(info.help, 400))
    draft = _limits(app, study, info, draft)
    _keep(study, draft)
    said.caption(label(draft.sentence(), 600), help=_HELP)
    _effect(app, study, sample or None, info, draft)
    _buttons(app, study, stored, draft)
    _funnel(app, study, draft)


def _draft_key(study: Study) -> str:
    return f"nsc_gates_{study.study_id}"


def _draft(study: Study, stored: Gates) -> Gates:
    kept = st.session_state.get(_draft_key(study))
    # Gates are drawn on the page Cells; a draft of limits takes none of them back.
    return kept.changed(regions=stored.regions) if isinstance(kept, Gates) else stored


def _keep(study: Study, draft: Gates) -> None:
    st.session_state[_draft_key(study)] = draft


def _round(study: Study) -> int:
    """Counts how often the draft was put back, so that sliders start anew from it."""
    return int(st.session_state.get(f"{_draft_key(study)}_round", 0))


def _forget(study: Study) -> None:
    st.session_state.pop(_draft_key(study), None)
    st.session_state[f"{_draft_key(study)}_round"] = _round(study) + 1


def _limits(app: App, study: Study, info: GateInfo, draft: Gates) -> Gates:
    """The switch and the sliders of one gate."""
    key = f"{_draft_key(study)}_{_round(study)}_{info.name}"
    if info.name == "population":
        chosen = st.multiselect(
            "Only cells in one of these populations",
            list(services.populations_of(app, study.study_id)),
            default=list(draft.populations),
            format_func=plain,
            placeholder="all cells",
            key=f"{key}_populations",
        )
        return draft.changed(populations=tuple(chosen))
    on = st.toggle("This gate is on", value=info.name not in draft.off, key=f"{key}_on")
    draft = draft.switched(info.name, on)
    low, high, step = info.slider
    unit = f" ({info.unit})" if info.unit else ""
    if info.low and info.high:
        now = (_shown(info, getattr(draft, info.low), low), _shown(info, getattr(draft, info.high), high))
        picked = st.slider(
            f"Kept from and to{unit}",
            low,
            high,
            _inside(now, low, high),
            step,
            _digits(step),
            key=f"{key}_both",
            disabled=not on,
        )
        bottom = _limit(info, picked[0], getattr(draft, info.low)) if picked[0] > low else None
        top = _limit(info, picked[1], getattr(draft, info.high)) if picked[1] < high else None
        return draft.changed(**{info.low: bottom, info.high: top, **_note_size(study, info)})
    name = info.low or info.high
    start = min(max(_shown(info, getattr(draft, name), low), low), high)
    words = "Kept from" if info.low else "Kept up to"
    value = st.slider(f"{words}{unit}", low, high, start, step, _digits(step), key=f"{key}_one", disabled=not on)
    limit = _limit(info, value, getattr(draft, name))
    return draft.changed(**{name: round(limit) if name == "objects" else limit})


def _limit(info: GateInfo, value: float, before: float | None) -> float:
    """A slider's value as a limit; the limit as it was when the slider was not moved, to the last bit."""
    limit = value / info.factor
    return float(before) if before is not None and math.isclose(limit, before, rel_tol=1e-9) else limit


def _digits(step: float) -> str:
    return f"%.{max(0, -math.floor(math.log10(step)))}f"


def _shown(info: GateInfo, value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value) * info.factor


def _inside(pair: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    first, second = (min(max(value, low), high) for value in pair)
    return first, max(first, second)


def _note_size(study: Study, info: GateInfo) -> dict[str, Any]:
    return {"pixel_size_um": study.pixel_size_um} if info.name == "size" else {}


def _effect(app: App, study: Study, sample: str | None, info: GateInfo, draft: Gates) -> None:
    shown = services.preview(app, study.study_id, sample, info.name, draft)
    total = shown.n_in + shown.n_out
    share = f" ({100 * shown.n_out / total:.1f} %)" if total else ""
    st.markdown(
        f"This gate keeps **{shown.n_in:,}** of {count(total, 'cell')}; **{shown.n_out:,}**{share} carry its flag."
    )
    if shown.unmeasured:
        st.caption(
            f"{count(shown.unmeasured, 'cell')} were imported before this was measured; import the study again to "
            "gate them too."
        )
    st.plotly_chart(
        gate_histogram(
            shown.edges,
            shown.kept,
            shown.left_out,
            label=info.axis,
            unit=shown.unit,
            low=shown.low if draft.on(info.name) else None,
            high=shown.high if draft.on(info.name) else None,
            names=shown.names,
            simulated=study.simulated,
        ),
        theme=None,
        width="stretch",
        config=figure_config(f"{study.study_id}_gate_{info.name}", figures.picture_format()),
        key=f"gate_figure_{info.name}",
    )
    st.download_button(
        "Data of this figure (CSV)",
        export.study_csv(gate_histogram_data(shown.edges, shown.kept, shown.left_out, shown.names), "Gate", study),
        file_name=f"{study.study_id}_gate_{info.name}.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        type="tertiary",
        key=f"gate_csv_{info.name}",
    )
    left, right = st.columns(2)
    limited = shown.low is not None or shown.high is not None
    order = "nearest to the limit first" if limited else "the smallest and the largest values"
    with left:
        _examples(f"Kept: {order}", shown.inside, shown.unit, study)
    with right:
        _examples("Left out: nearest to the limit first", shown.outside, shown.unit, study)


def _examples(title: str, cells: tuple[ExampleCell, ...], unit: str, study: Study) -> None:
    st.markdown(f"**{title}**")
    if not cells:
        st.caption("No cell.")
        return
    tiles = [gallery.Tile([(f"row {cell.row + 1}", cell.image)], "", "", [_number(cell.value, unit)]) for cell in cells]
    gallery.grid(tiles, width=92, pixel_size_um=study.pixel_size_um)


def _number(value: float, unit: str) -> str:
    """A value under a small picture: whole from 100 on, and "%" alone for "% of the sample's median"."""
    short = unit.split(" ")[0] if unit.startswith("%") else unit
    return f"{value:,.0f} {short}".strip() if abs(value) >= 100 else f"{value:.3g} {short}".strip()


def _buttons(app: App, study: Study, stored: Gates, draft: Gates) -> None:
    changed = draft.digest() != stored.digest()
    defaults = DEFAULT_GATES.changed(regions=stored.regions)
    with st.container(horizontal=True):
        save = st.button("Save gates", type="primary", disabled=not changed, icon=":material/save:", key="gates_save")
        undo = st.button("Undo", disabled=not changed, icon=":material/undo:", key="gates_undo")
        default = st.button(
            "Back to the defaults",
            disabled=draft.digest() == defaults.digest(),
            icon=":material/restart_alt:",
            key="gates_default",
        )
    if save:
        with show.caught("gates"), st.spinner("Flagging the cells anew …"):
            services.set_gates(app, study.study_id, draft)
            _forget(study)
            st.toast("Gates saved. Predict again to use them; the scores are kept, so it takes seconds.")
            st.rerun()
    if undo or default:
        _forget(study)
        if default:
            _keep(study, defaults)
        st.rerun()
    if changed:
        st.caption("Not saved yet: the figures above and below show what these gates would do.")


def _funnel(app: App, study: Study, draft: Gates) -> None:
    st.subheader(
        "What is left of each sample",
        help="A cell is counted once, under the first reason that leaves it out, from left to right, so the numbers "
        "of a row add up.",
    )
    table = services.funnel(app, study.study_id, draft)
    off = {item.name for item in services.flag_columns() if item.name in GATE_NAMES and not draft.on(item.name)}
    reasons = [item.name for item in services.flag_columns() if item.name not in off]
    dataframes.show_frame(
        table,
        "Funnel",
        ("sample", "cells_imported", *(f"left_out_{name}" for name in reasons), "cells_kept", "kept_percent"),
        height=min(460, 38 + 35 * max(len(table), 1)),
        column_config={
            **{f"left_out_{item.name}": item.label.capitalize() for item in services.flag_columns()},
            "kept_percent": st.column_config.ProgressColumn(
                heading("kept_percent"),
                help=dataframes.help_of("kept_percent"),
                format="%.1f %%",
                min_value=0,
                max_value=100,
            ),
        },
        key="gates_funnel",
    )
    st.download_button(
        "This table (CSV)",
        export.study_csv(table, "Funnel", study),
        file_name=f"{study.study_id}_funnel.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="gates_funnel_csv",
    )
