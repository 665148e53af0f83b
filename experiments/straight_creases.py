"""Do ReLU and its kin draw straight lines only, and does that limit them?

Curvature of the decision boundary between its vertices, exact from the network's derivatives in float64, and the
accuracy that the straight ones give away, by width and depth; beside them the number of linear regions.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats, ratio
from quantstudy.drift.curvature import crossings, level_curvature
from quantstudy.drift.regions import activation_patterns, distinct_patterns
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.tables import CLAIM as SCHEMA
from quantstudy.records.tables import rows, variant_rows

if TYPE_CHECKING:
    import torch

    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()

CLAIM = Claim(
    name="straight_creases",
    says="ReLU and its kin draw straight lines only, and that can be a limitation.",
    measured=(
        "Share of points of the decision boundary whose curvature is 0 (below 1e-6 per plane half-width), for relu,"
        " leaky_relu, prelu; float accuracy of silu and gelu minus that of those three at 8,8,8, and by width and "
        "depth."
    ),
    parts=(
        Part("straight", "nearly all of the boundary of relu, leaky_relu and prelu is straight (share)", 0.99),
        Part("curved", "nearly all of the boundary of silu and gelu is curved (share)", 0.99),
        Part("limits", "silu and gelu are more accurate than the straight ones at 8,8,8", 0.01, "points", 100.0),
        Part(
            "limits_small",
            "silu and gelu are more accurate than the straight ones at 4,4",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "limits_wide",
            "silu and gelu are more accurate than the straight ones at 32,32,32",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
    ),
)

STRAIGHT, CURVED = ("relu", "leaky_relu", "prelu"), ("silu", "gelu")
"""The piecewise-linear ones and the smooth ones of the article; hardswish and hardgelu are curved in places."""

SIZES = ((4, 4), (8,), (8, 8), (8, 8, 8), (8, 8, 8, 8), (16, 16, 16), (32, 32, 32))
"""Widths of the hidden layers; those beside the study's own are measured for `STRAIGHT` and `CURVED` alone."""

COMPARED = {"limits": STUDY.hidden, "limits_small": (4, 4), "limits_wide": (32, 32, 32)}
"""The sizes that a part asks about; the others are for the figure."""

MOST_BESIDE = 16
"""Seeds, at most, of sizes that no part asks about: to save time."""

FLAT = 1e-6
"""Curvature, per plane half-width, below which a line counts as straight."""

REGIONS_GRID = 512
"""Pixels along one side of the plane on which linear regions are counted."""

BISECTIONS = 32
"""Halvings of a pixel's width: the boundary is met to 4e-12 of the plane's half-width."""

ON_CREASE = 1e-9
"""Distance of a pre-activation from a bend within which a point counts as on the crease."""

DRAWN = ("relu", "silu")
"""Whose boundary of seed 0 is kept point by point, for the figure."""

WINDOWS = {"plane": (0.0, 0.0, 1.0), "window": (0.38, -0.73, 0.3)}
"""Cases of the drawn boundaries: centre (x, y) and half of the side of what is looked at."""

REACH, NEIGHBOURS = 8.0, 1e-6
"""Where the derivative is searched for jumps, −8 … 8, and how far neighbours are apart."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: one size, one activation, seeds that are trained together; the largest first."""
    from quantstudy.engine.trained import seed_blocks

    asked = COMPARED.values()
    blocks = {hidden: seed_blocks(seeds if hidden in asked else min(seeds, MOST_BESIDE)) for hidden in SIZES}
    blocks[32, 32, 32] = [(first, min(first + 4, seeds)) for first in range(0, seeds, 4)]
    return [
        {"hidden": list(hidden), "activation": activation, "first": first, "last": last}
        for hidden in reversed(SIZES)
        for activation in (STUDY.activations if hidden == STUDY.hidden else (*STRAIGHT, *CURVED))
        for first, last in blocks[hidden]
    ]


