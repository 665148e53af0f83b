"""What is told of repairs in the awkward cases: nothing false, nothing that the command refuses, nothing left out."""

from typing import Any

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.repairs import require_recoverable
from quantstudy.errors import BadInput
from quantstudy.quantize.recover.names import parse_recipes
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.words import recover, repair_notes
from quantstudy.words.figures import recover as figure
from tests.judge.limits import asked
from tests.judge.tables import Drops, repaired
from tests.words.test_recover import HALF, SEEDS, line, notes, pair, tables_of, two, verdict_of
from tests.words.test_summary import STUDY

FIRST = np.arange(SEEDS)
APART = ({"w4a4": {"relu": {"share": 0.1, "at": "w4"}}},)


def lost_by(share: int) -> Any:
    """Losses of which so many networks pass."""
    return np.where(np.arange(SEEDS) < share, 0.01, 0.05)


def test_a_repair_that_makes_what_is_deployable_no_longer_so() -> None:
    drops: Drops = {("relu", "w8a8", "plain"): np.full(SEEDS, 0.015), ("relu", "w8a8", "mse_ranges"): lost_by(12)}
    even = {key: np.full(SEEDS, 0.015 if "plain" in key else 0.01) for key in drops}
    verdict = verdict_of(repaired(drops, even))
    why = "it passes too seldom: 12 of its 16 networks lose at most the allowed 2.0 points"
    assert recover.tail("w8a8", verdict).endswith(f"; with it, it is no longer deployable, {why}: leave it as it is.")
    assert line(verdict).startswith(
        "Repairs at w8a8: relu is deployable without any; with mse_ranges, without training"
    )
    assert line(verdict).endswith(f"; with it, it is no longer deployable, {why}: leave it as it is.")
    assert figure.title(verdict).endswith("; deployable only without it")
    fine = verdict_of(repaired(pair(0.01, 0.005)))
    assert figure.title(fine).endswith("; deployable with or without it")
    assert recover.tail("w4a4", fine).endswith("; it stays deployable.")


@pytest.mark.parametrize("options", [{"limits": asked(0.02, assurance=0.8, min_accuracy=0.95)}, {"more": APART}])
def test_no_allowed_loss_is_offered_where_none_would_do(options: dict[str, Any]) -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.06)), **options)
    assert "allowed it would be" not in line(verdict)
    assert line(verdict).endswith("may win back more.")
    assert tables_of(verdict)[0]["rows"][0][7] == "n/a"
    tried = pair(0.154, 0.06, recipe="qat+polish") | pair(0.154, 0.06, "w4a8", "qat+polish")
    assert line(verdict_of(repaired(tried), **options), "w4a4").endswith("; take more bits.")
    assert tables_of(verdict_of(repaired(pair(0.154, 0.06)), not_learned={"relu": 0.5}))[0]["rows"][0][7] == "n/a"


def test_a_network_that_fails_without_repair() -> None:
    drops = pair(0.15, 0.009)
    drops["relu", "w4a4", "plain"][4] = np.nan
    verdict = verdict_of(repaired(drops))
    assert "falls from 15.0 to 0.9 points (95 % CI 0.9 to 0.9); 16 of its 16 networks" in line(verdict)
    assert "open" not in line(verdict)
    told = [note for note in notes(verdict) if note.startswith("No finite value")]
    assert told == [
        "No finite value: relu at w4a4 in 1 of 16 networks; these count as failed, and a mean is that of the others."
    ]


def test_a_network_that_fails_with_repair() -> None:
    drops = pair(0.15, 0.01)
    drops["relu", "w4a4", "polish"][4] = np.nan
    verdict = verdict_of(repaired(drops))
    assert line(verdict).startswith(
        "Repairs at w4a4: with polish 1 of 16 networks of relu has no finite value, so leave it as it is; "
    )
    assert figure.title(verdict) == (
        "polish leaves 1 of 16 networks of relu without a finite value at w4a4: it is not chosen"
    )
    both = verdict_of(repaired(drops | pair(0.15, 0.2, recipe="qat")))
    assert "relu is best without qat and with polish 1 of 16 networks has no finite value, so" in line(both)
    assert any("relu with polish at w4a4 in 1 of 16 networks" in note for note in notes(verdict))


def test_every_scheme_that_was_repaired_is_told() -> None:
    drops = pair(0.154, 0.063) | pair(0.1, 0.01, "w4a8") | pair(0.05, 0.03, "w8a8", "qat") | pair(0.1, 0.2, "a4")
    verdict = verdict_of(repaired(drops))
    assert list(verdict["recover"]) == ["w4a4", "w4a8", "w8a8", "a4"]
    first, _, others = line(verdict).partition(" Also repaired: ")
    assert first == line(verdict, "w4a4")
    assert others == (
        "w4a8, relu with polish loses 1.0 points instead of 10.0 points, deployable; "
        "w8a8, relu with qat loses 3.0 points instead of 5.0 points, not deployable; report.html has 1 more scheme."
    )
    assert line(verdict, "w4a8").startswith("What to do: repair relu with polish (")
    assert line(verdict, "w4a8").endswith("(95 % confidence): deployable.")
    assert [line(verdict, scheme) for scheme in verdict["recover"]] == notes(verdict)[2:]
    assert recover.answer(STUDY, "w4a8", verdict) == line(verdict, "w4a8")
    assert recover.answer(STUDY, "w4a4", verdict) == ""
    assert recover.answer(STUDY, "w4a4", {"recover": {}}) == ""


