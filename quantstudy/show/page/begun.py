"""The page of a run that is not finished yet: how far it is, and the live quantizer of what it has trained so far."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.records.progress import Progress
from quantstudy.show.page.live.data import live_of
from quantstudy.show.page.payload import payload
from quantstudy.show.page.rendering import render
from quantstudy.words.progress import progress_sentence, stages_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quantstudy.records.run import Run


def begun_text(run: "Run", progress: Progress, trained: "Mapping[str, Mapping[str, NDArray[Any]]]") -> str:
    """Return the page as HTML: every text escaped; nothing is asked for but `/state`.

    Args:
        run: the run.
        progress: how far it is.
        trained: parameters of its trained networks, by activation, each [seeds, …].
    """
    live, left_out = live_of(run.config, trained) if trained else (None, [])
    return render(
        "begun.html.j2",
        payload(run.config, live),
        served=True,
        name=run.config.name,
        told=progress_sentence(progress, run.folder),
        stages=stages_of(progress),
        waiting=[name for name in run.config.activations if name not in trained],
        live=live is not None,
        left_out=left_out,
    )
