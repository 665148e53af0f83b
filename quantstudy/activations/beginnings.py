"""What a user's activation may say about training: its own first weights, and its own learning rate."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[np.random.Generator, int, int, int], Any]
"""(generator, outputs, inputs, layer) → the first weights of a layer, [outputs, inputs]. Layer 0 sees the input."""

RATES = (1e-6, 10.0)
"""Learning rates that are allowed, those of a study."""

TRIED = ((8, 2, 0), (8, 8, 1), (1, 8, 2))
"""Outputs, inputs and number of the layers that a draw is tried with: those of a small study."""


class Wrong(ValueError):
    """What the user says is not usable; the message says what is allowed."""


def own_rate(found: object) -> float | None:
    """Return the attribute `learning_rate` of what is at `module:name`: replaces the study's; None if there is none.

    Raises:
        Wrong: it is no number within RATES.
    """
    rate = getattr(found, "learning_rate", None)
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not RATES[0] <= rate <= RATES[1]:
        raise Wrong(f"its learning_rate must be a number from {RATES[0]:g} to {RATES[1]:g}, and is {rate!r:.40}")
    return float(rate)


def own_draw(found: object, layers: Sequence[tuple[int, int, int]] = TRIED) -> Draw | None:
    """Return the attribute `initial_weights` of what is at `module:name`, tried; None if there is none.

    Args:
        found: what has it, or has not.
        layers: outputs, inputs and number of the layers that it is tried with.

    Raises:
        Wrong: it fails, gives another shape, numbers that are not finite, or others when it is called again.
    """
    draw: Draw | None = getattr(found, "initial_weights", None)
    if draw is None:
        return None
    if not callable(draw):
        raise Wrong("its initial_weights must be a function (generator, outputs, inputs, layer)")
    for shape in layers:
        first, again = (drawn(draw, _generator(), *shape) for _ in range(2))
        if first.tobytes() != again.tobytes():
            raise Wrong("its initial_weights must draw from the generator that they are given, and from nothing else")
    return draw


def drawn(draw: Draw, generator: np.random.Generator, outputs: int, inputs: int, layer: int) -> NDArray[np.float32]:
    """Return the first weights of one layer of one network, [outputs, inputs].

    Raises:
        Wrong: the draw fails, or gives something else.
    """
    try:
        found = np.asarray(draw(generator, outputs, inputs, layer), dtype=np.float32)
    except MemoryError:
        raise
    except Exception as error:  # whatever a user's function may raise
        why = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise Wrong(f"its initial_weights failed for {(outputs, inputs)} ({why})") from error
    if found.shape != (outputs, inputs):
        raise Wrong(f"its initial_weights must have the shape (outputs, inputs), {(outputs, inputs)}: {found.shape}")
    if not np.isfinite(found).all():
        raise Wrong(f"its initial_weights must be finite, and are not for {(outputs, inputs)}")
    return found


def traced(draw: Draw) -> str:
    """Return what a draw gives for the layers of TRIED, to 7 digits: part of what a function is known by."""
    values = (value for shape in TRIED for value in drawn(draw, _generator(), *shape).ravel().tolist())
    return " ".join(f"{value:.6e}" for value in values)


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=0))
