"""The ledger is made from the tables alone; the committed one is what the committed tables say."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from quantstudy.claims import checkout
from quantstudy.claims.experiment import Derived, Measured
from quantstudy.claims.ledger import judged, ledger
from quantstudy.claims.run import run_claim
from quantstudy.engine.executors import ThisProcess
from quantstudy.judge.claims import Claim, Part, judge_claims
from quantstudy.words.claims import effect, sentence

COMMITTED = checkout.root() / "results" / "claims"


@pytest.fixture
def folder(small, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("dead_neurons", "wish_list"):
        run_claim(name, 32, out, executor=ThisProcess())
    return out


def test_it_tells_claim_effect_seeds_verdict_figure_and_command(folder):
    text = ledger(judged(folder))
    row = next(line for line in text.splitlines() if line.startswith("| a \\| leads."))
    assert "| «a leads» holds: 10.0 [10.0, 10.0] points, the main part. |" in row
    end = "| **supported** | [dead_neurons.png](figures/dead_neurons.png) | `quantstudy claim dead_neurons` |"
    assert row.endswith(f"| 32 seeds {end}")
    assert "«b has some» holds: 96 things (counted), the main part." in text
    assert "2 claims: 2 supported, 0 in part, 0 no effect that matters, 0 reversed, 0 undecided" in text
    assert "over the 2 tests of the 1 tested parts" in text
    assert "| a leads **(main part)** | 10.0 [10.0, 10.0] points | 2.00 points |" in text
    assert "A trial" not in text


def test_fewer_seeds_are_called_a_trial(small, tmp_path):
    run_claim("dead_neurons", 4, tmp_path, executor=ThisProcess())
    assert "**A trial**: fewer than 32 seeds." in ledger(judged(tmp_path))


def test_it_is_the_same_again(folder):
    assert ledger(judged(folder)) == ledger(judged(folder))


def test_what_the_correction_holds_back_is_said_so():
    """The interval lies above the smallest effect, and five seeds are too few for the test."""
    claim = Claim("c", "says", "measured", (Part("one", "one is so", 0.1),), "one")
    (judged,) = judge_claims([(claim, {"one": np.array([0.5, 0.51, 0.52, 0.53, 0.54])})])
    about = {"seeds": 5, "seconds": 1.0, "processor": "one", "commit": "abc"}
    assert "| undecided after the correction |" in ledger({"c": (judged, None, about)})


def test_what_stands_beside_is_listed_apart_and_not_counted(folder):
    name = "dead_neurons"
    result, table, about = judged(folder)[name]
    nothing = replace(result.claim, parts=(replace(result.claim.parts[0], decides=False),), main=None)
    (beside,) = judge_claims([(nothing, {"lead": np.full(32, 0.1)})])
    text = ledger({**judged(folder), name: (beside, table, about)})
    assert "1 claims: 1 supported, 0 in part" in text
    assert "over the 0 tests of the 0 tested parts" in text
    row = next(line for line in text.splitlines() if line.startswith("| a \\| leads."))
    assert "a leads: 10.0 [10.0, 10.0] points | 32 seeds | **beside** |" in row
    assert text.index("Beside the claims") < text.index(row)
    assert "## dead_neurons: beside" in text
    assert sentence(beside) == ""


@pytest.mark.parametrize("name", checkout.NAMES)
def test_every_claim_has_what_it_takes(name):
    found = checkout.experiment(name)
    claim = found.claim
    assert claim.name == name
    told = sys.modules[f"experiments.claims.{name}"].__doc__
    assert told
    assert "?" in told
    assert claim.says.endswith(".")
    assert claim.measured.endswith(".")
    names = [part.name for part in claim.parts]
    assert len(set(names)) == len(names)
    assert (claim.main is None) == (name in checkout.BESIDE)
    assert any(part.decides for part in claim.parts) == (name in checkout.CLAIMS)
    assert set(claim.needs) <= set(checkout.NAMES[: checkout.NAMES.index(name)])
    assert callable(found.effects)
    assert isinstance(found, Derived if claim.needs else Measured)
    assert callable(found.combine if isinstance(found, Derived) else found.measure)
    assert callable(checkout.drawing(name))


def test_the_committed_ledger_is_what_the_committed_tables_say():
    found = judged(COMMITTED)
    assert list(found) == list(checkout.NAMES)
    assert (COMMITTED / "README.md").read_text() == ledger(found)
    assert all(about["seeds"] >= 32 for _, _, about in found.values())
    for name in found:
        assert (COMMITTED / "figures" / f"{name}.png").stat().st_size > 10_000


def test_every_number_of_the_committed_ledger_comes_from_its_tables():
    text = (COMMITTED / "README.md").read_text()
    found = judged(COMMITTED)
    number = r"-?[\d.]+ \[[^\]]*\]"
    told = {effect(outcome) for result, _, _ in found.values() for outcome in result.outcomes}
    shown = re.findall(number, text)
    assert len(shown) > 60
    assert set(shown) <= {one for effect_ in told for one in re.findall(number, effect_)}


def test_the_committed_tables_were_measured_at_commits():
    """The rule was there before its numbers: what was measured from files that were not committed says so."""
    for name, (_, _, about) in judged(COMMITTED).items():
        assert about["commit"], name
        assert "dirty" not in about["commit"], name
