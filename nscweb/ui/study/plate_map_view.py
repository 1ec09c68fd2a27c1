"""A plate map on the page: group, dose and times pasted by well, for samples that have one."""

from __future__ import annotations

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import plate_map as maps
from nscweb.ui import show
from nscweb.ui.study import sheet_outcome
from nscweb.ui.text import plain


def plate_map(app: App, study: Study) -> None:
    """The section; nothing where no sample has a well."""
    plates = maps.plates_of(study)
    if not plates:
        return
    with st.expander("Plate map: paste group and dose by well", icon=":material/grid_on:"):
        first, second = st.columns(2)
        field = first.selectbox(
            "What the map says",
            list(maps.PLATE_FIELDS),
            format_func=lambda name: maps.PLATE_FIELDS[name].capitalize(),
            key="plate_field",
        )
        plate = second.selectbox("Plate", plates, format_func=plain, key="plate_name") if len(plates) > 1 else plates[0]
        st.caption("As it is now")
        st.dataframe(maps.plate_table(study, field, plate))
        text = st.text_area(
            "Paste the wells of the plate",
            key="plate_text",
            placeholder="Copied out of Excel, with or without letters and numbers at the sides; or a list: D3 NT3",
            help="Wells without a value stay as they are.",
        )
        if st.button("Take the map", disabled=not text.strip(), icon=":material/check:", key="plate_take"):
            try:
                update = maps.apply_plate_map(app, study.study_id, field, text, plate)
            except NscwebError as error:
                show.problem(error)
                return
            sheet_outcome.done(study, update)
