"""Train a pixel-space diffusion prior on a folder of photographs.

    python train.py PHOTOS RUN --crops 20_000_000

The run is resumable to the step: start the same command again and it goes on from ``RUN/last.pt``.
Beside each checkpoint stands ``RUN/model``, averaged weights as a diffusers folder in fp16. A run at a
constant rate (``--cooldown 0``) is never used up: ``--cool-from RUN`` takes a cooled model from a copy of it.

The network is diffusers' ``UNet2DModel`` without attention, trained on
``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps`` (Ho et al. 2020, linear beta, T = 1000) to predict the
noise ``eps``, or ``v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0`` (Salimans and Ho 2022). Levels are named
by sigma / alpha = sqrt(1 - abar_t) / sqrt(abar_t), the noise beside a picture of values in [-1, 1].
"""

import argparse
import copy
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from PIL import Image
from torch import Tensor

T = 1000
BANDS = (0, 50, 100, 200, 300, 500, 1000)  # noise-level bands of the progress line, in timesteps
SCALES = (1.0, 0.75, 0.55, 0.4, 0.3)  # each photograph is also seen downscaled: sources' JPEG traces go
MOST_SKIPPED = 100  # steps in a row without finite gradients, after which a run ends
SIGMAS = (10, 25, 50, 100)  # of 255, where one-step denoising is measured


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
    known = Image.registered_extensions().keys() - {".pdf", ".ps", ".eps", ".mpg", ".mpeg"}
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in known and not p.name.startswith("."))


