"""The small tables that scikit-learn ships, for every seed other rows held out.

Iris: Fisher, The use of multiple measurements in taxonomic problems (1936). Wine and breast cancer (Wisconsin,
diagnostic): UCI Machine Learning Repository. Diabetes: Efron, Hastie, Johnstone & Tibshirani, Least angle regression
(2004). Linnerud: Tenenhaus, La régression PLS (1998). Numbers as they stand in the files: scikit-learn's own scaling
adds them up in an order that depends on the processor.
"""

import functools
import hashlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from quantstudy.errors import BadInput
from quantstudy.targets.kept import kept
from quantstudy.targets.rows import Rows, data_of
from quantstudy.targets.target import Data

LOADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "iris": ("load_iris", {}),
    "wine": ("load_wine", {}),
    "cancer": ("load_breast_cancer", {}),
    "diabetes": ("load_diabetes", {"scaled": False}),
    "linnerud": ("load_linnerud", {}),
}
"""Name → function of sklearn.datasets, and how it is called."""

NUMBERS = ("diabetes", "linnerud")
"""Tables whose labels are numbers."""


@kept
def shipped(seeds: Sequence[int], name: str, *, grid: int, frequency: float) -> Data:
    """Return the rows of a table, three tenths held out per seed (`rows.data_of`).

    Args:
        seeds: numbers of the seeds.
        name: a key of LOADERS.
        grid: not needed.
        frequency: not needed.

    Raises:
        BadInput: scikit-learn is not installed.
    """
    return data_of(_rows(name), seeds)


def shipped_digest(name: str) -> str:
    """Return a digest of a table, 16 hex digits.

    Raises:
        BadInput: scikit-learn is not installed.
    """
    rows = _rows(name)
    return hashlib.sha256(rows.inputs.tobytes() + rows.labels.tobytes()).hexdigest()[:16]


@functools.cache
def _rows(name: str) -> Rows:
    try:
        datasets = import_module("sklearn.datasets")
    except ImportError:
        raise BadInput("target", name, "needs scikit-learn: pip install 'quantstudy[data]'") from None
    function, options = LOADERS[name]
    found = getattr(datasets, function)(**options)
    inputs, names = np.asarray(found.data, np.float64), tuple(map(str, found.feature_names))
    if name in NUMBERS:
        return Rows(inputs, names, np.asarray(found.target, np.float64).reshape(len(inputs), -1))
    return Rows(inputs, names, np.asarray(found.target, np.int32), tuple(map(str, found.target_names)))
