"""Training with rounding as a formula: float64, autograd, gradients through the rounding written out, one weight at a
time where weights are watched."""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from quantstudy_kernels import draws
from quantstudy_kernels.cpu.rounded_trainer import Schedule
from quantstudy_kernels.cpu.trainer import Examples, Recipe
from quantstudy_kernels.forward import Fixed, PerPoint, Rounding

from tests.kernels.conftest import DEFINITIONS
from tests.kernels.twin import mean_loss, unpacked


class Through(torch.autograd.Function):
    """x rounded; gradients for x, the scale and the zero point."""

    @staticmethod
    def forward(context, x, scale, zero, low, high, sharp, held):
        t = x / scale
        whole = torch.round(t)
        code = (whole + zero).clamp(low, high) - zero
        inside = (code == whole) if held is None else (code == whole) & ~held
        slope = torch.where(inside, 1 + sharp * (4 * (t - whole).abs() - 1), 0.0)
        context.save_for_backward(slope, code - slope * t, (code != whole).double() * scale)
        context.shape = scale.shape
        return code * scale

    @staticmethod
    def backward(context, up):
        slope, by_scale, by_zero = context.saved_tensors
        scale, zero = (up * by_scale).sum_to_size(context.shape), -(up * by_zero).sum_to_size(context.shape)
        return up * slope, scale, zero, None, None, None, None


def per_point(x, quantizer: PerPoint):
    """What comes out where a scale is chosen for every point; gradients as if it were x."""
    exact, x = x, x.detach().float()  # a point's largest value always lies at a tie
    top, bottom = x.amax(0).clamp(min=0), x.amin(0).clamp(max=0)
    if quantizer.symmetric:
        scale = (torch.maximum(top, -bottom) / ((quantizer.high - quantizer.low) / 2)).clamp(min=quantizer.least)
        zero = torch.zeros_like(top)
    else:
        scale = ((top - bottom) / (quantizer.high - quantizer.low)).clamp(min=quantizer.least)
        zero = quantizer.low - torch.round(bottom / scale)
    code = (torch.round(x * (1 / scale)) + zero).clamp(quantizer.low, quantizer.high)
    return exact + ((code - zero).double() * scale - exact).detach()


@dataclass
class Watch:
    """What is known of one weight."""

    code: float = math.nan
    mean: float = 0.0
    turn: float = 0.0
    swings: float = 0.0
    held: bool = False

    def look(self, t: float, low: int, high: int, holding: bool) -> None:
        t = min(max(t, low), high)
        code = float(np.rint(t))
        if math.isnan(self.code):
            self.code, self.mean = code, t
        moved = code - self.code
        self.swings += 0.01 * (float(moved * self.turn < 0) - self.swings)
        self.mean += 0.01 * (t - self.mean)
        self.turn, self.code = moved or self.turn, code
        if holding and self.swings > 0.1:
            self.held, self.code = True, float(np.rint(self.mean))


class Adam:
    """By the book; `after` is how many steps were taken before there was anything to learn."""

    def __init__(self, how: Recipe, like: torch.Tensor, after: int = 0) -> None:
        self.how, self.after, self.m, self.v = how, after, torch.zeros_like(like), torch.zeros_like(like)

    def step(self, g: torch.Tensor, step: int) -> torch.Tensor:
        n = step - self.after + 1
        self.m = self.how.beta1 * self.m + (1 - self.how.beta1) * g
        self.v = self.how.beta2 * self.v + (1 - self.how.beta2) * g * g
        m, v = self.m / (1 - self.how.beta1**n), self.v / (1 - self.how.beta2**n)
        return self.how.rates[step] * m / (v.sqrt() + self.how.epsilon)


@dataclass
class Found:
    flat: torch.Tensor
    losses: list[float] = field(default_factory=list)
    scales: dict = field(default_factory=dict)
    zeros: dict = field(default_factory=dict)
    watches: list = field(default_factory=list)


