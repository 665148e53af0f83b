"""The pictures of one seed: the target, and of each activation float and every scheme, each with how far it is off."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from quantstudy.show.canvas.marks import hatched, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, text_width, wrap
from quantstudy.show.canvas.style import BASE, MUTED, RULE, SEQUENTIAL, SMALL
from quantstudy.show.figures.maps.layout import GAP, HEAD, UNDER, Maps, blocks, in_the_middle, panel_size
from quantstudy.show.figures.maps.measured import rates_of, texts_under
from quantstudy.show.values import Floats, not_learned, shown_seed
from quantstudy.words.figures import maps as words
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

Picture = NDArray[Any]
"""Numbers in 0 … 1, `[rows, columns, 1 or 3]`."""

BETWEEN = 0.24
"""Inches between activations."""


def pictures(run: "Run") -> Figure:
    """Draw the target, and in rows of activations what the network draws in float and with each scheme.

    Below each picture stands how far it is off, the mean size of the difference over its channels: float off the
    target, quantized off float, all on one scale of colours. y points upwards.
    """
    stored, names, config = run.maps(), run.config.activations, run.config
    shown = blocks(config.bits)
    labels = max(names_width(names, 1.38, "bold"), text_width(words.OFF, SMALL)) + 0.12
    target = stored[f"{names[0]}/target"]
    wide, high = panel_size(min(1.75, (BODY - labels) / max(map(len, shown)) - GAP), target.shape[:2])
    row, top = 2 * high + UNDER + BETWEEN, HEAD + high + 0.25
    under, rates = texts_under(run), rates_of(run)
    seed = shown_seed(run)
    title = marked(words.title(rates, config), not_learned(run))
    body = top + len(shown) * (HEAD + row * len(names) + 0.15)
    page = Page(body, title, words.reading(seed, config), words.caption(seed, config))
    page.heading(labels + wide / 2, 0.16, "target", size=BASE, ha="center")
    _draw(page.axes(labels, HEAD, wide, high, bare=True), target, (0.0, 0.0), (wide, high))
    limit = _limit(stored, names)
    page.scale(labels + wide + 0.4, HEAD + high / 2, SEQUENTIAL, words.farthest(limit, config))
    for columns in shown:
        for index, column in enumerate(columns):
            page.heading(labels + (wide + GAP) * index + wide / 2, top + 0.16, column, size=BASE, ha="center")
        ax = page.axes(labels, top + HEAD, BODY - labels, row * len(names), bare=True)
        for place, name in enumerate(names):
            middle = top + HEAD + row * place + high / 2
            page.write(labels - 0.12, middle, wrap(name, labels - 0.12, BASE, "bold"), ha="right", weight="bold")
            page.note(labels - 0.12, middle + high + UNDER, words.OFF, ha="right")
            bottom = row * (len(names) - place) - high
            for index, column in enumerate(columns):
                corner = (wide + GAP) * index, bottom
                _panel(ax, stored, (name, column), corner, (wide, high), limit)
                write_in(ax, corner[0] + wide / 2, bottom - 0.11, under.get((name, column), "n/a"), color=MUTED)
        top += HEAD + row * len(names) + 0.15
    return page.figure


def _panel(
    ax: Axes, stored: Maps, what: tuple[str, str], corner: tuple[float, float], size: tuple[float, float], limit: float
) -> None:
    """Draw one picture and below it how far it is off."""
    name, column = what
    drawn = stored.get(f"{name}/{column}/output")
    against = stored[f"{name}/target"] if column == "float" else stored[f"{name}/float/output"]
    below = corner[0], corner[1] - UNDER - size[1]
    if drawn is None or not np.isfinite(drawn).all():
        for place in (corner, below):
            hatched(ax, place, *size, edgecolor=RULE)
        return
    _draw(ax, drawn, corner, size)
    shares = np.clip(off(drawn, against) / limit, 0.0, 1.0)
    _draw(ax, colormaps[SEQUENTIAL](shares)[:, :, :3], below, size)


def _draw(ax: Axes, picture: Picture, corner: tuple[float, float], size: tuple[float, float]) -> None:
    left, bottom = corner
    box = (*in_the_middle(left, size, picture.shape), bottom, bottom + size[1])
    ax.imshow(coloured(picture), extent=box, origin="lower", interpolation="nearest", aspect="auto")


def coloured(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as bytes `[rows, columns, 3]`.

    >>> coloured(np.array([[[0.0], [1.0]]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    bytes_ = np.round(255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
    return np.asarray(np.broadcast_to(bytes_, (*bytes_.shape[:2], 3)))


def off(picture: Picture, against: Picture) -> Floats:
    """Return the mean size of the difference over the channels, `[rows, columns]`."""
    return np.asarray(np.abs(picture.astype(np.float64) - against.astype(np.float64)).mean(axis=2))


def _limit(stored: Maps, names: tuple[str, ...]) -> float:
    """Return where the scale of differences ends: what 99 % of them stay within, rounded up to 5 %."""
    found = []
    for name in names:
        full = stored[f"{name}/float/output"]
        drawn = {key: value for key, value in stored.items() if key.startswith(f"{name}/") and key.endswith("/output")}
        for key, value in drawn.items():
            against = stored[f"{name}/target"] if key == f"{name}/float/output" else full
            if np.isfinite(value).all() and np.isfinite(against).all():
                found.append(off(value, against).ravel())
    if not found:
        return 0.05
    return max(0.05, float(np.ceil(20.0 * np.quantile(np.concatenate(found), 0.99)) / 20.0))
