"""Number of each activation in compiled code; caps are apart."""

KINDS = {
    "relu": 0,
    "leaky_relu": 1,
    "prelu": 2,
    "silu": 3,
    "gelu": 4,
    "hardswish": 5,
    "hardgelu": 6,
    "hardgelu_uncapped": 6,
}
"""By name, as `quantstudy_kernels.ACTIVATION_NAMES` has them."""
