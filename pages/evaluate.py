"""Evaluate: compare predictions with the true classes of a study."""

from nscweb.ui import cached, evaluation_view, figures, picker, show
from nscweb.ui.frame import open_page

with open_page("evaluate") as app:
    study = picker.pick_study(app)
    run = picker.pick_run(app, study) if study else None
    if study and not run:
        picker.no_run_yet(study)
    if study and run and not evaluation_view.has_truth(app, study, run):
        evaluation_view.explain_missing_truth(app, study, run)
    elif study and run:
        result = cached.evaluation(app, run)
        show.warnings(result.warnings)
        part = evaluation_view.choose_time(result)
        evaluation_view.numbers(result, part)
        figures.choose_picture_format()
        evaluation_view.confusion(result, part)
        evaluation_view.per_class(result, part)
        evaluation_view.curves(result, part)
        evaluation_view.over_time(result)
        evaluation_view.shortcuts(result)
