"""The page Help: every choice shows its document, and so does an address."""

from __future__ import annotations

from pathlib import Path

from app_walk import Walk
from streamlit.testing.v1 import AppTest

from nscweb.services.documents import documents


def shown(test: AppTest) -> str:
    return str(test.markdown[0].value).splitlines()[0]


def test_every_choice_of_a_document_shows_it(walk: Walk, empty_folder: Path) -> None:
    test = walk("pages/help.py")
    for document in documents()[:5]:
        test = next(box for box in test.selectbox if box.label == "Document").select(document.key).run()
        assert shown(test) == f"# {document.title}"
        assert test.query_params["document"] == document.key


def test_an_address_chooses_the_document_also_after_a_choice(walk: Walk, empty_folder: Path) -> None:
    first, second, third = documents()[:3]
    test = walk("pages/help.py", document=second.key)
    assert shown(test) == f"# {second.title}"
    test = next(box for box in test.selectbox if box.label == "Document").select(third.key).run()
    test.query_params["document"] = first.key
    assert shown(test.run()) == f"# {first.title}"
