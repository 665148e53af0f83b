"""What the figures draw of one seed: target, logits under every scheme shown, outputs, most complex chain of folds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.drift.complexity import chain_of_folds
from quantstudy.drift.ranges import histogram
from quantstudy.measure.answers import TWO_CLASSES
from quantstudy.measure.evaluation import Effect, Subject


def pictures(subject: Subject, effects: Sequence[Effect], folds_of: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of maps.npz for one activation, named `ACTIVATION/…`.

    Of every target histograms of the outputs; where there is a plane, or one input to draw over, its answers and the
    most complex chain of folds, too.

    Args:
        subject: a stack of one model.
        effects: the schemes to show, simulated.
        folds_of: the scheme whose quantized folds are shown beside the float ones.
    """
    drawn = subject.plane is not None or subject.stack.inputs == 1
    arrays: dict[str, NDArray[Any]] = {"seed": np.array(subject.seeds[0])}
    if drawn:
        arrays |= _answers(subject, effects)
    before = [subject.on_plane(outputs)[0] for outputs in subject.maps.outputs]
    bins = [histogram(outputs) for outputs in before]
    arrays["histogram/layer"] = np.repeat(np.arange(len(bins)), [len(left) for left, _, _ in bins])
    arrays["histogram/bin_left"] = np.concatenate([left for left, _, _ in bins])
    arrays["histogram/count"] = np.concatenate([count for _, _, count in bins])
    if drawn:
        (folded,) = (effect for effect in effects if effect.scheme == folds_of)
        after = [subject.on_plane(outputs)[0] for outputs in folded.accumulated.outputs]
        arrays |= _chain(subject, before, after)
    return {f"{subject.activation}/{name}": array for name, array in arrays.items()}


def _answers(subject: Subject, effects: Sequence[Effect]) -> dict[str, NDArray[Any]]:
    """Target and answers: two classes `logit` [rows, columns]; numbers `output` [rows, columns, outputs].

    On a plane 0 stands for the smallest number that there is and 1 for the largest, as in a picture; without one, where
    there is one row over `x`, they are in units of the labels.
    """
    tensors = {"float": subject.maps.logit} | {effect.scheme: effect.accumulated.logit for effect in effects}
    answers = {name: subject.logit(tensor)[0] for name, tensor in tensors.items()}
    shape, target = subject.plane or (1, subject.maps.logit.shape[2]), subject.asked.labels[0]
    over = {} if subject.plane else {"x": subject.maps.inputs[0, 0].cpu().numpy()}
    if subject.answers is TWO_CLASSES:
        return over | {"target": target} | {f"{name}/logit": logit for name, logit in answers.items()}
    low, high = subject.data.ends or (target.min(), target.max())
    shift, scale = (low, high - low) if subject.plane and high > low else (0.0, 1.0)
    drawn = {"target": target} | {f"{name}/output": outputs for name, outputs in answers.items()}
    drawn = {name: ((outputs - shift) / scale).astype(np.float32) for name, outputs in drawn.items()}
    return over | {name: outputs.T.reshape(*shape, -1) for name, outputs in drawn.items()}


def _chain(
    subject: Subject, before: Sequence[NDArray[np.float32]], after: Sequence[NDArray[np.float32]]
) -> dict[str, NDArray[Any]]:
    """The most complex chain of folds and its maps."""
    steps = chain_of_folds(before, [w[0].cpu().numpy() for w in subject.stack.weights[1:-1]]).steps
    arrays: dict[str, NDArray[Any]] = {
        "chain/layer": np.array([step.layer for step in steps], dtype=np.int64),
        "chain/neuron": np.array([step.neuron for step in steps], dtype=np.int64),
        "chain/share": np.array([step.share for step in steps], dtype=np.float64),
    }
    shape = (len(steps), *(subject.plane or (1, subject.maps.logit.shape[2])))
    for name, maps in (("float", before), ("quantized", after)):
        picked = [maps[step.layer][step.neuron] for step in steps]
        arrays[f"chain/{name}"] = np.array(picked, dtype=np.float32).reshape(shape)
    return arrays
