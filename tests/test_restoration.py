"""Results and restorers as objects: saved, shown, printed, pickled."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from dreamclean import Denoiser, Diffusers, DreamCleanError, Mixture, Restoration, Restorer, read_recipe
from dreamclean.pictures.picture import Picture, check_target

QUICK: dict[str, Any] = {"strength": 300, "steps": 3, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def restorer(unet: str) -> Restorer:
    return Restorer(unet, **QUICK)


@pytest.fixture(params=["picture", "bytes", "numbers", "tensor"])
def result(request: pytest.FixtureRequest, restorer: Restorer, photo: Image.Image) -> Restoration:
    """The same restoration, held in four ways."""
    array = np.asarray(photo)
    given: dict[str, Any] = {"picture": photo, "bytes": array, "numbers": array / 255}
    return restorer(given.get(request.param, Picture.of(photo).pixels), seed=2)


# Files


def test_save_writes_the_recipe_too(
    result: Restoration, restorer: Restorer, photo: Image.Image, tmp_path: Path
) -> None:
    (tmp_path / "out.png").write_text("old")
    result.save(tmp_path / "out.png")
    result.save(str(tmp_path / "again.png"))
    assert read_recipe(tmp_path / "out.png") == result.recipe
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with Image.open(tmp_path / "out.png") as saved:
        assert saved.tobytes() == restorer(photo, seed=2).image.tobytes()
    assert Restorer(recipe=tmp_path / "out.png", device="cpu")(photo).recipe == result.recipe
    result.save(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as saved:
        assert (saved.format, saved.size) == ("JPEG", photo.size)


def test_save_refuses_what_is_there_and_what_it_cannot_write(
    restorer: Restorer, photo: Image.Image, tmp_path: Path
) -> None:
    result = restorer(photo)
    for name, message in {"out": "cannot write a picture called out", "no/out.png": "there is no folder"}.items():
        with pytest.raises(DreamCleanError, match=message):
            result.save(tmp_path / name)
    with pytest.raises(DreamCleanError, match="holds 2 images and a file takes one; restore a list"):
        restorer(torch.rand(2, 3, 8, 8)).save(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_target_in_a_folder_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_target(tmp_path / "out.png", overwrite=False)
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # an administrator may write everywhere
    with pytest.raises(DreamCleanError, match=r"nothing can be written in .*; choose another folder"):
        check_target(tmp_path / "out.png", overwrite=False)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_image_save_of_pillow_writes_the_recipe_too(
    mode: str, restorer: Restorer, photo: Image.Image, tmp_path: Path
) -> None:
    result = restorer(photo.convert(mode))
    for name in ("one.png", "two.png"):  # more than once
        result.image.save(tmp_path / name)
        assert read_recipe(tmp_path / name) == result.recipe
    result.image.save(tmp_path / "other.tif")
    with Image.open(tmp_path / "other.tif") as other, Image.open(tmp_path / "one.png") as one:
        assert other.tobytes() == one.tobytes() == result.image.tobytes()


# Notebooks


def test_restoration_shows_its_picture_in_a_notebook(
    result: Restoration, restorer: Restorer, photo: Image.Image
) -> None:
    data = result._repr_png_()
    assert data is not None
    with Image.open(io.BytesIO(data)) as shown:
        assert isinstance(shown, PngImagePlugin.PngImageFile)
        assert shown.tobytes() == restorer(photo, seed=2).image.tobytes()
        assert json.loads(shown.text["dreamclean"])["seed"] == 2


def test_restoration_of_a_batch_is_shown_in_words(restorer: Restorer) -> None:
    result = restorer(torch.rand(2, 3, 8, 8))
    assert result._repr_png_() is None
    assert repr(result).startswith("Restoration(Tensor (2, 3, 8, 8), 9 evaluations, ")


def test_restoration_prints_as_something_short(result: Restoration, restorer: Restorer, unet: str) -> None:
    assert len(repr(result)) < 80
    path = unet.partition("=")[2]
    assert repr(restorer) == (
        f"Restorer(prior=Diffusers(path='{path}'), initializer=DDIMInversion(), corrector=VPS(), sampler=DDIM(), path=Descent(), "
        "spacing=Uniform(), strength=300.0, steps=3, seed=0, device='cpu', dtype='float32')"
    )
    assert repr(Mixture.around(torch.rand(9, 3, 8, 8), std=0.1)) == "Mixture(std=0.1)"


def test_restorer_prints_what_makes_it_again(restorer: Restorer) -> None:
    import dreamclean

    again = eval(repr(restorer), vars(dreamclean) | {name: getattr(dreamclean, name) for name in dreamclean.__all__})
    assert again.recipe == restorer.recipe


# Pickles


def test_restorer_can_be_pickled(unet: str, photo: Image.Image) -> None:
    restorer = Restorer(unet, **QUICK)
    wanted = restorer(photo)
    data = pickle.dumps(restorer)
    assert len(data) < 20_000  # the network stays behind and is loaded anew
    again = pickle.loads(data)
    assert again.recipe == restorer.recipe
    assert again(photo).image.tobytes() == wanted.image.tobytes() == restorer(photo).image.tobytes()
    result = pickle.loads(pickle.dumps(wanted))
    assert result.image.tobytes() == wanted.image.tobytes() and result.recipe == wanted.recipe


def test_restorer_is_pickled_with_what_was_given_in_python(tmp_path: Path) -> None:
    images = torch.rand(2, 3, 8, 8)
    restorer = Restorer(Mixture.around(images, std=0.1), planner="auto", device="cpu")
    assert torch.equal(pickle.loads(pickle.dumps(restorer))(images).image, restorer(images).image)
    own = pickle.loads(pickle.dumps(Denoiser.of(torch.mul)))
    assert own._denoise is torch.mul


def test_restorer_loads_a_file_again_when_unpickled(photo: Image.Image, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Conv2d(4, 3, 1)), tmp_path / "net.pt")
    photo.save(tmp_path / "one.png")
    for prior in (Denoiser(path=str(tmp_path / "net.pt")), Mixture(path=str(tmp_path), std=0.1)):
        restorer = Restorer(prior, strength="nsr:0.2", steps=2, device="cpu")
        wanted = restorer(photo).image
        data = pickle.dumps(restorer)
        assert len(data) < 20_000
        assert pickle.loads(data)(photo).image.tobytes() == wanted.tobytes()


def test_prior_is_pickled_without_its_network(unet: str, photo: Image.Image) -> None:
    prior = Diffusers(path=unet.partition("=")[2])
    before = pickle.dumps(prior)
    Restorer(prior, strength="nsr:0.2", steps=1, device="cpu")(photo)
    assert pickle.dumps(prior) == before
