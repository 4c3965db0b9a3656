"""How much of a restoration's time is spent outside the prior's forward passes, at 256 x 256.

    python contrib/benchmarks/overhead.py

Prints the share for the blind and known-operator recipes of the default prior, and for the paper's.
"""

import argparse
from typing import Any

import torch

from dreamclean import Restorer

CASES: dict[str, dict[str, Any]] = {
    "blind": {},
    "known operator": {"operator": "downsample:factor=4,noise=0.05"},
    "paper, blind": {"preset": "paper"},
    "paper, known operator": {"preset": "paper", "operator": "downsample:factor=4,noise=0.05"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Share of time outside the prior's forward passes.")
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(f"{'recipe':24}{'NFE':>5}{'seconds':>9}{'outside the prior':>20}")
    for name, options in CASES.items():
        restorer = Restorer(**options)
        size = 64 if "operator" in options else 256
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        restorer(image)
        results = [restorer(image) for _ in range(runs)]
        best = min((r.seconds - r.prior_seconds) / r.seconds for r in results)
        print(f"{name:24}{results[0].nfe:5}{min(r.seconds for r in results):9.2f}{best:20.2%}", flush=True)


if __name__ == "__main__":
    main()
