"""Do bounded and hard activations fail outside the plane that they were trained on?

The article says that they «will fail to construct a representation space that is expandable/formable beyond the task at
hand». So networks trained on [−1, 1]² are asked to learn [−2, 2]² too, the old plane included (`measures.enlarged`):
once with all weights free, 1000 steps of Adam, a third of what they were trained for; once with the body frozen, where
only the last layer is fitted anew, as well as can be: what the representation alone allows.

Which islands. Those of the study have 3 noise cells a side, and enlarged 6, which networks of this size cannot learn
even from scratch (76 to 92 %): how much they hold would be measured, not what they can be made into. So those that
decide are trained on 1.5 cells a side; enlarged they have 3, the study's own difficulty. The study's stand beside.

Steps. Nobody ever gets back to the accuracy that it had on the smaller plane, free or frozen, which is an easier
one: that was so for each of 64 networks on other seeds (1000 and above), where all this was tried; `censored_old` tells
the share. So steps are counted to 95 %, as `fast_convergence` does; a run that never gets there counts as all 1000.

Fair to all. Islands, first draw, minibatches of a seed are the same for every activation. Each has its own rate, the
one out of RATES at which eight further seeds (1000 … 1007) are most accurate in the end; for none it is an end of
RATES. A frozen body needs no rate: that fit is convex, and is solved.

What decides, fixed before the seeds of the claim were looked at: silu and gelu against hardgelu, the one that is
bounded and hard. Main: accuracy with all weights free, since who must enlarge a plane would train all of them; then the
frozen body, which asks the representation alone; then the steps. The smallest effects that matter: one point of
accuracy, half of what the study allows a network to lose by being quantized, and a tenth of the steps, as in
`fast_convergence`.

Beside: hardgelu without its cap (the bound alone), hardswish, the kinked ones, and `head_start`: what the network that
knows the smaller plane has over one that begins anew with as many steps, which tells an activation that grows from one
that is good at everything.

Beside, too, the ring without any further training, out to [−2, 2]², where the same Perlin field goes on. The distance
of a point from the plane is that of its larger coordinate: max(|x|, |y|) − 1. A pixel of the ring is island where the
field exceeds the same water level as within the plane, the median there. Perlin noise forgets what it was within a cell
or two, and the ring is 1.5 cells wide: nobody could draw all of it, and even the coast drawn on outwards (every point
of the ring is what the nearest point of the plane is) is right no more often than a coin. So it decides nothing. (In
the first reading it did: accuracy 0.26 [−1.00, 1.55] points, calibration −1.57, better than naming one class −1.10.)

Far out: along 64 rays, up to 1000 times the plane's half side, does the decision still change, and how does |logit|
grow? A network of relu and its kin is linear on every ray in the end (exponent 1 or, where all its neurons are off, 0),
a bounded one is constant (0).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from experiments.measures.beyond import NEAR, PLANE, RING, coast_drawn_on, drawn, far_out, places
from experiments.measures.enlarged import doubled, enlarged_masks, steps_to, with_a_new_last_layer
from experiments.measures.enlarging import beginning, learned, rate_scores
from experiments.measures.pictures import class_changes
from experiments.measures.ratios import share_more
from quantstudy.activations.catalogue import BOUNDED, UNBOUNDED
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.claims.tuning import whole_pieces
from quantstudy.config.study import StudyConfig
from quantstudy.engine.tuned import best_rate
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows, variant_rows

STUDY = StudyConfig()

POINT, TENTH, RING_POINTS = 0.01, 0.1, 0.02
"""The smallest effects that matter: accuracy on the enlarged plane, share of the steps; accuracy in the ring."""


def _beside(name: str, says: str, smallest: float = POINT) -> Part:
    return Part(name, says, smallest, "points", 100.0, decides=False)


CLAIM = Claim(
    name="extrapolation",
    says="What bounded and hard activations represent expands less beyond the task than with smooth unbounded ones.",
    measured="Networks of [−1, 1]² learn [−2, 2]² too, with all weights free and with a frozen body: accuracy and "
    "steps to 95 %, silu and gelu against hardgelu; beside, the ring around the plane without training, and far out.",
    parts=(
        Part(
            "free",
            "fine-tuned to the larger plane, silu and gelu are more accurate than hardgelu",
            POINT,
            "points",
            100.0,
        ),
        Part(
            "frozen",
            "with only the last layer fitted anew, silu and gelu are more accurate there than hardgelu",
            POINT,
            "points",
            100.0,
        ),
        Part(
            "steps",
            "hardgelu needs more steps to be 95 % right on the larger plane than silu and gelu",
            TENTH,
            "%",
            100.0,
        ),
        _beside("bound", "fine-tuned, hardgelu is more accurate without its cap than with it"),
        _beside("bound_frozen", "with only the last layer fitted anew, hardgelu is more accurate without its cap"),
        _beside("free_hard", "fine-tuned, silu and gelu are more accurate than hardswish"),
        _beside("free_kinked", "fine-tuned, silu and gelu are more accurate than relu, leaky_relu and prelu"),
        _beside("head_start", "knowing the smaller plane helps silu and gelu more than hardgelu"),
        _beside("free_study", "from 3 to 6 cells a side, fine-tuned, silu and gelu are more accurate than hardgelu"),
        _beside("frozen_study", "from 3 to 6 cells a side, with a frozen body, they are more accurate than hardgelu"),
        _beside("accuracy", "untrained there, silu and gelu are more accurate in the ring than hardgelu", RING_POINTS),
        _beside("calibration", "hardgelu's calibration error in the ring is larger than theirs", RING_POINTS),
        _beside("useful", "in the ring they are better than always naming the more frequent class", RING_POINTS),
        _beside("hard", "silu and gelu are more accurate in the ring than hardswish", RING_POINTS),
        _beside("near", "they are more accurate than hardgelu within 0.25 of the plane", RING_POINTS),
    ),
    main="free",
)

SMOOTH = ("silu", "gelu")
"""The smooth, unbounded ones of the article."""

KINKED = ("relu", "leaky_relu", "prelu")
"""Those with a kink at 0 that are linear on either side."""

ACTIVATIONS = (*STUDY.activations, UNBOUNDED)
"""The seven, and hardgelu without its cap."""

EASY, HARDER = 1.5, STUDY.frequency
"""Noise cells along a side of the old plane: of the networks that decide, and of those of the study."""

STEPS, LOOK = 1000, 20
"""Of fine-tuning, and of how many there is a look at the accuracy."""

MOST_CENSORED = 0.5
"""Where more of either side never get there, all count as the same number of steps, which says nothing."""

RATES = (0.03, 0.1, 0.2, 0.4, 0.8)
"""Peak learning rates of fine-tuning that are tried."""

TUNING = range(1000, 1008)
"""Seeds that the rates are tuned on; no others are ever looked at for it."""

FREE, FROZEN, SCRATCH = "free", "frozen", "from scratch"
"""Cases on the enlarged plane, `x` is the cells of the old one: all weights, the last layer alone, a new network."""

ON_THE_WAY, TUNED = {FREE: "free by step", SCRATCH: "from scratch by step"}, "tuning"
"""Further cases: accuracy at the looks, `x` is the step; the tuning, `x` is the rate."""

TARGET = "target"
"""What stands as the activation where the islands themselves are meant."""

FAR, MAP = "far", "map"
"""Further cases, besides those of `measures.beyond`: the rays, the picture of seed 0."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: an activation, tuned once for all seeds of a piece."""
    return whole_pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return how one activation's networks learn the enlarged plane, and what they do outside theirs.

    Metrics on the enlarged plane (`x`: cells of the old one), per case: `enlarged` (accuracy in the end), and but for
    the frozen body `rate`, `steps_95` and `censored_95`; of the fine-tuned ones `before` (accuracy there before it),
    `old` (on the old plane), `steps_old` and `censored_old`. Those of the ring stand at `_ring`.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    seeds = range(first, last)
    learning = _enlarged(activation, seeds, EASY) + _enlarged(activation, seeds, HARDER)
    tables = [variant_rows(SCHEMA, activation, seeds, learning)]
    if activation in STUDY.activations:
        tables += _ring(activation, first, last)
    if first == 0:
        tried = ((EASY, FREE), (HARDER, FREE), (EASY, SCRATCH))
        tables += [_tuning_rows(activation, cells, case) for cells, case in tried]
    return pa.concat_tables(tables).unify_dictionaries()


