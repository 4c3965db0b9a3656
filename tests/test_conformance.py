"""The built-in components pass the suites that plugin authors run."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dreamclean import (
    DDIM,
    DPS,
    JPEG,
    VPS,
    Auto,
    Blur,
    Colorize,
    DDIMInversion,
    Denoiser,
    Descent,
    DiffPIR,
    Diffusers,
    Downsample,
    DPMSolver,
    Enlarged,
    EnlargedJPEG,
    Faded,
    Fixed,
    ForwardNoising,
    FourierMagnitude,
    GradientAscent,
    Grain,
    Haze,
    Identity,
    Inpaint,
    Karras,
    Langevin,
    LocalLevel,
    LogSNR,
    MatchedLevel,
    MatchedSpectrum,
    Mixture,
    NoCorrector,
    NoGuidance,
    PiGDM,
    Posterized,
    Projection,
    SoftDDRM,
    SpectralProjection,
    Uniform,
)
from dreamclean.host.host import host
from dreamclean.testing import (
    ComponentSuite,
    CorrectorSuite,
    GuidanceSuite,
    InitializerSuite,
    LinearOperatorSuite,
    OperatorSuite,
    PathSuite,
    PlannerSuite,
    PriorSuite,
    SamplerSuite,
    SpacingSuite,
    pictures,
)


class TestIdentity(LinearOperatorSuite):
    component = Identity()


class TestGrain(LinearOperatorSuite):
    component = Grain()


class TestFaded(OperatorSuite):
    component = Faded(black=(0.3, 0.2, 0.1), white=(0.9, 0.95, 0.8))


class TestHaze(OperatorSuite):
    component = Haze.of(torch.linspace(0.3, 0.9, 24).view(1, 1, 4, 6), airlight=(0.8, 0.85, 0.9))


class TestHazeOfOneDepth(OperatorSuite):
    component = Haze(transmission=0.4)


class TestPosterized(OperatorSuite):
    component = Posterized(levels=(8,))
    kept = 0.2


class TestPosterizedByBits(OperatorSuite):
    component = Posterized(levels=(16, 32, 16), cut="floored")
    kept = 0.2


class TestAverageDownsampling(LinearOperatorSuite):
    component = Downsample()


class TestBicubicDownsampling(LinearOperatorSuite):
    component = Downsample(factor=2, method="bicubic")


class TestEnlarged(LinearOperatorSuite):
    component = Enlarged(factor=(1.5,), method="lanczos")


class TestEnlargedJPEG(OperatorSuite):
    component = EnlargedJPEG(quality=(40,), factor=(1.5,), method="bicubic")
    kept = 0.1  # rounding is taken as noise


class TestDefocus(LinearOperatorSuite):
    component = Blur(shape="defocus", radius=1.5)


class TestUniformBlur(LinearOperatorSuite):
    component = Blur()


class TestGaussianBlur(LinearOperatorSuite):
    component = Blur(shape="gaussian", size=11, std=(2.0, 1.0), boundary="circular")


class TestMotionBlur(LinearOperatorSuite):
    component = Blur(shape="motion", length=5, angle=30, boundary="zero")
    size, odd_size, accuracy = (12, 12), (9, 11), 1e-5


class TestBlurFromFile(LinearOperatorSuite):
    size, odd_size, accuracy = (16, 16), (13, 15), 1e-5

    @pytest.fixture
    def component(self, tmp_path: Path) -> Blur:
        spot = torch.zeros(5, 5, dtype=torch.uint8)
        spot[1:4, 2] = spot[2, 1:4] = 255
        Image.fromarray(spot.numpy()).save(tmp_path / "kernel.png")
        return Blur(shape="file", file=tmp_path / "kernel.png")


class TestInpainting(LinearOperatorSuite):
    component = Inpaint(share=0.4, seed=3)


class TestInpaintingFromFile(LinearOperatorSuite):
    size = odd_size = small_size = (7, 9)

    @pytest.fixture
    def component(self, tmp_path: Path) -> Inpaint:
        mask = torch.full(self.size, 255, dtype=torch.uint8)
        mask[2:5, 3:] = 0
        Image.fromarray(mask.numpy()).save(tmp_path / "mask.png")
        return Inpaint(mask=tmp_path / "mask.png")


class TestColorization(LinearOperatorSuite):
    component = Colorize()


class TestJPEG(OperatorSuite):
    component = JPEG(quality=(10, 20, 40), shift=(0, 3, 6))
    kept = 0.1  # rounding is taken as noise


class TestFourierMagnitude(OperatorSuite):
    component = FourierMagnitude()


class TestLinearChain(LinearOperatorSuite):
    component = Downsample(factor=2) @ Inpaint(share=0.4, seed=3) @ Blur(shape="gaussian", size=5, std=(1.0, 0.8))
    accuracy = 2e-5  # by conjugate gradients


class TestGreyChain(LinearOperatorSuite):
    component = Blur(size=3) @ Colorize()


class TestChainThatEndsInJPEG(OperatorSuite):
    component = JPEG(quality=(40, 60), shift=(0, 3)) @ Blur(shape="gaussian", size=5, std=0.8)
    kept = 0.1  # rounding is taken as noise


class TestChainWithJPEGInside(OperatorSuite):
    component = Blur(shape="gaussian", size=5, std=0.8) @ JPEG(quality=60)
    kept = 0.1


class TestNonLinearChain(OperatorSuite):
    component = FourierMagnitude() @ Blur(size=3)


class TestSoftDDRM(SamplerSuite):
    component = SoftDDRM()


class TestDDIM(SamplerSuite):
    component = DDIM()


class TestDPMSolver(SamplerSuite):
    component = DPMSolver()


class TestAncestralSampling(SamplerSuite):
    component = DDIM(eta=1.0)


class TestStochasticDPMSolver(SamplerSuite):
    component = DPMSolver(eta=1.0)


class TestVPS(CorrectorSuite):
    component = VPS()
    drift = 0.02


class TestManyBoldVPS(CorrectorSuite):
    component = VPS(gamma=0.6, repeats=4, projected=False)
    drift = 0.02


class TestFusedVPS(CorrectorSuite):
    component = VPS(gamma=0.3, fused=True)
    drift = 0.02


class TestLangevin(CorrectorSuite):
    component = Langevin()
    drift = 0.02


class TestGradientAscent(CorrectorSuite):
    component = GradientAscent()


class TestNoCorrector(CorrectorSuite):
    component = NoCorrector()
    drift = 0.02


class TestDDIMInversion(InitializerSuite):
    component = DDIMInversion()


class TestForwardNoising(InitializerSuite):
    component = ForwardNoising()


class TestMatchedLevel(InitializerSuite):
    component = MatchedLevel()


class TestLocalLevel(InitializerSuite):
    component = LocalLevel()


class TestLocalLevelBelowTheStrength(InitializerSuite):
    component = LocalLevel(ratio=0.1)


class TestMatchedSpectrum(InitializerSuite):
    component = MatchedSpectrum()


class TestMatchedSpectrumOfGrain(InitializerSuite):
    component = MatchedSpectrum(std=0.05, blur=1.0, common=0.8)


class TestUniform(SpacingSuite):
    component = Uniform()


class TestLogSNR(SpacingSuite):
    component = LogSNR()


class TestKarras(SpacingSuite):
    component = Karras()


class TestGentleKarras(SpacingSuite):
    component = Karras(rho=1)


class MixtureSuite(PriorSuite):
    size = odd_size = (21, 27)


class TestGaussianMixture(MixtureSuite):
    component = Mixture.around(pictures((21, 27)), std=0.1)


class TestVarianceExplodingMixture(MixtureSuite):
    component = Mixture.around(pictures((21, 27)), std=0.1, family="ve")


class TestFlowMixture(MixtureSuite):
    component = Mixture.around(pictures((21, 27)), family="flow")


class DiffusersSuite(PriorSuite):
    prediction = "epsilon"

    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, tmp_path_factory: pytest.TempPathFactory) -> Diffusers:
        from diffusers import DDPMScheduler, UNet2DModel

        folder = tmp_path_factory.mktemp("unet")
        torch.manual_seed(0)
        blocks = {"down_block_types": ("DownBlock2D",) * 3, "up_block_types": ("UpBlock2D",) * 3}
        unet = UNet2DModel(
            sample_size=32, block_out_channels=(8, 8, 8), layers_per_block=1, norm_num_groups=4, **blocks
        )
        unet.save_pretrained(folder / "unet")
        DDPMScheduler(prediction_type=cls.prediction).save_pretrained(folder / "scheduler")
        return Diffusers(path=str(folder))


class TestNoisePredictingUNet(DiffusersSuite):
    pass


class TestVelocityPredictingUNet(DiffusersSuite):
    prediction = "v_prediction"


class TestImagePredictingUNet(DiffusersSuite):
    prediction = "sample"


class TestAuto(PlannerSuite):
    component = Auto(detail=0.5)


class TestFixed(PlannerSuite):
    component = Fixed()


class TestDescent(PathSuite):
    component = Descent()


class TestProjection(GuidanceSuite):
    component = Projection()


class TestSpectralProjection(GuidanceSuite):
    component = SpectralProjection()


class TestNoGuidance(GuidanceSuite):
    component = NoGuidance()

    def test_estimate_is_the_priors_own(self, subject: Any) -> None:
        _, alone, (_, x0), _ = self.run(subject, pictures(self.size))
        assert torch.equal(x0, alone)


class TestDPS(GuidanceSuite):
    component = DPS()


class TestPiGDM(GuidanceSuite):
    component = PiGDM()


class TestDiffPIR(GuidanceSuite):
    component = DiffPIR(clip=False)


def test_suites_are_there_for_every_built_in() -> None:
    built_in = {e.component for e in host().collect() if e.package == "dreamclean"}
    suites = [v for v in globals().values() if isinstance(v, type) and issubclass(v, ComponentSuite)]
    elsewhere = {Diffusers, Denoiser}  # their suites need files: test_denoiser_prior.py
    named = {type(s.component) for s in suites if hasattr(s, "component")} | elsewhere
    assert built_in <= named
