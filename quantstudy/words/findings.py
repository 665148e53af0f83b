"""What stands on the explorable findings of the page: names of views and measures, how to read each, its remarks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import passes
from quantstudy.words.measures import Measure
from quantstudy.words.numbers import listed, percent, plural, real
from quantstudy.words.placement import Factor
from quantstudy.words.things import unit_of
from quantstudy.words.verdict import UNLEARNED

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

VIEWS = {
    "forest": "Ranking, every seed",
    "compare": "All schemes against one",
    "cliff": "Fewer bits",
    "layers": "Which layer",
    "placement": "How it is quantized",
    "recover": "Repairs",
    "cause": "Why: bound or shape",
    "multiverse": "Other ways to train",
    "backends": "torchao against simulated",
    "engines": "Real engines",
    "cost": "Cost",
    "claims": "Claims",
}
"""The views by the names that a link has for them, in the order in which they are offered."""

CLAIMS = (
    "A run's records hold no claims: quantstudy claims measures those of the article, each by a study of its own, and "
    "its ledger tells what became of them."
)
"""What the view of claims says; no run folder holds any."""

NOT_HELD = "The live quantizer above does not hold {activation}, seed {seed}; there the page tells what it left out."
"""What is said where the network of a dot can't be opened."""

FIND = "a text of at most {most} characters"
"""What rows of the table may be found by."""

PARTS = {"both": "weights and activations", "weights": "weights alone", "activations": "activations alone"}
"""What is quantized, of the bit cliff."""

LAYER_VIEWS = {
    "shapley": "share of the damage",
    "isolated": "only this layer quantized",
    "all_but_one": "all but this layer quantized",
    "accumulated": "this layer and all before it quantized",
}
"""What is shown per layer, by the names of verdict.json; the first adds up to the total (Shapley value)."""

ALL_LAYERS = "all layers"
UNDOES, NONE, DAMAGE, BEHIND = "undoes damage of others", "none", "more damage", "further behind"
"""What stands at the ends and in the middle of colour scales."""

AXIS_BITS = "bits"
REGRET, SETTINGS, WIDTHS = "loss against the best", "every setting", "other widths"
"""What is chosen among."""
ALLOWED = "allowed loss"
BACKENDS = "Where torchao's real quantized tensors differ from the simulated networks"

SETTING = "own setting"


def remark(entry: Mapping[str, Any], judged: Mapping[str, Any]) -> str:
    """Return what stands beside an activation of a ranking: whether it is deployable, tied, and how many pass."""
    if judged["seeds"] == 1:
        return "one seed: not judged" if entry["learned"] else f"one seed: not judged; {UNLEARNED}"
    said = ["deployable" if entry["deployable"] else "not deployable"]
    if entry["deployable"] and not is_fact(entry["stability"]):
        said[0] += " (open)"
    said += [] if entry["learned"] else [UNLEARNED]
    said += ["tied with the best"] if entry["activation"] in tied_of(judged) else []
    said.append(f"pass: {passes(entry, judged['seeds'])}")
    chance = percent(real(entry["probability_best"]), 0)
    said += [] if chance == "n/a" else [f"best with probability {chance}"]
    said += [f"{plural(entry['missing'], 'network')} without a finite value"] if entry["missing"] else []
    return "; ".join(said)


def tied_of(judged: Mapping[str, Any]) -> list[str]:
    """Return the activations that are tied with the best of a scheme; none where it is alone, or with one seed."""
    tied = list(judged["tied_with"])
    return tied if len(tied) > 1 and judged["seeds"] > 1 else []


def repaired_remark(row: Mapping[str, Any], seeds: int, *, chosen: bool) -> str:
    """Return what stands beside a repair of an activation."""
    if seeds == 1:
        return "one seed: not judged"
    said = ["deployable" if row["deployable"] else "not deployable"]
    if row["deployable"] and not is_fact(row["stability"]):
        said[0] += " (open)"
    said += ["the chosen repair"] if chosen else []
    return "; ".join([*said, f"pass: {passes(row, seeds)}"])


def from_bits(found: Mapping[str, Any], widest: int) -> str:
    """Return from how many bits on an activation is deployable.

    >>> from_bits({"bits": 7, "stability": 0.5}, 16), from_bits({"bits": None, "stability": 1.0}, 16)
    ('deployable from 7 bits on (open)', 'deployable at none of up to 16 bits')
    """
    if found["bits"] is None:
        return f"deployable at none of up to {plural(widest, 'bit')}"
    known = found.get("stability")
    return f"deployable from {plural(found['bits'], 'bit')} on{'' if known is None or is_fact(known) else ' (open)'}"


def setting_of(one: Mapping[str, Any], factors: Mapping[str, Factor]) -> str:
    """Return a way to quantize in a few words: the levels of its factors."""
    said = [factors[key].levels[one[key]].head for key in factors if key != "coordinates"]
    said += ["inputs too"] if one["coordinates"] else []
    named = " · ".join(said)
    return f"{SETTING}: {named}" if one["default"] else named


def pair_of(row: Mapping[str, Any]) -> str:
    """Return the two networks that a row of `cause` compares.

    >>> pair_of({"variant": "hardgelu", "against": "relu"})
    'hardgelu − relu'
    """
    return f"{row['variant']} − {row['against']}"


