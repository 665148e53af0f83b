"""Which functions are exactly 0 on a half line."""

from experiments.measures.exact_zeros import half_line
from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, parse_activation


def test_half_lines() -> None:
    found = {name: half_line(name) for name in DEFAULT_ACTIVATIONS}
    exact = {name for name, traits in found.items() if traits["zero_half_line"]}
    assert exact == {"relu", "hardswish", "hardgelu"} == {n for n in found if parse_activation(n).gates}
    rounded = {name for name, traits in found.items() if traits["zero_in_float32"]}
    # gelu's 1 + erf is rounded to 0 below about −5.5; silu's sigmoid only where it is made of a tanh, as in the kernels
    assert exact | {"gelu"} <= rounded <= exact | {"gelu", "silu"}
