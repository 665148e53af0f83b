"""Polish: coordinate descent on the integers themselves, by `quantstudy_kernels.cpu.qat`."""

from quantstudy.quantize.recover.recipe import Bench, Quantized


def qat(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    raise NotImplementedError
