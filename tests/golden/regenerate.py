"""Write the golden tables again, after the simulator, the preprocessing or the shipped weights were changed on purpose.

    python tests/golden/regenerate.py

Look at the difference before committing it (``git diff tests/golden``): every number in it is a number that users
will see change.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from nscweb.core.run_record import Run
from nscweb.services.compare.dashboard import DashboardData, dashboard_data
from nscweb.services.context import App, open_app
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.metrics_files import metrics_table
from nscweb.services.models import default_model
from nscweb.services.predict.predict import predict_study
from nscweb.services.predict.request import PredictRequest
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import import_study
from nscweb.settings import Settings
from nscweb.simulation.writer import write_study_zip

HERE = Path(__file__).resolve().parent
GROUPS = HERE / "groups.csv"
METRICS = HERE / "metrics.csv"
KEYS = ["group", "time_h", "class"]
SEED = 77


def predict_small(folder: Path) -> tuple[App, DashboardData, Run]:
    """The whole road on a small simulated study: simulate, import, predict with the shipped weights, count."""
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, folder / "data"))
    exported = folder / "small.zip"
    write_study_zip(exported, cells=900, seed=SEED, channels=("Ch1",), groups=("RA+SHH", "astrocyte medium"))
    import_study(app, ImportRequest((exported,), "golden"))
    run = predict_study(app, PredictRequest("golden"))
    return app, dashboard_data(app, run), run


def evaluate_small(folder: Path, app: App) -> pd.DataFrame:
    """Figures on a small simulated study whose samples are of one fate each."""
    exported = folder / "pure.zip"
    write_study_zip(exported, cells=900, seed=SEED + 1, channels=("Ch1",), pure=True)
    import_study(app, ImportRequest((exported,), "golden pure"))
    study = app.catalogue.study("golden pure")
    fates = default_model(app).card.classes.names
    named = [s.with_changes(true_class=next(f for f in fates if f in s.name)) for s in study.samples]
    app.catalogue.update_samples(study.study_id, named)
    result = evaluate_run(app, predict_study(app, PredictRequest("golden pure")))
    table = metrics_table(result)
    return table[table["time_h"].isna()].drop(columns=["time_h", "interval"])


def main() -> int:
    """Write both tables."""
    with TemporaryDirectory() as name:
        app, data, run = predict_small(Path(name))
        kept = [*KEYS, "replicates", "cells", "mean", "low", "high"]
        groups = data.group_ratios[kept].assign(weights_sha256=run.provenance.weights_sha256)
        groups.round(6).to_csv(GROUPS, index=False, lineterminator="\n")
        evaluate_small(Path(name), app).round(6).to_csv(METRICS, index=False, lineterminator="\n")
    sys.stdout.write(f"Written: {GROUPS.name}, {METRICS.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
