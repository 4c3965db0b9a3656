"""DreamClean's nodes for ComfyUI: link this folder into ``ComfyUI/custom_nodes``."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
