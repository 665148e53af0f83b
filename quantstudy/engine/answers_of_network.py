"""What one network of a finished run answers, before and after quantization, point by point."""

import torch

from quantstudy.deploy.decisions import classes
from quantstudy.deploy.gate.networks import Gated
from quantstudy.deploy.gate.outcome import Counts
from quantstudy.deploy.gate.table import counted
from quantstudy.engine.quantized import prepared
from quantstudy.errors import BadInput
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import float_maps, points_of
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.records.run import Run


@torch.no_grad()
def network_counts(run: Run, gated: Gated, seed: int) -> Counts:
    """Return what the network of one seed does: accuracy at the held-out points, flips where drift is measured.

    Quantized by the simulated path. A point without a finite answer is wrong, and its class has changed.

    Args:
        run: a finished run of classes, with its weights, whose functions and data have not changed.
        gated: its activation, scheme and recipe.
        seed: one of the run's.

    Raises:
        BadInput: the network has no finite answers in float.
    """
    networks = prepared(run, gated.activation, gated.scheme, gated.recipe or PLAIN, [seed])
    on, after = networks.on, networks.quantized
    heldout = on.data.heldout
    points, right = points_of(heldout.inputs), heldout.labels.reshape(-1)
    answers = [float_maps(on.stack, points).logit, on.maps.logit]
    if not all(bool(logit.isfinite().all()) for logit in answers):
        raise BadInput("network", seed, f"{gated.activation} of this seed has no finite answers in float")
    rounded = [quantized_logits(after.stack, [after.plan], each)[0] for each in (points, on.maps.points)]
    before, seen, quantized, changed = (classes(logit[0].cpu().numpy()) for logit in (*answers, *rounded))
    return counted(before == right, quantized == right, seen != changed)
