"""One rule per study: whatever is judged of it is tested by the same test, that of how its seeds came about."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import quantstudy
from quantstudy.config.study import StudyConfig
from quantstudy.judge.cause import judge_cause
from quantstudy.judge.compare import compare
from quantstudy.judge.flips import judge_flips
from quantstudy.judge.multiverse import judge_multiverse
from quantstudy.judge.placement import judge_placement
from quantstudy.judge.rules import ANYTIME, PERMUTATION, rule_of
from quantstudy.judge.statistics.bootstrap import ERROR
from quantstudy.judge.verdict import judge
from tests.judge.limits import asked
from tests.judge.tables import DEFAULT, NAMES, cause, networks, placement
from tests.judge.test_compare import side  # noqa: F401
from tests.judge.test_multiverse import AXIS, OWN, frame, silu_but_not_before


def test_the_study_says_which_rule():
    plain, looking = StudyConfig(), StudyConfig(seeds=8, until_decided=True)
    assert rule_of(plain) is rule_of(plain, plain) is PERMUTATION
    assert rule_of(looking) is rule_of(plain, looking) is rule_of(looking, plain) is ANYTIME


def test_only_the_rules_choose_a_test():
    """Nothing of a study imports a test: `judge.claims` has a fixed number of seeds, the others take the rule's."""
    root = Path(quantstudy.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & {"paired_p", "anytime_p"})
        or (isinstance(node, ast.Attribute) and node.attr in {"paired_p", "anytime_p"})
    }
    assert found == {"judge/rules.py", "judge/claims.py"}


@pytest.mark.parametrize("rule", [PERMUTATION, ANYTIME], ids=lambda rule: rule.name)
@pytest.mark.parametrize("activations", [2, 3, 7])
def test_fewer_seeds_than_needed_tell_nothing_apart(rule, activations):
    needed = rule.seeds_needed(activations)
    for growth in (1.0, 1.5, 3.0):
        gaps = growth ** np.arange(needed - 1)
        assert rule.p(gaps) * (activations - 1) > ERROR
    assert rule.p(2.0 ** np.arange(needed)) * (activations - 1) <= ERROR


def both(judged):
    """Return what is judged by either rule."""
    return [judged(rule) for rule in (PERMUTATION, ANYTIME)]


def apart(seeds, *means):
    """Return values `[activations, seeds]` that are ahead of one another at every seed."""
    random = np.random.default_rng(seeds)
    return np.array(means)[:, None] + random.normal(0, 0.01, seeds) + random.uniform(0, 0.001, (len(means), seeds))


def test_the_verdict_and_who_flips_fewer_take_the_rule(metrics):
    ahead = dict(zip(("relu", "silu", "hardgelu"), apart(7, 0.8, 0.85, 0.9), strict=True))
    flips = {name: 1.0 - row for name, row in ahead.items()}
    full = dict.fromkeys(ahead, np.full(7, 0.99))
    table = metrics(full, {"w4a4": ahead}, flips={"w4a4": flips})
    options = {"activations": list(ahead), "schemes": ["w4a4"], "focus": "w4a4"}
    found = both(lambda rule: judge(table, **options, limits=asked(0.3, rule=rule))["schemes"]["w4a4"])
    assert [one["tied_with"] for one in found] == [["hardgelu"], ["hardgelu", "silu", "relu"]]
    assert [one["winner"] for one in found] == ["hardgelu", None]
    assert [one["flips"]["fewer"] for one in found] == [["silu", "hardgelu"], []]
    assert [one["seeds_needed"] for one in found] == [7, 8]


def test_one_of_two_flips_fewer_by_the_rule():
    rates = apart(6, 0.3, 0.2)
    assert both(lambda rule: judge_flips(["relu", "silu"], rates, rule)["fewer"]) == [["silu"], []]


def test_placements_take_the_rule():
    frame_of = placement(7, {tuple(DEFAULT.values()): apart(7, 0.8, 0.85, 0.9)})
    found = both(lambda rule: judge_placement(frame_of, NAMES, 7, asked(0.3, rule=rule), DEFAULT)["w4a4"])
    assert [one["settings"][0]["tied_with"] for one in found] == [["hardgelu"], list(NAMES)]
    assert [one["settings"][0]["winner"] for one in found] == ["hardgelu", None]


def test_causes_take_the_rule():
    table = cause(10, networks(10, spread=0.0001))
    found = both(lambda rule: judge_cause(table, NAMES, 10, asked(rule=rule))["w4a4"])
    assert [any(row["differs"] for row in rows) for rows in found] == [True, False]
    assert found[0][0]["mean"] == found[1][0]["mean"]


def test_other_choices_take_the_rule():
    table = frame(silu_but_not_before, 7)
    found = both(lambda rule: judge_multiverse(table, NAMES, 7, AXIS, OWN, 0.9, rule))
    assert [(one["tells"], one["seeds_needed"]) for one in found] == [(True, 7), (False, 8)]
    assert [one["states"]["ahead"] > 0 for one in found] == [True, False]


def test_two_runs_are_compared_by_the_stricter_rule_of_both(side):  # noqa: F811
    a, b = apart(9, 0.8, 0.9)
    plain, better = side({"relu": a}), side({"relu": b})
    looking = replace(better, config=replace(better.config, until_decided=True))
    found = [compare(plain, one)["families"]["heldout_accuracy_quantized"] for one in (better, looking)]
    assert found == [
        {"comparisons": 8, "seeds_needed": 9, "real": 8},
        {"comparisons": 8, "seeds_needed": 10, "real": 0},
    ]