def with_recipe(activation: str, recipe: str) -> str:
    """Return an activation with its repair.

    >>> with_recipe("relu", "polish")
    'relu, polish'
    """
    return f"{activation}, {recipe}"


def of_all(points: int) -> str:
    """Return of how many points some are counted.

    >>> of_all(524288)
    'of 524,288 points'
    """
    return f"of {points:,} points"


def reading(view: str, config: "StudyConfig", base: str) -> str:
    """Return how to read a view, `base` is the reference activation."""
    noun, seeds = unit_of(config).noun, config.seeds
    mean = "one seed was run, so there are no intervals" if seeds == 1 else f"means over {plural(seeds, 'seed')} with "
    mean += "" if seeds == 1 else "95 % intervals"
    opens = " A dot opens its network in the live quantizer." if config.has_plane or config.has_curve else ""
    said = {
        "forest": f"A dot per seed; {mean}.{opens}",
        "compare": f"Each cell: the value, and below it the difference to {base}, paired by seed ({mean}). Colour: "
        "that difference, on one scale per scheme.",
        "cliff": f"All layers quantized to so many bits; {mean}. Green: within the limits of what may "
        "change, light: within the looser one.",
        "layers": "Of every layer how much of the damage it does: the shares are exact Shapley values and add up to "
        f"that of all layers ({mean}). Blue: it undoes damage of others.",
        "placement": f"Held-out {noun} lost against the best of each way to quantize ({mean}); less is better.",
        "recover": f"Loss of held-out {noun} without and with repair, on the half of the held-out points that chose "
        f"nothing; {mean}.",
        "cause": f"Held-out {noun} of the network named first minus that of the second, paired by seed ({mean}). Right "
        "of 0 the first is better.",
        "multiverse": f"Lost against the best of each of other reasonable ways to train and quantize ({mean}).",
        "backends": "Points at which real quantized tensors (torchao) differ from fake quantization, of all networks "
        "together.",
        "engines": "Points at which an engine differs from the simulated networks, of all that it ran.",
        "cost": "Instructions and bytes are counted per element, registers per thread; it takes no part in the "
        "ranking.",
        "claims": CLAIMS,
    }
    return said[view]


def fewer_dots(shown: int, seeds: int) -> str:
    """Return that not every seed has a dot; empty where each has one.

    >>> fewer_dots(57, 200), fewer_dots(32, 32)
    ('Dots: the first 57 of 200 seeds, as more do not fit into the page; means and intervals are of all.', '')
    """
    if shown >= seeds:
        return ""
    return (
        f"Dots: the first {shown} of {plural(seeds, 'seed')}, as more do not fit into the page; means and intervals "
        "are of all."
    )


def left_out(charts: Sequence[str], most: int) -> str:
    """Return which charts and their rows are not in the page; empty where all are.

    >>> left_out(["Which layer w8a8"], 9000)
    'Left out, as the page holds 9,000 rows at most: Which layer w8a8. verdict.json has them.'
    """
    if not charts:
        return ""
    return f"Left out, as the page holds {most:,} rows at most: {listed(charts)}. verdict.json has them."


def undefined(count: int) -> str:
    """Return that values were left out of means."""
    return f"{plural(count, 'value')} undefined: left out of the means, n/a where none is left."


def headed(what: str, scheme: str) -> str:
    """Return the heading of a chart of one scheme.

    >>> headed("share of the damage", "w8a8")
    'w8a8: share of the damage, per layer'
    """
    return f"{scheme}: {what}, per layer"


def parts_heading(part: str, measure: Measure) -> str:
    """Return the heading of curves over widths.

    >>> parts_heading("weights", Measure("flip rate", "%", "lower"))
    'Weights alone quantized: flip rate over bits'
    """
    what = PARTS[part]
    return f"{what[0].upper()}{what[1:]} quantized: {measure.name} over bits"


def widths_heading(cliff: Mapping[str, Any]) -> str:
    """Return the heading of what a repair does at other widths."""
    return f"{cliff['activation']} without and with {cliff['recipe']} at other widths"


def at_bits(bits: int) -> str:
    """Return a width.

    >>> at_bits(4)
    '4 bits'
    """
    return plural(bits, "bit")


def with_choice(factor: Factor, level: Any) -> str:
    """Return the settings that make one choice."""
    return f"settings with {factor.head}: {factor.levels[level].head}"


def settings_heading(scheme: str, settings: int) -> str:
    """Return the heading of all settings of a scheme."""
    return f"{scheme}: how far behind the best of each of {plural(settings, 'setting')}"


def repairs_heading(scheme: str) -> str:
    """Return the heading of the repairs at a scheme.

    >>> repairs_heading("w4a8")
    'w4a8: loss without and with repair'
    """
    return f"{scheme}: loss without and with repair"


def cost_heading(measure: Measure) -> str:
    """Return the heading of a counted cost.

    >>> cost_heading(Measure("bytes kept for backward", "per element", "lower"))
    'Bytes kept for backward, per element'
    """
    return f"{measure.name[0].upper()}{measure.name[1:]}, {measure.sign}"


def same(base: str) -> str:
    """Return what the middle of a colour scale is.

    >>> same("relu")
    'as relu'
    """
    return f"as {base}"
