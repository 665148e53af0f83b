"""Activations beyond the article's: torch functions, known to no kernel. Importing this file loads no torch.

`relu6` is relu with a cap and has its kernel.
"""

import math
from typing import Any

from quantstudy.activations.activation import Activation, entry

_SIGMOIDAL: dict[str, Any] = {"kinks": (), "identity_from": math.inf, "monotonic": True, "gates": False}
_MORE = "quantstudy.activations.functions"
SELU_FLOOR = -1.7580993408473766
"""-λα of SELU."""

BEYOND: tuple[Activation, ...] = (
    entry(
        "tanh", "tanh(x)", "LeCun et al. 1998", kernel=None, function="torch:tanh", floor=-1.0, top=1.0, **_SIGMOIDAL
    ),
    entry(
        "sigmoid",
        "1 / (1 + exp(-x))",
        "Rumelhart et al. 1986",
        kernel=None,
        function="torch:sigmoid",
        floor=0.0,
        top=1.0,
        **_SIGMOIDAL,
    ),
    entry(
        "relu6",
        "min(6, max(0, x))",
        "Krizhevsky 2010; Howard et al. 2017, arXiv 1704.04861",
        kernel="relu",
        kinks=(0.0,),
        identity_from=0.0,
        monotonic=True,
        gates=True,
        floor=0.0,
        cap=6.0,
    ),
    entry(
        "hardtanh",
        "clamp(x, -1, 1)",
        "Collobert 2004",
        kernel=None,
        function="torch.nn.functional:hardtanh",
        kinks=(-1.0, 1.0),
        identity_from=math.inf,
        monotonic=True,
        gates=False,
        floor=-1.0,
        top=1.0,
    ),
    entry(
        "mish",
        "x tanh(log(1 + exp(x)))",
        "Misra 2019, arXiv 1908.08681",
        kernel=None,
        function="torch.nn.functional:mish",
        kinks=(),
        identity_from=math.inf,
        monotonic=False,
        gates=False,
        floor=-0.3088434130172505,
    ),
    entry(
        "elu",
        "x if x > 0 else exp(x) - 1",
        "Clevert et al. 2016, arXiv 1511.07289",
        kernel=None,
        function="torch.nn.functional:elu",
        kinks=(),
        identity_from=0.0,
        monotonic=True,
        gates=False,
        floor=-1.0,
    ),
    entry(
        "selu",
        "1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))",
        "Klambauer et al. 2017, arXiv 1706.02515",
        kernel=None,
        function="torch.nn.functional:selu",
        kinks=(0.0,),
        identity_from=math.inf,
        monotonic=True,
        gates=False,
        floor=SELU_FLOOR,
    ),
    entry(
        "squared_relu",
        "max(0, x)^2",
        "So et al. 2021, arXiv 2109.08668",
        kernel=None,
        function=f"{_MORE}:squared_relu",
        kinks=(),
        identity_from=math.inf,
        monotonic=True,
        gates=True,
        floor=0.0,
    ),
    entry(
        "silu_bounded",
        "silu(x) - silu(x - 3)",
        "built here: silu made bounded without a kink",
        kernel=None,
        function=f"{_MORE}:silu_bounded",
        kinks=(),
        identity_from=math.inf,
        monotonic=False,
        gates=False,
        floor=-0.22422814940575875,
        top=3.22422814940575875,
    ),
    entry(
        "gelu_bounded",
        "gelu(x) - gelu(x - 3)",
        "built here: gelu made bounded without a kink",
        kernel=None,
        function=f"{_MORE}:gelu_bounded",
        kinks=(),
        identity_from=math.inf,
        monotonic=False,
        gates=False,
        floor=-0.1696435746249326,
        top=3.1696435746249326,
    ),
)
"""Entries of `catalogue.ACTIVATIONS`; the last two are the smooth bounded cell of a 2 x 2."""
