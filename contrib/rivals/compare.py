"""Our methods beside azula's and deepinv's, step by step, on one network, picture, measurement and noise.

    python contrib/rivals/compare.py [--out docs/bench/rivals]

Needs an environment of its own, see README.md beside this file. Writes report.md and steps.csv; exit status 1
if two that should be equal are not.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import report
import torch
import with_azula
import with_deepinv
from shared import Case, Network, Pair, Run

from dreamclean import Inpaint, Mixture, Model, Picture
from dreamclean.host.host import host
from dreamclean.method.loaded import load
from dreamclean.testing import loaded

PAIRS = [*with_azula.PAIRS, *with_deepinv.PAIRS]
PICTURE = Path(__file__).parent.parent / "demo" / "coffee.png"


@dataclass(frozen=True)
class Result:
    """A pair's largest differences after each move, in standard deviations of our latent."""

    pair: Pair
    network: str
    differences: list[float]

    @property
    def failed(self) -> bool:
        """Whether they should be equal and are not."""
        return self.pair.equal and not all(value <= self.pair.tolerance for value in self.differences)


def compare(pair: Pair, case: Case, name: str) -> Result:
    ours, theirs = pair.run(case)
    pairs = zip(ours.latents, theirs.latents, strict=False)  # deepinv's DiffPIR stops one step before ours
    return Result(pair, name, [float((a - b).abs().max() / a.std()) for a, b in pairs])


def outside(pair: Pair, case: Case, repeats: int) -> tuple[float, ...]:
    """Total time over the network's, ours and theirs, each the least of ``repeats`` runs."""
    runs = [pair.run(case) for _ in range(repeats)]

    def ratio(run: Run) -> float:
        return run.seconds / run.network_seconds

    return tuple(min(map(ratio, side)) for side in zip(*runs, strict=True))


def crop(size: int) -> torch.Tensor:
    """The middle of the demo's picture, (1, 3, size, size) in [0, 1], float64."""
    pixels = Picture.open(PICTURE).pixels.double()
    top, left = ((side - size) // 2 for side in pixels.shape[2:])
    return pixels[..., top : top + size, left : left + size]


def starter(dtype: torch.dtype) -> Model:
    return load(host().make("prior", "starter"), torch.device("cpu"), dtype)


def models(picture: torch.Tensor) -> Iterator[tuple[str, Model]]:
    yield "starter", starter(torch.float64)
    views = torch.cat([picture, picture.flip(2), picture.flip(3), picture.mT])
    yield "mixture", loaded(Mixture.around(views, std=0.1))


def write_steps(path: Path, results: list[Result]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["pair", "theirs", "network", "move", "difference"])
        for r in results:
            moves = enumerate(r.differences, 1)
            writer.writerows((r.pair.name, r.pair.theirs, r.network, k, f"{d:.3e}") for k, d in moves)


def main() -> int:
    parser = argparse.ArgumentParser(description="Our methods beside azula's and deepinv's, step by step.")
    parser.add_argument("--out", type=Path, default=Path("docs/bench/rivals"))
    parser.add_argument("--steps", type=int, default=20, help="noise levels")
    parser.add_argument("--size", type=int, default=64, help="side of the picture")
    parser.add_argument("--timing-size", type=int, default=128, help="side of the picture that is timed")
    parser.add_argument("--repeats", type=int, default=3, help="runs that the least time is taken of")
    args = parser.parse_args()

    def case(pair: Pair, model: Model, size: int) -> Case:
        return Case(Network.of(model, pair.clip), crop(size), Inpaint(share=0.5, noise=pair.noise), args.steps)

    results = []
    for name, model in models(crop(args.size)):
        for pair in PAIRS:
            results.append(compare(pair, case(pair, model, args.size), name))
            print(pair.name, name, *(f"{value:.1e}" for value in results[-1].differences), flush=True)
    model = starter(torch.float32)
    times = {p: outside(p, case(p, model, args.timing_size), args.repeats) for p in PAIRS if p.timed}
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "report.md").write_text(report.page(results, times, args))
    write_steps(args.out / "steps.csv", results)
    failed = [r for r in results if r.failed]
    for r in failed:
        print(f"not equal: {r.pair.name}, {r.pair.theirs}, {r.network}: {max(r.differences):.1e}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
