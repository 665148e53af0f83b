"""The names of recipes: what is one, how it prints, and what is said of all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.errors import BadInput
from quantstudy.quantize.recover.catalogue import RECIPES
from quantstudy.quantize.recover.names import (
    PARTS,
    RecipeName,
    Step,
    needs_kernel,
    parse_recipe,
    parse_recipes,
    require_repairable,
)
from quantstudy.quantize.scheme import parse_scheme

NAMES = list(PARTS)


@given(st.lists(st.sampled_from(NAMES), unique=True), st.integers(1, 900))
def test_every_recipe_prints_as_it_is_read(chosen: list[str], number: int) -> None:
    steps = tuple(Step(n, number if PARTS[n].counts else 0) for n in sorted(chosen, key=NAMES.index))
    assert parse_recipe(str(RecipeName(steps))) == RecipeName(steps)


def test_every_part_that_has_a_name_can_be_run_and_in_the_same_order() -> None:
    assert list(RECIPES) == NAMES


def test_nothing_is_plain() -> None:
    assert parse_recipe("plain") == RecipeName(())
    assert str(RecipeName(())) == "plain"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "allowed"),
        ("polsh", "did you mean polish"),
        ("polish+qat", "in this order: equalize, mse_ranges, bias_correction"),
        ("polish+polish", "once each"),
        ("polish+plain", "allowed"),
        ("qat@", "from 1 to 100000"),
        ("qat@0", "from 1 to 100000"),
        ("qat@-3", "from 1 to 100000"),
        ("qat@1e3", "from 1 to 100000"),
        ("qat@100001", "from 1 to 100000"),
        ("equalize@2", "takes no number"),
    ],
)
def test_others_are_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=r"^recipes: ") as caught:
        parse_recipe(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["+polish", "plain+polish", "polish+", "qat+polsh", "qat@0+polish", "qat++polish"])
def test_a_refusal_names_the_whole_recipe_as_it_was_typed(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_recipe(text)
    assert caught.value.value == text
    assert ("plain" in caught.value.allowed) == text.startswith("plain")


def test_lists_hold_each_recipe_once() -> None:
    found = parse_recipes("polish, qat+polish,polish,plain")
    assert [str(one) for one in found] == ["polish", "qat+polish", "plain"]


def test_training_steps_are_those_of_the_parts_that_train() -> None:
    found = {text: parse_recipe(text).training_steps(3000) for text in ("plain", "polish@50", "qat", "equalize+qat@7")}
    assert found == {"plain": 0, "polish@50": 0, "qat": 3000, "equalize+qat@7": 7}


def test_the_first_part_that_needs_a_kernel() -> None:
    assert [needs_kernel(parse_recipe(text)) for text in ("plain", "equalize+mse_ranges", "equalize+qat+polish")] == [
        "",
        "",
        "qat",
    ]


@pytest.mark.parametrize(
    ("recipe", "scheme", "placement", "said"),
    [
        ("equalize", "a4", "post", "equalize changes weights, and a4 leaves them float"),
        ("polish", "wf8af8", "post", "polish repairs integers, and wf8af8 has fp8_e4m3"),
        ("qat", "w4af8e5m2", "post", "qat repairs integers, and w4af8e5m2 has fp8_e5m2"),
        ("qat", "w4a4", "both", "qat goes with placement post, and this is both"),
    ],
)
def test_what_a_recipe_cannot_repair(recipe: str, scheme: str, placement: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        require_repairable(parse_recipe(recipe), parse_scheme(scheme), placement)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("recipe", "scheme", "how"),
    [
        ("polish", "wf8af8", ("post", "any", "minmax")),
        ("equalize+qat", "a4", ("both", "any", "minmax")),
        ("qat+polish", "w4a4", ("post", "pow2", "minmax")),
        ("equalize", "af8", ("post", "pow2", "minmax")),
        ("ntc_qat+polish", "w8a8", ("post", "any", "fixed")),
        ("mse_ranges", "a8", ("post", "any", "fixed")),
    ],
)
def test_a_refusal_ends_in_the_parts_that_go(recipe: str, scheme: str, how: tuple[str, str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        require_repairable(parse_recipe(recipe), parse_scheme(scheme), *how)
    _, _, named = str(caught.value).partition("; these go: ")
    for part in NAMES:
        try:
            require_repairable(parse_recipe(part), parse_scheme(scheme), *how)
        except BadInput:
            assert part not in named.split(", ")
        else:
            assert part in named.split(", ")


def test_ranges_that_are_fixed_stay_and_weights_alone_have_none() -> None:
    with pytest.raises(BadInput, match=r"polish chooses ranges of its own, and these are fixed; these go: .*ntc_qat$"):
        require_repairable(parse_recipe("polish"), parse_scheme("w8a8"), observer="fixed")
    require_repairable(parse_recipe("ntc_qat"), parse_scheme("w8a8"), observer="fixed")
    require_repairable(parse_recipe("qat+polish"), parse_scheme("w4"), observer="fixed")


@pytest.mark.parametrize(
    ("recipe", "scheme", "placement"),
    [
        ("plain", "a4", "pre"),
        ("equalize+bias_correction", "wf8af8", "post"),
        ("polish", "a4", "both"),
        ("qat+polish", "w4a8dyn", "post"),
        ("qat", "w4", "pre"),
    ],
)
def test_what_it_can(recipe: str, scheme: str, placement: str) -> None:
    require_repairable(parse_recipe(recipe), parse_scheme(scheme), placement)
