"""Single plots for a notebook: marks of the figures on an Axes, from tidy tables and arrays, without a run.

>>> import pandas as pd
>>> from matplotlib.figure import Figure
>>> rows = [("relu", seed, "w4a4", "simulated", "network", "flip_rate", 0.2 + 0.01 * seed) for seed in range(8)]
>>> columns = ["activation", "seed", "scheme", "backend", "scope", "metric", "value"]
>>> plot_flips(pd.DataFrame(rows, columns=columns), Figure().subplots(), scheme="w4a4").get_xlabel()
'flip rate at w4a4, %'
"""

from quantstudy.show.figures.cliff.panel import plot_cliff
from quantstudy.show.figures.decision.forest import plot_flips
from quantstudy.show.figures.maps.draw import plot_decision
from quantstudy.show.figures.ranges.draw import plot_ranges

__all__ = ["plot_cliff", "plot_decision", "plot_flips", "plot_ranges"]
