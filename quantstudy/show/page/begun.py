"""The page of a run that is not finished yet: how far it is, and what it has trained so far."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from quantstudy.records.progress import Progress
from quantstudy.words.progress import progress_sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quantstudy.records.run import Run

WATCH = """
watchRun(2000, (state) => {
  document.getElementById("told").textContent = state.sentence;
});
"""


def begun_text(run: "Run", progress: Progress, trained: "Mapping[str, Mapping[str, NDArray[Any]]]") -> str:
    """Return the page as HTML: every text escaped; nothing is asked for but `/state`.

    Args:
        run: the run.
        progress: how far it is.
        trained: parameters of its trained networks, by activation, each [seeds, …].
    """
    reload = files("quantstudy.show.page").joinpath("js/served/reload.js").read_text("utf-8")
    script = reload.replace("\nexport ", "\n") + WATCH
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; connect-src 'self'; img-src data:; base-uri 'none'"
    name = escape(run.config.name)
    stages = "".join(f"<li>{stage.name}: {stage.done} of {stage.total}</li>" for stage in progress.stages)
    shown = ", ".join(map(escape, trained)) or "none yet"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>{name}</title>
<h1>{name}</h1>
<p id="told" role="status">{escape(progress_sentence(progress, run.folder))}</p>
<ul>{stages}</ul>
<p>Trained: {shown}</p>
<script type="module">{script}</script>
</html>
"""
