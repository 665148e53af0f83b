"""One palette and one set of sizes for every figure; all pairs that carry meaning differ in lightness, not only in hue.

Figures are 12 inches wide. At 100 dots per inch that is 1200 pixels, so a font size in points is what a reader sees
on a 1200-pixel-wide picture: nothing is set smaller than `SMALL`.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib.style
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from quantstudy.show.canvas.theme import LESS_MORE, LIGHT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

P = ParamSpec("P")

ISLAND = LIGHT["island"]
"""Islands (class 1)."""
SEA = LIGHT["sea"]
"""Sea (class 0); contrast with ISLAND is 4.3."""
BECAME_ISLAND = LIGHT["became-island"]
"""Pixels that turn from sea to island: sand."""
BECAME_SEA = LIGHT["became-sea"]
"""Pixels that turn from island to sea: shallow water."""
FLOAT_LINE = LIGHT["float-line"]
"""Decision boundary of the float network."""
QUANTIZED_LINE = LIGHT["quantized-line"]
"""Decision boundary of the quantized network."""

INK = LIGHT["ink"]
"""Text, means and intervals."""
MUTED = LIGHT["muted"]
"""Secondary text (contrast 7 on white)."""
SEED_DOT = LIGHT["seed-dot"]
"""One seed."""
RULE = LIGHT["rule"]
"""Hairlines and frames."""
BEST = LIGHT["best"]
"""The best and what is tied with it."""
TIED_BAND = LIGHT["tied-band"]
"""Background of rows that are tied with the best."""
DEPLOYABLE = LIGHT["deployable"]
"""Deployable: within the allowed drop."""
ALLOWED = LIGHT["allowed"]
"""Zone of accuracies within the allowed drop."""
BARS = LIGHT["bars"]
"""Histogram bars."""
BARS_BEHIND = LIGHT["bars-behind"]
"""Histogram bars of what others have, behind `BARS`."""
LEVELS = LIGHT["levels"]
"""Levels of a quantizer."""
MISSING = LIGHT["missing"]
"""Cells without a value; they are hatched and say n/a."""

DIVERGING: Colormap = LinearSegmentedColormap.from_list("less_more", LESS_MORE)
"""Less (blue) and more (orange) than a reference; safe for the colour-blind."""
SEQUENTIAL = "cividis"
"""Amounts, dark to bright."""

WIDTH = 12.0
"""Inches."""
DPI = 160
"""Dots per inch of the files: 1920 pixels wide."""
SMALL, BASE, HEADING, TITLE = 9.0, 10.0, 11.5, 15.0
"""Font sizes in points."""

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": BASE,
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.labelsize": SMALL,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.color": RULE,
    "ytick.labelcolor": INK,
    "ytick.labelsize": BASE,
    "text.color": INK,
    "text.parse_math": False,
    "hatch.color": "#a8a8a8",
    "hatch.linewidth": 0.7,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
"""What differs from matplotlib's defaults."""


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function under `SETTINGS` on top of matplotlib's defaults; the caller's settings stay untouched."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.style.context(["default", SETTINGS]):
            return draw(*args, **kwargs)

    return wrapper


def luminance(colour: Any) -> float:
    """Return the relative luminance of a colour (WCAG 2), 0 = black, 1 = white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours (WCAG 2), 1 … 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(background: Any) -> str:
    """Return the text colour that is easier to read on a background: its contrast is never below 4.5."""
    return "black" if contrast(background, "black") >= contrast(background, "white") else "white"


def rgb(colours: Any) -> "NDArray[np.uint8]":
    """Return a lookup table `[len(colours), 3]` of bytes."""
    import numpy as np

    return np.array([[round(255 * c) for c in to_rgb(colour)] for colour in colours], dtype=np.uint8)
