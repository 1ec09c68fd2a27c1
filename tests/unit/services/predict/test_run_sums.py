"""Sums per sample beside a run: the same numbers as from its cells, and never stale."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run, grid

from nscweb.core.flags import LEFT_OUT
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters, kept_cells
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.sample_sums import SampleSums, counted_samples, sample_sums
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.compare.score_spread import score_bins
from nscweb.services.context import App, open_app
from nscweb.services.kept import clear_all
from nscweb.services.predict import run_sums as service
from nscweb.services.predict.run_cells import run_cells
from nscweb.services.predict.run_sums import SUMS, counted_sums, make_sums, run_sums
from nscweb.settings import Settings
from nscweb.store.prediction_files import read_predictions, write_predictions
from nscweb.store.sum_files import read_sums

TIMES = (24.0, 72.0)
CHOSEN = [
    Filters(),
    Filters(groups=("NT3", "NT4")),
    Filters(times_h=(72.0,), replicates=("2",)),
    Filters(groups=("nobody",)),
]


@pytest.fixture
def made(tmp_path: Path) -> tuple[App, Run]:
    app = open_app(Settings.from_environment({}, tmp_path))
    return app, drawn_run(app, "Drawn", grid(3, TIMES, 2), cells=160)


def assert_same(one: SampleSums, other: SampleSums) -> None:
    for name, value in asdict(one).items():
        np.testing.assert_equal(value, asdict(other)[name], err_msg=name)


def no_cells() -> mock.mock._patch[mock.Mock]:
    """Whoever asks for single cells fails."""
    return mock.patch.object(service, "run_cells", side_effect=AssertionError("cells were read"))


@pytest.mark.parametrize("filters", CHOSEN)
@pytest.mark.parametrize("seed", [1, 2])
def test_stored_sums_are_those_of_the_cells(tmp_path: Path, filters: Filters, seed: int) -> None:
    """Bit for bit, also the bins, and with the same account of what is left out."""
    app = open_app(Settings.from_environment({}, tmp_path))
    run = drawn_run(app, "Drawn", grid(3, TIMES, 2, seed=seed), cells=130, seed=seed)
    make_sums(app, run)
    cells = run_cells(app, run)
    keep, counts = kept_cells(cells, **asdict(filters))
    with no_cells():
        stored, found = counted_sums(app, run, filters, True)
    assert found == counts and list(found.dropped) == list(counts.dropped)
    chosen = asdict(filters)
    again, _ = counted_samples(
        sample_sums(cells, chosen.pop("exclude_flags"), chosen.pop("min_confidence"), bins=True), **chosen
    )
    assert_same(stored, again)
    assert int(stored.labels.sum()) == int(keep.sum())


@pytest.mark.parametrize("method", ["pacc", "acc", "em", "naive"])
def test_ratios_from_sums_are_those_from_cells(made: tuple[App, Run], method: str) -> None:
    app, run = made
    known = drawn_held_out(TIMES, cells=600)
    cells = run_cells(app, run)
    keep, _ = kept_cells(cells, groups=("NT3",), exclude_flags=LEFT_OUT)
    by_cells = estimate(cells.take(keep), known, method, rounds=50)
    sums, _ = counted_sums(app, run, Filters(groups=("NT3",)), method == "em")
    by_sums = estimate(sums, known, method, rounds=50)
    pd.testing.assert_frame_equal(by_sums.table, by_cells.table, check_exact=True)
    np.testing.assert_array_equal(by_sums.shared, by_cells.shared)
    assert by_sums.sentence == by_cells.sentence


def test_a_comparison_reads_no_cells_and_a_filter_by_confidence_does(made: tuple[App, Run]) -> None:
    app, run = made
    make_sums(app, run)
    with mock.patch.object(ratios, "held_out_of", return_value=drawn_held_out(TIMES, cells=600)), no_cells() as cells:
        for filters in CHOSEN:
            for method in ("pacc", "em", "naive"):
                found = comparison(app, run, CompareRequest(filters, method))
                assert found.data.cells == run.cells
        assert score_bins(app, run)["cells"].sum() == 3 * comparison(app, run).data.kept
        assert not cells.called
        with pytest.raises(AssertionError, match="cells were read"):
            comparison(app, run, CompareRequest(Filters(min_confidence=0.6)))
    assert comparison(app, run, CompareRequest(Filters(min_confidence=0.6))).data.kept < comparison(app, run).data.kept


def test_other_exclusions_are_counted_from_the_cells(made: tuple[App, Run]) -> None:
    app, run = made
    for flags in ((), ("blurred",), tuple(reversed(LEFT_OUT))):
        filters = Filters(exclude_flags=flags, min_confidence=0.55, times_h=(24.0,))
        keep, counts = kept_cells(run_cells(app, run), **asdict(filters))
        sums, found = counted_sums(app, run, filters)
        assert found == counts and int(sums.labels.sum()) == int(keep.sum())


def test_a_run_of_an_older_version_gets_its_sums(made: tuple[App, Run]) -> None:
    """Runs of 0.4.0 have none; they are made at the first look, and read afterwards."""
    app, run = made
    path = app.folder.run_dir(run.run_id) / SUMS
    assert not path.exists()
    first = run_sums(app, run)
    assert path.exists()
    clear_all()
    with mock.patch.object(service, "make_sums", side_effect=AssertionError("made again")):
        second = run_sums(app, run)
    assert_same(replace(first, bins=None), second)


def test_damaged_sums_are_made_again(made: tuple[App, Run]) -> None:
    app, run = made
    path = app.folder.run_dir(run.run_id) / SUMS
    good = run_sums(app, run, True)
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 0xFF])
    for broken in (b"", b"no archive", content[:middle], content[:middle] + flipped + content[middle + 1 :]):
        path.write_bytes(broken)
        clear_all()
        assert_same(run_sums(app, run, True), good)
        clear_all()
        assert len(read_sums(path, bins=True)[0]) == len(good)


def test_sums_of_another_table_or_other_gates_are_not_used(made: tuple[App, Run]) -> None:
    app, run = made
    path = app.folder.run_dir(run.run_id) / "predictions.parquet"
    before = run_sums(app, run)
    table = read_predictions(path)
    write_predictions(path, table.assign(flags=0))
    assert run_sums(app, run).labels.sum() == run.cells > before.labels.sum()
    other = replace(run, extra={**run.extra, "gates_digest": "other"})
    with mock.patch.object(service, "make_sums", wraps=make_sums) as again:
        clear_all()
        run_sums(app, run)
        assert not again.called
        clear_all()
        run_sums(app, other)
        assert again.called
    with mock.patch.object(service, "LEFT_OUT", LEFT_OUT[:2]), mock.patch.object(service, "make_sums") as again:
        again.return_value = before
        clear_all()
        run_sums(app, other)
        assert again.called
    clear_all()


def test_an_edited_sheet_is_seen_and_changes_nothing_in_the_file(made: tuple[App, Run]) -> None:
    app, run = made
    run_sums(app, run)
    path = app.folder.run_dir(run.run_id) / SUMS
    content = path.read_bytes()
    samples = app.catalogue.study(run.study_id).samples
    app.catalogue.update_samples(run.study_id, [replace(samples[0], group="other", time_h=None), *samples[1:]])
    found = run_sums(app, run)
    assert "other" in found.groups and np.isnan(found.times_h).sum() == 1
    assert path.read_bytes() == content
    assert (found.sample_ids, found.groups) == (run_cells(app, run).sample_ids, run_cells(app, run).groups)
    np.testing.assert_array_equal(found.times_h, run_cells(app, run).times_h)


def test_a_folder_that_cannot_be_written_costs_no_result(made: tuple[App, Run]) -> None:
    app, run = made
    with mock.patch("nscweb.store.sum_files.write_sums", side_effect=PermissionError("read only")):
        assert run_sums(app, run).labels.sum() > 0
    assert not (app.folder.run_dir(run.run_id) / SUMS).exists()


def test_scores_that_are_no_numbers_count_as_cells_only(made: tuple[App, Run]) -> None:
    app, run = made
    cells = run_cells(app, run)
    broken = cells.scores.copy()
    broken[:5] = np.nan
    sums = sample_sums(replace(cells, scores=broken), bins=True)
    assert sums.labels.sum() - sums.usable.sum() == 5
    assert np.isfinite(sums.total).all() and sums.spread.sum() == 3 * sums.usable.sum()
    assert sums.bins is not None and sums.bins.count.sum() == sums.usable.sum()
