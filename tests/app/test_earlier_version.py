"""A data folder of version 0.4.0 on the pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import Walk, is_healthy, texts
from archives.v040 import RUN, STUDY, opened_data, unpacked

SAYS = {
    "streamlit_app.py": STUDY,
    "pages/study.py": '<div class="v">96</div>',
    "pages/predict.py": "NT3: 62 % neurons",
    "pages/compare.py": "Replicates, mean and interval",
    "pages/cells.py": "96 cells match the filters",
    "pages/evaluate.py": "true class",
    "pages/report.py": "report",
    "pages/models.py": "small",
}


@pytest.mark.parametrize("page", SAYS)
def test_every_page_opens(page: str, walk: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened_data(unpacked(tmp_path))
    monkeypatch.setenv("NSCWEB_DATA_DIR", str(tmp_path / "data"))
    test = walk(page, study=app.catalogue.study(STUDY).study_id, run=RUN)
    assert is_healthy(test), texts(test)
    assert SAYS[page] in texts(test)
