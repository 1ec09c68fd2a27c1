"""Dashboard, gallery, evaluation, models and report show the numbers that services compute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts
from asked import predict_study

from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.cells import cells
from nscweb.services.compare import comparison
from nscweb.services.compare.facts import cells_counted
from nscweb.services.context import App
from nscweb.services.evaluate import evaluate
from nscweb.services.predict.controls import filtered_cells
from nscweb.ui.cells import cell_view


def opened(walk: Walk, app: App, page: str):
    return walk(f"pages/{page}.py", study=app.catalogue.study(LABELLED).study_id)


def run_of(app: App):
    run = app.catalogue.last_run(app.catalogue.study(LABELLED).study_id)
    assert run is not None
    return run


def test_the_dashboard_table_is_that_of_the_service(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app, "predict")
    found = comparison.comparison(app, run_of(app))
    shown = test.dataframe[0].value
    order = comparison.answer_of(found).order
    assert list(dict.fromkeys(shown["Group"])) == [name for name in order if name in set(found.groups["group"])]
    row = found.groups[(found.groups["group"] == order[0]) & (found.groups["class"] == "neuron")].iloc[0]
    said = shown[shown["Group"] == order[0]].iloc[0]
    assert said["Cells"] == row["cells"]
    expected = f"{100 * row['mean']:.1f} % [{100 * row['low']:.1f}" if row["recovered"] else "cannot be told"
    assert said["neuron"].startswith(expected)
    assert f"{cells_counted(found):,}" in texts(test)
    for sentence in found.data.warnings:
        assert sentence.split(";")[0] in texts(test)


def test_filters_narrow_the_dashboard(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app, "predict")
    groups = next(item for item in test.multiselect if item.label == "Inducer groups")
    test = groups.select("neuron medium").run()
    assert set(test.dataframe[0].value["Group"]) == {"neuron medium"}
    confidence = next(item for item in test.slider if item.label == "Least confidence")
    test = confidence.set_value(1.0).run()
    # This model came without held-out cells, so its ratios are counted labels; corrected ones would keep the cells.
    assert "No effect on corrected ratios" in texts(test)
    assert "The filters leave out every cell" in texts(test)
    assert is_healthy(test)


def test_the_published_reference_comes_with_a_plain_note(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app, "compare")
    toggle = next(item for item in test.toggle if "immunofluorescence" in item.label)
    said = texts(toggle.set_value(True).run())
    assert "Zhu et al. 2021" in said and "The simulator was planned from the counts" in said


def test_the_gallery_shows_the_surest_cells_first_with_maps(walk: Walk, data_folder: Path, app: App) -> None:
    app.catalogue.update_study(app.catalogue.study(LABELLED).study_id, pixel_size_um=None)
    test = opened(walk, app, "cells")
    page = cells.gallery(app, run_of(app), limit=24)
    said = texts(test)
    assert said.count("<figure") == 24 and said.count("data:image/png") == 48
    first = page.cells[0]
    assert said.index(f"object {first.object_number} · ") > 0
    assert "No scale bar" in said


def test_a_scale_bar_appears_when_the_pixel_size_is_known(walk: Walk, data_folder: Path, app: App) -> None:
    app.catalogue.update_study(app.catalogue.study(LABELLED).study_id, pixel_size_um=0.5)
    said = texts(opened(walk, app, "cells"))
    assert "µm" in said and "No scale bar" not in said


def test_the_gallery_says_how_many_cells_ratios_leave_out(walk: Walk, data_folder: Path, app: App) -> None:
    run = run_of(app)
    counted = filtered_cells(app, run, Filters())[1].kept
    page = cells.gallery(app, run, limit=1)
    assert page.total - page.left_out == counted and page.left_out > 0
    said = texts(opened(walk, app, "cells"))
    assert f"Of them {page.left_out:,} " in said and f"they count {counted:,}." in said
    assert cell_view.left_out_words(10, 0) == "" and "All of them are" in cell_view.left_out_words(3, 3)


def test_another_filter_starts_at_its_first_page(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app, "cells")
    assert "1 to 24 are shown" in texts(test)
    box = next(item for item in test.selectbox if item.label == "Predicted as")
    test = box.select("neuron").run()
    assert "match the filters; 1 to" in texts(test) and is_healthy(test)


def test_evaluation_shows_the_figures_of_the_service(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app, "evaluate")
    result = evaluate.evaluate_run(app, run_of(app))
    accuracy = result.metric("accuracy")
    assert accuracy is not None and f"{accuracy.value:.3f}" in texts(test)
    assert result.shortcuts["sentence"][:40] in texts(test)


def test_evaluation_without_truth_says_how_to_set_it(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    predict_study(app, study.study_id, "random-compact")
    said = texts(walk("pages/evaluate.py", study=study.study_id))
    assert "This study has no true classes" in said and "true class" in said


def test_evaluation_with_other_class_names_names_both(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(LABELLED)
    app.catalogue.update_samples(study.study_id, [replace(sample, true_class="glia") for sample in study.samples])
    said = texts(opened(walk, app, "evaluate"))
    assert "glia" in said and "astrocyte" in said


def test_models_page_shows_limits_and_a_damaged_card_is_told(walk: Walk, data_folder: Path, app: App) -> None:
    broken = data_folder / "models" / "broken"
    broken.mkdir()
    (broken / "card.json").write_text("{not json")
    test = walk("pages/models.py")
    assert is_healthy(test), texts(test)
    assert "It has learnt nothing." in texts(test) and "broken" in texts(test)


def test_report_tells_what_made_the_run(walk: Walk, data_folder: Path, app: App) -> None:
    said = texts(opened(walk, app, "report"))
    assert run_of(app).provenance.weights_sha256 in said and "torch" in said


def test_quick_look_scores_an_image_without_a_study(walk: Walk, data_folder: Path, app: App) -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    image = cells.gallery(app, run_of(app), limit=1).cells[0].image
    Image.fromarray(image).save(buffer, "PNG")
    test = walk()
    test = test.file_uploader[0].set_value(("my cell.png", buffer.getvalue(), "image/png")).run()
    assert is_healthy(test), texts(test)
    assert "my cell.png" in texts(test) and "map for" in texts(test)
    assert len(app.catalogue.studies()) == 2


def test_how_maps_are_drawn_can_be_chosen_and_what_they_are_worth_is_said(
    walk: Walk, data_folder: Path, app: App
) -> None:
    test = opened(walk, app, "cells")
    said = texts(test)
    assert "how much each part of a cell speaks for the class" in said
    # This model came without tests of its maps.
    assert "are worth was not measured" in said
    way = test.selectbox(key=f"cells_way_{run_of(app).run_id}")
    assert way.options == ["Grad-CAM", "Integrated gradients"]
    way.set_value("integrated-gradients").run()
    assert not test.exception
    assert "on the way from an empty field to the cell" in texts(test)
