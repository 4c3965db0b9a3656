"""FBCNN as a method of the bench."""

from pathlib import Path
from typing import ClassVar

import torch
from dreamclean_bench.method import Method, Problem
from pydantic import Field
from torch import Tensor

from dreamclean_fbcnn.network import load


class FBCNN(Method):
    """FBCNN, a network trained to remove JPEG artifacts, with its published colour weights."""

    name = "fbcnn"
    paper: ClassVar[str] = "Towards Flexible Blind JPEG Artifacts Removal (ICCV 2021)"
    blind: ClassVar[bool] = True
    uses_prior: ClassVar[bool] = False
    path: Path = Field(description="File of the published weights, fbcnn_color.pth")
    quality: int | None = Field(
        default=None, ge=1, le=100, description="JPEG quality factor; none: read off the picture"
    )

    def restore(self, problem: Problem) -> Tensor:
        picture = problem.shown
        network = load(self.path).to(picture.device)
        coarseness = None
        if self.quality is not None:
            coarseness = torch.full((len(picture), 1), 1 - self.quality / 100, device=picture.device)
        clean: Tensor = network(picture.float(), coarseness)[0]
        return clean.to(picture.dtype)
