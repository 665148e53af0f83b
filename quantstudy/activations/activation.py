"""What an activation is: its function, its traits, its cap. Importing this file loads no torch."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quantstudy.activations.imported import named

if TYPE_CHECKING:
    from torch import Tensor

    from quantstudy.activations.beginnings import Draw

    Pull = Callable[[Tensor], tuple[Tensor, list[Tensor]]]


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
        moves: where f or f' jumps depends on what a module from outside learns: `kinks` are only those that stay.
        initial_weights: draws the first weights of networks of this function (`beginnings.Draw`); None: as all others.
        learning_rate: peak rate that its networks are trained with; None: the study's.

    Of a function that learns (`learned`) all traits are those that it begins with.
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
    moves: bool = False
    initial_weights: "Draw | None" = None
    learning_rate: float | None = None

    @property
    def learned(self) -> "dict[str, Tensor]":
        """What a module from outside learns in every layer: names of its parameters → what they begin with.

        Empty for all others; PReLU's slopes, which the kernels know, are not among them (`learned_slope`).
        """
        return dict(zip(getattr(self.function, "names", ()), getattr(self.function, "initial", ()), strict=True))

    @property
    def width(self) -> int | None:
        """Neurons that every hidden layer must have, where a module's parameters are one per neuron; else None."""
        found: int | None = getattr(self.function, "width", None)
        return found

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
        return not (self.bends or self.moves or (self.learned and self.cap < self.top))

    @property
    def bends(self) -> tuple[float, ...]:
        """Every x at which f breaks, the points where the cap binds included; empty for a smooth function.

        Of a function that learns only those that stay where they are, whatever it learns.
        """
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
            crossed = () if self.learned else crossings(uncapped, self.cap)
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

    def __call__(self, x: "Tensor", slope: "Tensor | None" = None, learned: "Sequence[Tensor]" = ()) -> "Tensor":
        """Return f(x), of x's shape.

        Args:
            x: pre-activations of any shape; [models, neurons, points] where `learned` is given.
            slope: PReLU's, must broadcast against x.
            learned: of a module the parameters [models, …] in the order of `learned`; without: those it begins with.
        """
        if self.kernel is None:
            y = self._torch_function()(x, *learned)
            return y if math.isinf(self.cap) else y.clamp(max=self.cap)
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward(x, self.kernel, slope=slope, cap=self.cap)

    def with_derivative(self, x: "Tensor", slope: "Tensor | None" = None) -> "tuple[Tensor, Tensor]":
        """Return f(x) and f'(x), each of x's shape; of a function without a kernel by autograd."""
        if self.kernel is None:
            return self._by_autograd(x)
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward_and_derivative(x, self.kernel, slope=slope, cap=self.cap)

    def with_pull(self, x: "Tensor", learned: "Sequence[Tensor]" = ()) -> "tuple[Tensor, Pull]":
        """Return f(x), and what a gradient with respect to it becomes: one with respect to x and to each of `learned`.

        Only for a function without a kernel; arguments as of a call. The second is to be called once, at most.
        """
        import torch

        function = self._torch_function()
        with torch.enable_grad():
            leaves = [part.detach().requires_grad_() for part in (x, *learned)]
            y = self(leaves[0], None, leaves[1:])

        def pull(upstream: "Tensor") -> "tuple[Tensor, list[Tensor]]":
            guarded = getattr(function, "gradients", None)
            found = guarded(y, leaves, upstream) if guarded else torch.autograd.grad(y, leaves, upstream)
            return found[0], list(found[1:])

        return y.detach(), pull

    def _by_autograd(self, x: "Tensor") -> "tuple[Tensor, Tensor]":
        import torch

        y, pull = self.with_pull(x)
        return y, pull(torch.ones_like(y))[0].clone()  # some derivatives are a tensor of zeros without memory

    def _torch_function(self) -> "Callable[..., Tensor]":
        if isinstance(self.function, str):
            return named(self.function)
        if self.function is None:
            raise TypeError(f"{self.name} has neither a kernel nor a function")
        return self.function


def entry(name: str, formula: str, source: str, **traits: Any) -> Activation:
    """Return an activation whose kernel has its own name, unless `traits` say otherwise."""
    return Activation(**{"name": name, "kernel": name, "formula": formula, "source": source, **traits})
