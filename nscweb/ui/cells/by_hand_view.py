"""Labels by hand: one cell after the other, one click or key per class, undo, and what teaches most first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.labels import ask as asking
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.ask import NEEDS_RUN, ORDERS, AskedCell, Order
from nscweb.services.labels.gain import ExpectedGain, expected_gain
from nscweb.services.labels.labels import add_labels, class_choices, undo_labels
from nscweb.ui import cached, show
from nscweb.ui.cells import gallery
from nscweb.ui.frame import link_with
from nscweb.ui.models.learn_from import LEARN
from nscweb.ui.text import label, plain

PER_PAGE = 10
_KEYS = 9
_NOW = "#1b2530"
_WHO_HELP = "Kept with every label, so that several people can label the same cells and be compared."
_ORDER_HELP = (
    "Unsure: the scores of the run are closest to even. Disagree: two labels differ, or the model is sure of another "
    "class than the label. Unlike: size, shape, contrast and focus are far from those of most cells. One cell in ten "
    "is drawn at random and not marked as such: only such cells, and those drawn at random, may later say how good a "
    "model is."
)


@dataclass
class _Page:
    """Where somebody is: the cells asked, the one now, what was said of them, and by which acts (act -> place)."""

    about: tuple[str, ...]
    asked: list[AskedCell] = field(default_factory=list)
    at: int = 0
    given: dict[str, str] = field(default_factory=dict)
    acts: dict[int, int] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    gain: str = ""
    colours: dict[str, str] = field(default_factory=dict)
    error: NscwebError | None = None


def labeller() -> str:
    """The name of whoever labels; "" until it was typed."""
    typed = st.text_input(
        "Your name",
        key="labels_who",
        persist_state="session",
        max_chars=80,
        placeholder="who gives the labels",
        help=_WHO_HELP,
    )
    return str(typed or "").strip()


def train_again(app: App, study: Study) -> None:
    """What is labelled so far, and the link to a training from it."""
    agreed = agreed_labels(app, study.study_id)
    st.caption(label(agreed.sentence, 600))
    if len(agreed.table):
        link_with("models", "Train again with these labels", {LEARN: "labels"}, icon=":material/model_training:")


def section(app: App, study: Study, run: Run | None) -> None:
    """The questions over the cells, then the cells; only these are drawn again after a click."""
    orders = [order for order in ORDERS if run is not None or order not in NEEDS_RUN]
    left, right = st.columns([1, 2])
    with left:
        who = labeller()
        order = st.selectbox(
            "Ask next for cells where",
            orders,
            format_func=lambda key: ORDERS[key],
            key="labels_order",
            help=_ORDER_HELP,
        )
    with right:
        classes = _classes(app, study, run)
        channels = _channels(study)
    if not who:
        show.note("Type your name to begin; it stays with your labels.")
        return
    if not classes:
        show.note("Name two classes to begin, such as neuron and astrocyte.")
        return
    st.fragment(_cells)(app, study, run, who, order, classes, channels)


def _classes(app: App, study: Study, run: Run | None) -> list[str]:
    known = class_choices(app, study.study_id, run.class_names if run else ())
    chosen = st.multiselect(
        "Classes",
        known,
        default=known[:_KEYS],
        format_func=plain,
        accept_new_options=True,
        max_selections=_KEYS,
        key=f"labels_classes_{study.study_id}_{run.run_id if run else ''}",
        placeholder="choose or type",
        help="The first nine have the keys 1 to 9. Type to add one, such as “cannot tell” or “dead”.",
    )
    return [str(name).strip() for name in chosen if str(name).strip()]


def _channels(study: Study) -> list[str]:
    if len(study.channels) < 2:
        return [study.channel]
    chosen = st.pills(
        "Channels shown",
        list(study.channels),
        selection_mode="multi",
        default=[study.channel],
        format_func=plain,
        key=f"labels_channels_{study.study_id}",
    )
    return [name for name in study.channels if name in chosen] or [study.channel]


def _cells(
    app: App, study: Study, run: Run | None, who: str, order: Order, classes: Sequence[str], channels: Sequence[str]
) -> None:
    """The page of cells: the one asked now large, with its buttons, and all of them small."""
    page = _page(app, study, run, who, order)
    if not page.asked:
        show.empty("No cell is left to ask for here", "Choose another order above, or train with these labels.")
        return
    here = page.asked[page.at]
    pictures = {name: asking.images_to_label(app, study.study_id, [here], name) for name in channels}
    large, small = st.columns([1, 2])
    with large:
        tile = [(plain(name), pictures[name][here.cell_id]) for name in channels]
        gallery.grid([gallery.Tile(tile, f"Cell {page.at + 1} of {len(page.asked)}")], width=260)
    with small:
        _buttons(app, study, page, who, classes)
        if page.error is not None:
            show.problem(page.error)
        _strip(app, study, page, channels[0])
        train_again(app, study)
        if page.gain:
            st.caption(page.gain)


def _buttons(app: App, study: Study, page: _Page, who: str, classes: Sequence[str]) -> None:
    """One button and key per class, to pass over, and to take back. They act before the page is drawn again."""
    with st.container(horizontal=True, key="labels_buttons"):
        for place, name in enumerate(classes[:_KEYS], start=1):
            st.button(
                plain(name),
                shortcut=str(place),
                type="primary",
                key=f"label_as_{place}",
                on_click=_label,
                args=(app, study, page, who, name),
            )
    with st.container(horizontal=True):
        st.button(
            "Pass over", shortcut="0", icon=":material/skip_next:", key="label_pass", on_click=_pass, args=(page,)
        )
        st.button(
            "Undo", shortcut="u", icon=":material/undo:", key="label_undo", on_click=_undo, args=(app, study, page, who)
        )


def _label(app: App, study: Study, page: _Page, who: str, name: str) -> None:
    here, page.error = page.asked[page.at], None
    try:
        done = add_labels(app, study.study_id, [here.cell_id], name, here.how, who, drawn=here.drawn)
    except NscwebError as error:
        page.error = error
        return
    page.given[here.cell_id] = name
    page.acts[done.act] = page.at
    page.at += 1


def _pass(page: _Page) -> None:
    page.passed.append(page.asked[page.at].cell_id)
    page.at += 1


def _undo(app: App, study: Study, page: _Page, who: str) -> None:
    page.error = None
    try:
        done = undo_labels(app, study.study_id, who)
    except NscwebError as error:
        page.error = error
        return
    st.toast(label(done.sentence if done else "There is no label of yours to take back."), icon=":material/undo:")
    if done and done.act in page.acts:
        page.at = page.acts.pop(done.act)
        page.given.pop(page.asked[page.at].cell_id)


def _strip(app: App, study: Study, page: _Page, channel: str) -> None:
    """All cells of the page, small; what was said of each, and which one is asked now."""
    pictures = asking.images_to_label(app, study.study_id, page.asked, channel)
    tiles = []
    for place, cell in enumerate(page.asked):
        title = page.given.get(cell.cell_id, "passed over" if cell.cell_id in page.passed else "")
        now = place == page.at
        tiles.append(
            gallery.Tile(
                [("raw image", pictures[cell.cell_id])],
                "asked now" if now else title,
                _NOW if now else page.colours.get(title, "#9aa5b1" if title else ""),
            )
        )
    gallery.grid(tiles, width=92, pixel_size_um=study.pixel_size_um)


def _page(app: App, study: Study, run: Run | None, who: str, order: Order) -> _Page:
    """The page at hand, or the next one when all its cells were shown."""
    about = (study.study_id, run.run_id if run else "", who, order)
    page = st.session_state.get("labels_page")
    if not isinstance(page, _Page) or page.about != about:
        page = st.session_state["labels_page"] = _Page(about)
    if page.at >= len(page.asked):
        with cached.spinner("Choosing the next cells …"):
            page.asked = asking.ask(app, study.study_id, order, who, PER_PAGE, run=run, passed_over=tuple(page.passed))
            found = expected_gain(app, study.study_id)
        page.at, page.given, page.acts = 0, {}, {}
        page.gain = found.sentence if isinstance(found, ExpectedGain) else found
        page.colours = dict(zip(run.class_names, _colours(run), strict=True)) if run else {}
    return page


def _colours(run: Run) -> Sequence[str]:
    from nscweb.services.predict.runs import class_scheme

    return class_scheme(run).colours
