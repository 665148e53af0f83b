"""README's pictures: the page of a run, as a browser shows it.

`make screenshots` makes them of the default study. What is seen is the page's own: nothing is drawn here.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TO = Path(__file__).parents[1] / "docs" / "pictures"
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


class Picture(NamedTuple):
    """What is taken.

    Attributes:
        name: of the file.
        fragment: the page's state, as an address has it.
        selector: what is scrolled to the top.
        width: of the window, pixels.
        height: likewise.
        dark: with the dark theme.
    """

    name: str
    fragment: str
    selector: str
    width: int = 1280
    height: int = 960
    dark: bool = False


PICTURES = (
    Picture("live", "#activation=hardgelu", "#live"),
    Picture("beside", "#activation=hardgelu&beside=relu&fold=difference", "#live"),
    Picture("found", "", "#explore"),
    Picture("phone", "#activation=gelu&weights=6", "#live", 390, 844, dark=True),
)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Give a headless Chromium, that of the system.

    Raises:
        SystemExit: there is none.
    """
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.exit("chromium is needed: apt-get install chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


def take(page: Path, to: Path) -> list[Path]:
    """Open a page from disk and take all pictures; return where they are."""
    to.mkdir(parents=True, exist_ok=True)
    taken = []
    with chromium() as browser:
        for one in PICTURES:
            scheme = "dark" if one.dark else "light"
            size = {"width": one.width, "height": one.height}
            context = browser.new_context(viewport=size, offline=True, color_scheme=scheme)  # type: ignore[arg-type]
            shown = context.new_page()
            shown.goto(page.resolve().as_uri() + one.fragment)
            shown.locator(one.selector).evaluate("one => one.scrollIntoView()")
            shown.wait_for_timeout(500)
            taken.append(to / f"{one.name}.png")
            shown.screenshot(path=taken[-1])
            context.close()
    return taken


def main() -> None:
    """Take the pictures of the run that is named, or of the default study's."""
    from quantstudy.config.study import StudyConfig

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results") / StudyConfig().run_name
    page = folder / "report.html"
    if not page.is_file():
        sys.exit(f"{page} is missing: quantstudy run --bits 4 makes it")
    for path in take(page, TO):
        print(path)


if __name__ == "__main__":
    main()
