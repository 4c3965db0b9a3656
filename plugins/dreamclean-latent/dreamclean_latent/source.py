"""Where a model's parts come from: a diffusers folder, a hub id, or a single safetensors file."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from dreamclean.builtin.priors.hub import hub_options
from dreamclean.contracts.errors import DreamCleanError
from dreamclean_latent.loading import Absent, fast_loading, from_single_file, one_line, pretrained, reads_single_files

_HUB_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"
_FILES = ("model_index.json",)
_V_PREDICTION = {"v_pred", "ztsnr"}
"""Keys by which fine-tuned models say that they are not what their weights look like."""
_TEXTS = re.compile(r"(tokenizer|text_encoder)(_\d)?")


def check_place(path: str, revision: str | None, files: Sequence[str]) -> dict[str, Any]:
    """What to load ``path`` with, if it is a folder, a safetensors file or a hub id that has one of ``files``.

    Nothing for what is here; ``local_files_only`` for a model of the hub that only the cache has. DreamCleanError
    for anything else.
    """
    place = Path(path)
    if place.is_file() and place.suffix != ".safetensors":
        raise DreamCleanError(
            f"'{path}' is not a safetensors file; give a .safetensors file, a diffusers folder or a hub id"
        )
    if not place.exists() and not re.fullmatch(_HUB_ID, path):
        raise DreamCleanError(f"there is no folder or file '{path}'")
    return {} if place.exists() else hub_options(path, revision, files)


class Source:
    """The parts of one model. ``config``: the folder or hub id of a single file's configs and tokenizers."""

    def __init__(self, path: str, revision: str | None, variant: str | None, config: str | None) -> None:
        here = check_place(path, revision, _FILES)
        self.path, self.revision, self.variant = path, revision, variant
        self.single = Path(path).is_file()
        if config is not None and not self.single:
            raise DreamCleanError(f"'{path}' has its own configs; leave config out")
        if config is None and self.single:
            with one_line(f"'{path}'"):
                config = inferred_config(path)
            self.label = f"config '{config}' (a guess from the weights; offline give config=FOLDER)"
        else:
            self.label = f"'{config or path}'"
        self.configs = config or path
        with one_line(self.label):
            self.options = check_place(self.configs, self._config_revision(), _FILES) if self.single else here

    def index(self) -> dict[str, Any]:
        """The model_index.json."""
        from diffusers import DiffusionPipeline

        index = dict(DiffusionPipeline.load_config(self.configs, revision=self._config_revision(), **self.options))
        libraries = {
            part[0] for name, part in index.items() if isinstance(part, list | tuple) and _TEXTS.fullmatch(name)
        }
        if unknown := libraries - {"diffusers", "transformers", None}:
            raise DreamCleanError(f"its model_index.json names the package {unknown.pop()}; give another model")
        return index

    def config(self, folder: str) -> dict[str, Any]:
        """The config of a part that is a model or a scheduler."""
        from diffusers import DDPMScheduler, UNet2DConditionModel

        owner = DDPMScheduler if folder == "scheduler" else UNet2DConditionModel
        where = {"subfolder": folder, "revision": self._config_revision(), **self.options}
        return dict(owner.load_config(self.configs, **where))

    def module(self, cls: str, folder: str, dtype: torch.dtype) -> Any:
        """The model of class ``cls`` in diffusers, with every weight of it loaded.

        An autoencoder that a single file lacks, or that diffusers reads from none, is looked for beside the configs.
        """
        if not self.single:
            options: dict[str, Any] = {"subfolder": folder, "revision": self.revision, **self.options}
            if self.variant:
                with suppress(OSError):  # some parts of a model may lack it, as in diffusers
                    return pretrained(cls, self.path, dtype, variant=self.variant, **options)
            return pretrained(cls, self.path, dtype, **options)
        if reads_single_files(cls):
            try:
                return from_single_file(cls, self.path, dtype, subfolder=folder, config=self.configs, **self.options)
            except Absent:
                if folder != "vae":
                    raise DreamCleanError(
                        f"the weights of a {cls} are not in it, or not all of them; "
                        "give a whole model's file, and config=FOLDER of the same kind of model"
                    ) from None
        elif folder != "vae":
            raise DreamCleanError(f"diffusers reads no {cls} from a single file; give a diffusers folder or a hub id")
        return pretrained(cls, self.configs, dtype, subfolder=folder, **self.options)

    def text_pipeline(self, cls: str, index: Mapping[str, Any], dtype: torch.dtype) -> Any:
        """The pipeline of class ``cls`` in diffusers with its tokenizers and text encoders alone.

        They come from beside the configs if a single file lacks any, or diffusers does not read such a pipeline from one.
        """
        import diffusers

        owner = getattr(diffusers, cls)
        parts = {name: part[0] for name, part in index.items() if isinstance(part, list | tuple)}
        absent = {name: None for name, library in parts.items() if library is None or not _TEXTS.fullmatch(name)}
        options: dict[str, Any] = dict(dtype=dtype, **absent, **self.options)
        if self.single:
            from diffusers.loaders.single_file_utils import SingleFileComponentError

            if hasattr(owner, "from_single_file"):
                with suppress(SingleFileComponentError):
                    return owner.from_single_file(self.path, config=self.configs, **options)
        else:
            options |= dict(revision=self.revision, variant=self.variant)
        return owner.from_pretrained(self.configs, low_cpu_mem_usage=fast_loading(), **options)

    def _config_revision(self) -> str | None:
        return None if self.single else self.revision


def inferred_config(path: str) -> str:
    """The hub id of the configs that a single file's weights look like they belong to, by names and shapes.

    DreamCleanError where it would be a guess too whether the network predicts noise or v.
    """
    from diffusers.loaders.single_file_utils import fetch_diffusers_config
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        shapes = {key: torch.empty(file.get_slice(key).get_shape(), device="meta") for key in list(file.keys())}
    found = str(fetch_diffusers_config(shapes)["pretrained_model_name_or_path"])
    if "stable-diffusion-2" in found or not _V_PREDICTION.isdisjoint(shapes):
        raise DreamCleanError(
            "models with these weights predict noise or v, and the file does not say which; "
            "give config=FOLDER or a hub id with its scheduler's config"
        )
    return found
