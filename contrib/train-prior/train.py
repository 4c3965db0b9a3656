"""Train a pixel-space diffusion prior on a folder of photographs.

    python train.py PHOTOS RUN --crops 20_000_000

The run is resumable to the step: start the same command again and it goes on from ``RUN/last.pt``.
Beside each checkpoint stands ``RUN/model``, the averaged weights as a diffusers folder in fp16.

The network is diffusers' ``UNet2DModel`` without attention, trained on
``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps`` (Ho et al. 2020, linear beta, T = 1000) to predict the
noise ``eps``, or ``v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0`` (Salimans and Ho 2022).
"""

import argparse
import json
import math
import os
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from PIL import Image
from torch import Tensor

T = 1000
BANDS = (0, 50, 100, 200, 300, 500, 1000)  # noise-level bands of the progress line, in timesteps
SCALES = (1.0, 0.75, 0.55, 0.4, 0.3)  # each photograph is also seen downscaled: sources' JPEG traces go


def network(channels: tuple[int, ...], layers: int) -> UNet2DModel:
    return UNet2DModel(
        sample_size=64,
        in_channels=3,
        out_channels=3,
        block_out_channels=channels,
        layers_per_block=layers,
        down_block_types=("DownBlock2D",) * len(channels),
        up_block_types=("UpBlock2D",) * len(channels),
        norm_num_groups=8,
        add_attention=False,
    )


def photographs(folder: Path) -> list[Path]:
    known = Image.registered_extensions()
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in known)


class Crops:
    """Random square crops of every photograph at every scale, gathered from one flat tensor.

    All pixels lie in one ``(N, 3)`` uint8 tensor, so a batch is one indexing operation on the CPU or
    the GPU. A crop's eight orientations are choices of the strides with which it is read.
    """

    def __init__(self, folder: Path, size: int, hold_out: int, device: torch.device) -> None:
        pixels, table, start = [], [], 0
        for number, path in enumerate(photographs(folder)):
            if hold_out and number % hold_out == hold_out - 1:
                continue
            photo = Image.open(path).convert("RGB")
            for scale in SCALES:
                w, h = round(photo.width * scale), round(photo.height * scale)
                if min(w, h) < size:
                    continue
                picture = photo if scale == 1 else photo.resize((w, h), Image.Resampling.LANCZOS)
                pixels.append(torch.from_numpy(np.asarray(picture).reshape(-1, 3).copy()))
                table.append((start, w, h))
                start += w * h
        if not table:
            raise SystemExit(f"{folder}: no photograph of at least {size} pixels a side; give a folder of images")
        self.size, self.device = size, device
        self.pixels = torch.cat(pixels).to(device)
        self.start, self.width, self.height = torch.tensor(table, device=device).unbind(1)
        # A picture is drawn in proportion to the root of its crops' number, so large ones do not drown the rest.
        self.weight = (self.width * self.height).double().sqrt()

    def __call__(self, batch: int, generator: torch.Generator) -> Tensor:
        """A batch of crops, shape (batch, 3, size, size), values in [-1, 1]."""
        n, device = self.size, self.device
        which = torch.multinomial(self.weight, batch, replacement=True, generator=generator)
        w, h = self.width[which], self.height[which]
        u = torch.rand(5, batch, device=device, generator=generator)
        x, y = (u[0] * (w - n + 1)).long(), (u[1] * (h - n + 1)).long()
        i, j = (torch.arange(n, device=device).expand(batch, n) for _ in range(2))
        i = torch.where(u[2, :, None] < 0.5, i, n - 1 - i)
        j = torch.where(u[3, :, None] < 0.5, j, n - 1 - j)
        turned = u[4] < 0.5
        down, right = torch.where(turned, 1, w), torch.where(turned, w, 1)
        index = (self.start[which] + y * w + x)[:, None, None]
        index = index + (i * down[:, None])[:, :, None] + (j * right[:, None])[:, None, :]
        return self.pixels[index].permute(0, 3, 1, 2).float() / 127.5 - 1


