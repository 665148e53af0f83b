"""Do monotonic activations need only their output for the gradient, and does working in place save memory?

What autograd keeps, and the peak of live bytes in a training step of a 6-layer MLP, counted tensor by tensor.

The output determines the derivative if no output that two inputs have in common comes with two derivatives. Levels are
laid across the outputs that two stretches of f share (between its turning points), both inputs are found by bisection.
Single points don't count: at a bend the derivative may be either of its one-sided ones, so the output 0 of relu says 0
and the output 6 of relu6 says 0, as on the plateaus that begin there.

Memory is saved against silu and gelu, which keep their input beside the output that the next layer keeps anyway: that
is what the article compares. relu in place against relu as torch has it stands beside: torch's relu keeps only its
output already, so working in place has nothing left to save at the peak. (In the first reading that decided too, and
came out as 0.) The main part is the memory: that the output tells the derivative where a function is monotonic, and not
where it falls and rises over the same outputs, could be proved; it is checked here for every function there is. Less
than 5 % of a peak would not decide what fits into a memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.told_by_output import derivative
from quantstudy.activations.catalogue import ACTIVATIONS, DEFAULT_ACTIVATIONS
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.engine.trained import seed_blocks, trained_arrays
from quantstudy.judge.claims import Claim, Part
from quantstudy.records.schemas import CLAIM as COLUMNS
from quantstudy.records.schemas import rows

STUDY = StudyConfig()
"""Where prelu learns the slopes whose signs are reported beside the verdict."""
LAYERS, WIDTH, BATCH = 6, 1024, 1024
"""Linear layers of the MLP, an activation behind each but the last, mean squared error against targets of its width.
Alive throughout: parameters, inputs, targets; in the end all gradients of parameters. There is no optimizer's state."""
PRELU_SLOPES = (0.25, -0.25)
"""Where training starts, and one on the other side of 0: the slope is learned."""

