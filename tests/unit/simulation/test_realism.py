"""Simulated cells look like real ones, give nothing away by frame or light, and grow more different with time."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nscweb.preprocess.pixel_steps import border_background
from nscweb.simulation.camera import PROFILES
from nscweb.simulation.labelled_cells import LabelledCell, iter_labelled_cells
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES
from nscweb.simulation.writer import plan_study, sample_illumination

FEATURES = ("background", "contrast by background", "object pixels", "sharpness")


def features(image: NDArray[np.generic]) -> list[float]:
    """Background level, deviation by level, pixels that differ from it, gradient RMS by deviation."""
    values = image.astype(np.float64)
    level, noise = border_background(values)
    away = np.abs(cv2.GaussianBlur(values - level, (0, 0), 1)) > 2 * max(noise, 0.5)
    gradient = np.hypot(*np.gradient(values))
    return [
        level,
        values.std() / level,
        float(away.sum()),
        float(np.sqrt((gradient**2).mean()) / max(values.std(), 1e-6)),
    ]


@pytest.fixture(scope="module")
def cells() -> list[LabelledCell]:
    return list(iter_labelled_cells(3, 3600, replicates=24))


@pytest.mark.parametrize("profile", ["flowsight", "imagestream"])
def test_distributions_cover_those_of_real_images(shared: Path, profile: str) -> None:
    """The real median lies within the central 95 % of simulated cells, and the simulated median within the real range
    widened by 30 % (12 and 24 real images give a coarse range)."""
    if profile == "flowsight":
        images = [
            cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            for path in sorted((shared / "data/zhu2021/named_bmp").iterdir())
        ]
        real = np.array([features(image[..., 0] if image.ndim == 3 else image) for image in images])
    else:
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
        paths = sorted((shared / "data/ideas_ometif").glob("*_Ch1.ome.tif"))
        real = np.array([features(tifffile.imread(path, is_ome=False)) for path in paths])
    # Few samples of the big canvas: its texture bank takes longer than the cells.
    replicates = 8 if profile == "flowsight" else 3
    drawn = iter_labelled_cells(3, 600, replicates=replicates, profile=profile)
    simulated = np.array([features(cell.pixels[0]) for cell in drawn])
    for column, name in enumerate(FEATURES):
        low, high = np.percentile(simulated[:, column], [2.5, 97.5])
        assert low <= np.median(real[:, column]) <= high, name
        span = real[:, column].max() - real[:, column].min()
        middle = np.median(simulated[:, column])
        assert real[:, column].min() - 0.3 * span <= middle <= real[:, column].max() + 0.3 * span, name


def test_frame_and_light_say_nothing_about_the_fate(cells: list[LabelledCell]) -> None:
    """Frame, background level and noise, alone and together, leave a logistic regression at chance."""
    leak = np.array([[cell.pixels.shape[1], *border_background(cell.pixels[0])] for cell in cells])
    assert {cell.pixels.shape[2] for cell in cells} == {60}
    fate = np.array([cell.fate for cell in cells])
    # Folds by time and replicate, so that every fold holds the three fates alike.
    groups = np.array([f"{cell.time_h}-{cell.replicate}" for cell in cells])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    for columns in ([0], [1], [2], [0, 1, 2]):
        score = cross_val_predict(
            probe, leak[:, columns], fate, groups=groups, cv=GroupKFold(5), method="predict_proba"
        )
        for index, name in enumerate(FATES):
            assert roc_auc_score(fate == index, score[:, index]) < 0.56, (columns, name)


def test_fates_become_easier_to_tell_with_time(cells: list[LabelledCell]) -> None:
    """By simple shape and texture features alone; a network does better."""

    def simple(cell: LabelledCell) -> list[float]:
        image = cell.pixels[0].astype(np.float64)
        level, noise = border_background(image)
        signal = (image - level) / image.std()
        away = (np.abs(cv2.GaussianBlur(image - level, (0, 0), 1)) > 3 * max(noise, 0.5)).astype(np.uint8)
        moments = cv2.moments(away, True)
        spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
        axes = np.linalg.eigvalsh(spread / max(moments["m00"], 1) ** 2)
        fine = signal - cv2.GaussianBlur(signal, (0, 0), 1.2)
        return [moments["m00"], axes[1] / max(axes[0], 1e-6), axes.sum(), float(np.square(fine).sum()), signal.min()]

    scores = []
    for hours in (12.0, 48.0, 120.0):
        chosen = [cell for cell in cells if cell.time_h == hours]
        table = np.array([simple(cell) for cell in chosen])
        fate = np.array([cell.fate for cell in chosen])
        scores.append(cross_val_score(LinearDiscriminantAnalysis(), table, fate, cv=4).mean())
    assert scores[0] < scores[1] < scores[2]
    assert scores[2] > 0.55


def test_markers_follow_the_fate() -> None:
    rng = np.random.default_rng(0)
    profile = PROFILES["flowsight"]
    light = sample_illumination(1, plan_study(81, 1).samples[0], "flowsight", False)[0]
    drawn = draw_sample(rng, 300, (1, 1, 1), 120.0, profile, light, channels=("Ch1", "Ch2", "Ch3", "Ch11"))
    single = [cell for cell in drawn if cell.kind == "single"]
    for marker, fate in ((1, 0), (2, 1), (3, 2)):
        own = np.mean([cell.pixels[marker].max() for cell in single if cell.fate == fate])
        other = np.mean([cell.pixels[marker].max() for cell in single if cell.fate != fate])
        assert own > 2 * other, FATES[fate]


def test_a_confounded_study_gives_the_fate_away_by_its_background() -> None:
    sample = plan_study(810, 1, groups=["NT3"]).samples[0]
    lights = sample_illumination(1, sample, "flowsight", True)
    assert [round(light.level, -1) for light in lights] == [100, 150, 100]
