"""The decision maps: target, float and every scheme of the widths asked for, for each activation's median seed."""

from typing import TYPE_CHECKING, Any

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.page import BODY, Page, text_width, wrap
from quantstudy.show.canvas.style import (
    BASE,
    BECAME_ISLAND,
    BECAME_SEA,
    FLOAT_LINE,
    ISLAND,
    MISSING,
    MUTED,
    QUANTIZED_LINE,
    RULE,
    SEA,
    SMALL,
    rgb,
    styled,
)
from quantstudy.show.values import told
from quantstudy.words.numbers import percent

if TYPE_CHECKING:
    from quantstudy.records.run import Run

Maps = dict[str, NDArray[Any]]

HEAD, LEGEND, UNDER, GAP = 0.32, 0.45, 0.27, 0.08
"""Inches: column names, the legend's strip, the line under each panel, the gap between panels."""
MOST_COLUMNS = 10
"""Panels side by side; beyond two widths each width gets a block of its own."""

COLOURS = rgb([SEA, ISLAND, BECAME_ISLAND, BECAME_SEA])


@styled
def maps(run: "Run") -> Figure:
    """Draw rows of activations: target, float decision, and the decision of each scheme of the widths asked for.

    Pixels that flip between float and quantized are sand (sea → island) and shallow water (island → sea). The black
    line is the float decision boundary (logit = 0), the white one the quantized; y points upwards.
    """
    stored = run.maps()
    blocks = _blocks(run.config.bits)
    names = run.config.activations
    labels = min(1.5, max(text_width(name, BASE, "bold") for name in names) + 0.12)
    size = min(1.9, (BODY - labels) / max(map(len, blocks)) - GAP)
    row = size + UNDER
    height = LEGEND + len(blocks) * (HEAD + row * len(names) + 0.15)
    page = Page(height, told(run, _title(run, stored)), _reading(run), _caption(run))
    _legend(page, labels)
    top = LEGEND
    for columns in blocks:
        for index, column in enumerate(columns):
            page.write(labels + (size + GAP) * index + size / 2, top + 0.16, column, ha="center", weight="bold")
        ax = page.axes(labels, top + HEAD, BODY - labels, row * len(names), bare=True)
        for place, name in enumerate(names):
            middle = top + HEAD + row * place + size / 2
            shown = wrap(name, labels - 0.12, BASE, "bold")
            page.write(labels - 0.12, middle, shown, ha="right", va="bottom", weight="bold")
            seed = int(stored[f"{name}/seed"])
            page.write(labels - 0.12, middle + 0.05, f"seed {seed}", ha="right", va="top", size=SMALL, color=MUTED)
            _row(ax, stored, name, columns, (size, row * (len(names) - place) - size))
        top += HEAD + row * len(names) + 0.15
    return page.figure


def _blocks(bits: tuple[int, ...]) -> list[list[str]]:
    schemes = [[str(scheme) for scheme in schemes_for(width)] for width in bits]
    together = ["target", "float", *(scheme for part in schemes for scheme in part)]
    return [together] if len(together) <= MOST_COLUMNS else [["target", "float", *part] for part in schemes]


def _row(ax: Axes, stored: Maps, name: str, columns: list[str], place: tuple[float, float]) -> None:
    size, bottom = place
    target, logit = stored[f"{name}/target"].astype(bool), stored[f"{name}/float/logit"]
    for index, column in enumerate(columns):
        left = (size + GAP) * index
        box = (left, left + size, bottom, bottom + size)
        quantized = None if column in {"target", "float"} else stored.get(f"{name}/{column}/logit")
        if column == "target":
            _image(ax, target.astype(np.uint8), box)
            under = f"{percent(float(target.mean()), 0)} islands"
        elif not np.isfinite(logit).all() or (quantized is not None and not np.isfinite(quantized).all()):
            _nothing(ax, (left, bottom), size)
            under = "not finite"
        elif column == "float":
            _image(ax, (logit > 0).astype(np.uint8), box)
            _outline(ax, logit, box, FLOAT_LINE)
            under = f"accuracy {percent(float(((logit > 0) == target).mean()))}"
        elif quantized is None:
            _nothing(ax, (left, bottom), size)
            under = "n/a"
        else:
            _image(ax, flips(logit, quantized), box)
            _outline(ax, logit, box, FLOAT_LINE)
            _outline(ax, quantized, box, QUANTIZED_LINE)
            under = f"flips {percent(float(((logit > 0) != (quantized > 0)).mean()))}"
        ax.text(left + size / 2, bottom - 0.11, under, ha="center", va="center", size=SMALL, color=MUTED)