def test_what_was_asked_for_may_stand_among_the_widths_of_another_scheme() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.063) | pair(0.04, 0.01, "w6a6")))
    assert list(verdict["recover"]) == ["w4a4"]
    assert recover.answer(STUDY, "w6a6", verdict) == (
        "w6a6 stands among the widths of w4a4: relu loses 1.0 points with polish instead of 4.0 points; 16 of its 16 "
        "networks lose at most the allowed 2.0 points: deployable."
    )
    assert recover.answer(STUDY, "w3a3", verdict) == (
        "At w3a3 nothing was repaired that is not told of at w4a4; its rows stand in recover.parquet."
    )
    wide = pair(0.05, 0.01, "w4a8") | pair(0.03, 0.001, "w6a8")
    more = verdict_of(repaired(pair(0.154, 0.063) | wide))
    assert (
        "w4a8, relu with polish loses 1.0 points instead of 5.0 points, deployable from 4 bits on with polish"
        in line(more)
    )


def test_a_cliff_that_two_schemes_share_is_shown_once() -> None:
    each = [pair(0.154, 0.063, scheme) | pair(0.15, 0.1, scheme, "qat", name) for scheme, name in
            (("w4a4", "relu"), ("w6a6", "hardgelu"))]  # fmt: skip
    verdict = verdict_of(repaired(each[0] | each[1]))
    assert [bool(entry["cliff"]) for entry in verdict["recover"].values()] == [True, True]
    assert [table["caption"].partition(" ")[0] for table in tables_of(verdict)] == ["w4a4:", "relu", "w6a6:"]


def order(verdict: dict[str, Any]) -> str:
    return recover.order(verdict["recover"]["w4a4"])


def test_the_best_that_stays_is_no_more_certain_than_one_that_changes() -> None:
    stays = two(0.03, 0.05)
    found = stays["recover"]["w4a4"]["order"]["repaired"]
    assert order(stays) == "hardgelu comes first with repair as without: the choice stays."
    found["stability"] = 0.6
    assert order(stays) == (
        "hardgelu comes first with repair as without; that is open: hardgelu is first in only 60 % of random halves of "
        "the seeds."
    )
    found["tied_with"] = ["hardgelu", "relu"]
    assert order(stays) == (
        "hardgelu comes first with repair as without, but is not told apart from relu once repaired: no winner."
    )


SOFTSIGN = "torch.nn.functional:softsign"


@pytest.mark.parametrize("name", ["relu", SOFTSIGN])
@pytest.mark.parametrize("scheme", ["w4a4", "wf8af8", "a4", "w4", "w4a8dyn", "wf8af8-w8a8"])
@pytest.mark.parametrize("settings", [{}, {"scales": "pow2", "quick": True}, {"placement": "both"}])
def test_only_what_the_command_takes_is_advised(name: str, scheme: str, settings: dict[str, Any]) -> None:
    config = StudyConfig(activations=("relu", SOFTSIGN), **settings)
    for tried in ("bias_correction", "mse_ranges", "polish", "mse_ranges+bias_correction"):
        drops = {
            (one, s, r): value for (_, s, r), value in pair(0.154, 0.063, scheme, tried).items() for one in (name,)
        }
        frame = repaired(drops)
        verdict = verdict_of(frame, names=(name,))
        said = line(verdict, scheme, config)
        _, found, command = said.partition("quantstudy recover RUN ")
        if not found:
            continue
        options = command.partition(" may win")[0].replace(",", " ").split()
        named = [options[at + 1] for at, word in enumerate(options) if word == "--scheme"]
        recipes = parse_recipes(options[options.index("--recipes") + 1])
        activations = (
            [options[options.index("--activations") + 1]] if "--activations" in options else config.activations
        )
        for one in named:
            require_recoverable(config, parse_scheme(one), recipes, activations)


def test_floats_of_eight_bits_are_advised_what_repairs_them() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.063, "wf8af8", "mse_ranges")))
    assert "; quantstudy recover RUN --recipes mse_ranges+bias_correction --scheme wf8af8 may win back more; " in line(
        verdict
    )
    with pytest.raises(BadInput):
        require_recoverable(STUDY, parse_scheme("wf8af8"), parse_recipes("qat+polish"), ["relu"])


def test_where_equalizing_is_not_exact_is_said() -> None:
    drops = pair(0.1, 0.05, recipe="equalize") | pair(0.1, 0.2, recipe="equalize+polish", name="hardgelu")
    told = [note for note in notes(verdict_of(repaired(drops))) if note.startswith("«equalize»")]
    assert told == [
        "«equalize» leaves networks of relu, leaky_relu and prelu what they do in float; those of hardgelu it changes "
        "before anything is rounded."
    ]
    exact = notes(verdict_of(repaired(pair(0.1, 0.05, recipe="equalize"))))
    assert not [note for note in exact if note.startswith("«equalize»")]
    assert repair_notes.notes(STUDY, {}) == []


def test_titles_where_nothing_is_lost_or_more_than_that_is_won() -> None:
    gained = verdict_of(repaired(pair(0.15, -0.15)))
    assert figure.title(gained).startswith("polish wins back all of the 15.0 points that relu loses at w4a4; ")
    nothing = verdict_of(repaired(pair(-0.051, -0.15)))
    assert figure.title(nothing).startswith("polish gains 9.9 points where relu loses nothing at w4a4; ")
    worse = verdict_of(repaired(pair(-0.05, 0.1)))
    assert figure.title(worse) == "relu loses nothing at w4a4 that a repair could win back"


def test_what_makes_it_worse_is_not_advised_on() -> None:
    even: Drops = {key: np.full(SEEDS, 0.1 if "plain" in key else 0.05) for key in pair(0.0, 0.0)}
    turned = verdict_of(repaired(pair(0.05, 0.1), even))
    assert line(turned).startswith("What not to do: repair relu with polish (")
    assert line(turned).endswith(f"its mean loss {HALF} rises from 5.0 to 10.0 points (95 % CI 10.0 to 10.0).")
