"""The integers that hidden outputs become where activations alone are quantized, by the study's own static ranges."""

from typing import TYPE_CHECKING

from quantstudy.config.study import StudyConfig

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack
    from quantstudy.quantize.plan import FloatMaps
    from quantstudy.quantize.quantizer import Quantizer


def output_quantizers(config: StudyConfig, stack: "Stack", maps: "FloatMaps", bits: int) -> list["Quantizer"]:
    """Return the quantizer of every hidden layer's outputs at one width.

    Args:
        config: whose ranges and granularity.
        stack: networks.
        maps: their float maps over the plane.
        bits: of the integers.
    """
    from quantstudy.measure.variation import plan_of
    from quantstudy.quantize.quantizer import Quantizer
    from quantstudy.quantize.scheme import IntFormat, Scheme

    found = []
    for quantizer in plan_of(stack, maps, config, Scheme(None, IntFormat(bits))).outputs:
        assert isinstance(quantizer, Quantizer)  # static ranges: one for all points
        found.append(quantizer)
    return found
