"""Live bytes: peaks that can be worked out by hand, and the allocator's own account of whole training steps."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from quantstudy.activations.catalogue import ACTIVATIONS, DEFAULT_ACTIVATIONS
from quantstudy.cost.peak import Apply, LiveBytes, training_step
from quantstudy.cost.plain import plain, slopes

SIZE = 1000


def peak_of(compute: Callable[[Tensor], object]) -> tuple[int, int]:
    x = torch.zeros(SIZE)
    with LiveBytes() as count:
        count.hold([x], "batch")
        kept = compute(x)
    del kept
    return count.peak // (4 * SIZE), count.live // (4 * SIZE)


@pytest.mark.parametrize(
    ("compute", "peak"),
    [
        (lambda x: x, 1),
        (lambda x: x.view(10, -1).t(), 1),  # views are no new bytes
        (lambda x: x + 1, 2),
        (lambda x: (x + 1) * 2, 3),  # x, x + 1, the product
        (lambda x: ((x + 1) * 2) - 3, 3),  # x + 1 is gone by then
        (lambda x: (x + 1).mul_(2), 2),
        (lambda x: [x + 1, x + 2, x + 3], 4),
        (lambda x: torch.stack([x + 1, x + 2]).sum(0), 5),
    ],
)
def test_peaks_by_hand(compute: Callable[[Tensor], object], peak: int) -> None:
    assert peak_of(compute)[0] == peak


def test_what_is_gone_no_longer_counts() -> None:
    assert peak_of(lambda x: (x + 1) * 2)[1] == 1


def test_two_operations_forward_and_backward() -> None:
    """y = exp(w), z = Σ sin(y): forward w, y, sin(y); backward w, y, cos(y) and its product; then w, its gradient."""
    w = torch.zeros(SIZE, requires_grad=True)
    with LiveBytes() as count:
        count.hold([w], "parameters")
        with count.saving("graph"):
            loss = w.exp().sin().sum()
        assert count.by_holder() == {"graph": 4 * SIZE, "nobody": 4, "parameters": 4 * SIZE}
        torch.autograd.backward(loss)
        assert count.peak == 4 * (4 * SIZE) + 8  # and the two numbers: the loss and its gradient, 1
        del loss
    assert count.live == 2 * 4 * SIZE
    assert w.grad is not None


def test_the_last_to_keep_a_tensor_holds_it_and_what_is_held_for_good_stays() -> None:
    x, weight = torch.ones(SIZE), torch.ones(SIZE, requires_grad=True)
    with LiveBytes() as count:
        count.hold([weight], "parameters")
        with count.saving("first"):
            y = (x * weight).exp()
        assert count.by_holder() == {"first": 8 * SIZE, "parameters": 4 * SIZE}  # x and the result of exp
        with count.saving("second"):
            z = y * weight
        assert count.by_holder() == {
            "first": 4 * SIZE,
            "nobody": 4 * SIZE,
            "parameters": 4 * SIZE,
            "second": 4 * SIZE,
        }
    del z


def allocated(name: str, apply: Apply, layers: int, width: int, batch: int) -> int:
    """The peak as torch's allocator tells it to the profiler, without any of the counting."""
    activation = ACTIVATIONS[name]
    weights = [torch.randn(width, width).mul_((2 / width) ** 0.5).requires_grad_() for _ in range(layers)]
    biases = [torch.zeros(width, requires_grad=True) for _ in range(layers)]
    learned = [slopes(activation, width) for _ in range(layers - 1)]
    x, target = torch.randn(batch, width), torch.randn(batch, width)
    live = sum(one.nbytes for one in (*weights, *biases, *learned, x, target) if one is not None)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
        h = x
        for layer in range(layers):
            h = functional.linear(h, weights[layer], biases[layer])
            if layer < layers - 1:
                h = apply(h, learned[layer])
        loss = functional.mse_loss(h, target)
        del h
        loss.backward()
    events = [event for event in told.profiler.kineto_results.events() if event.name() == "[memory]"]
    peak = live
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize("name", DEFAULT_ACTIVATIONS)
def test_the_step_against_the_allocator(name: str) -> None:
    """The allocator also sees what lives within an operation: a few numbers of 8 bytes."""

    def apply(z: Tensor, slope: Tensor | None) -> Tensor:
        return plain(z, ACTIVATIONS[name], slope)

    counted, _ = training_step(ACTIVATIONS[name], apply, layers=4, width=64, batch=48)
    assert 0 <= allocated(name, apply, 4, 64, 48) - counted <= 64


def test_the_step_says_who_holds_what() -> None:
    layers, width, batch = 3, 16, 32
    apply: Apply = lambda z, slope: functional.silu(z)  # noqa: E731
    _, held = training_step(ACTIVATIONS["silu"], apply, layers=layers, width=width, batch=batch)
    one = 4 * width * batch
    assert held["parameters"] == 4 * layers * (width * width + width)
    assert held["batch"] == 2 * one
    assert held["linear"] == held["activation"] == (layers - 1) * one
    _, held = training_step(ACTIVATIONS["relu"], lambda z, slope: z.relu_(), layers=layers, width=width, batch=batch)
    assert held["linear"] == (layers - 1) * one
    assert "activation" not in held
