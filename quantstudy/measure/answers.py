"""What networks answer, by what they were asked: two classes, more classes, or numbers; one entry for each.

Answers of all points are [models, rows, columns] logits for two classes (rows and columns of the plane, or one row),
[models, outputs, points] for all others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.drift import classes, decision, numbers
from quantstudy.drift.arrays import Floats, Numbers, where_defined
from quantstudy.targets.target import Data, Examples


@dataclass(frozen=True)
class Wanted:
    """What should come out at some points.

    Attributes:
        labels: of the answers' shape, without the axis of the classes.
        peak: range of the labels, [models]; NaN for classes.
    """

    labels: NDArray[Any]
    peak: Floats


@dataclass(frozen=True)
class Answers:
    """One kind of answers.

    Attributes:
        ranked: what they are ranked by.
        score: returns how good answers are, [models].
        reference: takes float answers as what quantized ones are compared with.
        score_of: returns the score of such a reference.
        drift: returns every measure of quantized answers.
        brief: returns the few of them that networks beyond the schemes are judged by.
        loss: returns the difference of two scores.
    """

    ranked: Ranked
    score: Callable[[Numbers, Wanted], Floats]
    reference: Callable[[Numbers, Wanted], Any]
    score_of: Callable[[Any], Floats]
    drift: Callable[[Any, Numbers], dict[str, Floats]]
    brief: Callable[[Any, Numbers], dict[str, Floats]]
    loss: Callable[[Floats, Floats], Floats]


def _less(before: Floats, after: Floats) -> Floats:
    return np.asarray(before - after)


TWO_CLASSES = Answers(
    RANKED["classes"],
    lambda y, wanted: decision.accuracy(y, wanted.labels),
    lambda x, wanted: decision.float_logits(x, wanted.labels),
    lambda before: before.accuracy,
    decision.decision_drift,
    decision.brief_drift,
    _less,
)
MORE_CLASSES = Answers(
    RANKED["classes"],
    lambda y, wanted: classes.class_accuracy(y, wanted.labels),
    lambda x, wanted: classes.float_classes(x, wanted.labels),
    lambda before: before.accuracy,
    classes.class_drift,
    classes.brief_class_drift,
    _less,
)
NUMBERS = Answers(
    RANKED["regression"],
    lambda y, wanted: numbers.psnr_db(y, wanted.labels, wanted.peak),
    lambda x, wanted: numbers.float_numbers(x, wanted.labels, wanted.peak),
    lambda before: before.psnr,
    numbers.number_drift,
    numbers.brief_number_drift,
    numbers.drop,
)


def answers_of(data: Data) -> Answers:
    """Return the kind of answers that data ask for."""
    if data.measured.labels.ndim == 3:
        return NUMBERS
    return TWO_CLASSES if data.outputs == 1 else MORE_CLASSES


def wanted(data: Data, examples: Examples, plane: tuple[int, int] | None = None) -> Wanted:
    """Return what should come out at some of the data's points.

    Args:
        data: whose training labels' range is the peak of numbers, unless they name one.
        examples: the points.
        plane: (rows, columns) of the points, None where they are no plane.
    """
    labels = examples.labels
    if labels.ndim == 3:
        return Wanted(labels, data.peak)
    if data.outputs == 1:
        labels = labels.reshape(len(labels), *(plane or (1, labels.shape[1])))
    return Wanted(labels, np.full(len(labels), np.nan))


def trivial_score(data: Data) -> Floats:
    """Return the score at the held-out points of the best constant answer to the training labels, [seeds].

    The class that occurs most often, of equals the first; for numbers the mean of each output.
    """
    learnt, asked = data.training.labels, data.heldout.labels
    if learnt.ndim == 3:
        constant = learnt.astype(np.float64).mean(axis=2, keepdims=True)
        return numbers.psnr_db(np.broadcast_to(constant, asked.shape), asked, data.peak)
    number = max(2, data.outputs)
    counts = (learnt[..., None] == np.arange(number)).sum(axis=1)
    return np.asarray((asked == counts.argmax(axis=1)[:, None]).mean(axis=1))


def in_halves(kind: Answers, answers: Numbers, asked: Wanted) -> dict[str, Floats]:
    """Return the score on the even and on the odd points, those of a plane as on a checkerboard; the first is even.

    A network that is chosen by the one is judged by the other, so that its luck in being chosen is not its score.
    """
    whole = ~np.isnan(kind.score(answers, asked))
    even = (np.indices(answers.shape[1:] if kind is TWO_CLASSES else answers.shape[-1:]).sum(axis=0) % 2 == 0).ravel()

    def of(half: bool) -> Floats:
        chosen = even == half
        if not chosen.any():
            return np.full(len(answers), np.nan)
        flat = (part.reshape(len(part), 1, -1) for part in (answers, asked.labels))
        picked = [part[..., chosen] for part in (flat if kind is TWO_CLASSES else (answers, asked.labels))]
        return where_defined(whole, kind.score(picked[0], Wanted(picked[1], asked.peak)))

    return {kind.ranked.even: of(True), kind.ranked.odd: of(False)}
