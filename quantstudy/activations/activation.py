"""What an activation is: its function, its traits, its cap. Importing this file loads no torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quantstudy.activations.imported import named

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """One activation function f: R → R, applied elementwise.

    Attributes:
        name: canonical name, also the key of columns and files.
        kernel: name under which `quantstudy_kernels` knows the function (without its cap); None where it has none.
        kinks: inputs x at which the uncapped function breaks (f' or f itself jumps), ascending; empty where it is
            smooth.
        identity_from: f(x) = x from this x on (below the cap); +inf where that never holds exactly.
        monotonic: f never falls.
        gates: f is exactly 0 on a half line, so that one neuron can switch itself off.
        floor: greatest lower bound of f, −inf if there is none.
        formula: the uncapped f(x) in plain text.
        source: the paper that f comes from.
        learned_slope: one slope per neuron is trained with the weights (PReLU).
        cap: f is min(uncapped f(x), cap).
        top: least upper bound of the uncapped f, +inf if there is none.
        function: what has no kernel, as a torch function of one tensor, elementwise and differentiable, or where that
            is, `module:name`. It runs everywhere, operation by operation; the reference trainer trains it.
        fingerprint: digest of what the function is made of and of its values, if it comes from outside; empty for those
            of this package.
        made_of: digest of what it is made of alone, its source and the values it has captured: the same everywhere.
    """

    name: str
    kernel: str | None
    kinks: tuple[float, ...]
    identity_from: float
    monotonic: bool
    gates: bool
    floor: float
    formula: str
    source: str
    learned_slope: bool = False
    cap: float = math.inf
    top: float = math.inf
    function: "Callable[[Tensor], Tensor] | str | None" = None
    fingerprint: str = ""
    made_of: str = ""

    @property
    def ceiling(self) -> float:
        """Least upper bound of f."""
        return min(self.cap, self.top)

    @property
    def bounded(self) -> bool:
        """Whether the output range is finite on both sides."""
        return math.isfinite(self.floor) and math.isfinite(self.ceiling)

    @property
    def smooth(self) -> bool:
        """Whether f and f' are continuous everywhere."""
        return not self.bends

    @property
    def bends(self) -> tuple[float, ...]:
        """Every x at which f breaks, the points where the cap binds included; empty for a smooth function."""
        if self.cap >= self.top:
            return self.kinks
        if self.kernel is None:
            return self._bends_of_any_function()
        binds = self.cap if self.cap >= self.identity_from else self._where_cap_binds()
        return (*(kink for kink in self.kinks if kink < binds), binds)

    def _where_cap_binds(self) -> float:
        import torch

        low, high = 0.0, max(8.0, 4.0 * self.cap)  # every kernel rises from 0 on x > 0 and exceeds x/4 from 8 on
        uncapped = replace(self, cap=math.inf)
        for _ in range(100):
            middle = 0.5 * (low + high)
            below = float(uncapped(torch.tensor(middle, dtype=torch.float64))) < self.cap
            low, high = (middle, high) if below else (low, middle)
        return high

    def _bends_of_any_function(self) -> tuple[float, ...]:
        import torch

        from quantstudy.activations.breaks import apart, crossings
        from quantstudy.activations.guarded import unheard

        uncapped = replace(self, cap=math.inf)
        with unheard():
            heights = uncapped(torch.tensor(self.kinks, dtype=torch.float64)).tolist() if self.kinks else []
            crossed = crossings(uncapped, self.cap)
        kept = (kink for kink, height in zip(self.kinks, heights, strict=True) if height < self.cap)
        return apart((*kept, *crossed))  # where f jumps across the cap, both lists hold the place

    @property
    def failed(self) -> bool:
        """Whether a function from outside has failed since its failures were last reported (`guarded.failures`)."""
        return bool(getattr(self.function, "failed", False))

    @property
    def bare(self) -> "Activation":
        """The same function without the checks that calls of one from outside are under, to measure what it costs."""
        return replace(self, function=getattr(self.function, "bare", self.function))

    def __call__(self, x: "Tensor", slope: "Tensor | None" = None) -> "Tensor":
        """Return f(x), of x's shape; `slope` must broadcast against x (PReLU only)."""
        if self.kernel is None:
            y = self._torch_function()(x)
            return y if math.isinf(self.cap) else y.clamp(max=self.cap)
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward(x, self.kernel, slope=slope, cap=self.cap)

    def with_derivative(self, x: "Tensor", slope: "Tensor | None" = None) -> "tuple[Tensor, Tensor]":
        """Return f(x) and f'(x), each of x's shape; of a function without a kernel by autograd."""
        if self.kernel is None:
            return self._by_autograd(x)
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward_and_derivative(x, self.kernel, slope=slope, cap=self.cap)

    def _by_autograd(self, x: "Tensor") -> "tuple[Tensor, Tensor]":
        import torch

        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            y = self(leaf)
            guarded = getattr(self._torch_function(), "gradient", None)
            derivative = guarded(y, leaf) if guarded else torch.autograd.grad(y, leaf, torch.ones_like(y))[0]
        return y.detach(), derivative.clone()  # some derivatives are a tensor of zeros without memory

    def _torch_function(self) -> "Callable[[Tensor], Tensor]":
        if isinstance(self.function, str):
            return named(self.function)
        if self.function is None:
            raise TypeError(f"{self.name} has neither a kernel nor a function")
        return self.function


def entry(name: str, formula: str, source: str, **traits: Any) -> Activation:
    """Return an activation whose kernel has its own name, unless `traits` say otherwise."""
    return Activation(**{"name": name, "kernel": name, "formula": formula, "source": source, **traits})
