"""Figures of a training at work and of a search: what they draw, that they name units, and that states differ."""

from __future__ import annotations

import pytest

from nscweb.figures.training_curves import live_curves, search_progress, search_setting, trials_data

HISTORY = [
    {
        "epoch": float(n),
        "train_loss": 1 / n,
        "validation_loss": 1.2 / n,
        "train_accuracy": 0.5,
        "validation_accuracy": 0.4,
    }
    for n in (1, 2, 3)
]
TRIALS = [
    {
        "trial": str(n),
        "state": state,
        "learning_rate": rate,
        "batch": "64",
        "validation_loss": loss,
        "best_so_far": best,
    }
    for n, state, rate, loss, best in (
        (1, "finished", "0.002", "1.0", "1.0"),
        (2, "ended early", "0.01", "1.5", "1.0"),
        (3, "diverged", "0.1", "2.2", "1.0"),
        (4, "finished", "0.0005", "0.7", "0.7"),
    )
]


def said(figure) -> str:
    return str(figure.to_dict())


def test_live_curves_mark_the_best_epoch_and_keep_what_the_user_hid() -> None:
    figure = live_curves(HISTORY, simulated=True)
    assert "best so far: epoch 3" in said(figure) and "simulated cells" in said(figure)
    assert "cross-entropy" in said(figure) and "% of cells" in said(figure) and "epoch" in said(figure)
    assert figure.layout.uirevision == "training"
    assert len({trace.line.dash for trace in figure.data}) == 2
    assert "first epoch" in said(live_curves([]))


def test_a_search_shows_states_by_shape_too_and_the_default_settings() -> None:
    figure = search_progress(TRIALS)
    assert [trace.name for trace in figure.data] == ["best so far", "finished", "ended early", "diverged"]
    assert len({trace.marker.symbol for trace in figure.data[1:]}) == 3
    assert "default settings" in said(figure) and "validation loss" in said(figure)
    assert list(figure.data[0].y) == [1.0, 1.0, 1.0, 0.7]
    assert "first trial" in said(search_progress([]))


@pytest.mark.parametrize("name", ["learning_rate", "batch"])
def test_a_setting_is_drawn_on_its_own_scale_with_the_best_marked(name: str) -> None:
    figure = search_setting(TRIALS, name, "words of it", simulated=True)
    assert figure.layout.xaxis.type == "log" and "words of it" in said(figure)
    assert figure.data[-1].name == "best" and list(figure.data[-1].y) == [0.7]
    assert "simulated cells" in said(figure)
    assert "No trial" in said(search_setting(TRIALS, "mixup", "mixup"))


def test_the_data_of_a_search_are_numbers() -> None:
    table = trials_data(TRIALS)
    assert table["learning_rate"].tolist() == [0.002, 0.01, 0.1, 0.0005]
    assert table["state"].tolist()[1] == "ended early"
