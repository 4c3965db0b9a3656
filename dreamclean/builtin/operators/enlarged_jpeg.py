"""A picture that was a JPEG when it was small, and was enlarged: what went round the web."""

from collections.abc import Callable

from torch import Tensor

from dreamclean.builtin.operators.compression import Compression
from dreamclean.builtin.operators.enlarged import Enlarged, Resized
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.contracts.covariance import Covariance, Independent
from dreamclean.contracts.least_squares import agreement


class EnlargedJPEG(Resized, Compression):
    """Made smaller, compressed, and enlarged to the size that it had: y = U JPEG(D x) + noise.

    ``factor``, ``method`` and ``shrunk`` are those of ``enlarged``, the rest those of ``jpeg``. A projection agrees with
    the small picture U^+ y, which is the JPEG's own, in each of its coefficients. Where a derivative is asked for (gradient
    guidance, chains) the codec counts as white noise.
    """

    name = "enlarged-jpeg"

    def enlarged(self) -> Enlarged:
        """The same without the compression."""
        return Enlarged(**{name: getattr(self, name) for name in Resized.model_fields})

    def jpeg(self, **noise: float) -> JPEG:
        """The compression of the small picture, with its ``noise`` and ``poisson``."""
        said = {name: getattr(self, name) for name in ("quality", "tables", "shift", "subsampling")}
        return JPEG(**said, **noise)

    def _noisy_jpeg(self, y: Tensor) -> JPEG:
        """The same with the noise of ``y`` (B, C, H, W), as it is in the small picture: white there."""
        share = self.enlarged().reduced_noise(*y.shape[2:])
        return self.jpeg(noise=share**0.5 * self.noise, poisson=self.poisson / share)

    def degrade(self, x: Tensor) -> Tensor:
        enlarged = self.enlarged()
        return enlarged.enlarge(self.jpeg().degrade(enlarged.shrink(x)), *x.shape[2:])

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        enlarged = self.enlarged()
        return enlarged.degrade(x), enlarged.degrade, enlarged.adjoint

    def noise_covariance(self, y: Tensor) -> Covariance:
        rounding = sum(float(variance.mean()) for variance in self.rounding_variance()) / 2
        return Independent(rounding + self.noise_variance(y))

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        enlarged = self.enlarged()
        small = enlarged.small(y)
        noise = self._noisy_jpeg(y).noise_covariance(small)
        spread = lambda v: enlarged.spread(v, *x0.shape[2:])  # noqa: E731
        return x0 + std**2 * agreement(enlarged.shrink, spread, small - enlarged.shrink(x0), std**2, noise)

    def dequantized(self, y: Tensor, x0: Tensor, std: float) -> Tensor:
        """The small picture's, enlarged."""
        enlarged = self.enlarged()
        small = self._noisy_jpeg(y).dequantized(enlarged.small(y), enlarged.shrink(x0), std)
        return enlarged.enlarge(small, *x0.shape[2:])
