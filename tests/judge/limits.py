"""What tests ask of what is deployable, where they don't say otherwise: little, so that five seeds can be enough."""

from quantstudy.judge.deployable import Limits
from quantstudy.judge.rules import PERMUTATION


def asked(allowed_drop=0.02, assurance=0.5, min_accuracy=0.0, learned=0.0, rule=PERMUTATION):
    """Return limits; with an assurance of one half five networks that all pass are enough, and four are not."""
    return Limits(allowed_drop, assurance, min_accuracy, learned, rule)
