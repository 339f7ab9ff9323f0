"""Label Studio's editor as an annotator handles it."""

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import FloatRect, Locator, Page, Response, expect

from harness.label_studio import LabelStudio
from harness.waiting import wait_until


class Editor:
    """A task whose audio has `seconds`, open in the browser and decoded, so that its regions are drawn."""

    def __init__(self, page: Page, studio: LabelStudio, project: int, task: int, seconds: float) -> None:
        self.page = page
        self._seconds = seconds
        page.goto(studio.page(project, task))
        length = page.get_by_role("textbox", name="__:__:__:___").last
        expect(length).to_have_value(re.compile(f"^00:00:{int(seconds):02}"), timeout=30_000)

    @property
    def regions(self) -> Locator:
        """The regions in the list beside the waveform."""
        return self.page.locator(".lsf-outliner-item")

    @property
    def texts(self) -> Locator:
        """The texts of the selected region or, where nothing is selected, of the whole audio."""
        return self.page.get_by_test_id("textarea-region")

    def blank(self) -> None:
        """Start an annotation without anything that was predicted."""
        self.page.get_by_role("button", name="Create an annotation").click()
        expect(self.regions).to_have_count(0)

    def annotate_automatically(self) -> None:
        """Turn Auto-Annotation on: the editor asks the backend from now on."""
        self.page.get_by_text("Auto-Annotation").click()

    def answered(self, action: Callable[[], object]) -> Response:
        """The backend's answer, through Label Studio, to an action of the annotator."""
        with self.page.expect_response(
            lambda answer: "/interactive-annotating" in answer.url, timeout=90_000
        ) as answered:
            action()
        return answered.value

    def select(self, region: int) -> None:
        """Click on a region in the list, by its place there."""
        self.regions.nth(region).click()

    def click(self, seconds: float) -> None:
        """Click on the waveform."""
        self.page.mouse.click(*self._point(seconds))

    def draw(self, label: str, start: float, end: float) -> float:
        """Choose a label and drag from `start` to `end` seconds; the time (time.monotonic) when the mouse went up."""
        self.page.locator(".lsf-label", has_text=label).click()
        # The playhead stands at 0: the mouse would move it.
        return self._drag(max(start, self._seconds / 100), end)

    def resize(self, edge: float, to: float) -> float:
        """Drag the right edge of a region from `edge` to `to` seconds."""
        self._park()
        wait_until(lambda: self._over_handle(edge), 60, "the mouse is over the edge's handle")
        return self._drag_from(self._handle(edge), to)

    def _park(self) -> None:
        """Click on the time scale, far right: where the playhead stands on an edge the mouse would move that."""
        box = self._box()
        self.page.mouse.click(box["x"] + 0.98 * box["width"], box["y"] + 10)

    def _over_handle(self, edge: float) -> bool:
        """Come from outside and look whether the editor offers to resize: the region may not be drawn yet."""
        x, y = self._handle(edge)
        self.page.mouse.move(x + 20, y)
        self.page.mouse.move(x, y, steps=4)
        cursor = "([x, y]) => getComputedStyle(document.elementFromPoint(x, y)).cursor"
        return bool(self.page.evaluate(cursor, [x, y]) == "col-resize")

    def _handle(self, edge: float) -> tuple[float, float]:
        """2 pixels wide, inside the region."""
        x, y = self._point(edge)
        return x - 1, y

    def _drag(self, start: float, end: float) -> float:
        return self._drag_from(self._point(start), end)

    def _drag_from(self, point: tuple[float, float], end: float) -> float:
        mouse = self.page.mouse
        mouse.move(*point)
        mouse.down()
        mouse.move(*self._point(end), steps=8)
        mouse.up()
        return time.monotonic()

    def _point(self, seconds: float) -> tuple[float, float]:
        box = self._box()
        return box["x"] + seconds * box["width"] / self._seconds, box["y"] + box["height"] / 2

    def _box(self) -> FloatRect:
        """The waveform, with its time scale on top."""
        box = self.page.locator("canvas").first.bounding_box()
        assert box
        return box

    def correct(self, text: str) -> None:
        """Type over the text of the selected region."""
        self.page.get_by_test_id("htx-textbox-edit-button").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)
        self.page.locator("textarea:focus").blur()

    def submit(self) -> list[dict[str, Any]]:
        """The results that Label Studio stores."""
        return submitted(self.page)


def submitted(page: Page) -> list[dict[str, Any]]:
    """Submit the annotation; the results that Label Studio stores."""
    with page.expect_response(lambda answer: _is_new_annotation(answer), timeout=90_000) as stored:
        page.get_by_role("button", name="Submit").click()
    results: list[dict[str, Any]] = stored.value.json()["result"]
    return results


def _is_new_annotation(answer: Response) -> bool:
    return answer.request.method == "POST" and re.search(r"/tasks/\d+/annotations", answer.url) is not None
