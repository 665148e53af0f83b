"""Import torchao without the lines that it prints while loading."""

import gc
import logging
import sys
from types import ModuleType

_TALKATIVE = ("torchao", "torch.utils._pytree")


def quantization() -> ModuleType:
    """Return `torchao.quantization`.

    torchao 0.18 logs two missing CUDA libraries and a pytree deprecation when it is first imported; neither concerns a
    user of this package. Errors still come through, and the loggers' levels are put back.
    """
    if "torchao.quantization" in sys.modules:  # setting a level clears the caches of all loggers
        return sys.modules["torchao.quantization"]
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        import torchao.quantization
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    gc.freeze()  # the million objects that torch and torchao are made of need not be looked through again and again
    module: ModuleType = torchao.quantization
    return module
