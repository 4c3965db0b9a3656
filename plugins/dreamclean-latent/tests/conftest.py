"""Tiny models with random weights in the real folder layout of each family, saved by diffusers itself."""

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from dreamclean_latent.prior import Latent
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2TokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

WIDTH = 16
"""Width of the text embeddings."""

BETAS: Any = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
ZERO_SNR: Any = dict(prediction_type="v_prediction", rescale_betas_zero_snr=True, clip_sample=False)
SCHEDULERS: dict[str, Any] = {
    "sd1": diffusers.PNDMScheduler(**BETAS, skip_prk_steps=True),
    "sd2": diffusers.DDIMScheduler(**BETAS, **ZERO_SNR),
    "sdxl": diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="leading"),
    "sd3": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "flux": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
    "schnell": diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0),
    "pixart": diffusers.DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
    "z-image": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "klein": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
    "sana": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "qwen": diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=True),
}
BARE: Any = dict(use_quant_conv=False, use_post_quant_conv=False)


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Letters alone, in CLIP's files: vocab.json and merges.txt."""
    folder.mkdir(parents=True)
    letters = list(string.ascii_lowercase + ",.")
    words = [*letters, *(f"{letter}</w>" for letter in letters), "at</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\na t</w>\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def t5_tokenizer() -> T5TokenizerFast:
    """Letters alone, in T5's file tokenizer.json."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((c, -2.0) for c in "▁" + string.ascii_lowercase)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return T5TokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def clip(width: int, projected: bool) -> Any:
    config = CLIPTextConfig(
        vocab_size=59,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=width,
        bos_token_id=57,
        eos_token_id=58,
        pad_token_id=58,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5(width: int) -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=30, d_model=width, d_kv=8, d_ff=16, num_layers=1, num_heads=2))


def autoencoder(latent_channels: int, blocks: int, **config: Any) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8,) * blocks,
        latent_channels=latent_channels,
        norm_num_groups=1,
        **config,
    )


def unet(xl: bool = False, in_channels: int = 4) -> diffusers.UNet2DConditionModel:
    more: dict[str, Any] = {}
    if xl:
        more = dict(
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 * 4 + WIDTH // 2,
            use_linear_projection=True,
        )
    return diffusers.UNet2DConditionModel(
        sample_size=64,
        in_channels=in_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=WIDTH,
        **more,
    )


def sd3_transformer() -> diffusers.SD3Transformer2DModel:
    return diffusers.SD3Transformer2DModel(
        sample_size=32,
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=2 * WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=WIDTH,
        pos_embed_max_size=96,
    )


def flux_transformer(guidance: bool) -> diffusers.FluxTransformer2DModel:
    return diffusers.FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 6, 6),
    )


def pixart_transformer() -> diffusers.PixArtTransformer2DModel:
    network = diffusers.PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        norm_num_groups=4,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=32,
        use_additional_conditions=False,
    )
    return louder(network)


def sana_transformer() -> diffusers.SanaTransformer2DModel:
    network = diffusers.SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=32,
    )
    return louder(network)


def z_image_transformer() -> diffusers.ZImageTransformer2DModel:
    return louder(
        diffusers.ZImageTransformer2DModel(
            in_channels=16,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[4, 6, 6],
            axes_lens=[256, 64, 64],
        ),
        0.1,
    )


def qwen() -> Qwen3Model:
    config: dict[str, Any] = dict(vocab_size=40, hidden_size=WIDTH, intermediate_size=16, head_dim=8)
    return Qwen3Model(Qwen3Config(num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, **config))


def qwen_tokenizer() -> Qwen2TokenizerFast:
    """Letters alone, and a chat of one line."""
    pieces = ["<|endoftext|>", "<unk>", *string.ascii_lowercase, " "]
    tokenizer = Tokenizer(models.BPE({word: k for k, word in enumerate(pieces)}, [], unk_token="<unk>"))
    made = Qwen2TokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<|endoftext|>")
    made.chat_template = "user {{ messages[0].content }}"
    return made


def louder(network: Any, std: float = 0.15) -> Any:
    """Weights that make the text matter."""
    for value in network.parameters():
        torch.nn.init.normal_(value, std=std)
    return network


def deep_autoencoder(blocks: int) -> diffusers.AutoencoderDC:
    sizes: dict[str, Any] = {}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_block_out_channels": (8,) * blocks, f"{part}_layers_per_block": (1,) * blocks}
        sizes |= {f"{part}_qkv_multiscales": ((),) * blocks}
    return diffusers.AutoencoderDC(latent_channels=4, attention_head_dim=4, scaling_factor=0.41407, **sizes)


def gemma() -> Any:
    return Gemma2Model(
        Gemma2Config(
            vocab_size=40,
            hidden_size=WIDTH,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    )


def gemma_tokenizer() -> Any:
    """Letters alone, in Gemma's file tokenizer.json."""
    return GemmaTokenizer(
        vocab={word: k for k, word in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "▁", *string.ascii_lowercase])},
        merges=[],
    )


