"""Do smooth, unbounded activations lose more at 8 and 4 bits, and bounded ones little? Is it the bound or the curve?

A 2 × 2 by construction, all trained and quantized alike: smooth or kinked × unbounded or bounded. The smooth bounded
ones are f(x) − f(x − 3) of silu and gelu, silu or gelu below, flat at 3 above; for relu the same is relu@3.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig(bits=(4, 8))

GROUPS = {
    ("smooth", "unbounded"): ("silu", "gelu"),
    ("kinked", "unbounded"): ("relu", "hardswish", "hardgelu_uncapped"),
    ("smooth", "bounded"): ("silu_bounded", "gelu_bounded"),
    ("kinked", "bounded"): ("relu@3", "hardswish@3", "hardgelu"),
}
"""The 2 × 2; `hardswish` and `hardgelu_uncapped` are the kinked twins of silu and gelu."""

CLAIM = Claim(
    name="smooth_suffers",
    says="Smooth, unbounded activations lose more at 8 and 4 bits; bounded ones lose little.",
    measured=(
        "Accuracy lost at w4a4 and w8a8 (static, simulated) in a 2 × 2 of smooth or kinked and unbounded or "
        "bounded; the paired differences of its cells, and what the bounded ones lose."
    ),
    parts=(
        Part(
            "smooth_unbounded_4",
            "the smooth unbounded ones lose more than the other three cells at w4a4",
            0.02,
            "points",
            100.0,
        ),
        Part("smooth_unbounded_8", "and at w8a8", 0.002, "points", 100.0),
        Part(
            "bounded_little_8",
            "the bounded ones (smooth and kinked) lose less than 2 points at w8a8 (2 minus their loss)",
            0.0,
            "points",
            100.0,
        ),
        Part("bounded_little_4", "and at w4a4", 0.0, "points", 100.0),
        Part(
            "bound_4",
            "the bound: unbounded ones lose more than bounded ones at w4a4, smooth and kinked alike",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "smooth_4",
            "the curve: smooth ones lose more than kinked ones at w4a4, bounded and unbounded alike",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
        Part("bound_8", "the bound at w8a8", 0.002, "points", 100.0, decides=False),
        Part("smooth_8", "the curve at w8a8", 0.002, "points", 100.0, decides=False),
    ),
)
