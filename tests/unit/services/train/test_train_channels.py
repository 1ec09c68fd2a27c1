"""A model on other channels than brightfield: trained, carded, predicted, and refused where a channel is missing."""

from __future__ import annotations

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app
from small_studies import add_study

from nscweb.core.cells import CellImage
from nscweb.core.errors import CardInvalid, ModelError, WrongUse
from nscweb.core.samples import Sample
from nscweb.services.predict.runs import prediction_table
from nscweb.services.train.request import TrainRequest
from nscweb.services.train.train import train_model
from nscweb.store.cell_files import CellWriter

CHANNELS = ("Ch1", "Ch2", "Ch3", "Ch11")


def marked_study(app, name: str, cells: int, seed: int) -> None:
    """Three samples that only the marker channels tell apart: each fate glows in its own channel."""
    rng = np.random.default_rng(seed)
    study_id = app.catalogue.create_study(
        name, app.clock(), channel="Ch1", channels=list(CHANNELS), simulated=True, pixel_size_um=None
    )
    for index, fate in enumerate(("astrocyte", "oligodendrocyte", "neuron")):
        for replicate in range(3):
            sample = Sample(f"{fate} {replicate}", true_class=fate, replicate=str(replicate), cells=cells)
            key = app.catalogue.add_samples(study_id, [sample])[0]
            with CellWriter(app.folder.cells_path(study_id, key), list(CHANNELS)) as writer:
                for number in range(1, cells + 1):
                    pixels = rng.normal(300, 8, (4, 32, 32))
                    pixels[[0, 1 + index], 11:21, 11:21] += 150
                    writer.add(CellImage(number, CHANNELS, pixels.astype(np.uint16), f"{number}.tif"))


def test_the_marker_model_learns_from_the_marker_channels(tmp_path):
    app = fresh_app(tmp_path)
    marked_study(app, "markers", 40, 1)
    # Contrast of each channel by itself would make dark noise as strong as light, so it is left as it is.
    request = TrainRequest(
        ("markers",),
        "compact",
        app.settings.data_dir / "models" / "markers",
        epochs=16,
        folds=1,
        channels=("Ch2", "Ch3", "Ch11"),
        recipe={"contrast": "none", "divide_by": 100.0},
        settings={"warmup_steps": 5, "batch": 32},
        checks=False,
    )
    card = train_model(app, request).card
    assert card.recipe.channels == ("Ch2", "Ch3", "Ch11")
    assert card.recipe.contrast == "none"
    assert card.performance.metric("accuracy").value > 0.9
    marked_study(app, "new cells", 20, 2)
    table = prediction_table(app, predict_study(app, "new cells", "markers"))
    assert (table["predicted"].astype(str) == table["true_class"].astype(str)).mean() > 0.9
    add_study(app, "brightfield only", [(Sample("a"), [np.full((1, 32, 32), 300, np.uint16)])])
    with pytest.raises(ModelError, match="needs the channel Ch2, Ch3, Ch11"):
        predict_study(app, "brightfield only", "markers")


def test_a_channel_setting_or_step_that_does_not_exist_is_refused(tmp_path):
    app = fresh_app(tmp_path)
    marked_study(app, "markers", 6, 1)
    out = tmp_path / "models" / "never"
    with pytest.raises(WrongUse, match="has no channel Ch7"):
        train_model(app, TrainRequest(("markers",), "compact", out, channels=("Ch7",)))
    with pytest.raises(WrongUse, match="no training setting called speed"):
        train_model(app, TrainRequest(("markers",), "compact", out, settings={"speed": 2}))
    with pytest.raises(WrongUse, match="no step of preprocessing called sharpen"):
        train_model(app, TrainRequest(("markers",), "compact", out, recipe={"sharpen": 2}))
    with pytest.raises(CardInvalid, match="background is 'magic', where one of none, border-median"):
        train_model(app, TrainRequest(("markers",), "compact", out, recipe={"background": "magic"}))
