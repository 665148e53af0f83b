"""What the live part of the page says; its script fills the {names} in."""

from typing import TYPE_CHECKING, Any

from quantstudy.words.things import things_of

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

LABELS = {
    "activation": "Activation",
    "beside": "Beside it",
    "seed": "Seed",
    "weights": "Weights",
    "activations": "Activations",
    "inputs": "Network's inputs",
    "placement": "Activations quantized",
    "observer": "Ranges",
    "cap": "Cap of the activation",
    "repaired": "Repaired networks",
    "fold": "Folds below",
}
"""The names of the controls."""

OBSERVERS = {
    "minmax": "smallest to largest value",
    "percentile": "0.1 to 99.9 percentile",
    "mse": "least squared error",
    "fixed": "the function's own ends",
}

CHOICES = {
    "beside": {"none": "nothing"},
    "inputs": {"none": "float"} | {str(bits): f"{bits} bits" for bits in range(2, 17)},
    "placement": {"post": "behind the function", "pre": "before the function", "both": "before and behind"},
    "observer": OBSERVERS,
    "cap": {"own": "as trained", "3": "at 3", "none": "none"},
    "fold": {"float": "in float", "quantized": "quantized", "difference": "difference"},
    "numbers": {
        "8dyn": "8 bits, per point",
        "f8": "8-bit float E4M3",
        "f8e5m2": "8-bit float E5M2",
        "float": "float",
    },
}
"""What the values of controls are called."""

COMMON: dict[str, Any] = {
    "labels": LABELS,
    "observers": OBSERVERS,
    "choices": CHOICES,
    "controls": "What is quantized, and how",
    "more": "More: beside it, ranges, inputs, cap, repairs",
    "bits": "bits",
    "play": "Play 16 → 2 bits",
    "stop": "Stop playing",
    "save": "Save these maps as PNG",
    "statistics": "What changes",
    "views": {"float": "In float", "quantized": "Quantized", "difference": "Quantized − float"},
    "folds": "Every neuron's fold",
    "layer": "Layer {layer}",
    "more_neurons": " (and {beyond} more neurons)",
    "neuron": "Layer {layer}, neuron {neuron}",
    "neuron_heading": "Layer {layer}, neuron {neuron}, large",
    "weights_caption": "What goes into it, largest weight first (1.4: layer 1, neuron 4)",
    "weights_head": ["From", "In float", "Quantized", "Difference"],
    "smaller": "{number} smaller ones",
    "bias": "bias",
    "chain": "Chain of folds: {steps}.",
    "chain_step": "{name} ({share} % of the next sum's spread)",
    "histograms": "Values and the quantizer's grid",
    "histograms_note": "How often each value occurs in float (log scale); lines: the values that quantization leaves.",
    "levels_none": "Not quantized here.",
    "levels_point": "The grid is chosen anew for every point.",
    "levels_undefined": "A value is not finite, so there is no grid.",
    "levels_some": "{number} values are left in this range.",
    "levels_many": "{number} values are left in this range: too many to draw.",
    "not_offered": "Nothing is shown: ranges by «{observer}» were searched for beforehand, and only at this study's "
    "bits, for networks capped as trained and with inputs in float. Choose other ranges, or go back to those settings.",
    "told_repaired": ", repaired",
    "told_loses": "loses",
    "told_gains": "gains",
    "told_undefined": "{activation}, seed {seed}, {scheme}{repaired}{how}: this network gives numbers that are not "
    "finite, so it decides nothing and counts as failed.",
    "told_otherwise": ", {label} {choice}",
    "told_within": "within",
    "told_beyond": "more than",
    "repair_none": "(none of {activation} in this page: quantstudy recover makes them)",
    "repair": "({recipe}, {scheme})",
    "unknown_field": "The address names «{name}», which this page does not know; it knows {allowed}.",
    "bad_field": "The address asks for {name} «{text}»; allowed: {allowed}. The default is shown instead.",
}
"""What is the same in every study."""


def live_texts(config: "StudyConfig") -> dict[str, Any]:
    """Return the texts of the live part of a study's page."""
    things = things_of(config)
    kind = _of_classes(things.points) if config.task == "classes" else _of_numbers()
    return COMMON | kind | {"fold_views": _fold_views(things.over, config.has_curve)}


def _of_classes(points: str) -> dict[str, Any]:
    return {
        "maps": {"float": "In float", "quantized": "Quantized", "changed": "What changed"},
        "saved": "{activation}, seed {seed}, {scheme}{how}",
        "key_classes": [
            ["island", "island (logit above 0)"],
            ["sea", "sea"],
            ["became-island", "became island"],
            ["became-sea", "became sea"],
        ],
        "told": f"{{activation}}, seed {{seed}}, {{scheme}}{{repaired}}{{how}}: {{rate}} of the {points} change class. "
        "At points it was not trained on this network gets {float} right in float and {quantized} quantized: it "
        "{loses} {drop} points, {verdict} the {allowed} allowed.",
        "statistics_rows": {
            "flips": f"Flip rate (lower is better; {points})",
            "sides": "Sea → island, island → sea",
            "accuracy": f"Accuracy at the {points} trained on",
            "heldout": "Accuracy at held-out points (this one decides)",
            "sqnr": "Signal to quantization noise of the logit, dB (higher is better)",
            "islands": "Islands lost / born / merged / split",
        },
    }


def _of_numbers() -> dict[str, Any]:
    return {
        "maps": {"float": "In float", "quantized": "Quantized", "changed": "Difference, enlarged"},
        "saved": "{activation}, seed {seed}, {scheme}{how}",
        "key_classes": [],
        "curves": "Labels, float and quantized outputs",
        "curves_key": "Thick and grey: what was to be learnt; thin: the network in float; dashed: quantized.",
        "told": "{activation}, seed {seed}, {scheme}{repaired}{how}: at points it was not trained on this network has "
        "a PSNR of {float} dB in float and {quantized} dB quantized: it {loses} {drop} dB, "
        "{verdict} the {allowed} allowed.",
        "statistics_rows": {
            "psnr": "PSNR where it was measured, dB (higher is better)",
            "heldout_psnr": "PSNR at held-out points, dB (this one decides)",
            "sqnr": "Signal to quantization noise of the output, dB (higher is better)",
        },
    }


def _fold_views(over: str, curve: bool) -> dict[str, str]:
    scale = "" if curve else ", dark to bright from its smallest to its largest value in float"
    what = f"What a neuron puts out {over}{scale}"
    adds = "adds or takes" if curve else "adds (orange) or takes (blue), on one scale per layer"
    bold = "Framed: the chosen neuron's chain, back to the inputs."
    return {
        "float": f"{what}. {bold}",
        "quantized": f"{what}, after quantization. {bold}",
        "difference": f"What quantization {adds}. {bold}",
    }
