"""The form for a new training: labelled studies, network, split, what it costs, name, start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.model_names import made_valid
from nscweb.services.context import App
from nscweb.services.train import search_jobs, training_jobs, training_plan
from nscweb.services.train import training_plan as training_live
from nscweb.services.train.request import LearnRequest, TrainRequest
from nscweb.services.train.training_plan import ArchitectureFacts, LabelledStudy, TrainingPlan
from nscweb.ui import frame, session, show
from nscweb.ui.models import learn_from
from nscweb.ui.models.name_field import name_field
from nscweb.ui.text import duration, label, plain
from nscweb.words.numbers import count

DEFAULTS = "the usual ones"
NOT_YET = " (not possible yet)"
# Networks that train this fast are measured without asking, the others on request.
_QUICK_MFLOP = 200.0
_SPLIT_HELP = (
    "The model card says how well cells are named by a network that was never shown them. What is kept together "
    "decides what that figure means. Cells of one sample share illumination, focus and dish, so a split by single "
    "cells makes any network look too good."
)
_EPOCHS_HELP = (
    "An epoch shows every training cell to the network once. Empty: chosen by the number of cells. Where a part is "
    "held out, training stops earlier by itself when the validation loss (how far the scores of set-aside samples are "
    "from the truth) no longer falls."
)
# Folds of a request, in words.
_JUDGED: dict[int | None, str] = {
    None: "chosen by the number of cells",
    5: "every cell trains; five networks judge in turn (cross-fitting)",
    0: "every cell trains; each sample, donor ... is judged on its own",
    1: "a part is held out and never trains",
}
_JUDGED_HELP = (
    "With few labelled cells none should be set aside: every cell trains the network that is kept, and the figures "
    "come from networks that each left a part out and named it (cross-fitting). It takes about five times as long as "
    "one training. With 20,000 cells or more a part is held out."
)


@dataclass(frozen=True)
class Data:
    """What to learn from, and how: the part of the form that training and search share."""

    studies: list[LabelledStudy]
    architecture: str
    split_by: str
    labels: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the studies."""
        return tuple(item.study.study_id for item in self.studies)

    @property
    def simulated(self) -> bool:
        """Some of the cells are simulated."""
        return any(item.study.simulated for item in self.studies)


def choose_data(app: App, prefix: str) -> Data | None:
    """Labelled studies, network and split; an empty state when there is no labelled study."""
    labels = learn_from.choose_labels(app, prefix)
    known = {item.study.study_id: item for item in training_plan.labelled_studies(app, labels)}
    if not known:
        show.empty(
            "No study has cells of known class yet",
            "Training learns from examples. Enter the true class of samples in the sample sheet on the page Study, or "
            "import a folder that has one folder of images per class and tick “The innermost folder names the true "
            "class”. Single cells are labelled on the page Cells.",
        )
        frame.page_link("study", "Study: bring in cells or fill in the sheet")
        return None
    # The study in use, else the newest with measured cells: the simulated demo is there to try things out.
    measured = [key for key, item in known.items() if not item.study.simulated]
    first = session.chosen("study") if session.chosen("study") in known else next(iter([*measured, *known]))
    # Other labels, other studies: what was chosen before may not be among them.
    chosen = st.multiselect(
        "Labelled studies",
        list(known),
        default=[first],
        format_func=lambda key: _study_words(known[key]) if key in known else key,
        key=f"{prefix}_studies" + ("_labels" if labels else ""),
        placeholder="choose",
        help="Every cell of known class is used. Several studies make a model that knows more kinds of "
        "illumination, donors and days.",
    )
    if labels:
        learn_from.say_labels(app, tuple(key for key in chosen if key in known), labels)
    left, right = st.columns(2)
    # The first look loads the networks, which takes some seconds.
    with st.spinner("Loading the list of networks …"):
        names = training_plan.architecture_names()
        training_plan.architecture_facts(names[0])
    architecture = left.selectbox(
        "Network",
        names,
        format_func=lambda name: training_plan.architecture_title(name) if name in names else name,
        key=f"{prefix}_architecture",
        help="The compact network is the usual choice for a computer without a GPU; the accurate one takes longer and "
        "can learn more from many cells. The others repeat what papers used.",
    )
    impossible = training_plan.impossible_splits(app, chosen, labels) if chosen else {}
    ways = list(training_plan.SPLITS)
    split_by = right.selectbox(
        "Keep together",
        ways,
        index=next((place for place, way in enumerate(ways) if way not in impossible), 0),
        format_func=lambda key: f"{training_plan.SPLITS.get(key, key)}{NOT_YET if key in impossible else ''}",
        key=f"{prefix}_split",
        help=_SPLIT_HELP,
    )
    st.caption(facts_sentence(training_plan.architecture_facts(architecture)))
    studies = [known[key] for key in chosen if key in known]
    if not studies:
        show.note("Choose at least one study.")
        return None
    return Data(studies, architecture, split_by, labels)


