"""Help: the documents of the program."""

from nscweb.ui.frame import open_page
from nscweb.ui.help import documents_view

with open_page("help"):
    document = documents_view.choose()
    if document:
        documents_view.draw(document)
