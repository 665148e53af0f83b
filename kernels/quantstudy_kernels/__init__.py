"""The operations of a study, each implemented up to three times: torch (the reference), Numba (CPU), Triton (CUDA).

Takes tensors and numbers only and knows nothing of `quantstudy`. Importing this package loads neither torch nor triton;
the first use of a function does. The functions here pick an implementation by the tensor's device (`dispatch`); to pin
one, import it from `quantstudy_kernels.reference`, from `cpu.activations`, or from `triton.activation`, `triton.output`
or `triton.quantization`: the names are the same. The forward pass of a whole stack is in `reference_forward`,
`cpu.forward` and `triton.forward` (`forward` describes what they take and give), training in `cpu.trainer` and
`triton.training`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from quantstudy_kernels.checks import ACTIVATION_NAMES

if TYPE_CHECKING:
    from quantstudy_kernels.dispatch import (
        activation_backward,
        activation_backward_from_output,
        activation_forward,
        activation_forward_and_derivative,
        activation_forward_in_place,
        activation_forward_saving_output,
        fake_quantize,
        quantize_codes,
    )

__all__ = [
    "ACTIVATION_NAMES",
    "activation_backward",
    "activation_backward_from_output",
    "activation_forward",
    "activation_forward_and_derivative",
    "activation_forward_in_place",
    "activation_forward_saving_output",
    "fake_quantize",
    "quantize_codes",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("quantstudy_kernels.dispatch"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
