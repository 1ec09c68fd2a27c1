"""Evaluate: compare predictions with the true classes of a study."""

from nscweb.ui import cached, picker, show
from nscweb.ui import figure_box as figures
from nscweb.ui.evaluate import cached_parts as evaluation_cached
from nscweb.ui.evaluate import evaluation_view
from nscweb.ui.evaluate import evaluation_view as evaluation_split_view
from nscweb.ui.evaluate import labels_view as evaluation_labels_view
from nscweb.ui.evaluate import sorting_view as evaluation_sorting_view
from nscweb.ui.evaluate import two_runs_view as evaluation_models_view
from nscweb.ui.frame import open_page

with open_page("evaluate") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        picker.no_run_yet(study)
    if study and run and not evaluation_view.has_truth(app, study, run):
        evaluation_view.explain_missing_truth(app, study, run)
    elif study and run:
        section = evaluation_view.choose_section(run)
        result = cached.evaluation(app, run)
        show.warnings(result.warnings)
        if section == evaluation_view.FIGURES:
            by, name = evaluation_split_view.choose(app, result, "evaluate")
            part = evaluation_split_view.part_of(app, result, by, name)
            bands = evaluation_cached.bands(app, result, by if name else "", name)
            evaluation_view.numbers(result, part)
            if by and not name:
                evaluation_split_view.table(app, result, by)
            figures.choose_picture_format()
            evaluation_view.confusion(result, part)
            evaluation_view.per_class(result, part, bands)
            evaluation_view.curves(result, part, bands)
            evaluation_view.over_time(result)
            evaluation_view.shortcuts(result)
        elif section == evaluation_view.SORTING:
            evaluation_sorting_view.draw(app, result)
        elif section == evaluation_view.MODELS:
            evaluation_models_view.draw(app, run)
        else:
            evaluation_labels_view.draw(app, run)