def _enlarged(activation: str, seeds: range, cells: float) -> Variants:
    from quantstudy.engine.trained import trained_stack
    from quantstudy.networks.watched import watched_accuracy

    config = replace(STUDY, frequency=cells)
    stack, small = trained_stack(config, activation, seeds.start, seeds.stop)
    masks = enlarged_masks(seeds, STUDY.grid, cells)
    old = watched_accuracy(stack, seeds, small, [0], steps=1, batch=STUDY.batch, lr=STUDY.lr)[:, 0]
    variants: Variants = [({"case": FROZEN, "x": cells}, {"enlarged": with_a_new_last_layer(doubled(stack), masks)})]
    looks = [*range(0, STEPS, LOOK), STEPS]
    for case in (FREE, SCRATCH) if cells == EASY else (FREE,):
        rate = best_rate(RATES, _scores(activation, cells, case).mean(axis=1))
        right = learned(STUDY, beginning(config, activation, seeds, case == SCRATCH), seeds, masks, looks, rate)
        found = {"enlarged": right[:, -1], "rate": np.full(len(seeds), rate)}
        found["steps_95"], found["censored_95"] = steps_to(right, looks, 0.95)
        if case == FREE:
            found |= {"before": right[:, 0], "old": old}
            found["steps_old"], found["censored_old"] = steps_to(right, looks, old)
        variants.append(({"case": case, "x": cells}, found))
        if cells == EASY:
            ways = zip(looks, right.T, strict=True)
            variants += [({"case": ON_THE_WAY[case], "x": float(step)}, {"enlarged": now}) for step, now in ways]
    return variants


def _scores(activation: str, cells: float, case: str) -> Floats:
    return rate_scores(replace(STUDY, frequency=cells), activation, TUNING, STEPS, RATES, case == SCRATCH)


