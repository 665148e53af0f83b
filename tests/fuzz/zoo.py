"""Functions that users may give as activations: good ones, odd ones, and ones that must be refused.

A study names them `zoo:NAME`; the file is copied into the folder that the command runs in.
"""

import functools
import math
import sys

import numpy as np
import torch
from torch import Tensor, nn

calls: dict[str, int] = {}


def called(name: str) -> int:
    calls[name] = calls.get(name, 0) + 1
    return calls[name]


# fine


def step_relu(x: Tensor) -> Tensor:
    return torch.relu(x) + (x > 0).to(x.dtype)


def stairs(x: Tensor) -> Tensor:
    return x + torch.floor(x).detach() - x.detach()


def cube(x: Tensor) -> Tensor:
    return x * x * x


def above(x: Tensor) -> Tensor:
    return torch.relu(x) + 1000.0


def tiny(x: Tensor) -> Tensor:
    return torch.relu(x) * 1e-30


def faint(x: Tensor) -> Tensor:
    return torch.relu(x) * 1e-6


def steep(x: Tensor) -> Tensor:
    return x * 1e4


def below(x: Tensor) -> Tensor:
    return -torch.relu(-x)


def lost_far(x: Tensor) -> Tensor:
    return torch.where(x.abs() > 100.0, torch.full_like(x, math.nan), torch.relu(x))


def hole(x: Tensor) -> Tensor:
    return torch.where((x > 70.0) & (x < 71.0), torch.full_like(x, math.nan), torch.relu(x))


def infinite_far(x: Tensor) -> Tensor:
    return torch.where(x > 80.0, torch.full_like(x, math.inf), torch.relu(x))


def hides_nan(x: Tensor) -> Tensor:
    return torch.nan_to_num(torch.relu(x), nan=0.0, posinf=1.0)


def prints(x: Tensor) -> Tensor:
    print("zoo: called")
    return torch.relu(x)


def counts(x: Tensor) -> Tensor:
    called("counts")
    return torch.relu(x)


def made_leaky(slope: float):
    def leaky(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, slope * x)

    return leaky


class Inner:
    """Holds a function, as a class does."""

    @staticmethod
    def bent(x: Tensor) -> Tensor:
        return torch.clamp(x, -1.0, 2.0)


class Bounded(nn.Module):
    """A module with a buffer, which is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("top", torch.tensor(2.5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.relu(x), self.top.to(x.dtype))


class Called:
    """Holds its top as an attribute."""

    top = 13.0

    def __call__(self, x: Tensor) -> Tensor:
        return x.clamp(0.0, self.top)


closure, other_closure = made_leaky(0.2), made_leaky(-0.5)
partly = functools.partial(torch.nn.functional.leaky_relu, negative_slope=0.3)
short = lambda x: torch.relu(x - 0.5)  # noqa: E731
bounded, top_13 = Bounded(), Called()


# refused or not: both may be right


def odd(x: Tensor) -> bool:
    """Whether a value lies where no probe may have looked."""
    return bool(((x.abs() > 91.0) & (x.abs() < 99.0)).any())


def constant(x: Tensor) -> Tensor:
    return torch.full_like(x, 0.5)


def flat(x: Tensor) -> Tensor:
    return x * 0.0 + 0.5


@torch.no_grad()
def without_gradient(x: Tensor) -> Tensor:
    return torch.relu(x)


def fragile(x: Tensor) -> Tensor:
    if odd(x):
        raise ValueError("too large")
    return torch.relu(x)


def tires(x: Tensor) -> Tensor:
    if called("tires") > 60:
        raise RuntimeError("no more of this")
    return torch.relu(x)


def leaves(x: Tensor) -> Tensor:
    if odd(x):
        sys.exit("too large")
    return torch.relu(x)


def no_disk(x: Tensor) -> Tensor:
    if odd(x):
        raise OSError(28, "No space left on device")
    return torch.relu(x)


def turns(x: Tensor) -> Tensor:
    return torch.relu(x).double() if odd(x) else torch.relu(x)


def shrinks(x: Tensor) -> Tensor:
    return torch.relu(x)[..., :1] if odd(x) else torch.relu(x)


def sly(x: Tensor) -> Tensor:
    """Another function where one of the backends calls it, on a plane of 12 × 12 points."""
    return torch.relu(-x) if x.dim() == 2 and x.shape[-1] == 144 else torch.relu(x)


def counts_to_100(x: Tensor) -> Tensor:
    return torch.relu(x) if called("counts_to_100") < 100 else torch.tanh(x)


# refused


def log_inside(x: Tensor) -> Tensor:
    return torch.log(x)


def hole_at_0(x: Tensor) -> Tensor:
    return x * x / x


def in_place(x: Tensor) -> Tensor:
    with torch.no_grad():
        x.clamp_(min=0)
    return x * 1.0


def in_place_through_data(x: Tensor) -> Tensor:
    x.data.clamp_(min=0)
    return x * 1.0


def in_place_out(x: Tensor) -> Tensor:
    with torch.no_grad():
        torch.clamp(x, min=0, out=x)
    return x * 1.0


def in_place_through_numpy(x: Tensor) -> Tensor:
    values = x.detach().numpy()
    np.maximum(values, 0, out=values)
    return x * 1.0


def in_place_at_last(x: Tensor) -> Tensor:
    y = torch.relu(x)
    x.detach().zero_()
    return y


def drifts(x: Tensor) -> Tensor:
    return torch.relu(x) * (1.0 + 0.01 * called("drifts"))


def noisy(x: Tensor) -> Tensor:
    return torch.nn.functional.dropout(x)


def doubled(x: Tensor) -> Tensor:
    return x.double()


def integers(x: Tensor) -> Tensor:
    return x.round().int()


def nothing(x: Tensor) -> None:
    return None


def summed(x: Tensor) -> Tensor:
    return x.sum(-1)


def two(x: Tensor, y: Tensor) -> Tensor:
    return x + y


def gated_by_neurons(x: Tensor) -> Tensor:
    return torch.relu(x) * (x.mean(1, keepdim=True) > 0).to(x.dtype) if x.dim() == 3 else torch.relu(x)


def shares(x: Tensor) -> Tensor:
    return torch.softmax(x, 1) if x.dim() == 3 else torch.relu(x)


number = 3
