"""The gallery of a run: pages of cells, maps beside them, and the shown cells as CSV."""

from __future__ import annotations

import math
from urllib.parse import urlencode
from zlib import crc32

import pandas as pd
import streamlit as st

from nscweb.core.flags import FLAGS, flag
from nscweb.core.run_record import Run
from nscweb.services import models
from nscweb.services.cells import fields_seen
from nscweb.services.cells.cells import CellFilter, GalleryCell, GalleryPage
from nscweb.services.cells.explain import COLOUR_STOPS
from nscweb.services.context import App
from nscweb.services.predict.runs import class_scheme
from nscweb.services.report import export
from nscweb.ui import cached, show
from nscweb.ui.cells import drawn_by, gallery
from nscweb.ui.text import percent
from nscweb.words.numbers import count

# Parameter of the address that names a cell whose field is shown.
PLACE = "place"
FLAG_NAMES_HELP = "; ".join(f"{item.name} = {item.label}" for item in FLAGS if item.name != item.label) + "."


def paging(app: App, run: Run, chosen: CellFilter, *, per_page: int, key: str) -> tuple[int, int]:
    """(number of cells that fit, offset of the page shown), with page buttons when there is more than one page."""
    total = cached.gallery_page(app, run, chosen, per_page, 0).total
    pages = max(1, math.ceil(total / per_page))
    if pages == 1:
        return total, 0
    # Another filter starts at its first page.
    page = st.pagination(pages, key=f"{key}_{run.run_id}_{crc32(repr(chosen).encode()):08x}")
    return total, (int(page) - 1) * per_page


def shown_words(page: GalleryPage) -> str:
    """How many cells match the filters, and which of them are shown."""
    match = "matches" if page.total == 1 else "match"
    return (
        f"{count(page.total, 'cell')} {match} the filters; {page.offset + 1:,} to {page.offset + len(page.cells):,} "
        "are shown." + left_out_words(page.total, page.left_out)
    )


def left_out_words(total: int, left_out: int) -> str:
    """Why ratios count fewer cells than the gallery; "" where they count all."""
    if not left_out:
        return ""
    which = "All of them are" if left_out == total else f"Of them {left_out:,} {'is' if left_out == 1 else 'are'}"
    return (
        f" {which} left out of the ratios on Predict and Compare, by quality flag or as control samples; they count "
        f"{total - left_out:,}."
    )


def draw(app: App, run: Run, page: GalleryPage, explained: str, way: str = "") -> None:
    """The cells of a page; with the map for `explained` beside each raw image, or without maps when it is "".

    Args:
        way: how maps are drawn, see `drawn_by.choose_way`.
    """
    classes = class_scheme(run)
    colours = dict(zip(classes.names, classes.colours, strict=True))
    overlays = {}
    if explained:
        progress, spot = drawn_by.bar()
        made = cached.maps(app, run, tuple(cell.cell_id for cell in page.cells), explained, way, progress)
        spot.empty()
        drawn_by.worth_line(app, run, way)
        overlays = {item.cell.cell_id: item for item in made}
        gallery.ramp("little weight", "much weight for the class", COLOUR_STOPS)
    placed = fields_seen.has_fields(app, run.study_id)
    tiles = []
    for cell in page.cells:
        pictures = [("raw image", cell.image)]
        if cell.cell_id in overlays:
            item = overlays[cell.cell_id]
            pictures.append((f"map for {item.explained}", item.overlay))
        tiles.append(
            gallery.Tile(
                pictures,
                f"{cell.predicted} {percent(cell.confidence, 0)}",
                colours.get(cell.predicted, ""),
                _lines(cell),
                cell.scores,
                colours,
                link=(_address(run, cell), "its place in the field") if placed else None,
            )
        )
    gallery.grid(tiles, width=236 if explained else 150, pixel_size_um=page.pixel_size_um)
    if page.pixel_size_um is None:
        st.caption("No scale bar: the pixel size of this study is not known. It can be set on the page Study.")


def place(app: App, run: Run) -> None:
    """The field of view around the cell that the address names, if it names one."""
    asked = st.query_params.get(PLACE, "")
    if not asked:
        return
    with show.caught("cells_place"):
        gallery.whole_field(fields_seen.field_of_cell(app, run.study_id, asked))
        if st.button("Close the field", icon=":material/close:", key="cells_place_close"):
            del st.query_params[PLACE]
            st.rerun()


def _address(run: Run, cell: GalleryCell) -> str:
    return "?" + urlencode({"study": run.study_id, "run": run.run_id, PLACE: cell.cell_id})


def downloads(app: App, run: Run, page: GalleryPage, chosen: CellFilter) -> None:
    """The cells shown, as CSV."""
    st.download_button(
        "These cells (CSV)",
        export.run_csv(cells_table(page.cells), "Cells", run),
        file_name=f"{run.run_id}_cells_shown.csv",
        mime="text/csv",
        icon=":material/table:",
        key="cells_csv",
        on_click="ignore",
    )
    st.caption("Short names in the column flags of the file: " + FLAG_NAMES_HELP)


def cells_table(cells: tuple[GalleryCell, ...]) -> pd.DataFrame:
    """One row per cell as the gallery shows it."""
    return pd.DataFrame(
        [
            {
                "cell_id": cell.cell_id,
                "sample": cell.sample,
                "object_number": cell.object_number,
                **{f"p_{name}": score for name, score in cell.scores.items()},
                "predicted": cell.predicted,
                "confidence": cell.confidence,
                "true_class": cell.true_class,
                "flags": " ".join(cell.flags),
                "source": cell.source,
            }
            for cell in cells
        ]
    )


def _lines(cell: GalleryCell) -> list[str]:
    lines = [f"object {cell.object_number} · {cell.sample}"]
    if cell.true_class:
        lines.append(f"true class: {cell.true_class}")
    if cell.flags:
        lines.append("flags: " + ", ".join(flag(name).label for name in cell.flags))
    return lines


def quick_results(app: App, files: tuple[tuple[str, bytes], ...], model: str) -> None:
    """Scores, map and warnings of a few dropped images."""
    looked = cached.quick(app, files, model)
    classes = models.model_by_name(app, looked.model).card.classes
    colours = dict(zip(classes.names, classes.colours, strict=True))
    show.warnings(looked.warnings)
    if looked.results:
        gallery.ramp("little weight", "much weight for the class", COLOUR_STOPS)
    gallery.grid(
        [
            gallery.Tile(
                [("raw image", item.image), (f"map for {item.predicted}", item.overlay)],
                f"{item.predicted} {percent(item.confidence, 0)}",
                colours.get(item.predicted, ""),
                [item.name, *(["flags: " + ", ".join(flag(name).label for name in item.flags)] if item.flags else [])],
                item.scores,
                colours,
            )
            for item in looked.results
        ],
        width=236,
    )
    show.findings(looked.findings)
