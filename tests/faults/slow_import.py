"""An import by slow processes in small chunks, so that a test can kill it in the middle.

python slow_import.py DATA_DIR FOLDER_OF_IMAGES
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from nscweb.services.context import open_app
from nscweb.services.study import import_chunks, import_pool, import_samples
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import import_study
from nscweb.settings import Settings

SMALL = 256


def worker_main() -> None:
    """A reading process that takes its time over every chunk."""
    from nscweb.services.study import import_pool as import_worker

    usual = import_chunks.read_chunk

    def slow(*given):
        time.sleep(0.5)
        mark = usual(*given)
        time.sleep(0.2)
        return mark

    import_chunks.read_chunk = slow
    import_worker.main()


if __name__ == "__main__":
    import_chunks.CHUNK_CELLS, import_samples.FEW_CELLS = SMALL, 1
    import_pool.ENTRY, import_pool.PATHS = "slow_import:worker_main", (Path(__file__).parent,)
    opened = open_app(Settings.from_environment({**os.environ, "NSCWEB_THREADS": "2"}, Path(sys.argv[1])))
    import_study(opened, ImportRequest((Path(sys.argv[2]),), "Study"))
