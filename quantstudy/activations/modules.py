"""A user's `nn.Module` as a function of values and of its own parameters, for all models of a stack at once."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from quantstudy.activations.breaks import GRID
from quantstudy.activations.guarded import PASSED_ON, Misbehaved
from quantstudy.activations.probing import Unfit

MOVED = (-0.05, 0.05)
"""How far parameters are moved, as a share of 1 + their size, to see whether what they decide moves with them."""

_SAME = 1e-5
"""How far values of two neurons may lie apart, as a share of 1 + their size: vector code has its own rounding."""


class Learned:
    """A copy of a module whose parameters are given with every call; itself it is never changed.

    The module sees the pre-activations of one network as any layer of torch does, [points, neurons]: a parameter of
    shape (8,) is one per neuron of a layer of 8, one of a single number is shared, and so is whatever the module itself
    does not spread over neurons. It is called in the mode, `train()` or `eval()`, that it was given in.

    Attributes:
        names: of the parameters that are trained.
        initial: what each begins with, in every layer of every network, float32.
        width: neurons that a layer must have; None where any number will do.
    """

    def __init__(self, module: nn.Module) -> None:
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._NormBase):
                raise Misbehaved(f"{type(part).__name__} mixes the values of all points")
        self.module = copy.deepcopy(module)
        trained = {name: value for name, value in self.module.named_parameters() if value.requires_grad}
        for name, value in trained.items():
            if not value.is_floating_point():
                raise Unfit(f"its parameters must be real numbers, and {name} is {value.dtype}")
        self.names = tuple(trained)
        self.initial = tuple(value.detach().float().clone() for value in trained.values())
        others = [*self.module.named_parameters(), *self.module.named_buffers()]
        self._kept = {name: value.detach() for name, value in others if name not in trained}
        self.width = self._find_width()

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Return f(x), of x's shape.

        Args:
            x: [models, neurons, points]; without parameters of any shape.
            parameters: in the order of `names`, [models, …] each; none for those that it begins with.
        """
        if parameters:
            return self._stacked(x, parameters)
        begins = [value.to(x) for value in self.initial]
        if x.dim() in (2, 3) and self.width in (None, x.shape[-2]):
            stacked = x.reshape(-1, *x.shape[-2:])
            return self._stacked(stacked, [value.expand(len(stacked), *value.shape) for value in begins]).view(x.shape)
        neurons = self.width or 1
        spread = nn.functional.pad(x.reshape(-1), (0, -x.numel() % neurons)).view(1, neurons, -1)
        return self._stacked(spread, [value[None] for value in begins]).view(-1)[: x.numel()].view(x.shape)

    def moved(self, by: float) -> "Learned":
        """Return the function as it is where every parameter p has become p + by · (1 + |p|)."""
        other = copy.copy(self)
        other.initial = tuple(value + by * (1 + value.abs()) for value in self.initial)
        return other

    def require_finite_gradients(self) -> None:
        """Check that training can begin.

        Raises:
            Unfit: the derivative by a parameter is not finite somewhere on [-60, 60].
        """
        leaves = [value.double()[None].requires_grad_() for value in self.initial]
        with torch.enable_grad():
            total = self._stacked(GRID.expand(1, self.width or 1, -1), leaves).sum()
        found = torch.autograd.grad(total, leaves, materialize_grads=True) if total.requires_grad else leaves
        for name, gradient in zip(self.names, found, strict=True):
            if not bool(gradient.isfinite().all()):
                raise Unfit(f"finite derivatives are needed, that by its parameter {name} is not")

    def _stacked(self, x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        fixed = {
            name: value.to(x) if value.is_floating_point() else value.to(x.device) for name, value in self._kept.items()
        }

        def one(values: Tensor, *own: Tensor) -> Tensor:
            y = functional_call(self.module, {**fixed, **dict(zip(self.names, own, strict=True))}, (values,))
            if not isinstance(y, Tensor) or (y.shape, y.dtype) != (values.shape, values.dtype):
                raise Misbehaved("shape or type of its result is another")
            return y

        over_models = vmap(one, randomness="different")  # what draws numbers is refused for that, not for vmap
        found: Tensor = over_models(x.transpose(1, 2), *parameters).transpose(1, 2).contiguous()
        return found

    def _find_width(self) -> int | None:
        """Return how many neurons the module takes, found by trying.

        Raises:
            Unfit: its neurons do not begin alike.
            Exception: whatever it raises, if no number of neurons will do.
        """
        values = torch.linspace(-1.0, 1.0, 5)
        sizes = {size for part in (*self.initial, *self._kept.values()) for size in part.shape}
        refused: Exception | None = None
        for width in (1, *sorted(sizes - {0, 1})):
            try:
                with torch.no_grad():
                    y = self._stacked(values.expand(1, width, -1), [value[None] for value in self.initial])
            except PASSED_ON:
                raise
            except Exception as error:
                refused = error
                continue
            if bool(((y - y[:, :1]).abs() > _SAME * (1 + y.abs())).any()):
                raise Unfit("its neurons must begin alike: a parameter of theirs has one value for all at first")
            return None if width == 1 else width
        assert refused is not None
        raise refused
