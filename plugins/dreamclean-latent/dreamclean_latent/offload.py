"""Sequential offloading: weights stay on the CPU, and each layer's visit the device while it computes."""

from typing import Any

import torch


def offload(module: torch.nn.Module, device: torch.device) -> None:
    """Have every layer of ``module``, on the CPU, compute on ``device``, where its input must be."""
    for layer in module.modules():
        _visit(layer, device)


def _visit(layer: torch.nn.Module, device: torch.device) -> None:
    stores: list[dict[str, Any]] = [layer._parameters, layer._buffers]
    homes = [{name: tensor for name, tensor in store.items() if tensor is not None} for store in stores]

    def go(*_: Any) -> None:
        for store, home in zip(stores, homes, strict=True):
            store.update({name: tensor.to(device) for name, tensor in home.items()})

    def come_back(*_: Any) -> None:
        for store, home in zip(stores, homes, strict=True):
            store.update(home)

    layer.register_forward_pre_hook(go)
    layer.register_forward_hook(come_back, always_call=True)
