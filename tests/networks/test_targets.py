"""Training on every kind of built-in target: the compiled loop against the reference, paired by seed."""

import numpy as np
import pytest
from scipy.stats import t

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import measured
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.networks.training import loss_of, train
from quantstudy.targets.catalogue import FIRST
from quantstudy.targets.target import Data

LOSSES = {"islands": "binary", "spirals": "binary", "glyph": "binary", "digits": "softmax"}


def made(study: StudyConfig, seeds: range) -> tuple[Data, Stack]:
    data = study.entry.make(seeds, grid=study.grid, frequency=study.frequency)
    inputs = data.measured.inputs.shape[1]
    return data, initial_stack(parse_activation(study.activations[0]), seeds, study.hidden, inputs, data.outputs)


@pytest.mark.parametrize("name", ["prelu", "gelu", "hardgelu@2"])
@pytest.mark.parametrize("target", [target.name for target in FIRST])
def test_both_trainers_take_the_same_first_steps(target: str, name: str) -> None:
    study = StudyConfig(target=target, activations=(name,), hidden=(9, 17), grid=12)
    data, start = made(study, range(2))
    assert loss_of(start, data.training) == LOSSES.get(target, "squared")
    arrays, lost = [], []
    for trainer in ("fused", "reference"):
        stack, losses = train(start, range(2), data.training, steps=4, batch=37, lr=0.01, trainer=trainer)
        arrays.append(stack.arrays())
        lost.append(losses)
    np.testing.assert_allclose(*lost, rtol=2e-5)
    for key, array in arrays[0].items():
        np.testing.assert_allclose(array, arrays[1][key], atol=2e-4, err_msg=key)  # Adam divides by small gradients
        assert (array != start.arrays()[key]).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "silu"])
@pytest.mark.parametrize("target", [target.name for target in FIRST if target.name != "islands"])
def test_both_trainers_end_equally_well(target: str, name: str) -> None:
    """By each seed's held-out accuracy, or PSNR: rounding takes the two apart, but not to one side."""
    study = StudyConfig(target=target, activations=(name,), grid=48)
    steps = min(study.steps, 800)
    data, start = made(study, range(8))
    scores = []
    for trainer in ("fused", "reference"):
        stack, _ = train(start, range(8), data.training, steps=steps, batch=study.batch, lr=study.lr, trainer=trainer)
        scores.append(measured(stack, range(8), data).heldout_score)
    difference = scores[0] - scores[1]
    reach = t.ppf(0.9995, 7) * difference.std(ddof=1) / np.sqrt(8)
    assert abs(difference.mean()) <= max(reach, 1e-4)
    assert abs(difference.mean()) <= {"classes": 0.01, "regression": 2.0}[study.task]
    least = {"spirals": 0.85, "glyph": 0.97, "digits": 0.93, "texture": 20.0, "sine": 30.0}
    assert min(score.mean() for score in scores) > least[target]
