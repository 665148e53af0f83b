"""The data that the page's script reads: one JSON text."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.show.canvas.theme import DARK_BRIGHT, LESS_MORE
from quantstudy.show.page.live.packed import packed
from quantstudy.words.page_live import live_texts

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


def payload(config: "StudyConfig", live: Mapping[str, Any] | None, best: str | None = None, **rest: Any) -> str:
    """Return the data as JSON that may stand in a script element: no `<` in it.

    Args:
        config: the study.
        live: what the page quantizes itself, None for nothing.
        best: the activation that is shown first.
        rest: further entries, such as `findings`.
    """
    study = {**study_of(config), "best": best}
    data = {"study": study, "live": live, "texts": live_texts(config), "colours": colour_maps(), **rest}
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def study_of(config: "StudyConfig") -> dict[str, Any]:
    """Return what the script asks of a study."""
    return {
        "focus": config.focus_scheme,
        "placement": config.placement,
        "observer": config.observer,
        "weight_observer": config.weight_observer,
        "input_bits": config.input_bits,
        "input_rounding": config.input_rounding,
        "scales": config.scales,
        "allowed": config.allowed_drop if config.task == "classes" else config.allowed_psnr_drop,
    }


def colour_maps() -> dict[str, str]:
    """Return the figures' colour maps, 256 times red, green, blue."""
    return {"sequential": _colour_map(DARK_BRIGHT), "diverging": _colour_map(LESS_MORE)}


def _colour_map(colours: Sequence[str]) -> str:
    anchors = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours])
    places, steps = np.linspace(0, 1, 256), np.linspace(0, 1, len(colours))
    return packed(np.rint(np.stack([np.interp(places, steps, part) for part in anchors.T], axis=1)).astype(np.uint8))
