import ast
import subprocess
import sys
from pathlib import Path

import pytest
import quantstudy_kernels
import torch
from quantstudy_kernels import dispatch, reference
from quantstudy_kernels.cpu import activations


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import quantstudy_kernels")
    assert "quantstudy_kernels" in loaded
    assert not loaded & {"torch", "triton", "numba", "numpy", "quantstudy"}


def test_using_it_on_a_cpu_loads_no_triton():
    loaded = loaded_after(
        "import torch, quantstudy_kernels as q\nq.activation_forward(torch.zeros(2), 'relu')\n"
        "q.fake_quantize(torch.zeros(2), 0.1, 0, -8, 7)"
    )
    assert {"quantstudy_kernels.reference", "quantstudy_kernels.cpu.activations"} <= loaded
    assert not loaded & {"triton", "quantstudy", "torchao", "quantstudy_kernels.triton.activation"}


def test_no_file_of_it_imports_quantstudy():
    files = list(Path(quantstudy_kernels.__file__).parent.rglob("*.py"))
    assert len(files) > 4
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "quantstudy"], file


def test_the_folder_triton_does_not_shadow_triton():
    triton = pytest.importorskip("triton", reason="triton is not installed")
    assert hasattr(triton, "jit")
    assert "quantstudy_kernels" not in str(triton.__file__)


@pytest.mark.parametrize(("dtype", "name"), [(torch.float32, "cpu"), (torch.float64, "reference")])
def test_float32_on_a_cpu_gets_its_kernels_and_the_rest_the_reference(dtype, name):
    x = torch.linspace(-3, 3, 100, dtype=dtype).view(4, 25)
    slope = torch.full((4, 1), 0.1, dtype=dtype)
    assert dispatch.implementation_name(x) == name
    module = activations if name == "cpu" else reference
    for activation in quantstudy_kernels.ACTIVATION_NAMES:
        arguments = {"slope": slope, "cap": 1.0}
        for function in ("activation_forward_and_derivative", "activation_backward"):
            given = (x, x) if function == "activation_backward" else (x,)
            pairs = zip(
                getattr(quantstudy_kernels, function)(*given, activation, **arguments),
                getattr(module, function)(*given, activation, **arguments),
                strict=True,
            )
            assert all(a is b is None or torch.equal(a, b) for a, b in pairs)
    assert quantstudy_kernels.quantize_codes(x.float(), 0.5, 0, -8, 7).abs().max() == 6


def test_the_dispatcher_differentiates():
    for x in (torch.linspace(-3, 3, 100), torch.linspace(-3, 3, 100, dtype=torch.float64)):
        x.requires_grad_()
        quantstudy_kernels.activation_forward(x, "hardgelu").sum().backward()
        torch.testing.assert_close(x.grad, reference.activation_derivative(x.detach(), "hardgelu"))


def test_public_names():
    assert set(quantstudy_kernels.__all__) == {"ACTIVATION_NAMES", *dispatch.__all__}
    assert set(quantstudy_kernels.__all__) <= set(dir(quantstudy_kernels))
    for name in quantstudy_kernels.__all__:
        assert getattr(quantstudy_kernels, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = quantstudy_kernels.nothing
