"""The names of recipes and of their parts: `equalize+qat@9000+polish`. Importing this file loads no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quantstudy.errors import BadInput, choices
from quantstudy.quantize.formats import Format
from quantstudy.quantize.scheme import Scheme

PLAIN = "plain"
"""What networks without any repair are called, where a recipe's name stands otherwise."""


TRAINING = "training steps"
"""What the numbers of those parts count that train on."""


@dataclass(frozen=True)
class Part:
    """What is known of one part of a recipe before it is run.

    Attributes:
        what: what it does, in a few words.
        counts: what the number behind its name counts, empty where it takes none.
        most: the largest.
        compiled: it goes with activations that have a kernel, no others.
        weights: it goes with quantized weights only.
        post: it goes with activations that are quantized after the activation function only.
        integers: it goes with integers, not with floats of 8 bits.
        scales: it chooses scales without regard to which there may be.
    """

    what: str
    counts: str = ""
    most: int = 0
    compiled: bool = False
    weights: bool = False
    post: bool = False
    integers: bool = False
    scales: bool = False


PARTS: Mapping[str, Part] = {
    "equalize": Part("scales neurons so that the weights of neighbouring layers have equal ranges", weights=True),
    "mse_ranges": Part("chooses the ranges whose rounding has the least squared error", scales=True),
    "bias_correction": Part("moves biases so that the mean of every neuron is what it is in float"),
    "qat": Part(
        "trains on with rounding in the forward pass, scales learned",
        counts=TRAINING,
        most=100_000,
        compiled=True,
        post=True,
        integers=True,
        scales=True,
    ),
    "ntc_qat": Part(
        "trains on with rounded activations and, in the last 3 % of the steps, rounded weights; ranges stay",
        counts=TRAINING,
        most=100_000,
        compiled=True,
        post=True,
        integers=True,
    ),
    "polish": Part(
        "moves codes, scales and biases one at a time while that lowers the loss",
        counts="moves that a search tries",
        most=1_000_000,
        compiled=True,
        integers=True,
        scales=True,
    ),
}
"""Every part, in the order in which they may follow each other: new scales would undo what chose codes."""

HOMOGENEOUS = ("relu", "leaky_relu", "prelu")
"""Activations with f(s·x) = s·f(x) for every s > 0: networks do the same, up to rounding, when they are equalized.

Of all others equalizing changes what they do before anything is quantized.
"""


@dataclass(frozen=True)
class Step:
    """One part of a recipe, with its number if it takes one (0: the usual one)."""

    name: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.name}@{self.number}" if self.number else self.name


@dataclass(frozen=True)
class RecipeName:
    """A recipe by its parts, in order; without any it is `plain`: networks as their plan has them.

    >>> str(parse_recipe("qat@9000+polish")), str(parse_recipe("plain")), parse_recipe("qat@9000").steps[0].number
    ('qat@9000+polish', 'plain', 9000)
    """

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.steps)) or PLAIN

    def training_steps(self, studied: int) -> int:
        """Return how many training steps it takes in a study with so many of its own.

        >>> parse_recipe("qat+polish").training_steps(3000), parse_recipe("polish@20").training_steps(3000)
        (3000, 0)
        """
        return sum(step.number or studied for step in self.steps if PARTS[step.name].counts == TRAINING)


def parse_recipe(text: str) -> RecipeName:
    """Return the recipe of a name.

    Raises:
        BadInput: an unknown part, one twice or in another order than that of PARTS, or a number that it doesn't take.
    """
    if text == PLAIN:
        return RecipeName(())
    steps = tuple(_step(part, text) for part in text.split("+"))
    order = [list(PARTS).index(step.name) for step in steps]
    if order != sorted(set(order)):
        raise BadInput("recipes", text, f"parts come once each and in this order: {', '.join(PARTS)}")
    return RecipeName(steps)


def _step(text: str, recipe: str) -> Step:
    """Return a part of a recipe, which is named as a whole where the part is refused."""
    name, at, number = text.partition("@")
    if name not in PARTS:
        alone = f"{PLAIN} stands alone; " if name == PLAIN else ""
        raise BadInput("recipes", recipe, alone + choices(name, tuple(PARTS)))
    part = PARTS[name]
    if not at:
        return Step(name)
    if not part.counts:
        raise BadInput("recipes", recipe, f"{name} takes no number")
    if not re.fullmatch(r"[1-9][0-9]{0,6}", number) or int(number) > part.most:
        raise BadInput("recipes", recipe, f"{name}@N, N {part.counts} from 1 to {part.most}")
    return Step(name, int(number))


def parse_recipes(text: str) -> tuple[RecipeName, ...]:
    """Return the recipes of a list that is separated by commas, each once.

    Raises:
        BadInput: see `parse_recipe`.
    """
    return tuple(dict.fromkeys(parse_recipe(part.strip()) for part in text.split(",")))


def needs_kernel(recipe: RecipeName) -> str:
    """Return the first part of a recipe that runs in compiled kernels alone, empty if none does."""
    return next((step.name for step in recipe.steps if PARTS[step.name].compiled), "")


def require_repairable(
    recipe: RecipeName, scheme: Scheme, placement: str = "post", scales: str = "any", observer: str = "minmax"
) -> None:
    """Check that every part of a recipe can repair networks quantized by a scheme.

    Args:
        recipe: any.
        scheme: of the networks.
        placement: where activations are quantized.
        scales: which there may be.
        observer: what chooses the ranges of activations.

    Raises:
        BadInput: a part can't.
    """
    for step in recipe.steps:
        why = _hindrance(step.name, scheme, placement, scales, observer)
        if why:
            named = ", ".join(repairing(scheme, placement, scales, observer))
            raise BadInput("recipes", str(recipe), f"{step.name} {why}; these go: {named or 'none'}")


def repairing(scheme: Scheme, placement: str = "post", scales: str = "any", observer: str = "minmax") -> list[str]:
    """Return the parts that can repair networks quantized by a scheme, see `require_repairable`.

    >>> from quantstudy.quantize.scheme import parse_scheme
    >>> repairing(parse_scheme("wf8af8"))
    ['equalize', 'mse_ranges', 'bias_correction']
    """
    return [name for name in PARTS if not _hindrance(name, scheme, placement, scales, observer)]


def _hindrance(name: str, scheme: Scheme, placement: str, scales: str, observer: str) -> str:
    """Return why a part can't repair such networks, to go on with after its name; empty if it can."""
    part = PARTS[name]
    floats = [form.name for form in _formats(scheme) if form.float8]
    if part.weights and scheme.weights is None:
        return f"changes weights, and {scheme} leaves them float"
    if part.scales and scales != "any":
        return f"chooses scales of its own, and these are {scales}"
    if part.scales and observer == "fixed" and scheme.activations is not None:
        return "chooses ranges of its own, and these are fixed"
    if part.integers and floats:
        return f"repairs integers, and {scheme} has {floats[0]}"
    if part.post and placement != "post" and scheme.activations is not None:
        return f"goes with placement post, and this is {placement}"
    return ""


def _formats(scheme: Scheme) -> list[Format]:
    found = [scheme.weights, scheme.activations]
    found += [scheme.last.weights, scheme.last.activations] if scheme.last else []
    return [form for form in found if form is not None]
