"""report.html: one self-contained page: the verdict in words, a live quantizer, what was found, tables, definitions."""

import base64
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from quantstudy.drift import catalogue
from quantstudy.judge.parity import measured_points
from quantstudy.records.files import write_atomically
from quantstudy.show.names import figure_files
from quantstudy.show.page.findings.assemble import findings
from quantstudy.show.page.live.data import live_of_run
from quantstudy.show.page.payload import payload
from quantstudy.show.page.rendering import render
from quantstudy.words import page as words
from quantstudy.words.deployable import share
from quantstudy.words.engines import notes as engine_notes
from quantstudy.words.headline import headline
from quantstudy.words.numbers import plural
from quantstudy.words.repair_notes import notes
from quantstudy.words.tables import tables
from quantstudy.words.things import unit_of

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig
    from quantstudy.records.run import Run

LIVE = ("maps", "folds", "ranges")
"""Figures of what the live quantizer shows of every seed."""

VIEWS = {
    "verdict": "forest",
    "heatmap_decision": "compare",
    "bit_cliff": "cliff",
    "recover": "recover",
    "engines": "engines",
    "placement": "placement",
    "sensitivity": "layers",
    "cause": "cause",
}
"""Figures that the page draws itself → the view of what was found that shows it."""


def write_report(run: "Run") -> Path:
    """Write report.html into the run's folder, atomically; figures that exist there are embedded.

    Raises:
        OSError: disk full, read-only folder.
    """
    path = run.folder / "report.html"
    write_atomically(path, page_text(run).encode("utf-8", "backslashreplace"))  # its folder's name may be no text
    return path


def page_text(run: "Run", *, served: bool = False) -> str:
    """Return the page of a finished run as HTML: one script of its own, nothing fetched, every text escaped.

    Args:
        run: the run, judged.
        served: it comes from `quantstudy show`, and asks there whether there is something new.
    """
    verdict, manifest, config = run.verdict(), run.manifest(), run.config
    judged, undefined, unit = verdict["schemes"], run.undefined(), unit_of(config)
    live, left_out = live_of_run(run, verdict)
    best = judged[config.focus_scheme]["best"] if config.focus_scheme in judged else None
    data = payload(config, live, best=best, findings=findings(run))
    return render(
        "report.html.j2",
        data,
        served=served,
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
        live=live is not None,
        left_out=left_out,
        figures=[_figure(path, config, live is not None) for path in figure_files(run) if path.exists()],
        tables=tables(config, verdict, manifest.get("recover_seconds")),
        notes={"recover": notes(config, verdict), "engines": engine_notes(verdict)},
        parity=words.parity_rows(run.plans(), measured_points(config, manifest)),
        undefined=words.undefined_rows(undefined),
        config={key: words.setting_text(value) for key, value in asdict(config).items()},
        provenance=words.provenance_text(manifest),
        groups=words.groups(config, set(map(str, undefined["metric"]))),
        views=list(catalogue.VIEWS.values()),
    )


def _figure(path: Path, config: "StudyConfig", live: bool) -> words.Row:
    """Return a figure's question; and what it shows, where the page does not draw that itself."""
    question = words.question(path.stem, config)
    found = {"name": path.stem, "question": question, "view": VIEWS.get(path.stem), "data": None}
    if path.stem in VIEWS or (live and path.stem in LIVE):
        return found
    data = path.read_bytes()
    with Image.open(BytesIO(data)) as picture:  # `page.png` put a description into it, for whoever cannot see it
        said, size = picture.info.get("Description"), picture.size
    return found | {"alt": said or question, "data": base64.b64encode(data).decode("ascii"), "size": size}
