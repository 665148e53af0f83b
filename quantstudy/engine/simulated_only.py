"""Where torchao takes part in a study, and why it does not elsewhere. Importing this file loads no torch."""

from collections.abc import Iterator

from quantstudy.config.allowed import WEIGHT_OBSERVERS
from quantstudy.config.study import StudyConfig
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.scheme import MAX_TORCHAO_BITS, Scheme

NARROW = "inputs 1: torchao can't quantize layers of 1 input, only the simulated path runs"
"""The notice that a user reads where a target has one input."""


def runs_in_torchao(config: StudyConfig, scheme: Scheme) -> bool:
    """Whether torchao can do this scheme at this study's placement (its configs quantize the inputs of layers 1 …).

    It cannot where a layer has one neuron: torchao 0.18 takes blocks of one element for one block of all elements. Its
    8-bit configs choose weight scales in one way only, symmetrically, and none leaves the lowest code out.
    """
    wide = scheme.weights == IntFormat(MAX_TORCHAO_BITS)
    return (
        scheme.in_torchao
        and config.quantizes_hidden_outputs_only
        and 1 not in config.hidden
        and config.weight_observer in (("symmetric",) if wide else WEIGHT_OBSERVERS)
    )


def simulated_only(config: StudyConfig) -> Iterator[str]:
    """Yield why torchao takes no part where a user would expect it to."""
    wide = [str(bits) for bits in config.bits if bits > MAX_TORCHAO_BITS]
    if wide:
        yield (
            f"bits {','.join(wide)}: torchao has no integers wider than {MAX_TORCHAO_BITS} bits, "
            "only the simulated path runs"
        )
    left_out = [str(scheme) for scheme in config.added_schemes if not scheme.in_torchao]
    if left_out:
        yield f"schemes {','.join(left_out)}: torchao has no such configurations, only the simulated path runs"
    if 1 in config.hidden:
        neurons = ",".join(map(str, config.hidden))
        yield f"hidden {neurons}: torchao can't quantize layers of 1 neuron, only the simulated path runs"
    if config.weight_observer not in WEIGHT_OBSERVERS:
        yield (
            f"weight_observer {config.weight_observer}: no configuration of torchao leaves the lowest code out, only "
            "the simulated path runs"
        )
    elif config.weight_observer != "symmetric":
        yield (
            f"weight_observer {config.weight_observer}: torchao's {MAX_TORCHAO_BITS}-bit configurations have symmetric "
            "weight scales only, there only the simulated path runs"
        )
    if not config.quantizes_hidden_outputs_only:
        yield (
            f"placement {config.placement}, input_bits {config.input_bits or 'none'}: torchao quantizes the "
            "outputs of hidden layers and nothing else, only the simulated path runs"
        )
