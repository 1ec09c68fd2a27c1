"""Another study put into this one: which, what comes of it, and a question before it is done."""

from __future__ import annotations

import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study.study import list_studies
from nscweb.services.study.understood.join_studies import runs_of, why_unfit
from nscweb.services.study.understood.merged import with_runs
from nscweb.ui import jobs, show
from nscweb.ui.text import label, plain
from nscweb.words.numbers import count


def merge(app: App, study: Study) -> None:
    """The section; nothing where there is no other study."""
    others = {other.study_id: other for other in list_studies(app) if other.study_id != study.study_id}
    if not others:
        return
    with st.container(border=True, key=f"merge_box_{study.study_id}"):
        chosen = st.selectbox(
            "Put another study into this one",
            list(others),
            index=None,
            placeholder="choose a study",
            format_func=lambda key: plain(others[key].name),
            key=f"merge_other_{study.study_id}",
            help="Its samples come behind those of this study. Runs of this study stay; predict it again to have the "
            "new samples in a run.",
        )
        if chosen is None:
            return
        other = others[chosen]
        why = why_unfit(study, other)
        if why:
            show.note(f"{other.name} cannot be put into {study.name}: {why}.")
            return
        with st.popover("Put it in", icon=":material/merge:"):
            st.text(
                f"{plain(study.name)} will have {count(study.cells + other.cells, 'cell')} in "
                f"{count(len(study.samples) + len(other.samples), 'sample')}. “{plain(other.name)}” is deleted as a "
                f"study of its own, {with_runs(runs_of(app, other))}. This cannot be undone."
            )
            words = label(f"Put {other.name} into {study.name}", 120)
            if st.button(words, type="primary", key=f"merge_{study.study_id}"):
                with show.caught("merge"):
                    jobs.start(app, "merge", {"into": study.study_id, "other": other.study_id})
                    st.rerun()
