"""Parts of a reproduced paper: expected improvement, simulated stand-ins, costs, tables for reading."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nscweb.core.progress import never_cancelled, no_progress
from nscweb.papers.printed_tables import Piece, compared, paper_number, report_page, shown
from nscweb.papers.protocol_cells import simulated_cells
from nscweb.papers.protocol_files import read_protocol
from nscweb.papers.special import expected_improvement


def test_expected_improvement_is_the_textbook_formula() -> None:
    mean, deviation = np.array([1.0, 0.5, 2.0]), np.array([1.0, 1e-15, 0.1])
    gain = expected_improvement(mean, deviation, 1.0)
    # At the best value itself: deviation / sqrt(2 pi); certain and better by 0.5: exactly 0.5; hopeless: nothing.
    assert gain == pytest.approx([1 / np.sqrt(2 * np.pi), 0.5, 0.0], abs=1e-9)


@pytest.mark.parametrize("paper", ["zhu2021", "parthasarathy2024", "zamani2023", "cgrecnet2026", "kim2023"])
def test_stand_ins_have_the_shape_of_the_data(paper: str) -> None:
    protocol = read_protocol(paper, quick=True)
    cells = simulated_cells(protocol, 3, no_progress, never_cancelled)
    assert cells.simulated and "SIMULATED" in cells.description
    assert len(cells.labelled) == sum(protocol.simulated["cells"].values())
    labels = np.array([cell.class_index for cell in cells.labelled])
    assert set(labels) == set(range(len(protocol.classes)))
    if paper != "kim2023":
        counts = np.bincount(labels).tolist()
        assert counts == list(protocol.simulated["cells"].values())
    again = simulated_cells(protocol, 3, no_progress, never_cancelled)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(cells.labelled, again.labelled, strict=True))


def test_stand_in_of_donors_labels_by_the_marker() -> None:
    from nscweb.simulation.donors import DONORS, THRESHOLD, iter_donor_cells

    cells = list(iter_donor_cells(1, 300))
    assert {cell.donor for cell in cells} == set(DONORS)
    assert all((cell.label == 0) == (cell.ssea3 > THRESHOLD) for cell in cells)
    assert 0.55 < np.mean([cell.label == 0 for cell in cells]) < 0.8
    assert all(cell.mask.any() and not cell.mask.all() for cell in cells)


def test_work_of_a_network_is_counted_without_its_weights() -> None:
    from nscweb.models.architecture_cost import architecture_cost

    work = architecture_cost("cgrecnet2026", 1, 3, (224, 224))
    assert work.parameters / 1e6 == pytest.approx(28.02, abs=0.05)


def test_numbers_of_the_paper_go_by_variant_and_split() -> None:
    numbers = {"net": {"accuracy": 0.9, "accuracy@enhanced": 0.95, "accuracy_sd": 0.01}}
    assert paper_number(numbers, "net", "accuracy") == 0.9
    assert paper_number(numbers, "net", "accuracy", ("enhanced",)) == 0.95
    assert np.isnan(paper_number(numbers, "other", "accuracy"))
    rows = [
        {
            "model": "net",
            "title": "<Net>",
            "task": "",
            "variant": "",
            "split": split,
            "seed": 0,
            "fold": fold,
            "figure": "accuracy",
            "value": value,
            "low": value - 0.1,
            "high": value + 0.05,
        }
        for split, fold, value in (("paper", 1, 0.8), ("paper", 2, 0.9), ("grouped", 0, 0.7))
    ]
    table = compared(pd.DataFrame(rows), ["accuracy"], numbers, "paper")
    assert table["accuracy"].tolist() == pytest.approx([0.85, 0.7])
    assert table["accuracy paper"].iloc[0] == 0.9 and np.isnan(table["accuracy paper"].iloc[1])
    read = shown(table, ["accuracy"], {"paper": "by cell"})
    assert read["accuracy, ours"].tolist() == ["0.850 ± 0.071", "0.700 (0.60 to 0.75)"]
    assert read["accuracy, paper"].tolist() == ["0.900 ± 0.010", ""]
    page = report_page("<b>", ["<i>"], [Piece("n", "<u>", "c", table, read)], "<s>")
    assert "<td>&lt;Net&gt;</td>" in page and not [tag for tag in ("<b>", "<i>", "<u>", "<s>") if tag in page]
