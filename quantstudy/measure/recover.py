"""What a recipe does for quantized networks: how good they are at the held-out points, half by half."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.measure.answers import in_halves
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.parity import disagree, weights_equal
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import Plan, float_maps
from quantstudy.quantize.recover.recipe import Bench, Quantized
from quantstudy.quantize.scheme import Scheme
from quantstudy.quantize.torchao_backend import RealResult
from quantstudy.records.schemas import RECOVER, variant_rows


def recover_rows(on: Subject, recipe: str, repaired: Quantized, steps: int, real: RealResult | None = None) -> pa.Table:
    """Rows of repaired networks.

    Args:
        on: the float networks, with held-out points.
        recipe: as it prints.
        repaired: the networks of the same seeds, and their plan.
        steps: training steps that the recipe took.
        real: what torchao gives of them at the measured points, None where it has no such scheme.
    """
    what = {"scheme": str(repaired.plan.scheme), "recipe": recipe}
    measures = heldout(on, repaired) | {"steps": np.full(len(on.seeds), float(steps))}
    if real is not None:
        measures |= parity(on, repaired, real)
    return variant_rows(RECOVER, on.activation, on.seeds, [(what, measures)])


def bench_of(on: Subject, config: StudyConfig, threads: int = 1) -> Bench:
    """Return what recipes work with: the points that the networks were trained on, and plans as the study makes them.

    Args:
        on: the float networks.
        config: their study.
        threads: networks that are repaired at once.
    """

    def plan(stack: Stack, scheme: Scheme, *, observer: str | None = None) -> Plan:
        maps = on.calibration_of(float_maps(stack, on.maps.points))
        return plan_of(stack, maps, config if observer is None else config.with_options(observer=observer), scheme)

    return Bench(on.seeds, on.data.training, plan, config.steps, config.batch, config.lr, threads)


def heldout(on: Subject, repaired: Quantized) -> dict[str, Floats]:
    """Return how good quantized networks are at the held-out points, and what they lose: at all and on either half.

    Raises:
        ValueError: there are no held-out points.
    """
    if on.heldout is None:
        raise ValueError("heldout: there are no held-out points")
    kind, asked = on.answers, on.heldout.asked
    (logit,) = quantized_logits(repaired.stack, [repaired.plan], on.heldout.points)
    answers = on.heldout_answers(logit)
    before = in_halves(kind, on.heldout_answers(float_maps(on.stack, on.heldout.points).logit), asked)
    after = in_halves(kind, answers, asked)
    ranked = kind.ranked
    halves = ((ranked.drop_even, ranked.even), (ranked.drop_odd, ranked.odd))
    lost = {drop: kind.loss(before[half], after[half]) for drop, half in halves}
    return on.heldout_measures(answers) | after | lost


def parity(on: Subject, repaired: Quantized, real: RealResult) -> Mapping[str, Floats]:
    """Return whether torchao holds the simulated path's weights, bit for bit, and where it decides otherwise.

    `weights_equal`, 1 or 0, and `torchao_flips`, the number of measured points; [seeds] each.
    """
    (logit,) = quantized_logits(repaired.stack, [repaired.plan], on.maps.points)
    differ = disagree(on.logit(logit), on.logit(real.logit), on)
    return {
        "weights_equal": weights_equal(repaired.stack, repaired.plan, real).all(axis=0).astype(np.float64),
        "torchao_flips": differ.reshape(len(on.seeds), -1).sum(axis=1).astype(np.float64),
    }