def pixart(blocks: int, scheduler: Any) -> Any:
    return diffusers.PixArtSigmaPipeline(
        vae=autoencoder(4, blocks, scaling_factor=0.13025),
        text_encoder=t5(WIDTH),
        tokenizer=t5_tokenizer(),
        transformer=pixart_transformer(),
        scheduler=scheduler,
    )


def z_image(blocks: int, scheduler: Any) -> Any:
    return diffusers.ZImagePipeline(
        vae=autoencoder(16, blocks, scaling_factor=0.3611, shift_factor=0.1159, **BARE),
        text_encoder=qwen(),
        tokenizer=qwen_tokenizer(),
        transformer=z_image_transformer(),
        scheduler=scheduler,
    )


def sana(blocks: int, scheduler: Any) -> Any:
    return diffusers.SanaPipeline(
        vae=deep_autoencoder(blocks),
        text_encoder=gemma(),
        tokenizer=gemma_tokenizer(),
        transformer=sana_transformer(),
        scheduler=scheduler,
    )


def klein(blocks: int, scheduler: Any) -> Any:
    vae = diffusers.AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * (blocks - 1),
        up_block_types=("UpDecoderBlock2D",) * (blocks - 1),
        block_out_channels=(8,) * (blocks - 1),
        latent_channels=4,
        norm_num_groups=1,
    )
    vae.bn.running_mean.uniform_(-0.1, 0.1)
    vae.bn.running_var.uniform_(0.5, 1.5)
    config: dict[str, Any] = dict(vocab_size=40, hidden_size=WIDTH, intermediate_size=16, head_dim=8)
    text = Qwen3Config(num_hidden_layers=28, num_attention_heads=2, num_key_value_heads=1, **config)
    transformer = diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * WIDTH,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    return diffusers.Flux2KleinPipeline(
        vae=vae,
        text_encoder=Qwen3ForCausalLM(text),
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
        scheduler=scheduler,
    )


def qwen_text_encoder() -> Any:
    text: dict[str, Any] = dict(
        vocab_size=40,
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]},
    )
    vision = dict(depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=WIDTH)
    return louder(Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision)))


def qwen_image(blocks: int, scheduler: Any) -> Any:
    transformer = diffusers.QwenImageTransformer2DModel(
        in_channels=64,
        out_channels=16,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
    )
    return diffusers.QwenImagePipeline(
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=16, dim_mult=[1] * blocks, num_res_blocks=1, temperal_downsample=[True] * (blocks - 1)
        ),
        text_encoder=qwen_text_encoder(),
        tokenizer=qwen_tokenizer(),
        transformer=louder(transformer),
        scheduler=scheduler,
    )


NEWER = {"pixart": pixart, "z-image": z_image, "sana": sana, "klein": klein, "qwen": qwen_image}


