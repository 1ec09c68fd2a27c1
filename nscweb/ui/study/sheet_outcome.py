"""What came of a saved or uploaded sheet, beside where it was done, with what is asked back and with an undo."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import study as studies
from nscweb.ui import show
from nscweb.ui.study import sheet_edits
from nscweb.ui.text import plain

Told = studies.SheetUpdate | NscwebError
_PLACES = 12


def tell(study: Study, told: Told) -> None:
    """Keep what happened until it is drawn, and as long as the page stays open."""
    st.session_state[_slot(study)] = (told, True)


def is_told(study: Study) -> bool:
    """Whether something is told of this study."""
    return _slot(study) in st.session_state


def outcome(app: App, study: Study, *, opened: bool) -> None:
    """The last thing that happened to the sheet, its questions and its undo.

    Args:
        opened: the sheet was not drawn before, so what was told then is over.
    """
    told: Told | None
    told, new = st.session_state.get(_slot(study), (None, False))
    if opened and not new:
        st.session_state.pop(_slot(study), None)
        return
    if told is None:
        return
    st.session_state[_slot(study)] = (told, False)
    if isinstance(told, NscwebError):
        show.problem(told)
        return
    if told.unanswered:
        show.warnings([told.sentence])
    else:
        show.note(told.sentence)
    # Taking back an undo is no undo in anybody's words.
    again, icon = ("Redo", ":material/redo:") if told.undone else ("Undo", ":material/undo:")
    if told.before and st.button(again, icon=icon, key="sheet_undo"):
        done(study, studies.undo_sheet(app, study.study_id, told.before))
    if told.bare_times:
        _ask_unit(app, study, told)
    if told.unknown:
        _ask_columns(app, study, told)
    # What is asked above is not said again.
    asked = {"E-SHEET-TIME-UNIT"} if told.bare_times else set()
    asked |= {"W-SHEET-COLUMN"} if told.unknown else set()
    show.findings([item for item in told.findings if item.code not in asked], examples=_PLACES)


def offer_alike(app: App, study: Study) -> None:
    """Values that look alike count as different; one button makes them one."""
    alike = studies.alike_values(study)
    if not alike:
        return
    show.warnings(
        [
            f"{_quoted(kept)} and {', '.join(map(_quoted, others))} look alike and count as different "
            f"{studies.LABELS[field]}s."
            for field, kept, others in alike
        ]
    )
    one = f"Make them one: {plain(alike[0][1])}" if len(alike) == 1 else "Make each of them one"
    if st.button(one, icon=":material/merge:", key="sheet_alike"):
        done(study, studies.make_alike_one(app, study.study_id))


def _ask_unit(app: App, study: Study, told: studies.SheetUpdate) -> None:
    numbers = ", ".join(dict.fromkeys(told.bare_times.values()))
    st.text(f"The times {numbers} have no unit. They are:")
    with st.container(horizontal=True):
        if st.button("in hours", key="sheet_hours"):
            done(study, _going_on(told, studies.set_times(app, study.study_id, told.bare_times, "h"), unit=True))
        if st.button("in days", key="sheet_days"):
            done(study, _going_on(told, studies.set_times(app, study.study_id, told.bare_times, "d"), unit=True))


def _ask_columns(app: App, study: Study, told: studies.SheetUpdate) -> None:
    """A box for each column that is not understood, the likely answer first."""
    with st.form("sheet_columns", border=True):
        st.text("What are these columns?")
        answers = {}
        for column in told.unknown:
            known = [answer for answer in studies.ANSWERS if answer != "sample"]
            options = [column.likely, *(answer for answer in known if answer != column.likely)]
            examples = f" ({', '.join(map(plain, column.examples))})" if column.examples else ""
            answers[column.title] = st.selectbox(
                f"{plain(column.title)}{examples}",
                options,
                format_func=lambda answer: studies.ANSWERS[answer].capitalize(),
                key=f"sheet_column_{column.title}",
            )
        if st.form_submit_button("Take them so", type="primary", icon=":material/check:"):
            done(study, _going_on(told, studies.name_columns(app, study.study_id, answers), unit=False))


def _going_on(told: studies.SheetUpdate, update: studies.SheetUpdate, *, unit: bool) -> studies.SheetUpdate:
    """The answer to one question, with the other one still open and an undo of both.

    Args:
        unit: the unit of times was answered, and not what columns are.
    """
    before = {sample.name: sample for sample in (*update.before, *told.before)}
    if unit:
        return replace(update, unknown=told.unknown, before=tuple(before.values()))
    left = {} if "time" in update.fields else dict(told.bare_times)
    return replace(update, bare_times=left | dict(update.bare_times), before=tuple(before.values()))


def done(study: Study, update: studies.SheetUpdate) -> None:
    """Tell what happened and draw the page anew, the editor from what is stored now."""
    tell(study, update)
    if update.before:
        sheet_edits.start_anew(study)
    st.rerun()


def _quoted(text: str) -> str:
    return f"“{text}”"


def _slot(study: Study) -> str:
    return f"nsc_sheet_told_{study.study_id}"
