"""Documents as the page Help shows them."""

from __future__ import annotations

from pathlib import Path

from nscweb.services.documents import documents, pieces


def test_every_document_has_a_title_and_the_tutorial_comes_first() -> None:
    found = documents()
    assert found[0].key == "tutorial" and all(item.title for item in found)
    assert [item.measured for item in found] == sorted(item.measured for item in found)


def test_pictures_are_cut_out_and_links_lead_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text(
        "# One\n\nSee [two](two.md).\n\n![A cell](cell.png)\n\n[out](https://x.org)\n", "utf-8"
    )
    (document,) = documents(tmp_path)
    text, picture, rest = pieces(document)
    assert "(help?document=two)" in text.text and document.title == "One"
    assert picture.picture == tmp_path / "cell.png" and picture.text == "A cell"
    assert "(https://x.org)" in rest.text


def test_a_copy_without_documents_has_none(tmp_path: Path) -> None:
    assert documents(tmp_path / "nothing") == ()
