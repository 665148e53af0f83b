"""report.html: one self-contained page with the verdict in words, the figures, tables, settings and definitions."""

import base64
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from PIL import Image

from quantstudy.drift import catalogue
from quantstudy.judge.parity import measured_points
from quantstudy.records.files import write_atomically
from quantstudy.show.names import figure_files
from quantstudy.words import page as words
from quantstudy.words.deployable import share
from quantstudy.words.engines import notes as engine_notes
from quantstudy.words.headline import headline
from quantstudy.words.numbers import plural
from quantstudy.words.repair_notes import notes
from quantstudy.words.tables import tables
from quantstudy.words.things import unit_of

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


def page_text(run: "Run", *, served: bool) -> str:
    """Return the page as HTML, for `quantstudy show` if it is served."""
    return report(run)


def report(run: "Run") -> str:
    """Return the page as HTML: no script, nothing fetched from anywhere, every text escaped."""
    verdict, manifest, config = run.verdict(), run.manifest(), run.config
    judged, undefined, unit = verdict["schemes"], run.undefined(), unit_of(config)
    return _template().render(
        name=config.name,
        folder=run.folder.name,
        headline=headline(config, verdict),
        seeds=plural(config.seeds, "seed"),
        one_seed=config.seeds == 1,
        t=words.texts(config, verdict),
        assurance=share(config.assurance),
        floor=words.floor(config.min_accuracy),
        schemes=[words.scheme_text(scheme, judged, unit) for scheme in config.all_schemes if str(scheme) in judged],
        summary=verdict["summary"],
        figures=[_figure(path, words.question(path.stem, config)) for path in figure_files(run) if path.exists()],
        tables=tables(config, verdict, manifest.get("recover_seconds")),
        notes={"recover": notes(config, verdict), "engines": engine_notes(verdict)},
        parity=words.parity_rows(run.plans(), measured_points(config, manifest)),
        undefined=words.undefined_rows(undefined),
        config={key: words.setting_text(value) for key, value in asdict(config).items()},
        provenance=words.provenance_text(manifest),
        groups=words.groups(config, set(map(str, undefined["metric"]))),
        views=list(catalogue.VIEWS.values()),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files("quantstudy.show.page").joinpath("report.html.j2").read_text("utf-8"))


def _figure(path: Path, question: str) -> words.Row:
    data = path.read_bytes()
    with Image.open(BytesIO(data)) as picture:  # `page.png` put a description into it, for whoever cannot see it
        said, size = picture.info.get("Description"), picture.size
    encoded = base64.b64encode(data).decode("ascii")
    return {"name": path.stem, "question": question, "alt": said or question, "data": encoded, "size": size}