def _nothing(ax: Axes, corner: tuple[float, float], size: float) -> None:
    ax.add_patch(Rectangle(corner, size, size, facecolor=MISSING, hatch="///", edgecolor=RULE))


def flips(logit: NDArray[Any], quantized: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0 sea, 1 island, 2 became island, 3 became sea.

    >>> flips(np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-1.0, 1.0, 1.0, -1.0])).tolist()
    [0, 1, 2, 3]
    """
    before, after = logit > 0, quantized > 0
    return np.where(before == after, after, np.where(after, 2, 3)).astype(np.uint8)


def _image(ax: Axes, classes: NDArray[np.uint8], box: tuple[float, float, float, float]) -> None:
    ax.imshow(COLOURS[classes], extent=box, origin="lower", interpolation="nearest", aspect="auto")


def _outline(ax: Axes, logit: NDArray[Any], box: tuple[float, float, float, float], colour: str) -> None:
    """Draw the lines where the logit is 0; the picture's pixel centres are its data points."""
    rows, columns = logit.shape
    lines = contour_generator(z=logit, name="serial").lines(0.0)
    scale = np.array([(box[1] - box[0]) / columns, (box[3] - box[2]) / rows])
    placed = [(np.asarray(line) + 0.5) * scale + (box[0], box[2]) for line in lines]
    ax.add_collection(
        LineCollection(placed, colors=colour, linewidths=0.9 if colour == FLOAT_LINE else 0.7), autolim=False
    )


def _legend(page: Page, left: float) -> None:
    ax = page.canvas
    for colour, label in (
        (ISLAND, "island"),
        (SEA, "sea"),
        (BECAME_ISLAND, "became island"),
        (BECAME_SEA, "became sea"),
    ):
        ax.add_patch(Rectangle((left, 0.06), 0.28, 0.18, facecolor=colour, edgecolor=MUTED, linewidth=0.5))
        page.write(left + 0.36, 0.15, label, size=SMALL)
        left += 0.36 + text_width(label, SMALL) + 0.3
    for colour, label in ((FLOAT_LINE, "float boundary"), (QUANTIZED_LINE, "quantized boundary")):
        ax.add_patch(Rectangle((left, 0.06), 0.36, 0.18, facecolor="#8c8c8c", edgecolor="none"))
        ax.plot([left, left + 0.36], [0.15, 0.15], color=colour, linewidth=1.5)
        page.write(left + 0.44, 0.15, label, size=SMALL)
        left += 0.44 + text_width(label, SMALL) + 0.3


def _rates(run: "Run", stored: Maps) -> dict[str, float]:
    scheme = run.config.focus_scheme
    found = {}
    for name in run.config.activations:
        quantized = stored.get(f"{name}/{scheme}/logit")
        if quantized is not None and np.isfinite([quantized, stored[f"{name}/float/logit"]]).all():
            found[name] = float(((stored[f"{name}/float/logit"] > 0) != (quantized > 0)).mean())
    return found


def _title(run: "Run", stored: Maps) -> str:
    rates, scheme = _rates(run, stored), run.config.focus_scheme
    if not rates:
        return f"What does quantization do to the islands? No map at {scheme} was recorded"
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if least == most:
        return f"{scheme} redraws {percent(rates[most])} of the map of {most}"
    return (
        f"{scheme} redraws {percent(rates[least])} of the map of {least} and {percent(rates[most])} of that of {most}"
    )


def _reading(run: "Run") -> str:
    return (
        "Each row is one trained network, before and after quantization (rows with different seeds have different "
        "islands). Pale pixels changed class: sand became island, shallow water became sea."
    )


def _caption(run: "Run") -> str:
    if run.config.seeds == 1:
        chosen = "One seed was run."
    else:
        chosen = "One seed per activation, the one with the median flip rate: it shows what happens, it ranks nothing."
    return (
        f"{chosen} x to the right, y upwards, both from −1 to 1. Accuracy is against the target, flips against float."
    )