def new_training(app: App) -> training_jobs.TrainingOrder | None:
    """The form; gives an order back when Start was pressed and everything is in order."""
    data = choose_data(app, "train")
    if data is None:
        return None
    if data.simulated:
        show.simulated_banner("The model will know simulated cells only, and its card will say so.")
    request = _request(app, data)
    name = chosen_name(data, "train", "Name of the model")
    plan = draw_plan(app, request)
    pressed = st.button(
        "Start training", type="primary", icon=":material/play_arrow:", disabled=plan is None, key="train_start"
    )
    if not pressed or plan is None:
        return None
    return training_jobs.TrainingOrder(name, request, plan.epochs, plan.train_cells)


def draw_plan(app: App, request: LearnRequest, trials: int = 1) -> TrainingPlan | None:
    """The split as a table and what the work may cost; None when the split cannot be made, with the reason."""
    try:
        plan = training_plan.plan_training(app, request)
    except NscwebError as error:
        show.problem(error)
        return None
    if plan.speed is None and training_plan.architecture_facts(request.architecture).mflop < _QUICK_MFLOP:
        with st.spinner("Measuring once how fast this computer trains; this takes about ten seconds …"):
            training_live.measure_speed(app, request.architecture)
        plan = training_plan.plan_training(app, request)
    st.dataframe(pd.DataFrame(training_plan.plan_table(plan)), hide_index=True)
    st.caption(label(plan.sentence, 600))
    show.warnings(plan.warnings)
    show.facts(_cost(plan, trials))
    if plan.speed is None or plan.speed.how == "scaled":
        st.caption(
            "The time is not known yet."
            if plan.speed is None
            else "The time is a rough guess from another network and the work of both."
        )
        if st.button(
            "Measure this network on this computer", key="train_measure", icon=":material/speed:", type="tertiary"
        ):
            with st.spinner("Training a few steps …"):
                training_live.measure_speed(app, request.architecture)
            st.rerun()
    return plan


def facts_sentence(facts: ArchitectureFacts) -> str:
    """Input, size, work beside the compact network and class maps, in a line."""
    height, width = facts.input_size
    work = (
        "the network that others are compared with"
        if facts.name == training_plan.REFERENCE
        else f"about {facts.relative:,.3g} times the work of the compact network for each cell"
    )
    return label(
        f"Sees {width} x {height} pixels · {facts.parameters / 1e6:,.3g} million learned numbers · {work} · "
        f"{facts.maps}. {facts.source}.",
        400,
    )


