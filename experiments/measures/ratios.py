"""How much more one group of activations has than another, as a share: a number per seed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quantstudy.judge.claims import jackknife
from quantstudy.judge.statistics.bootstrap import Floats


def share_more(wide: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    """Return (mean of the group − mean of the others) / mean of the others as jackknife pseudo-values, `[seeds]`.

    They carry the error of the denominator too. Of one seed it is the ratio itself; NaN where the others have nothing.

    Args:
        wide: seeds × activations (`judge.statistics.contrasts.by_seed`).
        group: names.
        others: names.

    >>> wide = pd.DataFrame({"a": [12.0, 12.0], "b": [10.0, 10.0]})
    >>> share_more(wide, ["a"], ["b"]).round(6).tolist(), share_more(wide, ["b"], ["a"]).round(3).tolist()
    ([0.2, 0.2], [-0.167, -0.167])
    """
    one, other = (wide[list(names)].mean(axis=1).to_numpy(np.float64) for names in (group, others))
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(one) < 2:
            return np.asarray(one / other - 1.0)
        return jackknife(lambda a, b: float(a.mean() / b.mean() - 1.0), one, other)