def measure(hidden: list[int], activation: str, first: int, last: int) -> pa.Table:
    """Return accuracy, straightness of the boundary and linear regions of networks of one size.

    With the study's own size also the straightness of the last hidden layer's folds and, for seed 0, its boundary
    point by point and the largest jump of the activation's derivative.

    Args:
        hidden: widths of the hidden layers.
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.drift.decision import accuracy
    from quantstudy.engine.trained import trained_stack
    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    config, seeds = replace(STUDY, hidden=tuple(hidden)), range(first, last)
    stack, masks = trained_stack(config, activation, first, last)
    with torch.no_grad():
        logit = float_maps(stack, torch.from_numpy(plane(config.grid))).logit[:, 0].numpy()
        measures = {"accuracy": accuracy(logit.reshape(masks.shape), masks)}
        exact = in_float64(stack)
        measures |= boundary_measures(exact)
        if activation in STRAIGHT:
            measures["regions"] = linear_regions(stack, REGIONS_GRID)
        if config.hidden == STUDY.hidden:
            measures |= fold_measures(exact)
    table = variant_rows(SCHEMA, activation, seeds, [({"case": size_name(hidden)}, measures)])
    if first == 0 and config.hidden == STUDY.hidden:
        jump = {"derivative_jump": np.array([derivative_jump(activation)])}
        table = pa.concat_tables([table, variant_rows(SCHEMA, activation, [0], [({"case": "trait"}, jump)])])
        if activation in DRAWN:
            table = pa.concat_tables([table, drawn_boundary(exact.select(slice(0, 1)), 0)])
    return table


def size_name(hidden: Any) -> str:
    """Return widths as they are written, `8,8,8`."""
    return ",".join(map(str, hidden))


def in_float64(stack: "Stack") -> "Stack":
    """Return the stack with its parameters in float64."""
    return replace(
        stack,
        weights=tuple(w.double() for w in stack.weights),
        biases=tuple(b.double() for b in stack.biases),
        slopes=tuple(None if s is None else s.double() for s in stack.slopes),
    )


def second_derivative(name: str, x: "torch.Tensor") -> "torch.Tensor":
    """Return f'' of an activation of the article at x, elementwise, but for jumps of f', which have none.

    Raises:
        KeyError: another activation.
    """
    import torch

    def silu(x: torch.Tensor) -> torch.Tensor:
        gate = x.sigmoid()
        return gate * (1.0 - gate) * (2.0 + x * (1.0 - 2.0 * gate))

    def gelu(x: torch.Tensor) -> torch.Tensor:
        return (2.0 - x**2) * torch.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi)

    formulas: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        **dict.fromkeys(STRAIGHT, torch.zeros_like),
        "silu": silu,
        "gelu": gelu,
        "hardswish": lambda x: (x.abs() < 3.0).to(x.dtype) / 3.0,
        "hardgelu": lambda x: (x.abs() < 1.5).to(x.dtype) / 1.5,
    }
    return formulas[name](x)


def derivatives(stack: "Stack", layer: int, points: "torch.Tensor") -> tuple["torch.Tensor", ...]:
    """Return the pre-activations of one layer and their exact first and second derivatives by the coordinates.

    Args:
        stack: networks, in float64.
        layer: which, the output included.
        points: `[models, 2, points]`.

    Returns:
        value `[models, width, points]`, gradient `[2, models, width, points]`, Hessian (xx, xy, yy) `[3, …]`.
    """
    import torch

    value = points
    gradient = torch.eye(2, dtype=points.dtype)[:, None, :, None].expand(2, len(points), 2, points.shape[-1])
    hessian = torch.zeros(3, *points.shape, dtype=points.dtype)
    for k in range(layer + 1):
        value, gradient, hessian = (
            stack.preactivation(k, value),
            stack.weights[k] @ gradient,
            stack.weights[k] @ hessian,
        )
        if k < layer:
            curve = second_derivative(stack.activation.name, value)
            value, slope = stack.activation.with_derivative(value, stack.slopes[k])
            products = torch.stack([gradient[0] ** 2, gradient[0] * gradient[1], gradient[1] ** 2])
            hessian, gradient = slope * hessian + curve * products, slope * gradient
    return value, gradient, hessian


def preactivations(stack: "Stack", points: "torch.Tensor") -> list["torch.Tensor"]:
    """Return the pre-activations of every hidden layer and the logit, `[models, width, points]` each."""
    found = [stack.preactivation(0, points)]
    for k in range(stack.hidden):
        found.append(stack.preactivation(k + 1, stack.activate(k, found[-1])))
    return found


def level_points(
    stack: "Stack", layer: int, centre: tuple[float, float] = (0.0, 0.0), half: float = 1.0
) -> tuple["torch.Tensor", "torch.Tensor", Any]:
    """Return points of the zero level set of one layer's pre-activations, met by bisection between pixel centres.

    Args:
        stack: networks, in float64.
        layer: which, the output included.
        centre: of the window of the plane that is searched, with as many pixels as the plane has.
        half: half of its side.

    Returns:
        points `[models, 2, places]`, the neuron that is 0 there `[models, 1, places]`, whether there is a point at
        that place `[models, places]`.
    """
    import torch

    from quantstudy.targets.islands import pixel_centres

    along = pixel_centres(STUDY.grid).astype(np.float64) * half
    y, x = np.meshgrid(centre[1] + along, centre[0] + along, indexing="ij")
    maps = preactivations(stack, torch.from_numpy(np.stack([x.ravel(), y.ravel()])))[layer]
    edges, found = crossings(maps.reshape(-1, STUDY.grid, STUDY.grid).numpy())
    width, places = maps.shape[1], edges.shape[1]
    neuron = torch.arange(width).repeat_interleave(places).expand(stack.models, 1, -1)
    ends = torch.from_numpy(edges.reshape(stack.models, width * places, 4)).transpose(1, 2)
    ends = ((2.0 * ends + 1.0) / STUDY.grid - 1.0) * half + torch.tensor([*centre, *centre]).view(4, 1)
    one, other = ends[:, :2], ends[:, 2:]

    def above(points: torch.Tensor) -> torch.Tensor:
        return preactivations(stack, points)[layer].gather(1, neuron) > 0.0

    side = above(one)
    for _ in range(BISECTIONS):
        middle = 0.5 * (one + other)
        same = above(middle) == side
        one, other = torch.where(same, middle, one), torch.where(same, other, middle)
    return 0.5 * (one + other), neuron, found.reshape(stack.models, -1)


def curvatures(stack: "Stack", layer: int, points: "torch.Tensor", neuron: "torch.Tensor") -> Floats:
    """Return the curvature of the level set of one layer's pre-activation at points, `[models, places]`."""
    _, gradient, hessian = derivatives(stack, layer, points)
    return level_curvature(
        *(part.gather(2, neuron.expand(len(part), -1, -1, -1))[:, :, 0].numpy() for part in (gradient, hessian))
    )


