"""NVML as pynvml sees it, with the library behind it replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.collect import Guest
from tests.collect.lab import Kernel, Nvml, device


@pytest.fixture
def kernel(tmp_path: Any) -> Kernel:
    return Kernel(tmp_path / "root")


@pytest.fixture
def load_nvml(monkeypatch: pytest.MonkeyPatch) -> Callable[[Nvml], Any]:
    """pynvml, the real module, over a library of ours; the tests of GPUs skip where it is not installed."""
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install assay-harness[gpu]")

    def load(library: Nvml) -> Any:
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        monkeypatch.setattr(pynvml, "_nvmlLib_refcount", 0)
        return pynvml

    return load


@pytest.fixture
def guest(kernel: Kernel) -> Guest:
    """A TD without GPUs, whose waits are not waited."""
    return Guest(kernel, ioctl=device(), wait=lambda _: None)
