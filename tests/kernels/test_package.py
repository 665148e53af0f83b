import ast
import subprocess
import sys
from pathlib import Path

import pytest
import quantstudy_kernels
import torch
from quantstudy_kernels import dispatch, reference


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import quantstudy_kernels")
    assert "quantstudy_kernels" in loaded
    assert not loaded & {"torch", "triton", "numba", "numpy", "quantstudy"}


def test_using_it_on_a_cpu_loads_no_kernels():
    loaded = loaded_after(
        "import torch, quantstudy_kernels as q\nq.activation_forward(torch.zeros(2), 'relu')\n"
        "q.fake_quantize(torch.zeros(2), 0.1, 0, -8, 7)"
    )
    assert "quantstudy_kernels.reference" in loaded
    assert not loaded & {"triton", "numba", "quantstudy", "torchao", "quantstudy_kernels.triton.activation"}


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


def test_a_cpu_tensor_gets_the_reference():
    x = torch.linspace(-3, 3, 100).view(4, 25)
    slope = torch.full((4, 1), 0.1)
    assert dispatch.implementation_name(x) == "reference"
    for name in quantstudy_kernels.ACTIVATION_NAMES:
        arguments = {"slope": slope, "cap": 1.0}
        pairs = [
            *zip(
                quantstudy_kernels.activation_forward_and_derivative(x, name, **arguments),
                reference.activation_forward_and_derivative(x, name, **arguments),
                strict=True,
            ),
            *zip(
                quantstudy_kernels.activation_backward(x, x, name, **arguments),
                reference.activation_backward(x, x, name, **arguments),
                strict=True,
            ),
            (
                quantstudy_kernels.activation_derivative(x, name, **arguments),
                reference.activation_derivative(x, name, **arguments),
            ),
        ]
        assert all(a is b is None or torch.equal(a, b) for a, b in pairs)
    assert quantstudy_kernels.quantize_codes(x, 0.5, 0, -8, 7).abs().max() == 6


def test_the_dispatcher_differentiates():
    x = torch.linspace(-3, 3, 100, requires_grad=True)
    quantstudy_kernels.activation_forward(x, "hardgelu").sum().backward()
    assert torch.equal(x.grad, reference.activation_derivative(x.detach(), "hardgelu"))


def test_public_names():
    assert set(quantstudy_kernels.__all__) == {"ACTIVATION_NAMES", *dispatch.__all__}
    assert set(quantstudy_kernels.__all__) <= set(dir(quantstudy_kernels))
    for name in quantstudy_kernels.__all__:
        assert getattr(quantstudy_kernels, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = quantstudy_kernels.nothing
