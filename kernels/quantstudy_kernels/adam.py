"""One step of Adam in torch, on a flat buffer: what every trainer but the compiled one takes."""

import math

from torch import Tensor


def adam_step(
    flat: Tensor,
    gradient: Tensor,
    moments: tuple[Tensor, Tensor],
    number: int,
    rate: float,
    *,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Move parameters one step, in place (Kingma & Ba 2015, arXiv 1412.6980).

    Args:
        flat: parameters, any shape.
        gradient: of the same shape.
        moments: the running means of the gradient and of its square, zeros before the first step; moved too.
        number: of this step, from 1.
        rate: learning rate.
        betas: decay rates of the two moments.
        epsilon: added to the root of the second moment.
    """
    first, second = moments
    first.lerp_(gradient, 1.0 - betas[0])
    second.mul_(betas[1]).addcmul_(gradient, gradient, value=1.0 - betas[1])
    root = second.sqrt().mul_(1.0 / math.sqrt(1.0 - betas[1] ** number)).add_(epsilon)
    flat.addcdiv_(first, root, value=-rate / (1.0 - betas[0] ** number))
