"""Pairing: for one seed every activation meets the same mask, initial draw and batches, byte for byte."""

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, parse_activation
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import batches
from quantstudy.targets.islands import island_masks
from quantstudy.targets.randomness import PURPOSES, stream


def drawn(seed: int, purpose: str) -> list[int]:
    return stream(seed, purpose).integers(2**62, size=8).tolist()


def test_streams_are_philox_keyed_by_seed_and_purpose():
    assert list(PURPOSES.values()) == list(range(9))
    assert list(PURPOSES)[:4] == ["mask", "initial", "batches", "moving"]
    assert list(PURPOSES)[4:] == ["random_labels", "last_bit", "split", "crop", "repair"]
    key = np.array([5, 2], dtype=np.uint64)
    expected = np.random.Generator(np.random.Philox(key=key)).integers(2**62, size=8).tolist()
    assert drawn(5, "batches") == expected


def test_the_same_stream_twice_and_no_other_one():
    streams = [drawn(seed, purpose) for seed in range(6) for purpose in PURPOSES]
    assert len({tuple(s) for s in streams}) == 6 * len(PURPOSES)
    assert drawn(3, "mask") == drawn(3, "mask")


def test_an_unknown_purpose_is_an_error():
    with pytest.raises(KeyError, match="noise"):
        stream(0, "noise")


def test_the_draws_of_a_seed_are_pinned():
    """Changing these changes every result there is: raise quantstudy_kernels.arithmetic.REVISION if it must be."""
    assert stream(0, "mask").uniform(0.0, 256.0, size=2).tolist() == PINNED_OFFSET
    assert next(batches([0], 100, 4, 1)).tolist() == PINNED_BATCH
    assert initial_stack(parse_activation("relu"), [0], (2,)).weights[1].flatten().tolist() == PINNED_WEIGHTS


PINNED_OFFSET = [2.95596909730088, 61.83659432005584]
PINNED_BATCH = [[53, 98, 20, 21]]
PINNED_WEIGHTS = [0.9117518663406372, 0.1629188507795334]


@pytest.mark.parametrize("name", [n for n in DEFAULT_ACTIVATIONS if n != "relu"] + ["relu@2"])
def test_every_activation_starts_from_the_same_bytes(name):
    relu = initial_stack(parse_activation("relu"), range(3), (5, 4))
    other = initial_stack(parse_activation(name), range(3), (5, 4))
    for ours, theirs in zip((*relu.weights, *relu.biases), (*other.weights, *other.biases), strict=True):
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()


def test_what_a_seed_draws_does_not_depend_on_its_company():
    relu = parse_activation("relu")
    together, alone = initial_stack(relu, [4, 9, 2], (5, 4)), initial_stack(relu, [9], (5, 4))
    for ours, theirs in zip(together.weights, alone.weights, strict=True):
        assert torch.equal(ours[1:2], theirs)
    many = list(batches([4, 9, 2], 81, 16, 70))
    one = list(batches([9], 81, 16, 70))
    assert all(np.array_equal(a[1:2], b) for a, b in zip(many, one, strict=True))
    assert np.array_equal(island_masks([4, 9, 2], 9, 3.0)[1], island_masks([9], 9, 3.0)[0])


def test_more_steps_go_on_where_fewer_stopped():
    long = np.stack(list(batches([0, 1], 81, 16, 200)))
    for steps in (1, 63, 64, 65, 128, 199):
        short = np.stack(list(batches([0, 1], 81, 16, steps)))
        assert short.shape == (steps, 2, 16)
        assert np.array_equal(short, long[:steps])


def test_deeper_networks_do_not_change_the_first_layers():
    relu = parse_activation("relu")
    shallow, deep = initial_stack(relu, [3], (5,)), initial_stack(relu, [3], (5, 4))
    assert torch.equal(shallow.weights[0], deep.weights[0])


def test_global_random_states_are_untouched():
    np.random.seed(0)  # noqa: NPY002 (the global state is what is watched)
    torch.manual_seed(0)
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()  # noqa: NPY002
    island_masks(range(2), 8, 3.0)
    first = initial_stack(parse_activation("prelu"), [0], (3,)).weights[0]
    list(batches([0], 64, 8, 3))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert torch.equal(initial_stack(parse_activation("prelu"), [0], (3,)).weights[0], first)
