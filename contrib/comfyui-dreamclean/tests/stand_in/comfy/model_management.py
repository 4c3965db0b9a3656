"""A stand-in for ``comfy.model_management``: the device, and what *Cancel* does, written for these tests."""

import threading

import torch

_interrupted = threading.Event()


class InterruptProcessingException(Exception):
    pass


def get_torch_device() -> torch.device:
    return torch.device("cpu")


def interrupt_current_processing(value: bool = True) -> None:
    (_interrupted.set if value else _interrupted.clear)()


def throw_exception_if_processing_interrupted() -> None:
    if _interrupted.is_set():
        _interrupted.clear()
        raise InterruptProcessingException
