"""What a person does in the browser, as short verbs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

MINUTE = 60_000
# Jobs start a worker and load torch, which takes long on a busy machine.
JOB = 3 * MINUTE
WIDE, NARROW = 1440, 390
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


class Walker:
    """One tab on the app, with screenshots kept under `shots`."""

    def __init__(self, browser: Browser, address: str, shots: Path) -> None:
        self.address = address
        self.shots = shots
        shots.mkdir(parents=True, exist_ok=True)
        self.context = browser.new_context(viewport={"width": WIDE, "height": 900}, accept_downloads=True)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))

    def close(self) -> None:
        self.context.close()

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.address}/{path}")
        self.settle()

    def go(self, title: str) -> None:
        """Choose a page in the navigation."""
        self.page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=True).click()
        heading = "Fates of neural stem cells" if title == "Home" else title
        expect(self.page.locator("h1", has_text=heading)).to_be_visible(timeout=MINUTE)
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and no error stands on the page."""
        self.page.wait_for_selector("h1", timeout=MINUTE)
        # While a page gives way to the next, the foot of both may stand there for a moment.
        expect(self.page.locator(".nsc-foot").last).to_be_visible(timeout=MINUTE)
        self.page.wait_for_selector(IDLE, timeout=MINUTE)
        self.page.wait_for_timeout(150)
        self.page.wait_for_selector(IDLE, timeout=MINUTE)
        assert self.page.get_by_test_id("stException").count() == 0

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).first.click()

    def upload(self, label: str, files: Sequence[Path]) -> None:
        box = self.page.get_by_test_id("stFileUploader").filter(has_text=label)
        box.locator("input[type=file]").set_input_files([str(path) for path in files])

    def sees(self, text: str | re.Pattern[str], timeout: float = MINUTE) -> Locator:
        found = self.page.get_by_text(text).locator("visible=true").first
        expect(found).to_be_visible(timeout=timeout)
        return found

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        self.settle()

    def download(self, label: str, folder: Path) -> Path:
        self.settle()
        with self.page.expect_download(timeout=MINUTE) as waiting:
            self.press(label)
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def unfold(self, title: str, button: str) -> None:
        """Open a fold, until the button in it is there."""
        inside = self.page.get_by_role("button", name=button, exact=True).first
        for _ in range(3):
            self.settle()
            if not inside.is_visible():
                self.page.get_by_text(title).click()
            try:
                expect(inside).to_be_visible(timeout=8_000)
            except AssertionError:
                # A page that was still being drawn closes the fold again.
                continue
            return
        raise AssertionError(f"the fold {title!r} does not open")

    def choose(self, label: str, option: str) -> None:
        """Take an option of a select box."""
        box = self.page.get_by_test_id("stSelectbox").filter(has_text=label).get_by_role("combobox")
        wanted = self.page.get_by_role("option", name=option, exact=True)
        for _ in range(3):
            self.settle()
            box.click()
            try:
                wanted.click(timeout=8_000)
            except TimeoutError:
                # A page that was still being drawn closes the list again.
                self.page.keyboard.press("Escape")
                continue
            self.settle()
            return
        raise AssertionError(f"the box {label!r} does not offer {option!r}")

    def edit_cell(self, *, across: float, row: int, text: str, then: str) -> None:
        """Type into a cell of the first table of a tab, which is drawn on a canvas and known by its place only."""
        self.settle()
        grid = self.page.locator("[role=tabpanel] [data-testid=stDataFrame]").first
        grid.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)
        box = grid.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] * across, box["y"] + 17 + 35 * row)
        self.page.wait_for_timeout(300)
        self.page.keyboard.press("Enter")
        editor = self.page.locator("textarea.gdg-input")
        editor.fill(text)
        editor.press("Enter")
        self.sees(then)

    def shot(self, name: str) -> None:
        """Keep the page as a picture at desk and phone width."""
        for width in (WIDE, NARROW):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(300)
            tall = self.page.get_by_test_id("stMain").evaluate("node => node.scrollHeight")
            self.page.set_viewport_size({"width": width, "height": min(int(tall) + 20, 5000)})
            self.page.wait_for_timeout(500)
            self.page.screenshot(path=self.shots / f"{name}_{width}.png")
        self.page.set_viewport_size({"width": WIDE, "height": 900})

    def foreign_requests(self) -> list[str]:
        """Addresses that were asked for outside the app itself."""
        own = (self.address, self.address.replace("http", "ws"), "data:", "blob:", "about:")
        return [url for url in self.asked if not url.startswith(own)]