def one_step_psnr(net: UNet2DModel, folder: Path, abar: Tensor, limit: int, prediction: str) -> dict[int, float]:
    """PSNR in dB of one-step denoising of centre 256² crops, by noise standard deviation (of 255)."""
    device, result = abar.device, {}
    paths = photographs(folder)[:limit]
    for sigma in (10, 25, 50, 100):
        t = ((1 - abar).sqrt() / abar.sqrt() - 2 * sigma / 255).abs().argmin()
        a, s, scores = abar[t].sqrt(), (1 - abar[t]).sqrt(), []
        for number, path in enumerate(paths):
            photo = Image.open(path).convert("RGB")
            left, top = (photo.width - 256) // 2, (photo.height - 256) // 2
            x0 = torch.from_numpy(np.asarray(photo.crop((left, top, left + 256, top + 256))).copy())
            x0 = x0.permute(2, 0, 1)[None].float() / 127.5 - 1
            noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(number)) * (2 * sigma / 255)
            y = (x0 + noise).to(device)
            with torch.inference_mode():
                out = net(y * a, t[None]).sample.float()
            estimate = (a * (y * a) - s * out if prediction == "v_prediction" else y - s / a * out).clamp(-1, 1)
            scores.append(-10 * math.log10((estimate - x0.to(device)).square().mean().item() / 4))
        result[sigma] = round(sum(scores) / len(scores), 3)
    return result


def native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # emulated bf16 is far slower than fp32
    return bool(supported and supported())


def replace_folder(new: Path, old: Path) -> None:
    if old.exists():
        shutil.rmtree(old)
    os.replace(new, old)


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description="Train a diffusion prior on a folder of photographs.")
    p.add_argument("photos", type=Path)
    p.add_argument("run", type=Path, help="folder for checkpoints; an existing run goes on where it was")
    p.add_argument("--crops", type=int, required=True, help="crops to have seen at the end, earlier runs included")
    p.add_argument("--cooldown", type=float, default=0.25, help="share of the run over which the rate falls to 0")
    p.add_argument("--hold-out", type=int, default=40, help="keep every n-th photograph out of training (0: none)")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--size", type=int, default=64, help="side of a crop in pixels")
    p.add_argument("--rate", type=float, default=5e-4, help="learning rate of AdamW")
    p.add_argument("--ema", type=float, default=0.999, help="decay of the weights' average, a step")
    p.add_argument("--level-power", type=float, default=2.0, help="t = 1000 u^p with u uniform: weight on low noise")
    p.add_argument("--channels", type=lambda s: tuple(map(int, s.split(","))), default=(32, 64, 128, 256))
    p.add_argument("--layers", type=int, default=1)
    p.add_argument("--prediction", choices=["epsilon", "v_prediction"], default="epsilon")
    p.add_argument("--init", type=Path, help="start from the weights of a diffusers folder")
    p.add_argument("--validate", type=Path, help="folder of clean test photographs, 256 pixels a side or more")
    p.add_argument("--validate-limit", type=int, default=6)
    p.add_argument("--every", type=float, default=4.0, help="minutes between checkpoints")
    p.add_argument("--minutes", type=float, default=math.inf, help="end the run, its cooldown too, after this long")
    p.add_argument("--shard", default="5GB", help="largest size of one weights file, e.g. 15MB")
    p.add_argument("--threads", type=int, default=0, help="CPU threads (0: all)")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


