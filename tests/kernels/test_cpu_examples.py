"""Training on any examples: every loss, any inputs, widths and outputs, against the same in float64."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from quantstudy_kernels import ACTIVATION_NAMES
from quantstudy_kernels.arithmetic import REVISION
from quantstudy_kernels.cpu.trainer import Examples, Recipe, train, train_and_keep

from tests.kernels.twin import first_parameters, some_examples, trained

NETWORKS = [
    ("binary", (1, 7, 1)),
    ("binary", (2, 9, 8, 1)),
    ("binary", (3, 8, 1)),
    ("binary", (64, 9, 7, 1)),
    ("softmax", (64, 32, 9, 10)),
    ("softmax", (2, 7, 3)),
    ("softmax", (1, 1, 2)),
    ("softmax", (9, 8, 17)),
    ("squared", (1, 9, 1)),
    ("squared", (2, 32, 1, 1)),
    ("squared", (3, 32, 7, 3)),
    ("squared", (17, 8, 10)),
]
SOME = [("softmax", (12, 17, 8, 10)), ("squared", (3, 9, 5)), ("binary", (8, 9, 1))]
BATCHES = [1, 17, 130, 352, 400]


def recipe(loss="softmax", neurons=(5, 9, 4), name="relu", batch=40, steps=4, cap=math.inf) -> Recipe:
    """A large ε: where a gradient is all but 0 Adam would make much of its last bits."""
    return Recipe(name, cap, neurons, batch, [0.05 * (step + 1) for step in range(steps)], 0.9, 0.999, 0.1, 2, loss)


def assert_as_the_twin(how: Recipe, examples: Examples, models: int = 2) -> None:
    first = first_parameters(how, models)
    got, losses = train(how, first, range(models), examples)
    want, expected = trained(how, first, range(models), examples)
    assert np.abs(want - first).max() > 1e-3
    np.testing.assert_allclose(losses, expected, rtol=2e-5, atol=2e-6)  # of later steps, at rates of 0.05 … 0.2
    np.testing.assert_allclose(got, want, rtol=0, atol=5e-6)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("loss", "neurons"), NETWORKS)
def test_any_network_and_batch_is_trained_as_in_float64(loss, neurons, batch):
    how = recipe(loss, neurons, "silu", batch)
    for own in (False, True):
        assert_as_the_twin(how, some_examples(how, 2, own=own))


@pytest.mark.parametrize("cap", [math.inf, 0.7])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
@pytest.mark.parametrize(("loss", "neurons"), SOME)
def test_every_activation_is(name, cap, loss, neurons):
    how = recipe(loss, neurons, name, 130, cap=cap)
    assert_as_the_twin(how, some_examples(how, 2))


@pytest.mark.parametrize(("loss", "neurons"), [("softmax", (256, 256, 256)), ("squared", (256, 5, 256, 3))])
def test_the_largest_networks_are(loss, neurons):
    how = recipe(loss, neurons, "hardswish", 370, steps=2)
    assert_as_the_twin(how, some_examples(how, 1), 1)


def test_masks_and_their_pixels_as_examples_give_the_same_bits():
    """On a plane of 16 × 16 pixels, whose centres are exact."""
    from quantstudy.targets.islands import plane

    masks = np.random.default_rng(4).random((2, 16, 16)) < 0.5
    how = recipe("binary", (2, 8, 8, 1), "silu", 1000)
    first = first_parameters(how, 2)
    pixels = Examples(plane(16)[None], masks.reshape(2, 1, -1).astype(np.float32))
    for got, want in zip(train(how, first, range(2), pixels), train(how, first, range(2), masks), strict=True):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize(("loss", "neurons"), NETWORKS)
@pytest.mark.parametrize("own", [False, True])
def test_no_bit_depends_on_threads_or_company(loss, neurons, own):
    how = recipe(loss, neurons, "prelu", 33)
    first, examples = first_parameters(how, 5), some_examples(how, 5, own=own)
    one, losses = train(how, first, range(5), examples, threads=1)
    two, again = train(how, first, range(5), examples, threads=2)
    assert one.tobytes() == two.tobytes()
    assert losses.tobytes() == again.tobytes()
    third = Examples(examples.inputs[2:3] if own else examples.inputs, examples.labels[2:3])
    alone, _ = train(how, first[2:3], [2], third)
    assert alone.tobytes() == one[2:3].tobytes()


@pytest.mark.parametrize("points_per_call", [40, 2**22])
def test_what_is_kept_on_the_way_is_what_training_till_there_gives(points_per_call, monkeypatch):
    from quantstudy_kernels.cpu import trainer

    how = recipe(steps=6)
    first, examples = first_parameters(how, 2), some_examples(how, 2)
    monkeypatch.setattr(trainer, "_POINTS_PER_CALL", points_per_call)
    kept, _ = train_and_keep(how, first, [0, 1], examples, [0, 1, 4, 6])
    for place, steps in enumerate([0, 1, 4, 6]):
        until, _ = train(replace(how, rates=how.rates[:steps]), first, [0, 1], examples)
        assert kept[:, place].tobytes() == until.tobytes()


@pytest.mark.parametrize(("loss", "neurons"), NETWORKS)
@pytest.mark.parametrize("wrong", ["parameter", "input", "rate"])
def test_a_diverged_model_stays_nan_and_does_not_touch_its_neighbours(loss, neurons, wrong):
    how = recipe(loss, neurons, "hardgelu", 130)
    first, examples = first_parameters(how, 3), some_examples(how, 3, own=True)
    alone, losses = train(how, first, range(3), examples)
    if wrong == "parameter":
        first[1, -1] = np.copysign(np.float32(np.nan), -1)  # the last bias
    elif wrong == "input":
        examples.inputs[1] = np.nan
    else:
        first[1, : neurons[0] * neurons[1]] = 3e38
        examples.inputs[1] = 3e38
    got, seen = train(how, first, range(3), examples, threads=2)
    for model in (0, 2):
        assert got[model].tobytes() == alone[model].tobytes()
        assert seen[model].tobytes() == losses[model].tobytes()
    if wrong != "rate":
        codes = np.concatenate([got[1], seen[1]]).view(np.uint32)
        assert set(codes.tolist()) == {int(np.float32(np.nan).view(np.uint32))}


@pytest.mark.parametrize(("loss", "outputs"), [("softmax", 3), ("squared", 3), ("squared", 1), ("binary", 1)])
@pytest.mark.parametrize("neurons", [(3, 3, 5), (9, 1, 2), (2, 9, 3)])
def test_the_loss_is_finite_where_relu_makes_nothing_of_an_infinite_input(loss, outputs, neurons):
    """What fills up a tile sees zeros times infinity, which is NaN."""
    how = recipe(loss, (*neurons, outputs), "relu", 130)
    first, examples = first_parameters(how, 1), some_examples(how, 1)
    first[0, : neurons[0] * neurons[1]] = -1.0
    examples.inputs[:, :, 5] = np.inf
    _, losses = train(how, first, [0], examples)
    assert np.isfinite(losses[0, 0])


@pytest.mark.parametrize(("loss", "outputs"), [("softmax", 3), ("squared", 3), ("squared", 1), ("binary", 1)])
@pytest.mark.parametrize(("name", "cap"), [("hardgelu", math.inf), ("relu", 3.0), ("prelu", 2.0)])
@pytest.mark.parametrize("width", [8, 3, 9])
def test_networks_train_on_above_a_cap_that_holds_infinity(loss, outputs, name, cap, width):
    """Every bias of the first layer is infinite: only what the cap lets through remains, whatever fills up a tile."""
    how = recipe(loss, (3, width, 5, outputs), name, cap=cap)
    first = first_parameters(how, 1)
    first[0, : 3 * width] = 0.0
    begin = 3 * width + 5 * width + 5 * outputs
    first[0, begin : begin + width] = np.inf
    got, losses = train(how, first, [0], some_examples(how, 1))
    rest = np.ones(len(first[0]), bool)
    rest[begin : begin + width] = False
    assert np.isfinite(losses).all()
    assert np.isfinite(got[0, rest]).all()
    assert (got[0, rest] != first[0, rest]).any()


def test_outputs_far_apart_cost_what_they_cost_in_float64():
    """Logits of thousands: the largest is taken off first, so that nothing overflows, and what is lost is no class."""
    how = recipe("softmax", (1, 1, 4), batch=30, steps=1)
    first = np.array([[1.0, 1e4, -1e4, 300.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    inputs = np.linspace(0.1, 3, 30, dtype=np.float32).reshape(1, 1, 30)
    examples = Examples(inputs, (np.arange(30) % 4).astype(np.float32).reshape(1, 1, 30))
    _, losses = train(how, first, [0], examples)
    assert losses[0, 0] == pytest.approx(trained(how, first, range(1), examples)[1][0, 0], rel=1e-6)
    assert losses[0, 0] > 1000


def test_equal_outputs_cost_the_logarithm_of_their_number():
    for outputs in (2, 3, 10, 255, 256):
        how = recipe("softmax", (1, 1, outputs), batch=16, steps=1)
        first = np.zeros((1, 2 + 2 * outputs), np.float32)
        _, losses = train(how, first, [0], some_examples(how, 1))
        assert losses[0, 0] == pytest.approx(math.log(outputs), rel=3e-7)


PINNED = {"binary": "9788bde3809c556f", "softmax": "ef1369feb29538af", "squared": "4584d64d8fb53ee7"}


@pytest.mark.parametrize("loss", PINNED)
def test_another_digest_of_one_training_asks_for_another_revision(loss):
    how = recipe(loss, (12, 17, 9, 1 if loss == "binary" else 10), "gelu", 400)
    got, losses = train(how, first_parameters(how, 2), [0, 1], some_examples(how, 2))
    assert (REVISION, hashlib.sha256(got.tobytes() + losses.tobytes()).hexdigest()[:16]) == (3, PINNED[loss])


def test_what_does_not_fit_is_refused():
    how = recipe("softmax", (5, 9, 4))
    first, examples = first_parameters(how, 2), some_examples(how, 2)
    masks = np.zeros((2, 9, 9), bool)
    float64 = Examples(examples.inputs.astype(np.float64), examples.labels)
    fractions = Examples(examples.inputs, examples.labels + np.float32(0.5))
    for changed, data, message in (
        ({"loss": "hinge"}, examples, r"loss: 'hinge'; allowed: binary, softmax, squared"),
        ({"loss": "binary"}, examples, r"neurons: 4 outputs; allowed with loss binary: 1"),
        ({"neurons": (5, 9, 1)}, examples, r"neurons: 1 outputs; allowed with loss softmax: 2 or more"),
        ({"neurons": (5, 4)}, examples, r"neurons: \[5, 4\] neurons; allowed: inputs, at least one hidden layer"),
        ({"neurons": (5, 257, 4)}, examples, r"each 1 to 256"),
        ({"neurons": (5, 0, 4)}, examples, r"each 1 to 256"),
        ({"neurons": (6, 9, 4)}, examples, r"parameters: shape \[2, 94\]; allowed: \[2, 103\]"),
        ({"loss": "squared"}, examples, r"labels: float32 \[2, 1, 77\]; allowed: float32 \[2, 4, 77\]"),
        ({}, masks, r"neurons, loss: 5 inputs, softmax; allowed with masks: 2 inputs, binary"),
        (
            {},
            Examples(examples.inputs[:, :4], examples.labels),
            r"inputs: float32 \[1, 4, 77\]; allowed: float32 ",
        ),
        ({}, Examples(examples.inputs, examples.labels[:1]), r"labels: float32 \[1, 1, 77\]; allowed: float32 \[2, 1"),
        ({}, Examples(examples.inputs, examples.labels[..., :9]), r"labels: float32 \[2, 1, 9\]"),
        ({}, Examples(examples.inputs[..., :0], examples.labels[..., :0]), r"inputs: 0 examples; allowed: 1 to"),
        ({}, float64, r"inputs: float64 \[1, 5, 77\]; allowed: float32"),
        ({}, fractions, r"labels: [0-3].5; allowed with loss softmax: 0 to 3, whole"),
        ({}, Examples(examples.inputs, examples.labels + 1), r"labels: 4.0; allowed"),
        ({}, Examples(examples.inputs, examples.labels * np.float32(np.nan)), r"labels: nan; allowed"),
    ):
        with pytest.raises(ValueError, match=message):
            train(replace(how, **changed), first, [0, 1], data)
    with pytest.raises(ValueError, match=r"masks: shape \[2, 9, 9\]; allowed: \[1, grid, grid\]"):
        train(recipe("binary", (2, 3, 1)), np.zeros((1, 13), np.float32), [0], masks)
