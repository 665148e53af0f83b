"""The whole verdict of a run in numbers: the content of `verdict.json` without its sentences (`words.summary`)."""

from typing import TYPE_CHECKING, Any

from quantstudy.judge.cause import judge_cause
from quantstudy.judge.cliff import judge_cliff
from quantstudy.judge.deployable import Limits, limits_of
from quantstudy.judge.engines import judge_engines
from quantstudy.judge.learned import learned_in
from quantstudy.judge.parity import Differences, backend_differences, measured_points
from quantstudy.judge.placement import judge_placement
from quantstudy.judge.recover import judge_recover
from quantstudy.judge.sensitivity import judge_sensitivity
from quantstudy.judge.verdict import judge
from quantstudy.quantize.scheme import schemes_for

if TYPE_CHECKING:
    from quantstudy.records.run import Run


def judge_run(run: "Run") -> dict[str, Any]:
    """Return the verdict of a run as plain values that `json.dumps(..., allow_nan=False)` takes.

    Every scheme (see `verdict.judge`), then, unless the run was a quick one, the sections `sensitivity`, `placement`,
    `bit_cliff` with `first_width`, and `cause` (see the function of each), `recover`, if networks were repaired (see
    `recover.judge_recover`), `engines`, if engines have run some (its `rows`: `engines.judge_engines`), and
    `multiverse`, if one was run of this study (see `words.multiverse.short`).

    Raises:
        StudyFailure: a record is damaged.
    """
    config = run.config
    names, schemes = config.activations, [str(scheme) for scheme in config.all_schemes]
    points = measured_points(config, run.manifest())
    differences = backend_differences(run.parity(), names, schemes, points)
    metrics = run.summaries()
    limits = limits_of(config, learned_in(config, metrics))
    verdict = judge(
        metrics,
        activations=names,
        schemes=schemes,
        focus=config.focus_scheme,
        limits=limits,
        differences=differences,
        cost=run.cost(),
    )
    if not config.quick:
        verdict |= _beyond(run, limits, list(verdict["not_learned"]), differences)
    recovered = run.recovered()
    if recovered is not None:
        verdict |= judge_recover(
            *(recovered, names, config.seeds, limits, config.focus_scheme),
            *(list(verdict["not_learned"]), differences, points),
        )
    engines = run.engines()
    if engines is not None:
        verdict["engines"] = {"rows": judge_engines(engines, names, config.focus_scheme)}
    other_choices = run.multiverse()
    if other_choices is not None:
        verdict["multiverse"] = other_choices
    return verdict


def _beyond(run: "Run", limits: Limits, not_learned: list[str], differences: Differences) -> dict[str, Any]:
    names, seeds = run.config.activations, run.config.seeds
    schemes = list(map(str, schemes_for(run.config.focus_bits)[:3]))
    chosen = {key: getattr(run.config, key) for key in ("placement", "observer", "weight_observer")}
    chosen["coordinates"] = bool(run.config.input_bits)
    return {
        "sensitivity": judge_sensitivity(run.variation("sensitivity"), names, seeds, schemes, limits.ranked),
        "placement": judge_placement(
            *(run.variation("placement"), names, seeds, limits, {**chosen, "granularity": "channel"}),
            *(not_learned, differences),
        ),
        **judge_cliff(run.variation("cliff"), names, seeds, limits, not_learned, differences),
        "cause": judge_cause(run.variation("cause"), names, seeds, limits),
    }
