"""What the figures draw of one seed: target, logits under every scheme shown, outputs, most complex chain of folds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.drift.complexity import chain_of_folds
from quantstudy.drift.ranges import histogram
from quantstudy.measure.evaluation import Effect, Subject


def pictures(subject: Subject, effects: Sequence[Effect], folds_of: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of maps.npz for one activation, named `ACTIVATION/…`.

    Args:
        subject: a stack of one model.
        effects: the schemes to show, simulated.
        folds_of: the scheme whose quantized folds are shown beside the float ones.
    """
    arrays: dict[str, NDArray[Any]] = {
        "seed": np.array(subject.seeds[0]),
        "target": subject.masks[0],
        "float/logit": subject.logit(subject.maps.logit)[0],
    }
    for effect in effects:
        arrays[f"{effect.scheme}/logit"] = subject.logit(effect.accumulated.logit)[0]
    before = [subject.on_plane(outputs)[0] for outputs in subject.maps.outputs]
    (folded,) = (effect for effect in effects if effect.scheme == folds_of)
    after = [subject.on_plane(outputs)[0] for outputs in folded.accumulated.outputs]
    bins = [histogram(outputs) for outputs in before]
    arrays["histogram/layer"] = np.repeat(np.arange(len(bins)), [len(left) for left, _, _ in bins])
    arrays["histogram/bin_left"] = np.concatenate([left for left, _, _ in bins])
    arrays["histogram/count"] = np.concatenate([count for _, _, count in bins])
    chain = chain_of_folds(before, [w[0].cpu().numpy() for w in subject.stack.weights[1:-1]])
    arrays["chain/layer"] = np.array([step.layer for step in chain.steps], dtype=np.int64)
    arrays["chain/neuron"] = np.array([step.neuron for step in chain.steps], dtype=np.int64)
    arrays["chain/share"] = np.array([step.share for step in chain.steps], dtype=np.float64)
    shape = (len(chain.steps), *subject.masks.shape[1:])
    for name, maps in (("float", before), ("quantized", after)):
        picked = [maps[step.layer][step.neuron] for step in chain.steps]
        arrays[f"chain/{name}"] = np.array(picked, dtype=np.float32).reshape(shape)
    return {f"{subject.activation}/{name}": array for name, array in arrays.items()}