def _request(app: App, data: Data) -> TrainRequest:
    """What to train, with epochs, seed, settings and channels from the folded part of the form."""
    found = {
        item.order.name: item
        for item in search_jobs.searches(app)
        if item.settings and item.order.request.architecture == data.architecture
    }
    with st.expander("Options", icon=":material/tune:"):
        left, middle, right = st.columns(3)
        epochs = left.number_input(
            "Epochs at most",
            min_value=1,
            max_value=1000,
            value=None,
            step=1,
            key="train_epochs",
            placeholder="chosen",
            help=_EPOCHS_HELP,
        )
        seed = middle.number_input(
            "Seed",
            min_value=0,
            max_value=10**6,
            value=0,
            step=1,
            key="train_seed",
            help="The same seed on the same computer gives the same model; another seed another split and model.",
        )
        choice = right.selectbox(
            "Training settings",
            [DEFAULTS, *found],
            format_func=lambda name: name if name == DEFAULTS else f"best of the search {plain(name)}",
            key="train_settings",
            help="A search for settings on the tab Search settings finds learning rate, batch and so on for your "
            "cells.",
        )
        folds = st.selectbox(
            "How it is judged",
            list(_JUDGED),
            format_func=lambda choice: _JUDGED[choice],
            key="train_folds",
            help=_JUDGED_HELP,
        )
        channels = _channels(data)
        imagenet = _start_from_imagenet(app, data.architecture)
    settings = dict(found[choice].settings) if choice in found else {}
    if settings and folds is None:
        # A search saw all cells but the held-out part, which alone can judge what it chose.
        folds = 1
    return TrainRequest(
        data.ids,
        data.architecture,
        planned(app),
        channels=channels,
        labels=data.labels,
        epochs=int(epochs) if epochs else None,
        settings={**settings, "pretrained": "imagenet"} if imagenet else settings,
        split_by=data.split_by,
        folds=folds,
        seed=int(seed or 0),
    )


def _channels(data: Data) -> tuple[str, ...]:
    """Channels to learn from; () for the brightfield channel of each study, which is the usual choice."""
    offered = training_plan.common_channels([item.study for item in data.studies])
    if len(offered) < 2:
        return ()
    chosen = st.multiselect(
        "Channels",
        offered,
        default=[],
        format_func=plain,
        key="train_channels",
        placeholder="the brightfield channel of each study",
        help="Empty: the brightfield channel alone, so that the model works on cells that were not stained. With "
        "marker channels the model learns the staining, and every study that it predicts must have these channels.",
    )
    return tuple(name for name in offered if name in chosen)


def _start_from_imagenet(app: App, architecture: str) -> bool:
    """Whether to start from weights learnt on photographs, where there are some on this computer."""
    where = training_plan.start_weights(app, architecture)
    if where == "here":
        wanted: bool = st.toggle(
            "Start from ImageNet weights",
            key=f"train_imagenet_{architecture}",
            help="The network begins with what it learnt on photographs (ImageNet) in place of random numbers. "
            "This often helps when there are fewer than some thousand cells.",
        )
        return wanted
    if where == "elsewhere":
        st.caption(
            "ImageNet weights for this network can be downloaded on the tab Published models and data; it then "
            "can start from them."
        )
    return False


def chosen_name(data: Data, prefix: str, caption: str) -> str:
    """A name, by default made of study and network."""
    study = made_valid(data.studies[0].study.name).lower() or "study"
    suggestion = f"{study[:40].rstrip('.-')}-{data.architecture}"
    return name_field(caption, suggestion, f"{prefix}_name_{suggestion}")


def planned(app: App) -> Path:
    """Where a model would be that is not asked for yet; an order knows its own folder."""
    return app.folder.models_dir / "planned"


def _cost(plan: TrainingPlan, trials: int) -> list[tuple[str, str, str]]:
    tiles = [
        ("Training cells", f"{plan.train_cells:,}", f"{count(len(plan.classes), 'class', 'classes')}"),
        ("Epochs", f"up to {plan.epochs:,}", "it stops earlier by itself"),
    ]
    if trials > 1:
        tiles.append(("Trials", f"{trials:,}", "poor ones end early"))
    if plan.speed is not None and plan.seconds is not None:
        how = {"trained": "as in the last training here", "measured": "measured here", "scaled": "a rough guess"}
        tiles.append(("Time", f"up to {duration(trials * plan.seconds)}", "and the measuring at the end"))
        rate = plan.speed.cells_per_second
        tiles.append(("Speed", f"{rate:,.{0 if rate >= 10 else 1}f} cells/s", how[plan.speed.how]))
    return tiles


def _study_words(item: LabelledStudy) -> str:
    kind = "simulated cells" if item.study.simulated else "cells"
    return f"{plain(item.study.name)}: {item.cells:,} {kind}, {count(len(item.classes), 'class', 'classes')}"
