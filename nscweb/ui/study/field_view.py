"""Whole fields of view before an import: sliders in plain words, and what they would find in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from nscweb.core.field_settings import Mending, SegmentationSettings, ThresholdMethod, least_background_radius
from nscweb.services.context import App
from nscweb.services.study import fields
from nscweb.ui import cached, show
from nscweb.ui.cells import gallery
from nscweb.ui.text import html
from nscweb.words.numbers import count

# What was mended by hand in the outlines of the files that wait.
MENDINGS = "new_field_mendings"
CELLS, COLONIES = "Single cells", "Whole colonies"
_METHODS: dict[ThresholdMethod, str] = {
    "noise": "the grain of the background",
    "otsu": "two groups of pixels (Otsu)",
    "triangle": "the tail of the histogram (triangle)",
    "learnt": "a network that knows phase contrast",
}


@dataclass(frozen=True)
class _Unit:
    """Lengths as the user reads them: micrometres when the pixel size is known, else pixels."""

    name: str
    pixel: float

    def shown(self, pixels: float) -> float:
        return pixels * self.pixel

    def pixels(self, shown: float) -> float:
        return shown / self.pixel


def field_options(
    app: App, paths: Sequence[Path], channel: str | None, pixel_size_um: float | None
) -> SegmentationSettings | None:
    """Ask whether images are whole fields of view and how cells are found in them; None when they are single cells.

    Args:
        paths: files that wait for their import; the first field that can be read is shown.
    """
    ticked = st.checkbox(
        "These images are whole fields of view (many cells each)",
        key="new_fields",
        help="For pictures of adherent cells or colonies from a microscope. Cells are found in the brightfield image, "
        "and every one is cut out with its surroundings, in all channels. Leave it unticked when every image "
        "shows one cell.",
    )
    if not ticked:
        return None
    objects = st.segmented_control(
        "What is one object?", [CELLS, COLONIES], default=CELLS, required=True, key="new_field_objects"
    )
    if objects == COLONIES:
        st.caption(
            "A colony is taken as one object: sizes reach further up, and parts that touch are not split. Make the "
            "largest diameter a little larger than your largest colony."
        )
    settings = _asked(pixel_size_um, objects == COLONIES)
    if not paths:
        st.caption("Choose files above, and the cells that would be found are shown here.")
        return settings
    settings = replace(settings, mendings=tuple(st.session_state.get(MENDINGS, ())))
    with show.caught("fields"):
        _preview(app, paths, channel, settings, pixel_size_um)
    return settings


def _asked(pixel_size_um: float | None, colonies: bool) -> SegmentationSettings:
    suggested = SegmentationSettings.suggested(pixel_size_um, colonies=colonies)
    unit = _Unit("µm", pixel_size_um) if pixel_size_um else _Unit("px", 1.0)
    # Other objects and another pixel size begin with what suits them.
    key = f"new_field_{'colony' if colonies else 'cell'}_{pixel_size_um or 0:g}"
    left, middle, right = st.columns(3)
    low, high = _diameters(left, "colony" if colonies else "cell", suggested, unit, key)
    method = middle.selectbox(
        "What stands out is judged by",
        list(_METHODS),
        format_func=lambda name: _METHODS[name],
        key=f"{key}_method",
        help="Start with the grain of the background. Otsu and triangle set the threshold by the histogram of each "
        "field, which helps when fields differ in contrast. The network is for flat, branched cells in phase contrast, "
        "which the others break into pieces; it takes seconds per field.",
    )
    threshold, cell_px = suggested.threshold, suggested.cell_px
    if method == "learnt":
        cell_px = _length(
            right,
            "Usual diameter of a cell",
            suggested.cell_px,
            4 * suggested.cell_px,
            unit,
            f"{key}_cell",
            "The field is brought to the size that the network knows. Too small parts cells into pieces, too large "
            "joins them: look at the preview.",
        )
    else:
        threshold = _threshold(right, method, suggested, key)
    split = left.slider(
        "Part cells that touch (0 never, 1 at the slightest waist)",
        0.0,
        1.0,
        suggested.split_strength if suggested.split else 0.0,
        0.1,
        key=f"{key}_split",
    )
    smoothing = middle.slider(
        "Smoothing (px)",
        0.0,
        5.0,
        suggested.smoothing,
        0.5,
        key=f"{key}_smoothing",
        help="Blur against grain before cells are looked for. The stored cells are not blurred.",
    )
    margin = _length(
        right, "Surroundings kept around each cell", suggested.margin, 100 if colonies else 40, unit, f"{key}_margin"
    )
    light = _length(
        left,
        "Uneven light: size of its patches",
        suggested.background_radius,
        4 * suggested.background_radius,
        unit,
        f"{key}_light",
        "Brightness that changes over more than this is evened out before cells are looked for. It is "
        "never less than the largest cell needs; 0 leaves the light as it is.",
    )
    drop = middle.checkbox(
        "Leave out cells that the border of the field cuts", value=suggested.drop_border, key=f"{key}_border"
    )
    min_area, max_area = (max(1, round(math.pi / 4 * side**2)) for side in (low, high))
    max_area = max(max_area, min_area + 1)
    return SegmentationSettings(
        background_radius=max(light, least_background_radius(max_area)) if light else 0,
        smoothing=smoothing,
        method=method,
        threshold=threshold,
        min_area=min_area,
        max_area=max_area,
        split=split > 0,
        split_strength=split,
        margin=margin,
        drop_border=drop,
        cell_px=max(4, cell_px),
    )


def _threshold(
    place: st.delta_generator.DeltaGenerator, method: ThresholdMethod, suggested: SegmentationSettings, key: str
) -> float:
    by_grain = method == "noise"
    chosen: float = place.slider(
        "Threshold (times the grain)" if by_grain else "Threshold (times the automatic one)",
        *((1.5, 15.0, suggested.threshold, 0.5) if by_grain else (0.3, 3.0, 1.0, 0.1)),
        key=f"{key}_threshold_{method}",
        help="Higher finds fewer and more distinct cells, lower finds faint ones and, at some point, dirt and noise.",
    )
    return chosen


def _diameters(
    place: st.delta_generator.DeltaGenerator, thing: str, suggested: SegmentationSettings, unit: _Unit, key: str
) -> tuple[float, float]:
    """Smallest and largest diameter in pixels."""
    low, high = (unit.shown(2 * math.sqrt(area / math.pi)) for area in (suggested.min_area, suggested.max_area))
    step = _step(high)
    chosen = place.slider(
        f"Diameter of a {thing} ({unit.name})",
        step,
        step * math.ceil(2 * high / step),
        (max(step, step * round(low / step)), step * round(high / step)),
        step,
        key=f"{key}_size",
        format=_digits(step),
        help="Of a disc of the same area. Smaller objects are taken for debris, larger ones for clumps.",
    )
    return unit.pixels(chosen[0]), unit.pixels(chosen[1])


def _length(
    place: st.delta_generator.DeltaGenerator,
    name: str,
    suggested: int,
    most: int,
    unit: _Unit,
    key: str,
    help_text: str | None = None,
) -> int:
    step = _step(unit.shown(most))
    most_shown = step * math.ceil(unit.shown(max(most, suggested)) / step)
    value = step * round(unit.shown(suggested) / step)
    chosen = place.slider(
        f"{name} ({unit.name})", 0.0, most_shown, min(value, most_shown), step, _digits(step), key=key, help=help_text
    )
    return round(unit.pixels(chosen))


def _step(most: float) -> float:
    """A round step that makes about a hundred of a range."""
    exact = max(most, 1e-6) / 100
    power = 10.0 ** math.floor(math.log10(exact))
    return next(power * nice for nice in (1, 2, 5, 10) if power * nice >= exact * 0.999)


def _digits(step: float) -> str:
    """As many digits as a step needs."""
    return f"%.{max(0, -math.floor(math.log10(step) + 1e-9))}f"


def _preview(
    app: App, paths: Sequence[Path], channel: str | None, settings: SegmentationSettings, pixel_size_um: float | None
) -> None:
    index = st.session_state.get("new_field_index") or 1
    sign = cached.spinner("Reading a field of view …")
    field = fields.read_field.announced(sign, app, paths, channel, int(index) - 1)
    mending = st.toggle(
        "Mend outlines by hand",
        key="new_field_mend",
        help="Outlines get numbers: delete some, merge two or more, or cut one in two. What you mend is imported.",
    )
    if field.labels is None:
        fields.found_labels.announced(cached.spinner("Looking for cells …"), app, field, settings)
    seen = fields.preview_field(app, field, settings, numbered=mending)
    picture, facts = st.columns([3, 2])
    with picture:
        st.html(
            f'<img alt="{html(seen.sentence, 300)}" src="{gallery.png_uri(seen.picture)}" '
            'style="width:100%;max-width:760px;border-radius:6px;display:block">'
        )
        st.caption("Orange: taken as a cell. Blue: left out, because the border cuts it.")
        if mending:
            _mend(field, seen, len(settings.mendings))
    with facts:
        st.html(
            f'<div class="nsc-facts"><div class="nsc-fact"><div class="k">In this field</div><div class="v">'
            f'{count(seen.n_cells, "cell")} found</div><div class="d">{html(_sizes(seen, pixel_size_um), 300)}'
            "</div></div></div>"
        )
        show.note(seen.sentence)
        if field.images > 1:
            st.number_input(f"Field to look at (1 to {field.images:,})", 1, field.images, 1, key="new_field_index")
        if seen.examples:
            gallery.grid(
                [gallery.Tile([("a cell as it will be cut out", example)]) for example in seen.examples],
                width=72,
                pixel_size_um=pixel_size_um,
            )


def _mend(field: fields.Field, seen: fields.FieldPreview, mended: int) -> None:
    """Numbers to choose, and what is to become of these outlines."""
    chosen = st.multiselect(
        "Outlines to mend",
        range(1, len(seen.places) + 1),
        key=f"new_field_outlines_{mended}",
        placeholder="choose numbers in the picture",
    )
    at = tuple(seen.places[number - 1] for number in chosen)
    with st.container(horizontal=True):
        if st.button("Delete", icon=":material/delete:", disabled=not chosen, key="new_field_delete"):
            _mended(Mending(field.name, "delete", at))
        if st.button("Merge", icon=":material/merge:", disabled=len(chosen) < 2, key="new_field_merge"):
            _mended(Mending(field.name, "merge", at))
        if st.button("Undo", icon=":material/undo:", disabled=not mended, key="new_field_undo"):
            st.session_state[MENDINGS] = st.session_state[MENDINGS][:-1]
            st.rerun()
    if len(chosen) == 1:
        rim = fields.rim_view(field, seen, chosen[0])
        st.html(
            f'<img alt="outline {chosen[0]} with numbered points" src="{gallery.png_uri(rim.picture)}" '
            'style="width:100%;max-width:480px;border-radius:6px;display:block">'
        )
        left, right = st.columns(2)
        numbers = range(1, len(rim.points) + 1)
        key = f"{mended}_{chosen[0]}"
        first = left.selectbox("Cut from point", numbers, key=f"new_field_cut_from_{key}")
        last = right.selectbox("to point", numbers, len(rim.points) // 2, key=f"new_field_cut_to_{key}")
        if st.button("Split", icon=":material/content_cut:", disabled=first == last, key="new_field_split"):
            _mended(Mending(field.name, "split", (*at, rim.points[first - 1], rim.points[last - 1])))
    if mended:
        st.caption(f"{count(mended, 'mending')} will be imported.")


def _mended(mending: Mending) -> None:
    st.session_state[MENDINGS] = [*st.session_state.get(MENDINGS, ()), mending]
    st.rerun()


def _sizes(seen: fields.FieldPreview, pixel_size_um: float | None) -> str:
    if not seen.areas:
        return "nothing stands out"
    unit, size = ("µm", pixel_size_um) if pixel_size_um else ("px", 1.0)
    low, middle, high = np.percentile(2 * np.sqrt(np.asarray(seen.areas) / np.pi) * size, (0, 50, 100))
    return f"diameters {low:.0f} to {high:.0f} {unit}, half of them below {middle:.0f} {unit}"
