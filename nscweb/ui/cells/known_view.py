"""Labels from what is known already: populations, the classes of samples, and files."""

from __future__ import annotations

import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.labels import known_labels, labels_csv
from nscweb.services.labels.labels import class_choices
from nscweb.services.study import populations
from nscweb.ui.cells.by_hand_view import labeller
from nscweb.ui.text import plain
from nscweb.words.numbers import count, listed

_NONE = "no class"


def populations_and_sheet(app: App, study: Study) -> None:
    """Which population is which class, and the classes of samples as labels of their cells."""
    table = populations.population_table(app, study.study_id)
    totals = table.groupby("population")["cells"].sum()
    if len(totals):
        st.markdown("**Populations**", help="Drawn in IDEAS (.daf, .pop), or kept here from gates and chosen cells.")
        now = populations.classes_of_populations(app, study.study_id)
        known = class_choices(app, study.study_id, list(now.values()))
        given = {}
        for place, (name, cells) in enumerate(totals.items()):
            choices = ["", *known]
            current = now.get(str(name), "")
            given[str(name)] = st.selectbox(
                f"{plain(str(name))} ({count(int(cells), 'cell')}) is the class",
                choices,
                index=choices.index(current) if current in choices else 0,
                format_func=lambda text: plain(text) if text else _NONE,
                accept_new_options=True,
                key=f"labels_population_{study.study_id}_{place}",
            )
        chosen = {name: str(value or "") for name, value in given.items()}
        if st.button(
            "Label these cells", disabled=not any(chosen.values()), icon=":material/label:", key="labels_pops"
        ):
            _say(known_labels.label_by_populations(app, study.study_id, chosen).sentence)
    else:
        st.caption("No file of this study brought populations, and none was kept from gates.")
    truths = sorted({sample.true_class for sample in study.samples if sample.true_class})
    st.markdown("**Sample sheet**", help="Every cell of a sample gets the true class of the sample, as a label.")
    if not truths:
        st.caption("No sample has a true class; it is set on the page Study.")
        return
    st.caption(f"The sheet names {plain(listed(truths, 9))}. Mostly this is the medium, and not what each cell is.")
    if st.button("Label all cells by the sheet", icon=":material/label:", key="labels_sheet"):
        _say(known_labels.label_by_sheet(app, study.study_id).sentence)


def files(app: App, study: Study) -> None:
    """A CSV with labels, or a population that came back as FCS."""
    st.caption(
        "A CSV with the columns sample, object_number and class, or cell_id and class; a column labeller may say who. "
        "Or an FCS file of a population that was gated in FlowJo on the FCS files of the report. A file with cells "
        "that this study does not have is refused as a whole, and they are named."
    )
    who = labeller()
    dropped = st.file_uploader("Labels", type=["csv", "tsv", "txt", "fcs"], key=f"labels_file_{study.study_id}")
    if dropped is None:
        return
    if not dropped.name.casefold().endswith(".fcs"):
        if st.button("Take these labels in", type="primary", icon=":material/label:", key="labels_file_take"):
            acts = labels_csv.read_labels(app, study.study_id, dropped.getvalue(), dropped.name, who or "file")
            _say(" ".join(act.sentence for act in acts))
        return
    left, right = st.columns(2)
    name = left.selectbox(
        "The cells of this population are",
        class_choices(app, study.study_id),
        index=None,
        format_func=plain,
        accept_new_options=True,
        key="labels_fcs_class",
    )
    sample = right.selectbox(
        "Sample",
        ["", *(item.name for item in study.samples)],
        format_func=lambda text: plain(text) if text else "as the file says",
        key="labels_fcs_sample",
    )
    if st.button("Take these labels in", type="primary", disabled=not name, icon=":material/label:", key="labels_fcs"):
        done = known_labels.label_by_fcs(
            app, study.study_id, dropped.getvalue(), dropped.name, str(name), who or "FlowJo", sample=str(sample or "")
        )
        _say(done.sentence)


def _say(sentence: str) -> None:
    """Shown above after the page was drawn again with the new labels."""
    st.session_state["labels_said"] = sentence
    st.rerun()
