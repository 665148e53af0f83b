"""The page of many studies: one file without a script, every text escaped, its tables to save with all digits."""

import base64
import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from quantstudy.show.canvas.page import Page, png
from quantstudy.show.canvas.style import styled
from quantstudy.show.page.swept import swept_page
from quantstudy.words.table import Table

CSV = 'activation,value\n"a,b",0.123456789012\n'


@styled
def drawn() -> Figure:
    return Page(0.5, "Loses less with a bound", 'Points & "bands"').figure


@pytest.fixture(scope="module")
def picture() -> bytes:
    return png(drawn())


class Read(HTMLParser):
    """Collects tags and texts; complains about tags that aren't closed in order."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_holds_what_it_was_given_and_nothing_runs_or_is_fetched(picture: bytes) -> None:
    table = Table("width", "Every <width>", ["activation", "drop"], [["a,b", "12.3"]], CSV)
    text = swept_page(
        "Which <b>?", ["One & two"], {"Width": picture, "Bits": picture}, [table], name="n", settings={"<k>": "v<"}
    )
    page = Read(text)
    assert not page.all_of("script")
    (policy,) = [one["content"] for one in page.all_of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert all(
        not re.match(r"\w+:", str(one["href"])) or str(one["href"]).startswith("data:") for one in page.all_of("a")
    )
    assert [base64.b64decode(str(one["src"]).partition(",")[2]) for one in page.all_of("img")] == [picture] * 2
    assert page.all_of("img")[0]["alt"] == 'Loses less with a bound. Points & "bands"'
    for shown in ("Which &lt;b&gt;?", "One &amp; two", "Every &lt;width&gt;", "&lt;k&gt;", "v&lt;"):
        assert shown in text
    (link,) = [one for one in page.all_of("a") if "download" in one]
    assert link["download"] == "width.csv"
    assert base64.b64decode(str(link["href"]).partition(",")[2]).decode() == CSV
    ids = {one.get("id") for _, one in page.tags}
    assert {str(one["href"])[1:] for one in page.all_of("a") if str(one["href"]).startswith("#")} <= ids


def test_a_page_without_tables_and_settings_links_to_none(picture: bytes) -> None:
    text = swept_page("t", [], {"Width": picture}, name="n")
    assert "#tables" not in text
    assert "#settings" not in text
    assert Read(text).all_of("img")
