"""Polish: coordinate descent on the integers themselves, by `quantstudy_kernels.cpu.polish`."""

from quantstudy.quantize.recover.recipe import Bench, Quantized


def polish(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    raise NotImplementedError
