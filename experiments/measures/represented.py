"""What the hidden layers of trained networks look like: dimensions that they fill, what single neurons' codes tell."""

from experiments.measures.capacity import code_information, effective_rank, participation_ratio, spectrum
from experiments.measures.output_codes import output_quantizers
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats, Ints, Mask, Numbers
from quantstudy.quantize.scheme import IntFormat


def represented(config: StudyConfig, activation: str, seeds: range) -> list[dict[str, Floats]]:
    """Return rank, participation ratio and information of every hidden layer, by metric `[seeds]`.

    A layer whose outputs are all constant has rank and participation ratio 0, a dead neuron holds 0 bits.

    Args:
        config: how the networks are trained, and the bits of the codes.
        activation: its name.
        seeds: of the networks.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject

    stack, masks = trained_stack(config, activation, seeds.start, seeds.stop)
    with torch.no_grad():
        maps = subject(stack, seeds, masks).maps
        codes = {
            bits: [
                quantizer.codes(output).numpy()
                for quantizer, output in zip(output_quantizers(config, stack, maps, bits), maps.outputs, strict=True)
            ]
            for bits in config.bit_widths
        }
    classes = masks.reshape(len(masks), 1, -1)
    return [
        layer_measures(
            output.numpy(), {bits: (found[layer], IntFormat(bits)) for bits, found in codes.items()}, classes
        )
        for layer, output in enumerate(maps.outputs)
    ]


def layer_measures(outputs: Numbers, codes: "dict[int, tuple[Ints, IntFormat]]", classes: Mask) -> dict[str, Floats]:
    """Return the measures of one hidden layer, each `[models]`.

    Args:
        outputs: float outputs `[models, width, points]`.
        codes: per width of integers the codes, of the outputs' shape, and their format.
        classes: whether a point is an island, `[models, 1, points]`.
    """
    eigenvalues = spectrum(outputs)
    return {
        "effective_rank": effective_rank(eigenvalues),
        "participation": participation_ratio(eigenvalues),
        **{
            f"information_{bits}": code_information(found, classes, form.low, form.high).mean(axis=-1)
            for bits, (found, form) in codes.items()
        },
    }
