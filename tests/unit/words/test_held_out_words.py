"""What is said of the cells of known class: their number, and whether their scores do for EM."""

from __future__ import annotations

import numpy as np

from nscweb.evaluation.ratios.calibrated import Calibration, Honesty
from nscweb.evaluation.ratios.more_cells import MoreCells
from nscweb.words.held_out_words import em_of_model, more_cells, more_cells_of_model

MENDED = Calibration(0.5, np.zeros(3))


def test_what_more_cells_are_worth_is_said_with_both_widths() -> None:
    assert more_cells(MoreCells(120, 120, 1000, 0.25, 0.2)) == (
        "With 120 held-out cells of each class, the interval of a sample is 25 points wide on average; with 1,000 more "
        "labelled cells of each class it would shrink to 20 points."
    )
    said = more_cells(MoreCells(1666, 2502, 1000, 0.091, 0.09))
    assert "1,666 to 2,502 held-out cells of a class" in said
    assert "would hardly narrow it (9.0 points): what is left comes from the cells of the sample" in said
    assert more_cells(None) == ""


def test_a_card_says_it_for_all_its_times_in_two_sentences() -> None:
    found = [MoreCells(120, 150, 1000, 0.40, 0.31, 12.0), MoreCells(130, 200, 1000, 0.25, 0.20, 24.0)]
    assert more_cells_of_model(found) == (
        "In a sample of 500 cells, as many of each class, the interval of a ratio is 40 points wide at 12 h and 25 "
        "points wide at 1 d, with 120 to 200 held-out cells of a class. With 1,000 more labelled cells of each class "
        "it would shrink to 31 points at 12 h and 20 points at 1 d."
    )
    assert "would hardly narrow it" in more_cells_of_model([MoreCells(120, 120, 1000, 0.4, 0.399)])
    assert more_cells_of_model([]) == ""


def test_a_card_says_whether_em_may_take_its_scores() -> None:
    fine, off, lost = Honesty(0.03, 0.03, None), Honesty(0.16, 0.02, MENDED), Honesty(0.4, 0.13, MENDED)
    assert "can be used" in em_of_model([(24.0, fine)]) and "3 points at most" in em_of_model([(24.0, fine)])
    assert "off by up to 16 points at 12 h on known" in em_of_model([(12.0, off), (24.0, fine)])
    said = em_of_model([(None, lost)])
    assert "is not offered" in said and "13 points even after" in said and "Use mean scores (PACC)" in said
    assert em_of_model([]) == ""