def shares(counted: Any, found: Any) -> Floats:
    """Return the share of the points that are there, `[models, places]`, which count; NaN where there are none."""
    return ratio((counted & found).sum(axis=1), found.sum(axis=1))


def boundary_measures(stack: "Stack") -> dict[str, Floats]:
    """Return per model how much of the decision boundary is straight and curved, and its typical curvature.

    Beside them the share of its points that lie on a crease, where the derivatives take one side, and for
    piecewise-linear activations the number of straight pieces that it consists of.
    """
    points, neuron, found = level_points(stack, stack.hidden)
    curvature = curvatures(stack, stack.hidden, points, neuron)
    folded = preactivations(stack, points)[:-1]
    near = [(z - bend).abs().amin(dim=1).numpy() < ON_CREASE for bend in stack.activation.bends for z in folded]
    bends = np.where(found, curvature, np.nan)
    measures = {
        "straight": shares(curvature < FLAT, found),
        "curved": shares(curvature >= FLAT, found),
        "on_crease": shares(np.any([np.zeros_like(found), *near], axis=0), found),
        "boundary_points": found.sum(axis=1).astype(np.float64),
        **{f"curvature_{q}": nan_percentile(bends, q) for q in (10, 50, 90)},
    }
    if stack.activation.name in STRAIGHT:
        patterns = activation_patterns([z.numpy() > 0.0 for z in folded])
        measures["pieces"] = distinct_patterns(patterns, found).astype(np.float64)
    return measures


