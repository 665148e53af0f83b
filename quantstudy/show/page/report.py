"""report.html: one self-contained page with the verdict in words, the figures, tables, settings and definitions."""

import base64
import struct
import zlib
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from quantstudy.drift import catalogue
from quantstudy.records.files import write_atomically
from quantstudy.show.names import figure_files
from quantstudy.words.headline import headline
from quantstudy.words.numbers import limit, number, plural
from quantstudy.words.page import (
    FIGURE_QUESTIONS,
    GROUPS,
    Row,
    parity_rows,
    provenance_text,
    scheme_text,
    setting_text,
    undefined_rows,
)
from quantstudy.words.tables import tables

if TYPE_CHECKING:
    from quantstudy.records.run import Run


def write_report(run: "Run") -> Path:
    """Write report.html into the run's folder, atomically; figures that exist there are embedded.

    Raises:
        OSError: disk full, read-only folder.
    """
    path = run.folder / "report.html"
    write_atomically(path, report(run).encode("utf-8", "backslashreplace"))  # its folder's name may be no text
    return path


def report(run: "Run") -> str:
    """Return the page as HTML: no script, nothing fetched from anywhere, every text escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(files("quantstudy.show.page").joinpath("report.html.j2").read_text("utf-8"))
    verdict, manifest, config = run.verdict(), run.manifest(), run.config
    return template.render(
        name=config.name,
        folder=run.folder.name,
        headline=headline(config, verdict),
        seeds=plural(config.seeds, "seed"),
        one_seed=config.seeds == 1,
        allowed=number(100.0 * config.allowed_drop),
        learned=f"{limit(config.learned)} %",
        schemes=[
            scheme_text(scheme, verdict["schemes"]) for scheme in config.schemes if str(scheme) in verdict["schemes"]
        ],
        summary=verdict["summary"],
        figures=[_figure(path) for path in figure_files(run) if path.exists()],
        tables=tables(config, verdict),
        parity=parity_rows(run.plans(), config.grid),
        undefined=undefined_rows(run.undefined()),
        config={key: setting_text(value) for key, value in asdict(config).items()},
        provenance=provenance_text(manifest),
        groups={title: list(group.values()) for title, group in GROUPS.items()},
        views=list(catalogue.VIEWS.values()),
    )


def _figure(path: Path) -> Row:
    data = path.read_bytes()
    text = _description(data) or FIGURE_QUESTIONS[path.stem]
    return {
        "name": path.stem,
        "question": FIGURE_QUESTIONS[path.stem],
        "alt": text,
        "data": base64.b64encode(data).decode("ascii"),
        "size": struct.unpack(">II", data[16:24]),
    }


def _description(data: bytes) -> str:
    """Return the text that `page.png` put into a PNG for whoever cannot see it; empty if there is none."""
    at = 8
    while at + 8 <= len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"tEXt" and body.startswith(b"Description\0"):
            return body.partition(b"\0")[2].decode("latin-1")
        if kind == b"iTXt" and body.startswith(b"Description\0"):
            packed, rest = body[len(b"Description\0")], body[len(b"Description\0") + 2 :]
            text = rest.split(b"\0", 2)[2]
            return (zlib.decompress(text) if packed else text).decode("utf-8")
        at += 12 + length
    return ""
