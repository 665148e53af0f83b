"""What networks draw, of one seed: decision maps of two classes here, pictures and curves in files of their own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from quantstudy.show.canvas.marks import Mark, Pair, hatched, swatch, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, own_axes, wrap
from quantstudy.show.canvas.style import (
    BASE,
    BECAME_ISLAND,
    BECAME_SEA,
    FLOAT_LINE,
    ISLAND,
    MUTED,
    QUANTIZED_LINE,
    RULE,
    SEA,
    rgb,
    styled,
)
from quantstudy.show.figures.maps.curves import curves
from quantstudy.show.figures.maps.layout import GAP, HEAD, UNDER, Maps, blocks, in_the_middle, panel_size
from quantstudy.show.figures.maps.pictures import pictures
from quantstudy.show.values import not_learned, shown_seed
from quantstudy.words.figures import maps as words
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

COLOURS = rgb([SEA, ISLAND, BECAME_ISLAND, BECAME_SEA])


@styled
def maps(run: "Run") -> Figure:
    """Draw what the networks of one seed have learnt: `pictures`, `curves` or, of two classes on a plane, decisions.

    Decisions: the target, and in rows of activations float and each scheme of the widths asked for. Pixels that flip
    between float and quantized are sand (sea → island) and shallow water (island → sea). The black line is the float
    decision boundary (logit = 0), the white one the quantized; y points upwards.
    """
    stored = run.maps()
    names = run.config.activations
    if run.config.has_curve:
        return curves(run)
    if f"{names[0]}/float/logit" not in stored:
        return pictures(run)
    classes = run.manifest().get("data", {}).get("classes", ("sea", "island"))
    shown = blocks(run.config.bits)
    labels = names_width(names, 1.38, "bold") + 0.12
    side = min(1.75, (BODY - labels) / max(map(len, shown)) - GAP)
    size = wide, high = panel_size(side, stored[f"{names[0]}/target"].shape)
    row = high + UNDER
    top = HEAD + row + 0.2
    title = marked(words.title(_rates(run, stored), run.config), not_learned(run))
    seed = shown_seed(run)
    texts = title, words.reading(seed, run.config), words.caption(seed, run.config)
    page = Page(top + len(shown) * (HEAD + row * len(names) + 0.15), *texts)
    page.heading(labels + wide / 2, 0.16, "target", size=BASE, ha="center")
    target = stored[f"{names[0]}/target"]
    _target(
        page.axes(labels, HEAD, wide, row, bare=True),
        target,
        size,
        words.share(run.config, classes, float(target.mean())),
    )
    _legend(page, labels + wide + 0.4, HEAD + high / 2, words.kinds(classes))
    for columns in shown:
        for index, column in enumerate(columns):
            page.heading(labels + (wide + GAP) * index + wide / 2, top + 0.16, column, size=BASE, ha="center")
        ax = page.axes(labels, top + HEAD, BODY - labels, row * len(names), bare=True)
        for place, name in enumerate(names):
            middle = top + HEAD + row * place + high / 2
            page.write(labels - 0.12, middle, wrap(name, labels - 0.12, BASE, "bold"), ha="right", weight="bold")
            _row(ax, stored, name, columns, size, row * (len(names) - place) - high)
        top += HEAD + row * len(names) + 0.15
    return page.figure


def _target(ax: Axes, target: NDArray[Any], size: Pair, under: str) -> None:
    wide, high = size
    box = (*in_the_middle(0.0, size, target.shape), UNDER, UNDER + high)
    plot_decision(target, ax, outlines=False, box=box)
    write_in(ax, wide / 2, UNDER - 0.11, under, color=MUTED)


def _row(ax: Axes, stored: Maps, name: str, columns: list[str], size: Pair, bottom: float) -> None:
    wide, high = size
    target, logit = stored[f"{name}/target"].astype(bool), stored[f"{name}/float/logit"]
    for index, column in enumerate(columns):
        left = (wide + GAP) * index
        box = (*in_the_middle(left, size, logit.shape), bottom, bottom + high)
        quantized = None if column == "float" else stored.get(f"{name}/{column}/logit")
        finite = all(np.isfinite(part).all() for part in (logit, quantized) if part is not None)
        if not finite or (quantized is None and column != "float"):
            hatched(ax, (left, bottom), wide, high, edgecolor=RULE)
            under = "n/a" if finite else "not finite"
        else:
            plot_decision(logit, ax, quantized=quantized, box=box)
            same = (logit > 0) == (target if quantized is None else quantized > 0)
            what, where = ("accuracy", same) if quantized is None else ("flips", ~same)
            under = words.under(what, float(where.mean()))
        write_in(ax, left + wide / 2, bottom - 0.11, under, color=MUTED)


def flips(logit: NDArray[Any], quantized: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0 sea, 1 island, 2 became island, 3 became sea.

    >>> flips(np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-1.0, 1.0, 1.0, -1.0])).tolist()
    [0, 1, 2, 3]
    """
    before, after = logit > 0, quantized > 0
    return np.where(before == after, after, np.where(after, 2, 3)).astype(np.uint8)


