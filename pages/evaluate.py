"""Evaluate: compare predictions with the true classes of a study."""

from nscweb.ui import cached, figures, picker, show
from nscweb.ui.evaluate import cached_parts, evaluation_view, labels_view, sorting_view, two_runs_view
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
            by, name = evaluation_view.choose(app, result, "evaluate")
            part = evaluation_view.part_of(app, result, by, name)
            bands = cached_parts.bands(app, result, by if name else "", name)
            evaluation_view.numbers(result, part)
            if by and not name:
                evaluation_view.table(app, result, by)
            figures.choose_picture_format()
            evaluation_view.confusion(result, part)
            evaluation_view.per_class(result, part, bands)
            evaluation_view.curves(result, part, bands)
            evaluation_view.over_time(result)
            evaluation_view.shortcuts(result)
        elif section == evaluation_view.SORTING:
            sorting_view.draw(app, result)
        elif section == evaluation_view.MODELS:
            two_runs_view.draw(app, run)
        else:
            labels_view.draw(app, run)
