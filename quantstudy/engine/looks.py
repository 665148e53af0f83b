"""When a study is judged: after how many seeds, and whether these are enough."""

from collections.abc import Iterator
from dataclasses import replace

from quantstudy.config.study import HALFWAY
from quantstudy.records.run import Run


def looks_of(run: Run) -> Iterator[Run]:
    """Yield the run with its first number of seeds and, for a study until decided, with each further batch of seeds."""
    looks = run.config.looks
    for number, seeds in enumerate(looks, start=1):
        yield replace(run, config=run.config.with_options(seeds=seeds), looks=looks[:number])


def decided(run: Run) -> bool:
    """Whether the best at the focus scheme is told apart from all others, and whether it is deployable or not.

    By a test and a bound that allow for repeated looks. Activations without any finite value are left out. If none is
    left the answer is yes: more seeds would not help.
    """
    from quantstudy.engine.collect import float_scores, focus_accuracies
    from quantstudy.judge import decided as rule
    from quantstudy.judge.deployable import limits_of
    from quantstudy.judge.learned import learned_in

    accuracies, drops = focus_accuracies(run)
    if not len(accuracies):
        return True
    line = learned_in(run.config, float_scores(run)) if run.config.learned == HALFWAY else None
    return rule.decided(accuracies, drops, limits_of(run.config, line))
