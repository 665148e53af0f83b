"""The page of many studies: what was found in words, figures as pictures, tables to save; without a script."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from quantstudy.show.page.rendering import render_still
from quantstudy.words.numbers import NO_BREAK
from quantstudy.words.table import Table


def swept_page(
    title: str,
    sentences: Sequence[str],
    figures: Mapping[str, bytes],
    tables: Sequence[Table] = (),
    *,
    name: str,
    beside: str = "",
    settings: Mapping[str, str] | None = None,
) -> str:
    """Return the page as HTML: one file, nothing fetched, no script, every text escaped.

    Args:
        title: the finding.
        sentences: what was found, a line each.
        figures: PNGs as `canvas.page.png` makes them, by their headings; what a picture says stands below it.
        tables: all numbers.
        name: of the study, for the line above the title.
        beside: what stands there beside the name, such as the number of seeds.
        settings: what is told of settings and provenance, texts by their names.
    """
    return render_still(
        "swept.html.j2",
        title=_whole(title),
        name=name,
        beside=beside,
        sentences=list(map(_whole, sentences)),
        figures=[_shown(heading, data) for heading, data in figures.items()],
        tables=[table._asdict() | {"csv": _base64(table.csv.encode())} for table in tables],
        settings=settings or {},
    )


def _shown(heading: str, data: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(data)) as picture:
        said, size = picture.info.get("Description"), picture.size
    return {"heading": heading, "data": _base64(data), "alt": said or heading, "size": size}


def _whole(text: str) -> str:
    """Return a text whose percentages no line break tears apart."""
    return text.replace(" %", f"{NO_BREAK}%")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
