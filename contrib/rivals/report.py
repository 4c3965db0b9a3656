"""The report of a comparison, in Markdown."""

import platform
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import torch
from shared import Pair

PACKAGES = ("dreamclean", "dreamclean-starter", "dreamclean-bench", "torch", "azula", "deepinv")
HEAD = """# Beside azula and deepinv, step by step

Made with

```text
python contrib/rivals/{command}
```

in an environment of its own ([how](../../../contrib/rivals/README.md)). Versions: {versions}, Python {python}.

Each row runs a method of ours and another library's on the same network, the same {size} x {size} picture with half its
pixels lost and noise of standard deviation 1/16 (unless said), the same {steps} noise levels, the same first latent and the
same noise tensors, on a CPU; latents and networks are float64. Figures are the largest absolute difference of any
value of the latent, in standard deviations of our latent: after the first move, and the largest after any. "starter" is
the starter prior, "mixture" the analytic one around four views of the picture (standard deviation 0.1). Every step is in
[steps.csv](steps.csv).
"""
DIFFERENT = """
## Where they differ

Set alike as above but for one thing, which is what the note says.
"""
TIMES = """
## Time outside the network

Total time over the time in the network, {size} x {size}, {steps} noise levels, the starter prior in float32, latents in
float64, {threads}; the least of {repeats} runs each, side by side in one process. Converting between a library's
conventions and the network's counts as the network's time. Methods that differentiate through the network are left
out: what the backward pass takes is not told apart here.
"""


def page(results: Sequence[Any], times: dict[Pair, tuple[float, ...]], args: Namespace) -> str:
    """The report of all ``results`` (compare.Result) and of the ``times`` of some pairs, ours and theirs."""
    said = dict(
        command=" ".join(["compare.py", *sys.argv[1:]]),
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        python=platform.python_version(),
    )
    threads = torch.get_num_threads()
    timed = dict(size=args.timing_size, repeats=args.repeats, threads=f"{threads} thread{'s' * (threads > 1)}")
    equal, different = ([r for r in results if r.pair.equal is wanted] for wanted in (True, False))
    return "\n".join(
        [
            HEAD.format(**said, size=args.size, steps=args.steps),
            "## Set alike\n",
            *_differences(equal),
            DIFFERENT,
            *_differences(different),
            TIMES.format(**timed, steps=args.steps),
            *_head("pair", "theirs", "ours: total / network", "theirs: total / network"),
            *(_row(p.name, f"`{p.theirs}`", *(f"{ratio:.3f}" for ratio in ratios)) for p, ratios in times.items()),
            "",
        ]
    )


def _differences(results: Sequence[Any]) -> Iterator[str]:
    """The table of ``results``, a line a pair, and the notes under it."""
    networks, pairs = (list(dict.fromkeys(keys)) for keys in zip(*((r.network, r.pair) for r in results), strict=True))
    columns = (f"{network}: {when}" for network in networks for when in ("first move", "any move"))
    yield from _head("", "pair", "ours", "theirs", "latents", *columns, "verdict")
    for number, pair in enumerate(pairs, 1):
        yield _line(number, pair, [r.differences for r in results if r.pair is pair])
    yield ""
    yield from (f"{number}. {pair.remark}" for number, pair in enumerate(pairs, 1))


def _line(number: int, pair: Pair, differences: Sequence[Sequence[float]]) -> str:
    figures = (f"{value:.1e}" for moves in differences for value in (moves[0], max(moves)))
    equal = all(value <= pair.tolerance for moves in differences for value in moves)
    verdict = f"equal (within {pair.tolerance:.0e})" if equal else "differs"
    return _row(
        number, pair.name, f"`{pair.ours}`", f"`{pair.theirs}`", len(differences[0]), *figures, f"**{verdict}**"
    )


def _head(*names: str) -> list[str]:
    return [_row(*names), _row(*["---"] * len(names))]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"
