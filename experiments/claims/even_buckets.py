"""Does a bounded activation fill the quantizer's buckets more evenly?

Codes of the hidden outputs of the default study's float networks under the study's own min-max quantizers. The main
part is that at 4 bits, where buckets are few; the bound itself must show there too, against hardgelu without its cap
(beside in the first reading, at 0.476 bits). The mean of the six at 8 bits leans on prelu, which learns slopes that use
both halves of its range (seen in the first reading): beside stands the comparison without it. A tenth of a bit of
entropy is a fortieth of what a 4-bit code can carry; less would not be worth another activation.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.output_codes import output_quantizers
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.drift.ranges import code_measures
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows, variant_rows

STUDY = StudyConfig(bits=(4, 8))

CLAIM = Claim(
    name="even_buckets",
    says="A bounded activation such as HardGELU fills the buckets of a quantizer more evenly.",
    measured=(
        "Entropy of the codes of the hidden outputs at 4 and 8 bits, their occupancy and the share of codes on the "
        "negative lobe, per layer; hardgelu minus the mean of the six unbounded ones, and minus itself without its "
        "cap."
    ),
    parts=(
        Part("entropy_4", "hardgelu's codes have more entropy at 4 bits, mean of the layers", 0.1, "bits"),
        Part("entropy_8", "hardgelu's codes have more entropy at 8 bits, mean of the layers", 0.1, "bits"),
        Part(
            "cap_4",
            "the cap alone gives more entropy at 4 bits (hardgelu minus hardgelu_uncapped)",
            0.1,
            "bits",
        ),
        Part("cap_8", "the cap alone gives more entropy at 8 bits", 0.1, "bits", decides=False),
        Part(
            "others_8",
            "hardgelu's codes have more entropy at 8 bits than the five other than prelu",
            0.1,
            "bits",
            decides=False,
        ),
        Part("occupancy_8", "hardgelu uses more of the codes at 8 bits", 0.02, "points of share", 100.0, decides=False),
        Part(
            "negative_8",
            "hardgelu spends fewer codes on the negative lobe at 8 bits",
            0.02,
            "points of share",
            100.0,
            decides=False,
        ),
    ),
    main="entropy_4",
)

UNBOUNDED = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish")
"""What hardgelu is compared with."""
ACTIVATIONS = (*UNBOUNDED, "hardgelu", "hardgelu_uncapped")
MEASURES = ("code_entropy_bits", "code_occupancy", "negative_code_share")
"""Measures of `drift.ranges.code_measures` that are kept."""
BINS = 16
"""Bars of a histogram of codes."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return how the codes of every hidden layer are used (x = layer), their mean over the layers, and a histogram.

    The histogram pools seeds, layers, neurons and pixels of the block: metric `share`, x = bin of BINS over all codes,
    in rows of the block's first seed.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject
    from quantstudy.quantize.scheme import IntFormat

    stack, masks = trained_stack(STUDY, activation, first, last)
    variants: Variants = []
    tables = []
    with torch.no_grad():
        on = subject(stack, range(first, last), masks)
        for bits in STUDY.bit_widths:
            form, quantizers = IntFormat(bits), output_quantizers(STUDY, stack, on.maps, bits)
            layers = []
            counts = np.zeros(BINS)
            for layer, (maps, quantizer) in enumerate(zip(on.maps.outputs, quantizers, strict=True)):
                scale, zero = (t.numpy()[:, 0, 0] for t in (quantizer.scale, quantizer.zero_point))
                found = code_measures(on.on_plane(maps), scale, zero, form.low, form.high)
                layers.append({name: found[name] for name in MEASURES})
                variants.append(({"case": f"a{bits}", "x": float(layer)}, layers[-1]))
                bins = (quantizer.codes(maps) - form.low) * (BINS / 2**bits)
                counts += torch.bincount(bins.to(torch.int64).flatten(), minlength=BINS).numpy()
            means = {name: np.mean([layer[name] for layer in layers], axis=0) for name in MEASURES}
            variants.append(({"case": f"a{bits}"}, means))
            share = counts / counts.sum()
            where = {"activation": activation, "seed": first, "case": f"a{bits}", "metric": "share"}
            tables.append(rows(SCHEMA, BINS, x=np.arange(BINS, dtype=np.float64), value=share, **where))
    measured = variant_rows(SCHEMA, activation, range(first, last), variants)
    return pa.concat_tables([measured, *tables]).unify_dictionaries()


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per seed how much more even hardgelu's codes are, mean of the hidden layers."""

    def mean_of_layers(metric: str, bits: int) -> pd.DataFrame:
        return by_seed(table[table["x"].isna()], metric, case=f"a{bits}")

    found = {}
    for bits in STUDY.bit_widths:
        entropy = mean_of_layers("code_entropy_bits", bits)
        found[f"entropy_{bits}"] = contrast(entropy, ["hardgelu"], UNBOUNDED)
        found[f"cap_{bits}"] = contrast(entropy, ["hardgelu"], ["hardgelu_uncapped"])
    found["others_8"] = contrast(entropy, ["hardgelu"], [name for name in UNBOUNDED if name != "prelu"])
    found["occupancy_8"] = contrast(mean_of_layers("code_occupancy", 8), ["hardgelu"], UNBOUNDED)
    found["negative_8"] = contrast(mean_of_layers("negative_code_share", 8), UNBOUNDED, ["hardgelu"])
    return found


EXPERIMENT = Measured(CLAIM, units, measure, effects)
