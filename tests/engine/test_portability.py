"""What is the same on every machine, and what is told of the rest."""

import subprocess
import sys

import pytest

from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.config.study import StudyConfig
from quantstudy.engine import portability
from quantstudy.engine.portability import device_of, gpu, notices, origin
from quantstudy.records import provenance

HERE = {"vendor": "Some", "instruction_sets": ["avx2", "fma"], "name": "x"}
LATER = (
    "; the last bits depend on the machine, so another one trains other networks, and a verdict that is close may be "
    "another there"
)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(provenance, "processor", lambda: HERE)
    monkeypatch.setattr(portability, "gpu", lambda: "Some GPU")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_has_a_kernel_is_portable(name):
    processor = {"processor": ["Some", "avx2", "fma"]}
    portable = ACTIVATIONS[name].kernel is not None
    assert origin(name, "fused", "cpu") == ({} if portable else processor)
    assert origin(name, "reference", "cpu") == processor
    assert origin(name, "fused", "cuda") == processor | {"gpu": "Some GPU"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, []),
        ({"activations": ("relu@2", "relu6")}, []),
        ({"activations": ("relu", "tanh")}, ["PyTorch computes tanh, for want of a kernel"]),
        (
            {"activations": ("mish", "tanh", "relu", "elu", "selu@2", "sigmoid")},
            ["PyTorch computes mish, tanh, elu and 2 more, for want of a kernel"],
        ),
        ({"trainer": "reference"}, ["trainer reference: PyTorch trains all of this"]),
        ({"device": "cuda"}, ["device cuda (Some GPU) computes all of this"]),
        ({"device": "auto", "trainer": "reference"}, ["device cuda (Some GPU) computes all of this"]),
    ],
)
def test_one_line_tells_whose_numbers_depend_on_the_machine(settings, told):
    config = StudyConfig(**{"device": "cpu"} | settings)
    assert list(notices(config)) == [line + LATER for line in told]


def test_another_build_of_noise_is_told_and_stands_in_every_key(monkeypatch):
    assert portability.noise_build() == portability.NOISE
    monkeypatch.setattr(portability, "noise_build", lambda: "other")
    assert origin("relu", "fused", "cpu") == {"noise": "other"}
    assert origin("tanh", "fused", "cpu") == {"noise": "other", "processor": ["Some", "avx2", "fma"]}
    (line,) = notices(StudyConfig(device="cpu", activations=("relu",)))
    assert line.startswith("the package noise was compiled with other flags than usual")


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    assert [device_of(name) for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(portability, "gpu", lambda: None)
    assert [device_of(name) for name in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]


def test_torch_knows_the_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    monkeypatch.setattr(portability, "DRIVERS", ("null",))  # a file that every /dev has
    asked = gpu.__wrapped__
    assert asked() == "Some GPU"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert asked() is None


def test_torch_is_not_asked_where_there_is_no_driver():
    program = (
        "import sys; from quantstudy.engine import portability as p; p.DRIVERS = ('none',); sys.platform = 'linux';"
        "print(p.gpu(), p.device_of('auto'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "cpu", "False"]