def plot_decision(
    logit: NDArray[Any],
    ax: Axes | None = None,
    *,
    quantized: NDArray[Any] | None = None,
    outlines: bool = True,
    box: tuple[float, float, float, float] = (-1.0, 1.0, -1.0, 1.0),
) -> Axes:
    """Draw a decision map, y upwards: red islands where the logit is above 0, blue sea elsewhere.

    Args:
        logit: `[rows, columns]`, row-major y then x, the first row is the lowest; booleans (a target) are 1 on islands.
        ax: where; None is a figure of its own.
        quantized: the same network's logits once it is quantized. Pixels that change class are sand (became island)
            and shallow water (became sea), and its boundary is white.
        outlines: draw the boundaries (logit = 0), black that of `logit`.
        box: left, right, bottom and top of the map in the units of the axes.

    Returns:
        The axes.
    """
    ax = ax if ax is not None else own_axes(3.0, 3.0)
    classes = (logit > 0).astype(np.uint8) if quantized is None else flips(logit, quantized)
    plain = ax.get_autoscale_on()  # a page's axes measure inches both ways
    aspect: Literal["equal", "auto"] = "equal" if plain else "auto"
    ax.imshow(COLOURS[classes], extent=box, origin="lower", interpolation="nearest", aspect=aspect)
    if outlines:
        _outline(ax, logit, box, FLOAT_LINE)
        if quantized is not None:
            _outline(ax, quantized, box, QUANTIZED_LINE)
    return ax


def _outline(ax: Axes, logit: NDArray[Any], box: tuple[float, float, float, float], colour: str) -> None:
    """Draw the lines where the logit is 0; the picture's pixel centres are its data points."""
    rows, columns = logit.shape
    lines = contour_generator(z=logit, name="serial").lines(0.0)
    scale = np.array([(box[1] - box[0]) / columns, (box[3] - box[2]) / rows])
    placed = [(np.asarray(line) + 0.5) * scale + (box[0], box[2]) for line in lines]
    width = 0.9 if colour == FLOAT_LINE else 0.7
    ax.add_collection(LineCollection(placed, colors=colour, linewidths=width), autolim=False)


def _legend(page: Page, left: float, middle: float, kinds: Sequence[str]) -> None:
    colours = ISLAND, SEA, BECAME_ISLAND, BECAME_SEA
    areas = [swatch(colour, 0.28, 0.18, edgecolor=MUTED, linewidth=0.5) for colour in colours]
    marks = [*areas, _line(FLOAT_LINE), _line(QUANTIZED_LINE)]
    for index, kind in enumerate(zip(marks, kinds, strict=True)):  # two in a row
        page.legend([kind], left + 1.8 * (index % 2), middle + 0.36 * (index // 2 - 1))


def _line(colour: str) -> Mark:
    def draw(ax: Axes, left: float, middle: float) -> float:
        beside = swatch("#8c8c8c", 0.36, 0.18, edgecolor="none")(ax, left, middle)
        ax.plot([left, left + 0.36], [middle] * 2, color=colour, linewidth=1.5)
        return beside

    return draw


def _rates(run: "Run", stored: Maps) -> dict[str, float]:
    scheme = run.config.focus_scheme
    found = {}
    for name in run.config.activations:
        quantized = stored.get(f"{name}/{scheme}/logit")
        if quantized is not None and np.isfinite([quantized, stored[f"{name}/float/logit"]]).all():
            found[name] = float(((stored[f"{name}/float/logit"] > 0) != (quantized > 0)).mean())
    return found
