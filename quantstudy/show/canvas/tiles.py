"""The coloured grid under the text of both heatmaps."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from numpy.typing import NDArray


def tiles(ax: Axes, shades: NDArray[np.floating[Any]], colours: str | Colormap, low: float, high: float) -> None:
    """Draw `[rows, columns]` shades as tiles with white gaps, without axis labels; NaN stays blank.

    Args:
        ax: where.
        shades: positions on the colour scale.
        colours: the scale.
        low: its lower end.
        high: its upper end.
    """
    import seaborn as sns  # half a second, and most figures need none of it

    sns.heatmap(
        shades,
        ax=ax,
        cmap=colours,
        vmin=low,
        vmax=high,
        cbar=False,
        xticklabels=False,
        yticklabels=False,
        linewidths=1.5,
        linecolor="white",
    )