def train_one(
    how: Recipe, flat: np.ndarray, rounding: Rounding, seed: int, examples: Examples, model: int, plan: Schedule
) -> Found:
    """Train one model; `model` is which of the examples and scales are its own."""
    steps = len(how.rates)
    first_outputs, first_weights, first_hold = (
        round(share * steps) for share in (plan.outputs_from, plan.weights_from, plan.hold_from)
    )
    found = Found(torch.tensor(flat, dtype=torch.float64))
    logs, between, adams, ends = {}, {}, {"flat": Adam(how, found.flat)}, {}
    for kind, quantizers, after in (("w", rounding.weights, first_weights), ("a", rounding.outputs, first_outputs)):
        for k, q in enumerate(quantizers):
            if isinstance(q, Fixed):
                own = model if len(q.scale) > 1 else 0
                logs[kind, k] = q.scale[own].double().log()
                between[kind, k] = q.zero_point[own].double()
                ends[kind, k] = q.low, q.high
                adams[kind, k] = Adam(how, logs[kind, k], after), Adam(how, logs[kind, k], after)
    watches = [[[Watch() for _ in range(into)] for _ in range(out)] for into, out in itertools.pairwise(how.neurons)]
    for step in range(steps):
        chosen = draws.numbers(np.array(seed), how.purpose, np.array(step), how.batch, examples.labels.shape[2])
        x = torch.tensor(examples.inputs[model % len(examples.inputs)][:, chosen], dtype=torch.float64)
        labels = torch.tensor(examples.labels[model][:, chosen], dtype=torch.float64)
        found.flat.requires_grad_()
        scales = {key: log.exp().requires_grad_() for key, log in logs.items()}
        zeros = {key: zero.round().requires_grad_() for key, zero in between.items()}
        on = {"w": step >= first_weights, "a": step >= first_outputs}
        x = _answers(how, found.flat, x, rounding, on, scales, zeros, watches, plan.sharpness * step / steps)
        loss = mean_loss(how, x, labels)
        loss.backward()
        found.losses.append(float(loss.detach()))
        with torch.no_grad():
            found.flat = found.flat.detach() - adams["flat"].step(found.flat.grad, step)
            for (kind, k), log in logs.items():
                if not on[kind]:
                    continue
                g, gain = scales[kind, k].grad, plan.weight_gain if kind == "w" else plan.output_gain
                move = gain * adams[kind, k][0].step(g * scales[kind, k].detach(), step)
                logs[kind, k] = log + (1 - move).clamp(0.5, 2).log()
                if kind == "a":
                    move = plan.zero_gain * adams[kind, k][1].step(zeros[kind, k].grad, step)
                    between[kind, k] = (between[kind, k] - move).clamp(*ends[kind, k])
            for k, of_layer in enumerate(watches if on["w"] else []):
                if ("w", k) in logs:
                    _hold(found.flat, how, k, logs["w", k].exp(), ends["w", k], of_layer, step >= first_hold)
    found.scales = {key: log.exp() for key, log in logs.items()}
    found.zeros = {key: zero.round() for key, zero in between.items()}
    found.watches = watches
    return found


def _answers(how, flat, x, rounding, on, scales, zeros, watches, sharp) -> torch.Tensor:
    """What the rounded network answers; `scales` and `zeros` are leaves."""
    weights, biases, slopes = unpacked(flat, how.neurons)
    for k, float_weights in enumerate(weights):
        w = float_weights
        if rounding.weights and rounding.weights[k] and on["w"]:
            q, held = rounding.weights[k], torch.tensor([[own.held for own in row] for row in watches[k]])
            w = Through.apply(w, scales["w", k], zeros["w", k], q.low, q.high, 0.0, held)
        x = w @ x + biases[k]
        if k == len(weights) - 1:
            return x
        x = DEFINITIONS[how.name](x, slopes[k] if slopes else None).clamp(max=how.cap)
        q = rounding.outputs[k] if rounding.outputs and on["a"] else None
        if isinstance(q, PerPoint):
            x = per_point(x, q)
        elif q is not None:
            own = sharp * min(1, 16 / (q.high - q.low + 1))
            x = Through.apply(x, scales["a", k], zeros["a", k], q.low, q.high, own, None)
    raise AssertionError


def _hold(flat, how, k, scale, ends, watches, holding) -> None:
    weight = unpacked(flat, how.neurons)[0][k]
    steps = scale.expand(len(weight), 1)[:, 0]
    for o, row in enumerate(watches):
        for i, watch in enumerate(row):
            if not watch.held:
                watch.look(float(weight[o, i] / steps[o]), *ends, holding)
            if watch.held:
                weight[o, i] = watch.code * steps[o]