def nan_percentile(values: Floats, percent: int) -> Floats:
    """Return a percentile (nearest rank) of what is not NaN in each row, NaN where nothing is."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    number = np.count_nonzero(~np.isnan(values), axis=1)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    rank = np.maximum(np.ceil(percent / 100.0 * number).astype(int) - 1, 0)
    return np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0]


def fold_measures(stack: "Stack") -> dict[str, Floats]:
    """Return per model how much of the last hidden layer's folds, its neurons' zero level sets, is straight."""
    points, neuron, found = level_points(stack, stack.hidden - 1)
    return {"folds_straight": shares(curvatures(stack, stack.hidden - 1, points, neuron) < FLAT, found)}


def linear_regions(stack: "Stack", grid: int) -> Floats:
    """Return how many linear regions of piecewise-linear networks the pixel centres of a grid meet, `[models]`."""
    import torch

    from quantstudy.targets.islands import plane

    points = torch.from_numpy(plane(grid))
    found = []
    for first in range(0, stack.models, 2):  # two models at once: 32 neurons at 512 × 512 pixels are 64 MB
        some = preactivations(stack.select(slice(first, first + 2)), points)[:-1]
        found.append(distinct_patterns(activation_patterns([z.numpy() > 0.0 for z in some])))
    return np.concatenate(found).astype(np.float64)


def drawn_boundary(stack: "Stack", seed: int) -> pa.Table:
    """Return the boundary of one network point by point, in the plane and in a window of it.

    Rows `point_x`, `point_y` and `curvature` (to what a drawing shows) with the number of the point as `x`.
    """
    tables = []
    for case, (x, y, half) in WINDOWS.items():
        points, neuron, found = level_points(stack, stack.hidden, (x, y), half)
        curvature = curvatures(stack, stack.hidden, points, neuron)[found].round(2)
        kept = {"point_x": points[0, 0].numpy().round(4), "point_y": points[0, 1].numpy().round(4)}
        measures = {**{name: values[found[0]] for name, values in kept.items()}, "curvature": curvature}
        number = len(curvature)
        tables += [
            rows(
                SCHEMA,
                number,
                activation=stack.activation.name,
                seed=seed,
                case=case,
                x=np.arange(float(number)),
                metric=name,
                value=values,
            )
            for name, values in measures.items()
        ]
    return pa.concat_tables(tables)


def derivative_jump(name: str) -> float:
    """Return the largest difference of an activation's derivative between neighbours 1e-6 apart on [−8, 8].

    About 1e-6 for a smooth one, the height of the jump for one with a kink; prelu has its initial slope.
    """
    import torch

    from quantstudy.networks.stack import INITIAL_SLOPE

    activation = parse_activation(name)
    slope = torch.tensor(INITIAL_SLOPE, dtype=torch.float64) if activation.learned_slope else None
    steps, block, largest = round(2.0 * REACH / NEIGHBOURS), 1 << 20, 0.0
    for start in range(0, steps, block):  # 8 MB at once
        place = torch.arange(start, min(start + block, steps) + 1, dtype=torch.float64)
        _, derivative = activation.with_derivative(place * NEIGHBOURS - REACH, slope)
        largest = max(largest, float(derivative.diff().abs().max()))
    return largest


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per seed the shares of straight and curved boundary, and what the curved ones lead by in accuracy."""
    own = size_name(STUDY.hidden)
    share = {
        "straight": by_seed(table, "straight", case=own)[list(STRAIGHT)],
        "curved": by_seed(table, "curved", case=own)[list(CURVED)],
    }
    accuracy = {part: by_seed(table, "accuracy", case=size_name(hidden)) for part, hidden in COMPARED.items()}
    return {
        **{part: wide.mean(axis=1).to_numpy() for part, wide in share.items()},
        **{part: contrast(wide, CURVED, STRAIGHT) for part, wide in accuracy.items()},
    }
