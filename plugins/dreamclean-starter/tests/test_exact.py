"""Exact restorations by a real network: the same bytes on one thread and on two, alone and in a batch."""

import torch
from dreamclean_starter.prior import Starter

from dreamclean import Restorer


def test_exact_depends_neither_on_threads_nor_on_the_batch():
    exact = Restorer(Starter(), strength=60, steps=2, corrector="vps:gamma=0.1", exact=True, device="cpu")
    batch = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made += [exact(batch, seed=[1, 2]).image[1:], exact(batch[1:], seed=2).image]
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(image, made[0]) for image in made)
