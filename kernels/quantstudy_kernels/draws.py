"""Which examples a training step sees: a counter-based generator, so that any part of any batch can be drawn anywhere.

Philox 4×32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), the one that CUDA and
Triton have as well. Key = (seed, purpose), counter = (quad, step, 0, 0); a counter gives four words. This is the slow,
obvious version, in numpy; `cpu.draws` draws the same numbers.

>>> [hex(int(word)) for word in words(np.array(0), 0, np.array(0), 1)[:, 0]]  # the published test vector
['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
"""

import numpy as np
from numpy.typing import NDArray

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

_LOW, _HIGH = np.uint64(0xFFFFFFFF), np.uint64(32)


def words(seed: NDArray[np.integer], purpose: int, step: NDArray[np.integer], quads: int) -> NDArray[np.uint64]:
    """Return the four words of counters 0 … quads − 1, [..., 4, quads], each below 2³².

    Args:
        seed: first half of the key, below 2³²; broadcast against `step`.
        purpose: second half of the key.
        step: second word of the counter.
        quads: number of counters.
    """
    seed, step = (np.asarray(part, np.uint64)[..., None] for part in (seed, step))
    shape = (*np.broadcast_shapes(seed.shape, step.shape)[:-1], quads)
    c0, c1 = np.broadcast_to(np.arange(quads, dtype=np.uint64), shape), np.broadcast_to(step, shape)
    c2 = c3 = np.zeros(shape, np.uint64)
    k0, k1 = np.broadcast_to(seed, shape), np.full(shape, purpose, np.uint64)
    for _ in range(ROUNDS):
        left, right = np.uint64(MULTIPLIERS[0]) * c0, np.uint64(MULTIPLIERS[1]) * c2
        c0, c1, c2, c3 = (right >> _HIGH) ^ c1 ^ k0, right & _LOW, (left >> _HIGH) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + np.uint64(KEY_STEPS[0])) & _LOW, (k1 + np.uint64(KEY_STEPS[1])) & _LOW
    return np.stack([c0, c1, c2, c3], axis=-2)


def numbers(
    seed: NDArray[np.integer], purpose: int, step: NDArray[np.integer], batch: int, n: int
) -> NDArray[np.int32]:
    """Return the numbers of the examples of minibatches, [..., batch], uniform in 0 … n − 1 with replacement.

    Point p of a batch takes word p // Q of counter p mod Q, Q = ⌈batch / 4⌉, and that word w means example
    ⌊w · n / 2³²⌋: none is likelier than another by more than a share of n / 2³² (4e-6 of a plane of 128 × 128 pixels).

    Args:
        seed: as `words`.
        purpose: as `words`.
        step: as `words`.
        batch: points in a minibatch.
        n: how many examples there are, below 2³¹: grid² for pixels of a plane.
    """
    quads = -(-batch // 4)
    drawn = words(seed, purpose, step, quads)
    drawn = drawn.reshape(*drawn.shape[:-2], 4 * quads)[..., :batch]
    return ((drawn * np.uint64(n)) >> _HIGH).astype(np.int32)
