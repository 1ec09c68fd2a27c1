"""A real worker process whose predictions take their time, so that a test can kill it in the middle.

python slow_worker.py DATA_DIR SECONDS_PER_STEP
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from nscweb.jobs.tasks import TASKS
from nscweb.jobs.worker import main
from nscweb.services.context import open_app
from nscweb.services.predict import predict
from nscweb.settings import Settings

# Small chunks, so that a small study has several of them.
predict.CHUNK = 20


def slow_predict(app, payload, progress, cancel):
    def slow(done: int, total: int, step: str = "") -> None:
        progress(done, total, step)
        time.sleep(float(sys.argv[2]))

    return TASKS["predict"](app, payload, slow, cancel)


if __name__ == "__main__":
    opened = open_app(Settings.from_environment(os.environ, Path(sys.argv[1])))
    main(opened, tasks={**TASKS, "predict": slow_predict})
