"""Rows of plans.parquet: every quantizer of a plan, and how far the two backends agree."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quantstudy.drift.catalogue import TOLERANCE
from quantstudy.measure.answers import NUMBERS, TWO_CLASSES
from quantstudy.measure.evaluation import Effect, Subject
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import quantized_stack
from quantstudy.quantize.plan import Plan
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer, Truncation
from quantstudy.quantize.torchao_backend import RealResult
from quantstudy.records.schemas import PLANS, rows

Answers = NDArray[np.float32]


def plan_rows(subject: Subject, effect: Effect) -> list[pa.Table]:
    """The scheme's plan, a row per scale, and the parity of the two backends, a row per weight tensor and per logit."""
    plan = effect.plan
    tables = [_quantizer_rows(subject, effect.scheme, name, q) for name, q in plan.by_tensor.items() if q is not None]
    return tables + (_parity_rows(subject, effect, effect.real) if effect.real is not None else [])


def _quantizer_rows(
    subject: Subject, scheme: str, tensor: str, quantizer: Quantizer | TokenQuantizer | Truncation
) -> pa.Table:
    common: dict[str, Any] = {"activation": subject.activation, "scheme": scheme, "backend": "simulated"}
    common |= {"tensor": tensor, "bits": quantizer.format.bits, "format": quantizer.format.name}
    seeds = np.asarray(subject.seeds, dtype=np.int32)
    if isinstance(quantizer, TokenQuantizer):  # scale and zero point are chosen at run time
        return rows(PLANS, len(seeds), seed=seeds, **common)
    scale = np.broadcast_to(quantizer.scale.cpu().numpy()[..., 0], (len(seeds), quantizer.scale.shape[1]))
    zero = np.broadcast_to(quantizer.zero_point.cpu().numpy()[..., 0], scale.shape)
    model, channel = np.unravel_index(np.arange(scale.size), scale.shape)
    return rows(
        PLANS,
        scale.size,
        seed=seeds[model],
        channel=channel if tensor.endswith(".weight") else None,
        scale=scale.ravel(),
        zero_point=zero.ravel(),
        **common,
    )


def _parity_rows(subject: Subject, effect: Effect, real: RealResult) -> list[pa.Table]:
    common = {"activation": subject.activation, "scheme": effect.scheme, "backend": "torchao"}
    seeds = np.asarray(subject.seeds, dtype=np.int32)
    tables = []
    for layer, equal in enumerate(weights_equal(subject.stack, effect.plan, real)):
        tables.append(
            rows(PLANS, len(seeds), seed=seeds, tensor=f"layers.{layer}.weight", weights_equal=equal, **common)
        )
    fake, true = subject.logit(effect.accumulated.logit), subject.logit(real.logit)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        apart = np.abs(fake - true).max(axis=(1, 2)).astype(np.float64)
    tables.append(
        rows(
            PLANS,
            len(seeds),
            seed=seeds,
            tensor="logit",
            max_abs_logit_difference=apart,
            flips=disagree(fake, true, subject).reshape(len(seeds), -1).sum(axis=1),
            **common,
        )
    )
    return tables


def weights_equal(stack: Stack, plan: Plan, real: RealResult) -> NDArray[np.bool_]:
    """Return whether torchao holds the weights of the simulated path, bit for bit, [layers, models]."""
    simulated = quantized_stack(stack, plan).weights
    pairs = zip(simulated, real.weights, strict=True)
    return np.stack([(ours.cpu() == theirs).flatten(1).all(dim=1).numpy() for ours, theirs in pairs])


def disagree(fake: Answers, true: Answers, subject: Subject) -> NDArray[np.bool_]:
    """Return at which points the backends decide differently, [models, …]; numbers where one is off by the other.

    A point that has a class, or a number, in one backend alone is decided differently; one that has none in either is
    not.
    """
    if subject.answers is NUMBERS:
        with np.errstate(invalid="ignore"):
            off = np.abs(fake.astype(np.float64) - true) > TOLERANCE * subject.asked.peak[:, None, None]
        return np.asarray((off | (np.isfinite(fake) != np.isfinite(true))).any(axis=1))
    return np.asarray(_decisions(fake, subject) != _decisions(true, subject))


def _decisions(logits: Answers, subject: Subject) -> NDArray[np.int64]:
    """Return the number of the class at every point, −1 for none."""
    if subject.answers is TWO_CLASSES:
        return np.where(np.isfinite(logits), logits > 0, -1).astype(np.int64)
    return np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
