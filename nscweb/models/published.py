"""Models that others published and that can be installed: where they lie and how they are recognised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedModel:
    """A trained file of a paper.

    Attributes:
        name: of the model here; its architecture has the same name.
        title, what: plain words for lists and pages.
        paper, licence, source: whose it is, under which terms, and the page where it lies.
        urls: addresses of the file, asked in this order.
        git_blob: id of the file in git; only the file with this id is taken.
        megabytes: about how much is downloaded.
        most_bytes: a longer file is refused.
    """

    name: str
    title: str
    what: str
    paper: str
    licence: str
    source: str
    urls: tuple[str, ...]
    git_blob: str
    megabytes: float
    most_bytes: int


_ZHU_COMMIT = "15d0e69dcb082b654f331c37031991270d33c1a0"
_ZHU_REPOSITORY = "yanjingmao/NC_paper_source_code"

PUBLISHED: dict[str, PublishedModel] = {
    item.name: item
    for item in (
        PublishedModel(
            name="zhu2021",
            title="Zhu et al. 2021, brightfield, as published",
            what="Fate (astrocyte, oligodendrocyte, neuron) from one brightfield image per cell.",
            paper="Zhu et al. 2021, Nature Communications 12, 2614, doi:10.1038/s41467-021-22758-0",
            licence="Apache-2.0",
            source=f"https://github.com/{_ZHU_REPOSITORY}",
            urls=(
                f"https://raw.githubusercontent.com/{_ZHU_REPOSITORY}/{_ZHU_COMMIT}/trained_model/model.pt",
                f"https://github.com/{_ZHU_REPOSITORY}/raw/{_ZHU_COMMIT}/trained_model/model.pt",
            ),
            git_blob="3b985135ed61d12e6163651d2e14664c65820aa2",
            megabytes=16.0,
            most_bytes=200_000_000,
        ),
    )
}