def pipeline(family: str, folder: Path, blocks: int = 2) -> Any:
    """The family's pipeline in diffusers, made of tiny parts; ``folder`` takes the tokenizer's files."""
    torch.manual_seed(0)
    scheduler, tokenizer = SCHEDULERS[family], clip_tokenizer(folder)
    if family in ("sd1", "sd2"):
        return diffusers.StableDiffusionPipeline(
            vae=autoencoder(4, blocks, scaling_factor=0.18215),
            text_encoder=clip(WIDTH, False),
            tokenizer=tokenizer,
            unet=unet(),
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    if family == "sdxl":
        return diffusers.StableDiffusionXLPipeline(
            vae=autoencoder(4, blocks, scaling_factor=0.13025, force_upcast=True),
            text_encoder=clip(WIDTH // 2, False),
            text_encoder_2=clip(WIDTH // 2, True),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            unet=unet(xl=True),
            scheduler=scheduler,
        )
    if family == "sd3":
        return diffusers.StableDiffusion3Pipeline(
            vae=autoencoder(16, blocks, scaling_factor=1.5305, shift_factor=0.0609, **BARE),
            text_encoder=clip(WIDTH // 2, True),
            text_encoder_2=clip(WIDTH // 2, True),
            text_encoder_3=t5(2 * WIDTH),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            tokenizer_3=t5_tokenizer(),
            transformer=sd3_transformer(),
            scheduler=scheduler,
        )
    if family in NEWER:
        return NEWER[family](blocks, scheduler)
    return diffusers.FluxPipeline(
        vae=autoencoder(16, blocks, scaling_factor=0.3611, shift_factor=0.1159, **BARE),
        text_encoder=clip(WIDTH, False),
        text_encoder_2=t5(WIDTH),
        tokenizer=tokenizer,
        tokenizer_2=t5_tokenizer(),
        transformer=flux_transformer(guidance=family == "flux"),
        scheduler=scheduler,
    )


@torch.no_grad()
def transparent(vae: diffusers.AutoencoderKL, loud: float = 300.0) -> None:
    """Weights that make the autoencoder a mean over blocks of pixels, and a copy back.

    Every residual branch is 0. Two channels of -loud and +loud next to the picture's three make the last
    normalisation a known linear map, and an offset of 20 keeps SiLU on its straight part.
    """
    for name, parameter in vae.named_parameters():
        parameter.zero_()
        if name.endswith("norm1.weight") or name.endswith("group_norm.weight"):
            parameter.fill_(1)
    rms = loud * (2 / 8) ** 0.5
    for part, taps in ((vae.encoder, slice(0, 2)), (vae.decoder, slice(1, 2))):
        part.conv_in.bias[3:5] = torch.tensor([-loud, loud])
        part.conv_norm_out.weight[:3], part.conv_norm_out.bias[:3] = rms, 20
        for channel in range(3):
            part.conv_in.weight[channel, channel, 1, 1] = 1
            part.conv_out.weight[channel, channel, 1, 1] = 1
            part.conv_out.bias[channel] = -20
        for module in part.modules():
            if type(module).__name__ in ("Downsample2D", "Upsample2D"):
                for channel in range(8):
                    module.conv.weight[channel, channel, taps, taps] = 1 / (taps.stop - taps.start) ** 2
    for conv in filter(None, (vae.quant_conv, vae.post_quant_conv)):
        for channel in range(conv.weight.shape[0]):
            conv.weight[channel, channel] = 1


@torch.no_grad()
def deep_transparent(vae: diffusers.AutoencoderDC, loud: float = 300.0) -> None:
    """The same of a deep autoencoder, whose shortcuts are means over blocks and over pairs of channels, and copies back."""
    for parameter in vae.parameters():
        parameter.zero_()
    vae.decoder.conv_in.bias[6:] = loud
    vae.decoder.norm_out.weight[:6], vae.decoder.norm_out.bias[:6] = loud * (2 / 8) ** 0.5, 20
    vae.decoder.conv_out.bias.fill_(-20)
    for channel in range(6):
        vae.encoder.conv_in.weight[channel, channel // 2, 1, 1] = 1
        vae.decoder.conv_out.weight[channel // 2, channel, 1, 1] = 1 / 2


@torch.no_grad()
def video_transparent(vae: diffusers.AutoencoderKLQwenImage, loud: float = 300.0) -> None:
    """The same of Qwen-Image's, which has no offsets: SiLU(x) - SiLU(-x) = x, and one loud channel for the norm."""
    for parameter in vae.parameters():
        parameter.zero_()
    for part, taps in ((vae.encoder, slice(0, 2)), (vae.decoder, slice(1, 2))):
        part.conv_in.bias[6], part.norm_out.gamma[:] = loud, loud / part.norm_out.scale
        for channel, sign in ((k, s) for k in range(3) for s in (0, 1)):
            part.conv_in.weight[3 * sign + channel, channel, 2, 1, 1] = 1 - 2 * sign
            part.conv_out.weight[channel, 3 * sign + channel, 2, 1, 1] = 1 - 2 * sign
        for name, module in part.named_modules():
            for channel in range(7):
                if name.endswith("resample.1"):
                    module.weight[channel, channel, taps, taps] = 1 / (taps.stop - taps.start) ** 2
                elif name.endswith("conv_shortcut") and isinstance(module, torch.nn.Conv3d):
                    module.weight[channel, channel] = 1
    for conv in (vae.quant_conv, vae.post_quant_conv):
        for channel in range(conv.weight.shape[0]):
            conv.weight[channel, channel] = 1


TRANSPARENT: dict[str, Callable[[Any], None]] = {
    "AutoencoderDC": deep_transparent,
    "AutoencoderKLQwenImage": video_transparent,
}


def published(file: Path) -> None:
    """Name the weights of a CLIP text model as published: since transformers 5.6 it saves them without prefix."""
    weights = load_file(file)
    if "embeddings.token_embedding.weight" in weights:
        save_file({f"text_model.{name}": value for name, value in weights.items()}, file, {"format": "pt"})


def save(pipe: Any, target: Path, words: Path) -> Path:
    """Save ``pipe`` in ``target``, with the files of CLIP's tokenizer as published: those in ``words``."""
    pipe.save_pretrained(target)
    for file in target.glob("text_encoder*/model.safetensors"):
        published(file)
    for tokenizer in target.glob("tokenizer*"):
        config = json.loads((tokenizer / "tokenizer_config.json").read_text())
        if config["tokenizer_class"].startswith("CLIP"):  # as published: CLIP's own two files
            (tokenizer / "tokenizer.json").unlink()
            for name in ("vocab.json", "merges.txt"):
                (tokenizer / name).write_bytes((words / name).read_bytes())
    return target


@pytest.fixture(scope="session", params=SCHEDULERS)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return str(request.param)


def made(family: str, root: Path, blocks: int = 2) -> Path:
    """The folder, in ``root``, of a tiny model of ``family`` whose autoencoder is transparent."""
    pipe = pipeline(family, root / f"{family}-words", blocks)
    TRANSPARENT.get(type(pipe.vae).__name__, transparent)(pipe.vae)
    return save(pipe, root / family, root / f"{family}-words")


@pytest.fixture(scope="session")
def make() -> Callable[..., Path]:
    """``made``, for models to be written to."""
    return made


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of a family; not to be written to."""
    root = tmp_path_factory.mktemp("models")
    return lambda family: root / family if (root / family).exists() else made(family, root)


@pytest.fixture(scope="session")
def folder(family: str, tiny: Callable[[str], Path]) -> Path:
    """The folder of a tiny model of ``family``."""
    return tiny(family)


@pytest.fixture(scope="session")
def component(folder: Path) -> Latent:
    """A tiny model of ``family`` as a prior with default settings."""
    return Latent(path=str(folder))