def opened(path: Path, longest: int) -> Image.Image | None:
    """The photograph in RGB, made smaller where it is longer than ``longest`` pixels; None, which is printed, if it cannot be read."""
    try:
        with Image.open(path) as file:
            file.draft("RGB", (longest, longest))  # a large JPEG is decoded to a half, a quarter or an eighth
            if file.mode.startswith("I;16"):
                photo = Image.fromarray((np.asarray(file) // 257).astype(np.uint8)).convert("RGB")
            elif file.mode in ("I", "F"):
                raise ValueError("of 32 bits, whose white is not known")
            else:
                photo = file.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        print(f"left out: {path} ({error})", flush=True)
        return None
    photo.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return photo


def shared_out(folder: Path, hold_out: int, before: list[str] | None) -> tuple[list[Path], list[Path]]:
    """The photographs to train on and those held out: every ``hold_out``-th, or those of an earlier start, ``before``, by name."""
    paths = photographs(folder)
    if before is None:
        before = [str(p.relative_to(folder)) for p in paths[hold_out - 1 :: hold_out]] if hold_out else []
    held = set(before)
    split: tuple[list[Path], list[Path]] = [], []
    for path in paths:
        split[str(path.relative_to(folder)) in held].append(path)
    return split


class Crops:
    """Random square crops of every photograph at every scale, gathered from one flat tensor.

    All pixels lie in one ``(N, 3)`` uint8 tensor, so a batch is one indexing operation on the CPU or
    the GPU. A crop's eight orientations are choices of the strides with which it is read.
    """

    def __init__(self, paths: list[Path], size: int, longest: int, device: torch.device) -> None:
        pixels, table, start, used = [], [], 0, 0
        for path in paths:
            photo = opened(path, longest)
            sizes = [(round(photo.width * scale), round(photo.height * scale)) for scale in SCALES] if photo else []
            sizes = [(w, h) for w, h in sizes if min(w, h) >= size]
            for w, h in sizes:
                picture = photo if photo.size == (w, h) else photo.resize((w, h), Image.Resampling.LANCZOS)
                pixels.append(torch.from_numpy(np.asarray(picture).reshape(-1, 3).copy()))
                table.append((start, w, h))
                start += w * h
            used += bool(sizes)
        if not table:
            raise SystemExit(f"no photograph of at least {size} pixels a side to train on; give a folder of images")
        print(f"{used} of {len(paths)} photographs, {3 * start / 1e9:.2f} GB", flush=True)
        self.device = device
        self.pixels = torch.empty(start, 3, dtype=torch.uint8, device=device)
        for (first, w, h), values in zip(table, pixels, strict=True):
            self.pixels[first : first + w * h] = values
        self.start, self.width, self.height = torch.tensor(table, device=device).unbind(1)
        # A picture is drawn in proportion to the root of its crops' number, so large ones do not drown the rest.
        self.weight = (self.width * self.height).double().sqrt()

    def __call__(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """A batch of crops, shape (batch, 3, size, size), values in [-1, 1]."""
        n, device = size, self.device
        weight = self.weight * (torch.minimum(self.width, self.height) >= n)
        which = torch.multinomial(weight, batch, replacement=True, generator=generator)
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


class Levels:
    """Draws timesteps.

    ``power``: t = 1000 u^p with u uniform. ``snr``: three quarters uniform in log sigma / alpha over
    what restoration asks for, noise of 5 to 130 (of 255), and a quarter uniform in t over all levels.
    """

    def __init__(self, kind: str, power: float, abar: Tensor) -> None:
        self.kind, self.power = kind, power
        self.ratio = ((1 - abar) / abar).sqrt()
        self.large = int((self.ratio < 0.5).sum())  # the first timestep of the larger crops

    def __call__(self, batch: int, large: bool, generator: torch.Generator) -> Tensor:
        """Timesteps of a batch, shape (batch,); of larger crops those above sigma / alpha = 0.5 alone."""
        u = torch.rand(2, batch, device=self.ratio.device, generator=generator)
        if large:
            return self.large + ((T - self.large) * u[0] ** self.power).long()
        if self.kind == "power":
            return (T * u[0] ** self.power).long()
        low, high = math.log(2 * 5 / 255), math.log(2 * 130 / 255)
        wanted = torch.exp(low + (high - low) * u[0] * 4 / 3)
        near = torch.searchsorted(self.ratio, wanted).clamp(max=T - 1)
        return torch.where(u[0] < 0.75, near, (T * u[1]).long())


def centres(paths: list[Path], side: int, longest: int) -> Tensor:
    """The photographs' centre crops, shape (N, 3, side, side), values in [-1, 1]; black around smaller ones."""
    crops = []
    for photo in filter(None, (opened(path, longest) for path in paths)):
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        crop = np.asarray(photo.crop((left, top, left + side, top + side)))
        crops.append(torch.from_numpy(crop.copy()).permute(2, 0, 1).float() / 127.5 - 1)
    return torch.stack(crops) if crops else torch.empty(0, 3, side, side)


@torch.inference_mode()
def one_step_psnr(net: UNet2DModel, crops: Tensor, abar: Tensor, prediction: str, bf16: bool) -> dict[int, float]:
    """Mean PSNR in dB of one-step denoising, by noise standard deviation (of 255); a crop's noise is its own."""
    device, result = abar.device, {}
    noise = torch.stack([torch.randn(c.shape, generator=torch.Generator().manual_seed(n)) for n, c in enumerate(crops)])
    for sigma in SIGMAS:
        t = ((1 - abar).sqrt() / abar.sqrt() - 2 * sigma / 255).abs().argmin()
        a, s, scores = abar[t].sqrt(), (1 - abar[t]).sqrt(), []
        for x0, eps in zip(crops.split(4), noise.split(4), strict=True):
            y = (x0 + eps * (2 * sigma / 255)).to(device, memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                out = net(y * a, t.expand(len(y))).sample.float()
            estimate = (a * (y * a) - s * out if prediction == "v_prediction" else y - s / a * out).clamp(-1, 1)
            scores.append(-10 * ((estimate - x0.to(device)).square().mean((1, 2, 3)) / 4).log10())
        result[sigma] = round(torch.cat(scores).mean().item(), 3)
    return result


def native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # emulated bf16 is far slower than fp32
    return bool(supported and supported())


def replace_folder(new: Path, old: Path) -> None:
    """Put ``new`` in place of ``old``; one of the two is whole at any moment, ``old`` as NAME.old between the two steps."""
    aside = old.with_name(old.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        os.replace(old, aside)
    os.replace(new, old)
    shutil.rmtree(aside, ignore_errors=True)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description="Train a diffusion prior on a folder of photographs.")
    p.add_argument("photos", type=Path)
    p.add_argument("run", type=Path, help="folder for checkpoints; an existing run goes on where it was")
    p.add_argument("--crops", type=int, default=20_000_000, help="crops to have seen at the end, earlier runs included")
    p.add_argument("--minutes", type=float, default=math.inf, help="end the run, its cooldown too, after this long")
    p.add_argument("--cooldown", type=float, default=0.25, help="share of the run over which the rate falls to 0")
    p.add_argument("--cool-from", type=Path, help="copy this run's checkpoint and only cool it down, in --minutes")
    p.add_argument("--hold-out", type=int, default=40, help="keep every n-th photograph out of training (0: none)")
    p.add_argument("--longest", type=int, default=1500, help="larger photographs are made smaller, to this many pixels")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--size", type=int, default=64, help="side of a crop in pixels")
    p.add_argument("--large-share", type=float, default=0.0, help="share of batches with fewer and larger crops")
    p.add_argument("--large-size", type=int, default=128, help="side of the larger crops in pixels")
    p.add_argument("--optimizer", choices=["adamw", "muon"], default="adamw")
    p.add_argument("--rate", type=float, default=5e-4, help="learning rate; Muon's updates are scaled to AdamW's")
    p.add_argument("--warmup", type=int, default=200, help="steps over which the rate rises")
    p.add_argument("--ema", type=numbers(float), default=(0.999, 0.9999), help="decays of the averages, a step")
    p.add_argument("--levels", choices=["power", "snr"], default="power", help="how noise levels are drawn")
    p.add_argument("--level-power", type=float, default=2.0, help="t = 1000 u^p with u uniform: weight on low noise")
    p.add_argument("--loss-power", type=float, default=0.0, help="a crop's error counts min(sigma / alpha, 1)^p times")
    p.add_argument("--channels", type=numbers(int), default=(32, 64, 128, 256))
    p.add_argument("--layers", type=int, default=1)
    p.add_argument("--prediction", choices=["epsilon", "v_prediction"], default="epsilon")
    p.add_argument("--init", type=Path, help="start from the weights of a diffusers folder, if the run has none")
    p.add_argument("--validate", type=Path, help="folder of test photographs to watch, 256 pixels a side or more")
    p.add_argument("--validate-limit", type=int, default=6)
    p.add_argument("--validate-every", type=float, default=12.0, help="minutes between validations")
    p.add_argument("--every", type=float, default=4.0, help="minutes between checkpoints")
    p.add_argument("--shard", default="5GB", help="largest size of one weights file, e.g. 15MB")
    p.add_argument("--threads", type=int, default=0, help="CPU threads (0: all)")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


def numbers(kind: type) -> Callable[[str], tuple]:
    return lambda text: tuple(map(kind, text.split(",")))


def hidden_convolutions(net: UNet2DModel) -> list[torch.nn.Parameter]:
    """The weights that Muon takes: every convolution's but the first and the last, shape (out, in, k, k)."""
    return [p for n, p in net.named_parameters() if p.ndim == 4 and not n.startswith(("conv_in.", "conv_out."))]


class MuonAndAdamW:
    """``torch.optim.Muon`` for the hidden convolutions and AdamW for the rest, as one optimizer.

    Muon (Jordan et al. 2024) makes a matrix's update orthogonal. A convolution is a matrix of ``out`` rows
    whose columns are its inputs at every place of the kernel; with channels_last weights that matrix is a
    view, so Muon writes into the network itself.
    """

    def __init__(self, net: UNet2DModel, rate: float) -> None:
        self.weights = hidden_convolutions(net)
        self.matrices = [torch.nn.Parameter(self.matrix(w.detach())) for w in self.weights]
        mine = {id(w) for w in self.weights}
        self.rest = [p for p in net.parameters() if id(p) not in mine]
        self.muon = torch.optim.Muon(self.matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(self.rest, lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)

    @staticmethod
    def matrix(weight: Tensor) -> Tensor:
        return weight.permute(0, 2, 3, 1).flatten(1)

    @property
    def param_groups(self) -> list[dict]:
        return self.muon.param_groups + self.adamw.param_groups

    def step(self) -> None:
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            matrix.grad = self.matrix(weight.grad)
        self.muon.step()
        self.adamw.step()

    def zero_grad(self) -> None:
        for p in (*self.weights, *self.matrices, *self.rest):
            p.grad = None

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


def first_network(args: argparse.Namespace, config: str | None) -> UNet2DModel:
    """The network of the checkpoint's ``config``, else that of ``--init`` with its weights, else a new one."""
    if config:
        return UNet2DModel.from_config(json.loads(config))
    return UNet2DModel.from_pretrained(args.init) if args.init else network(args.channels, args.layers)


def check_prediction(args: argparse.Namespace, before: str | None, source: Path | None) -> None:
    """SystemExit where the weights to start from predict something else than ``--prediction``."""
    config = args.init / "../scheduler/scheduler_config.json" if args.init else None
    if source is None and config and config.exists():
        before, source = json.loads(config.read_text()).get("prediction_type"), args.init
    if before not in (None, args.prediction):
        raise SystemExit(f"{source} predicts {before}: say --prediction {before}")


class Run:
    """Everything that changes while training, with its way to and from the disk."""

    def __init__(self, args: argparse.Namespace, abar: Tensor) -> None:
        self.args, self.folder, self.abar = args, args.run, abar
        self.device, self.bf16 = abar.device, native_bf16(abar.device)
        self.levels = Levels(args.levels, args.level_power, abar)
        resumed = (self.folder / "last.pt").exists()
        before = self.folder if resumed else args.cool_from
        state = torch.load(before / "last.pt", map_location=self.device, weights_only=True) if before else {}
        check_prediction(args, state.get("prediction"), before)
        self.held_out: list[str] | None = state.get("held_out")  # names in the folder of photographs
        self.skipped = 0  # steps in a row whose gradients were not finite
        self.net = first_network(args, state.get("config")).float().to(self.device, memory_format=torch.channels_last)
        self.averages = {decay: copy.deepcopy(self.net) for decay in args.ema}
        if args.optimizer == "muon":
            self.optimizer = MuonAndAdamW(self.net, args.rate)
        else:
            self.optimizer = torch.optim.AdamW(
                self.net.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
            )
        self.generator = torch.Generator(self.device).manual_seed(args.seed)
        self.crops, self.steps, self.hours = 0, 0, 0.0
        self.minutes = 0.0  # that this cool-down took in earlier starts
        self.cooled: int | None = None  # the crops at which a cool-down of its own began
        self.best = args.ema[0]  # the decay that did best on the photographs held out
        if state:
            self.load(state)
        if before and not resumed:
            self.cooled, self.minutes = self.crops, 0.0
        if args.cool_from and resumed and self.done(0) >= 1:
            raise SystemExit(f"{self.folder} is cooled down already; choose another folder")
        if self.cooled is not None and self.cooled >= args.crops and args.minutes == math.inf:
            raise SystemExit("all crops are seen: say in --minutes how long the cool-down takes")

    def load(self, state: dict) -> None:
        self.net.load_state_dict(state["net"])
        for decay, average in self.averages.items():  # an average of a new decay starts from the nearest
            nearest = min(state["averages"], key=lambda d: abs(math.log((1 - d) / (1 - decay))))
            average.load_state_dict(state["averages"][nearest])
        self.optimizer.load_state_dict(state["optimizer"])
        if len(state["generator"]) == len(self.generator.get_state()):
            self.generator.set_state(state["generator"].cpu())
        else:  # of another kind of device
            self.generator.manual_seed(self.args.seed + state["steps"])
            print("random numbers start anew: the checkpoint is of another kind of device", flush=True)
        self.crops, self.steps, self.hours = state["crops"], state["steps"], state["hours"]
        self.cooled, self.minutes = state["cooled"], state.get("minutes", 0.0)
        if state.get("best") in self.averages:
            self.best = state["best"]

    def save(self, minutes: float = 0.0) -> None:
        """To the disk, ``minutes`` after this start."""
        if not all(value.isfinite().all() for value in self.net.state_dict().values()):
            raise SystemExit(
                f"the weights are not finite; {self.folder / 'last.pt'} is from before, take a lower --rate"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "prediction": self.args.prediction,
            "held_out": self.held_out,
            "config": self.net.to_json_string(),
            "net": self.net.state_dict(),
            "averages": {decay: average.state_dict() for decay, average in self.averages.items()},
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "crops": self.crops,
            "steps": self.steps,
            "hours": self.hours,
            "cooled": self.cooled,
            "minutes": self.minutes + minutes if self.cooled is not None else 0.0,
            "best": self.best,
        }
        torch.save(state, self.folder / "last.pt.new")
        os.replace(self.folder / "last.pt.new", self.folder / "last.pt")
        self.export(self.folder / "model", self.averages[self.best])

    def export(self, target: Path, net: UNet2DModel) -> None:
        """Weights in fp16 as diffusers writes a DDPM: model_index.json, unet/, scheduler/."""
        new = target.with_name(target.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        half = copy.deepcopy(net).half().to(memory_format=torch.contiguous_format)
        half.register_to_config(sample_size=None)  # it is convolutional: any size of picture suits it
        half.save_pretrained(new / "unet", max_shard_size=self.args.shard)
        DDPMScheduler(
            num_train_timesteps=T, beta_schedule="linear", prediction_type=self.args.prediction
        ).save_pretrained(new / "scheduler")
        index = {
            "_class_name": "DDPMPipeline",
            "scheduler": ["diffusers", "DDPMScheduler"],
            "unet": ["diffusers", "UNet2DModel"],
        }
        (new / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
        replace_folder(new, target)

    def done(self, minutes: float) -> float:
        """The share of the run that is behind, by crops or by minutes, whichever is more: of this start, of a cool-down of all.

        A cool-down that starts after the last crop goes by its minutes alone.
        """
        start = self.cooled or 0
        by_minutes = (self.minutes + minutes) / self.args.minutes
        if self.cooled is not None and self.cooled >= self.args.crops:
            return by_minutes
        by_crops = 1.0 if self.crops >= self.args.crops else (self.crops - start) / (self.args.crops - start)
        return max(by_crops, by_minutes)

    def rate(self, done: float) -> float:
        """Constant after the warm-up, then linear to 0 over the last share ``cooldown`` of the run."""
        cooldown = self.args.cooldown if self.cooled is None else 1.0
        falling = max(1 - done, 0.0) / cooldown if cooldown else 1.0
        return self.args.rate * min(1.0, (self.steps + 1) / self.args.warmup, falling)

    def step(self, source: Crops, rate: float) -> tuple[Tensor, Tensor]:
        """One step of the optimizer and of the averages; the batch's timesteps and squared errors, shape (B,)."""
        args = self.args
        large = torch.rand((), device=self.device, generator=self.generator).item() < args.large_share
        size = args.large_size if large else args.size
        x0 = source(max(1, round(args.batch * (args.size / size) ** 2)), size, self.generator)
        t = self.levels(len(x0), large, self.generator)
        eps = torch.randn(x0.shape, device=self.device, generator=self.generator)
        a, s = self.abar[t].sqrt().view(-1, 1, 1, 1), (1 - self.abar[t]).sqrt().view(-1, 1, 1, 1)
        x_t = (a * x0 + s * eps).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            predicted = self.net(x_t, t).sample
        target = eps if args.prediction == "epsilon" else a * eps - s * x0
        error = (predicted.float() - target).square().mean((1, 2, 3))
        (error * self.levels.ratio[t].clamp(max=1) ** args.loss_power).mean().backward()
        finite = bool(torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0).isfinite())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if finite:
            self.optimizer.step()
        self.skipped = 0 if finite else self.skipped + 1
        if self.skipped >= MOST_SKIPPED:
            raise SystemExit(f"{self.skipped} steps in a row had gradients that are not finite; take a lower --rate")
        self.optimizer.zero_grad()
        with torch.no_grad():
            for decay, average in self.averages.items():
                share = 1 - min(decay, (1 + self.steps) / (10 + self.steps))
                torch._foreach_lerp_(list(average.parameters()), list(self.net.parameters()), share)
        self.steps += 1
        self.crops += args.batch  # larger crops are counted by their pixels
        return t, error.detach()

    def validate(self, crops: dict[str, Tensor]) -> str:
        """PSNR of every average, in words; remembers the one that does best on the photographs held out."""
        lines, means = [], {}
        for decay, average in self.averages.items():
            for name, pictures in crops.items():
                scores = one_step_psnr(average, pictures, self.abar, self.args.prediction, self.bf16)
                lines.append(f"{name} {decay} {' '.join(f'{v:.3f}' for v in scores.values())}")
                if name == "held-out":
                    means[decay] = sum(scores.values())
        self.best = max(means, key=means.__getitem__) if means else self.best
        return " | ".join(lines)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64), 0).float().to(device)
    run = Run(args, abar)
    seen_ones, held_out = shared_out(args.photos, args.hold_out, run.held_out)
    run.held_out = [str(path.relative_to(args.photos)) for path in held_out]
    source = Crops(seen_ones, args.size, args.longest, device)
    tests = {"held-out": centres(held_out, 128, args.longest)} if held_out else {}
    if args.validate:
        tests["watched"] = centres(photographs(args.validate)[: args.validate_limit], 256, args.longest)
    million = sum(p.numel() for p in run.net.parameters()) / 1e6
    print(f"{million:.2f}M parameters, {device}, bf16 {run.bf16}, {run.crops} crops seen before", flush=True)
    began = saved = validated = time.monotonic()
    # On a CPU beside other work, the processor's time is what training costs.
    clock = time.process_time if device.type == "cpu" else time.monotonic
    worked, seen = clock(), run.crops
    total, count = torch.zeros(len(BANDS) - 1, device=device), torch.zeros(len(BANDS) - 1, device=device)
    edges = torch.tensor(BANDS[1:-1], device=device)
    while True:
        now, work = time.monotonic(), clock()
        run.hours, worked = run.hours + (work - worked) / 3600, work
        done = run.done((now - began) / 60)
        finished = done >= 1
        if finished or now - saved > 60 * args.every:
            speed = (run.crops - seen) / (now - began)
            means = [(b, v) for b, v in zip(BANDS[1:], (total / count).tolist(), strict=True) if math.isfinite(v)]
            loss = " ".join(f"<{b}:{v:.4f}" for b, v in means)
            print(f"{run.crops} crops {speed:.1f}/s {run.hours:.3f} thread-hours | loss {loss}", flush=True)
            if finished or now - validated > 60 * args.validate_every:
                print(f"{run.crops} crops PSNR at {SIGMAS} | {run.validate(tests)}", flush=True)
                validated = time.monotonic()
            run.save((now - began) / 60)
            saved = time.monotonic()
            total.zero_(), count.zero_()
        if finished:
            return
        t, error = run.step(source, run.rate(done))
        band = torch.bucketize(t, edges, right=True)
        total.index_add_(0, band, error)
        count.index_add_(0, band, torch.ones_like(error))


if __name__ == "__main__":
    main()
