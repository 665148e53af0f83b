"""One numpy Philox stream per (seed, purpose): nothing global, so every activation sees the same draws."""

import numpy as np

PURPOSES = {
    "mask": 0,
    "initial": 1,
    "batches": 2,
    "moving": 3,
    "random_labels": 4,
    "last_bit": 5,
    "split": 6,
    "crop": 7,
    "repair": 8,
}
"""The purposes of streams; the number is the second half of the Philox key and must never change."""


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return a fresh generator for one seed and one purpose (a key of `PURPOSES`); the same call gives the same draws.

    >>> bool(stream(3, "mask").integers(1000) == stream(3, "mask").integers(1000))
    True
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed, PURPOSES[purpose]], dtype=np.uint64)))
