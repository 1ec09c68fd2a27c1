"""Which processor is used, and how it is called in provenance."""

from __future__ import annotations

import torch

from nscweb.core.errors import WrongUse

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wanted: str = "auto", threads: int | None = None) -> torch.device:
    """The device for `wanted`; ``auto`` takes a CUDA GPU where there is one, else the CPU.

    Args:
        wanted: one of DEVICES.
        threads: CPU threads that torch may use in this process, None leaves its own choice.

    Raises:
        WrongUse: an unknown name, or a device that this machine does not have.
    """
    if wanted not in DEVICES:
        raise WrongUse(f"There is no device called {wanted!r}.", f"Possible are {', '.join(DEVICES)}.")
    if threads is not None:
        torch.set_num_threads(max(1, threads))
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    if wanted == "cuda" and not has_cuda:
        raise WrongUse("This machine has no CUDA GPU that torch can use.", "Choose the device auto or cpu.")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise WrongUse("This machine has no Apple GPU that torch can use.", "Choose the device auto or cpu.")
    return torch.device(wanted)


def describe_device(device: torch.device) -> str:
    """One phrase for cards and provenance: ``CPU, 2 threads`` or the name of the GPU."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "GPU, Apple"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"