CLAIM = Claim(
    name="backward_memory",
    says="Monotonic activations need only the output for their gradient and can work in place, which saves memory; "
    "Swish and GELU need input and output.",
    measured=(
        "For every activation whether the derivative is a function of the output; bytes kept for backward; peak of "
        "live bytes in a training step of a 6-layer MLP (width 1024, batch 1024), plain and in place."
    ),
    parts=(
        Part(
            "monotonic_suffices",
            "every monotonic activation has a derivative that its output tells, as can be proved (1 yes, −1 no)",
            0.5,
            exact=True,
        ),
        Part("others_do_not", "no other one does (1 yes, −1 no)", 0.5, exact=True),
        Part(
            "in_place_saves",
            "relu in place has a lower peak than relu plain (share of the plain peak)",
            0.05,
            "%",
            100.0,
            exact=True,
            decides=False,
        ),
        Part(
            "saves_against_smooth",
            "relu in place has a lower peak than silu and gelu plain (share of theirs)",
            0.05,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "plain_differs",
            "plain relu has a lower peak than plain silu and gelu (share of theirs)",
            0.05,
            "%",
            100.0,
            exact=True,
            decides=False,
        ),
    ),
    main="saves_against_smooth",
    alone=True,
)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: derivatives, kept bytes, one training step per way, the slopes that prelu learns."""
    steps = [{"what": "peak", "activation": name, "way": way} for name in DEFAULT_ACTIVATIONS for way in ways(name)]
    told = [{"what": "told", "activation": name} for name in ACTIVATIONS]
    kept = [{"what": "kept", "activation": name} for name in DEFAULT_ACTIVATIONS]
    return [*told, *kept, *steps, *({"what": "slopes", "first": f, "last": to} for f, to in seed_blocks(seeds))]


def measure(what: str, **unit: Any) -> pa.Table:
    """Measure one piece.

    Metrics: case `grid` (x: prelu's slope): `monotonic`, `told` (1 yes, 0 no), `gap`, the largest difference of two
    derivatives that share an output. Case = way of `cost.memory.WAYS`: `saved_bytes`, `added_bytes` per output element.
    Case `plain`, `in_place` (torch's), `in_place_from_output` (ours), `single_pass` (ours, keeps its input):
    `peak_bytes`, and what is kept when the forward pass ends, `linear_bytes` (hidden layers' outputs that the next
    linear layer keeps), `activation_bytes` (what an activation keeps alone). Case `learned`: `slopes_not_positive`,
    share per seed.
    """
    pieces: dict[str, Callable[..., pa.Table]] = {"told": _told, "kept": _kept, "peak": _peak, "slopes": _slopes}
    return pieces[what](**unit)


def effects(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return one value per part; silu and gelu count with the one that relu differs less from."""
    grid = table[table["case"] == "grid"].astype({"activation": str})
    found = grid.pivot(index=["activation", "x"], columns="metric", values="value")
    effects = {}
    if len(found):
        monotonic = found["monotonic"] == 1
        effects["monotonic_suffices"] = _yes(found["told"][monotonic] == 1)
        effects["others_do_not"] = _yes(found["told"][~monotonic] == 0)
    peak = peaks(table)
    smooth = min(peak.get((name, "plain"), np.nan) for name in ("silu", "gelu"))
    plain, in_place = peak.get(("relu", "plain"), np.nan), peak.get(("relu", "in_place"), np.nan)
    effects |= {
        "in_place_saves": 1 - in_place / plain,
        "saves_against_smooth": 1 - in_place / smooth,
        "plain_differs": 1 - plain / smooth,
    }
    return {part: np.array([value]) for part, value in effects.items() if np.isfinite(value)}


def _yes(all_of_them: "pd.Series[bool]") -> float:
    """Return 1 where all of them are so, −1 where one is not, NaN where there is none."""
    if not len(all_of_them):
        return np.nan
    return 1.0 if all_of_them.all() else -1.0


def peaks(table: pd.DataFrame, metric: str = "peak_bytes") -> dict[tuple[str, str], float]:
    """Return one metric of the training steps by (activation, way)."""
    found = table[table["metric"] == metric].astype({"activation": str, "case": str})
    return dict(zip(zip(found["activation"], found["case"], strict=True), found["value"], strict=True))


def _told(activation: str) -> pa.Table:
    entry = ACTIVATIONS[activation]
    slopes = PRELU_SLOPES if entry.learned_slope else (None,)
    found = [derivative(entry, slope) for slope in slopes]
    return rows(
        COLUMNS,
        3 * len(slopes),
        activation=activation,
        case="grid",
        x=[0.0 if slope is None else slope for slope in slopes for _ in range(3)],
        metric=["monotonic", "told", "gap"] * len(slopes),
        value=[float(value) for one in found for value in (one.monotonic, one.told, one.gap)],
    )


def _kept(activation: str) -> pa.Table:
    from quantstudy.cost.memory import added_bytes, saved_bytes

    entry = ACTIVATIONS[activation]
    found = [
        (way, metric, value)
        for metric, kept in (("saved_bytes", saved_bytes(entry)), ("added_bytes", added_bytes(entry)))
        for way, value in kept.items()
        if value is not None
    ]
    case, metric, value = zip(*found, strict=True)
    return rows(COLUMNS, len(found), activation=activation, case=case, metric=metric, value=value)


def ways(name: str) -> dict[str, Callable[..., Any]]:
    """Return the ways to apply one of the seven, (z, slopes) → f(z), those that it lacks left out."""
    import torch
    from quantstudy_kernels import activation_forward
    from quantstudy_kernels.checks import derivative_from_output_allowed
    from quantstudy_kernels.dispatch import activation_forward_saving_output
    from torch.nn import functional

    from quantstudy.cost.plain import plain

    entry = ACTIVATIONS[name]
    kernel = str(entry.kernel)
    in_place: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "relu": torch.relu_,
        "leaky_relu": lambda z: functional.leaky_relu(z, inplace=True),
        "silu": lambda z: functional.silu(z, inplace=True),
        "gelu": torch.ops.aten.gelu_,
        "hardswish": lambda z: functional.hardswish(z, inplace=True),
    }
    found: dict[str, Callable[..., Any]] = {"plain": lambda z, slope: plain(z, entry, slope)}
    if name in in_place:
        found["in_place"] = lambda z, slope: in_place[name](z)
    if derivative_from_output_allowed(kernel, entry.cap):
        found["in_place_from_output"] = lambda z, slope: activation_forward_saving_output(
            z, kernel, slope=slope, in_place=True
        )
    found["single_pass"] = lambda z, slope: activation_forward(z, kernel, slope=slope, cap=entry.cap)
    return found


def _peak(activation: str, way: str) -> pa.Table:
    from quantstudy.cost.peak import training_step

    peak, held = training_step(ACTIVATIONS[activation], ways(activation)[way], layers=LAYERS, width=WIDTH, batch=BATCH)
    values = {
        "peak_bytes": peak,
        "linear_bytes": held.get("linear", 0),
        "activation_bytes": held.get("activation", 0),
    }
    return rows(
        COLUMNS, 3, activation=activation, case=way, metric=list(values), value=list(map(float, values.values()))
    )


def _slopes(first: int, last: int) -> pa.Table:
    arrays = trained_arrays(STUDY, "prelu", range(first, last))
    slopes = np.concatenate([array for name, array in arrays.items() if name.endswith(".slope")], axis=1)
    share = (slopes <= 0).mean(axis=1)
    return rows(
        COLUMNS,
        last - first,
        activation="prelu",
        seed=np.arange(first, last, dtype=np.int32),
        case="learned",
        metric="slopes_not_positive",
        value=share,
    )


EXPERIMENT = Measured(CLAIM, units, measure, effects)