def _tuning_rows(activation: str, cells: float, case: str) -> pa.Table:
    scores = zip(RATES, _scores(activation, cells, case), strict=True)
    variants: Variants = [({"case": TUNED, "x": rate}, {f"{case} {cells:g}": found}) for rate, found in scores]
    return variant_rows(SCHEMA, activation, TUNING, variants)


def _ring(activation: str, first: int, last: int) -> list[pa.Table]:
    """Return accuracy and calibration by distance, and what the networks do far out.

    Metrics: `accuracy`, `cross_entropy` (nats), `confidence` (mean) of the plane, the ring, the part near the plane,
    every bin of distance; `ece` and `base_rate` (share of the more frequent class) of the ring and the plane; those of
    `measures.beyond.far_out`. Under the activation `target` stands `drawn_on`: the accuracy of the coast drawn on.

    Of seed 0 the pictures are kept as the places at which the class changes (`changes_class`, pixel numbers in `x`,
    row-major, beginning as sea).
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import islands_beyond, plane

    stack, _ = trained_stack(STUDY, activation, first, last)
    seeds, margin = range(first, last), STUDY.grid // 2
    target = np.stack([islands_beyond(seed, STUDY.grid, STUDY.frequency, margin).ravel() for seed in seeds])
    points = plane(STUDY.grid, margin)
    with torch.no_grad():
        logits = float_maps(stack, torch.from_numpy(points)).logit[:, 0].numpy()
        far = far_out(stack)
    distance = np.abs(points).max(axis=0) - 1.0
    variants: Variants = [({"case": FAR}, far)]
    for (case, centre), chosen in places(distance).items():
        whole = case in (PLANE, RING)
        variants.append(({"case": case, "x": centre}, drawn(logits[:, chosen], target[:, chosen], whole=whole)))
    tables = [variant_rows(SCHEMA, activation, seeds, variants)]
    if activation == STUDY.activations[0]:
        tables.append(variant_rows(SCHEMA, TARGET, seeds, drawn_on(target, distance)))
    if first == 0:
        tables.append(picture(activation, logits[0] > 0))
        if activation == STUDY.activations[0]:
            tables.append(picture(TARGET, target[0]))
    return tables


def drawn_on(target: NDArray[np.bool_], distance: NDArray[Any]) -> Variants:
    """Return `drawn_on` of islands `[seeds, pixels]` as far as the ring goes, by the pixels' distance to the plane."""
    right = coast_drawn_on(target, STUDY.grid // 2)
    return [
        ({"case": case, "x": centre}, {"drawn_on": right[:, chosen].mean(axis=-1)})
        for (case, centre), chosen in places(distance).items()
        if case != PLANE
    ]


def picture(activation: str, islands: NDArray[np.bool_]) -> pa.Table:
    """Return the rows of one picture, `islands` flattened row by row."""
    found, where = class_changes(islands), {"activation": activation, "case": MAP, "metric": "changes_class"}
    return rows(SCHEMA, len(found), seed=0, x=found, value=1.0, **where)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the value of every part per seed, as fractions."""
    free, frozen, scratch = (by_seed(table, "enlarged", case=case, x=EASY) for case in (FREE, FROZEN, SCRATCH))
    steps, never = (by_seed(table, f"{what}_95", case=FREE, x=EASY) for what in ("steps", "censored"))
    open_yet = max(never[BOUNDED].mean(), never[list(SMOOTH)].mean(axis=1).mean()) > MOST_CENSORED
    slower = share_more(steps[BOUNDED].to_numpy(), steps[list(SMOOTH)].mean(axis=1).to_numpy())
    ring, ece = by_seed(table, "accuracy", case=RING), by_seed(table, "ece", case=RING)
    base_rate = by_seed(table, "base_rate", case=RING)
    return {
        "free": contrast(free, SMOOTH, [BOUNDED]),
        "frozen": contrast(frozen, SMOOTH, [BOUNDED]),
        "steps": slower[:0] if open_yet else slower,
        "bound": contrast(free, [UNBOUNDED], [BOUNDED]),
        "bound_frozen": contrast(frozen, [UNBOUNDED], [BOUNDED]),
        "free_hard": contrast(free, SMOOTH, ["hardswish"]),
        "free_kinked": contrast(free, SMOOTH, KINKED),
        "head_start": contrast(free - scratch, SMOOTH, [BOUNDED]),
        "free_study": contrast(by_seed(table, "enlarged", case=FREE, x=HARDER), SMOOTH, [BOUNDED]),
        "frozen_study": contrast(by_seed(table, "enlarged", case=FROZEN, x=HARDER), SMOOTH, [BOUNDED]),
        "accuracy": contrast(ring, SMOOTH, [BOUNDED]),
        "calibration": contrast(ece, [BOUNDED], SMOOTH),
        "useful": np.asarray((ring - base_rate)[list(SMOOTH)].mean(axis=1), dtype=np.float64),
        "hard": contrast(ring, SMOOTH, ["hardswish"]),
        "near": contrast(by_seed(table, "accuracy", case=NEAR), SMOOTH, [BOUNDED]),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
