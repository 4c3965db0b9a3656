"""One field of interlaced video."""

from pydantic import Field
from torch import Tensor

from dreamclean import LinearOperator


class Interlaced(LinearOperator):
    """Every second row of the image, as in one field of interlaced video."""

    name = "interlaced"
    first: int = Field(default=0, ge=0, le=1, description="The first row that is kept")

    def degrade(self, x: Tensor) -> Tensor:
        return x[:, :, self.first :: 2]
