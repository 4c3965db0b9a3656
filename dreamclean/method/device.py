"""Where the prior's network runs, and in which precision."""

import warnings

import torch

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError


def pick_device(name: str) -> torch.device:
    """The device called ``name``; ``"auto"``: a GPU if there is one. DreamCleanError if it cannot be used."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about names that it gave up
            one = torch.ones(1, device=name)
        if (one + one).item() != 2:  # "meta" has no values
            raise RuntimeError("it does not compute")
        return one.device
    except Exception as error:  # each of torch's backends has errors of its own
        reason = str(error).partition("\n")[0].partition(". ")[0][:150] or type(error).__name__
        raise DreamCleanError(f"device {brief(name)} cannot be used ({reason}); say auto, cpu, cuda or mps") from None


def pick_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """The precision called ``name``; None or ``"auto"``: bfloat16 if the processor has bfloat16 arithmetic, else float32."""
    if name in (None, "auto"):
        return torch.bfloat16 if computes_bf16(device) else torch.float32
    dtype = getattr(torch, str(name), None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise DreamCleanError(f"there is no precision {brief(name)}; there are auto, float32, bfloat16 and float16")
    return dtype


def computes_bf16(device: torch.device) -> bool:
    """Whether the processor has bfloat16 arithmetic; if it is emulated, float32 is several times faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
