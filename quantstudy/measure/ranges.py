"""Which ranges of activations the observers choose that look at all values: what the page can't find out by itself."""

import pyarrow as pa

from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import Subject
from quantstudy.quantize.plan import static_quantizers
from quantstudy.quantize.scheme import IntFormat
from quantstudy.records.schemas import RANGES, rows

SEARCHED = ("percentile", "mse")
"""Observers whose ranges depend on more than the ends of what they see."""


def range_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of the static quantizers of every hidden layer, before and after the activation, one scale per tensor.

    By each observer of SEARCHED, at every width of the study; a row per network and tensor, named as in plans.parquet.
    """
    maps, hidden = subject.calibration, range(subject.stack.hidden)
    names = [*(f"layers.{k}.preactivation" for k in hidden), *(f"layers.{k}.output" for k in hidden)]
    tables = []
    for observer in SEARCHED:
        quantizers = static_quantizers([*maps.preactivations, *maps.outputs], observer)
        for form in map(IntFormat, config.bit_widths):
            for name, found in zip(names, quantizers(form), strict=True):
                what = {"activation": subject.activation, "observer": observer, "format": form.name, "tensor": name}
                of_each = {"scale": found.scale.flatten().tolist(), "zero_point": found.zero_point.flatten().tolist()}
                tables.append(rows(RANGES, len(subject.seeds), **what, seed=list(subject.seeds), **of_each))
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