class Run:
    """Everything that changes while training, with its way to and from the disk."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        self.folder: Path = args.run
        self.shard: str = args.shard
        self.prediction: str = args.prediction
        net = UNet2DModel.from_pretrained(args.init) if args.init else network(args.channels, args.layers)
        self.net = net.float().to(device, memory_format=torch.channels_last)
        self.average = UNet2DModel.from_config(net.config).to(device, memory_format=torch.channels_last)
        self.average.load_state_dict(self.net.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )
        self.generator = torch.Generator(device).manual_seed(args.seed)
        self.crops, self.steps, self.hours = 0, 0, 0.0
        if (self.folder / "last.pt").exists():
            self.load(device)

    def load(self, device: torch.device) -> None:
        state = torch.load(self.folder / "last.pt", map_location=device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self.crops, self.steps, self.hours = state["crops"], state["steps"], state["hours"]

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "crops": self.crops,
            "steps": self.steps,
            "hours": self.hours,
        }
        torch.save(state, self.folder / "last.pt.new")
        os.replace(self.folder / "last.pt.new", self.folder / "last.pt")
        self.export(self.folder / "model")

    def export(self, target: Path) -> None:
        """The averaged weights in fp16 as diffusers writes a DDPM: model_index.json, unet/, scheduler/."""
        new = target.with_name(target.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        half = UNet2DModel.from_config(self.average.config)
        half.load_state_dict(self.average.state_dict())
        half.half().save_pretrained(new / "unet", max_shard_size=self.shard)
        DDPMScheduler(num_train_timesteps=T, beta_schedule="linear", prediction_type=self.prediction).save_pretrained(
            new / "scheduler"
        )
        index = {
            "_class_name": "DDPMPipeline",
            "scheduler": ["diffusers", "DDPMScheduler"],
            "unet": ["diffusers", "UNet2DModel"],
        }
        (new / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
        replace_folder(new, target)

    def step(self, x0: Tensor, t: Tensor, abar: Tensor, rate: float, ema: float, bf16: bool) -> Tensor:
        """One step of AdamW and of the average; the squared error of each crop, shape (B,)."""
        eps = torch.randn(x0.shape, device=x0.device, generator=self.generator)
        a, s = abar[t].sqrt().view(-1, 1, 1, 1), (1 - abar[t]).sqrt().view(-1, 1, 1, 1)
        x_t = (a * x0 + s * eps).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x0.device.type, torch.bfloat16, enabled=bf16):
            predicted = self.net(x_t, t).sample
        target = eps if self.prediction == "epsilon" else a * eps - s * x0
        error = (predicted.float() - target).square().mean((1, 2, 3))
        error.mean().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(ema, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - decay)
        self.steps += 1
        self.crops += x0.shape[0]
        return error.detach()


def rate_at(done: float, steps: int, args: argparse.Namespace) -> float:
    """Constant after 200 steps of warm-up, then linear to 0 over the last share ``cooldown`` of the run."""
    return args.rate * min(1.0, (steps + 1) / 200, max(1 - done, 0.0) / args.cooldown)


def main() -> None:
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    bf16 = native_bf16(device)
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64), 0).float().to(device)
    run, source = Run(args, device), Crops(args.photos, args.size, args.hold_out, device)
    million = sum(p.numel() for p in run.net.parameters()) / 1e6
    print(f"{million:.2f}M parameters, {device}, bf16 {bf16}, {run.crops} crops seen before", flush=True)
    began = saved = time.monotonic()
    hours, seen = run.hours, run.crops
    total, count = torch.zeros(len(BANDS) - 1, device=device), torch.zeros(len(BANDS) - 1, device=device)
    edges = torch.tensor(BANDS[1:-1], device=device)
    while True:
        done = max(run.crops / args.crops, (time.monotonic() - began) / (60 * args.minutes))
        finished = done >= 1
        if finished or time.monotonic() - saved > 60 * args.every:
            run.hours = hours + (time.monotonic() - began) / 3600
            run.save()
            speed = (run.crops - seen) / (time.monotonic() - began)
            loss = " ".join(f"<{b}:{v:.4f}" for b, v in zip(BANDS[1:], (total / count).tolist(), strict=True))
            scores = (
                one_step_psnr(run.average, args.validate, abar, args.validate_limit, args.prediction)
                if args.validate
                else {}
            )
            print(f"{run.crops} crops {speed:.1f}/s {run.hours:.2f} h | loss {loss} | PSNR {scores}", flush=True)
            saved = time.monotonic()
            total.zero_(), count.zero_()
        if finished:
            return
        u = torch.rand(args.batch, device=device, generator=run.generator)
        t = (T * u**args.level_power).long()
        rate = rate_at(done, run.steps, args)
        error = run.step(source(args.batch, run.generator), t, abar, rate, args.ema, bf16)
        band = torch.bucketize(t, edges, right=True)
        total.index_add_(0, band, error)
        count.index_add_(0, band, torch.ones_like(error))


if __name__ == "__main__":
    main()
