"""A run goes on where it was, to the step; every parameter has one optimizer; a cool-down leaves its run alone."""

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from PIL import Image

from dreamclean import Diffusers
from dreamclean.testing import loaded

spec = importlib.util.spec_from_file_location("train_prior", Path(__file__).parents[1] / "train.py")
train = importlib.util.module_from_spec(spec)
spec.loader.exec_module(train)

ENDS = {"conv_in.weight", "conv_out.weight"}
ABAR = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((72, 64)).save(folder / f"{number}.png")
    return folder


def go(photos, run, *more):
    small = "--size 16 --batch 4 --channels 8,16 --hold-out 0 --warmup 2 --cooldown 0 --ema 0.9,0.99 --device cpu"
    train.main([str(photos), str(run), *small.split(), *map(str, more)])
    return torch.load(run / "last.pt", weights_only=True)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_train_interrupted_ends_with_the_same_weights(photos, tmp_path, optimizer):
    recipe = ("--optimizer", optimizer, "--levels", "snr", "--large-share", 0.5, "--large-size", 32)
    whole = go(photos, tmp_path / "whole", *recipe, "--crops", 32)
    half = go(photos, tmp_path / "halves", *recipe, "--crops", 16)
    halves = go(photos, tmp_path / "halves", *recipe, "--crops", 32)
    assert not same(half["net"], halves["net"])
    assert same(whole["net"], halves["net"])
    for decay in (0.9, 0.99):
        assert same(whole["averages"][decay], halves["averages"][decay])


def test_train_without_its_checkpoint_goes_on_from_the_weights_given(photos, tmp_path):
    go(photos, tmp_path / "lost", "--crops", 8)
    model = UNet2DModel.from_pretrained(tmp_path / "lost/model/unet")
    new = go(photos, tmp_path / "new", "--crops", 0, "--init", tmp_path / "lost/model/unet")
    assert same(new["net"], model.float().state_dict())


def test_muon_and_adamw_share_out_every_parameter_once():
    net = train.network((8, 16), 1).to(memory_format=torch.channels_last)
    optimizer = train.MuonAndAdamW(net, 1e-2)
    mine, rest = ({p.data_ptr() for p in group} for group in (optimizer.matrices, optimizer.rest))
    assert not mine & rest
    assert mine | rest == {p.data_ptr() for p in net.parameters()}
    named = {p.data_ptr(): name for name, p in net.named_parameters()}
    assert {named[p] for p in mine} == {n for n, p in net.named_parameters() if p.ndim == 4} - ENDS
    before = [p.detach().clone() for p in net.parameters()]
    net(torch.randn(2, 3, 16, 16), torch.tensor([10, 500])).sample.square().mean().backward()
    optimizer.step()
    assert all(not torch.equal(p, was) for p, was in zip(net.parameters(), before, strict=True))
    optimizer.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_muon_makes_a_convolution_s_update_orthogonal():
    net = train.network((8, 16), 1).to(memory_format=torch.channels_last)
    optimizer = train.MuonAndAdamW(net, 1e-2)
    weight = net.mid_block.resnets[0].conv1.weight
    before = weight.detach().clone()
    net(torch.randn(2, 3, 16, 16), torch.tensor([10, 500])).sample.square().mean().backward()
    optimizer.step()
    singular = torch.linalg.svdvals((weight.detach() - before).flatten(1))
    assert singular.max() < 2.5 * singular.min()  # Newton and Schulz come near to 1, not to it


def test_cool_from_is_a_copy(photos, tmp_path):
    run = tmp_path / "run"
    go(photos, run, "--crops", 16)
    was = (run / "last.pt").read_bytes()
    cooled = go(photos, tmp_path / "cooled", "--cool-from", run, "--crops", 32)
    assert (run / "last.pt").read_bytes() == was
    assert (cooled["crops"], cooled["cooled"]) == (32, 16)
    args = train.arguments(["photos", str(tmp_path / "cooled"), "--crops", "32", "--channels", "8,16", "--ema", "0.9"])
    rates = train.Run(args, ABAR)
    rates.steps = 1000
    assert [rates.rate(done) / args.rate for done in (0, 0.5, 1)] == [1, 0.5, 0]


def resumed(folder, *more):
    return train.Run(train.arguments(["photos", str(folder), "--ema", "0.9,0.99", *more]), ABAR)


def test_train_exports_the_average_that_did_best_after_a_restart_too(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 8)
    run = resumed(tmp_path / "run")
    run.best = 0.99
    run.save()
    again = resumed(tmp_path / "run")
    assert again.best == 0.99
    again.save()
    model = UNet2DModel.from_pretrained(tmp_path / "run/model/unet")
    assert same(model.state_dict(), again.averages[0.99].half().state_dict())
    assert train.Run(train.arguments(["photos", str(tmp_path / "run"), "--ema", "0.5"]), ABAR).best == 0.5


def test_cool_down_by_the_clock_goes_on_where_it_was(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 16)
    cooling = ("--cool-from", str(tmp_path / "run"), "--minutes", "20", "--crops", "1000000")
    first = resumed(tmp_path / "cooled", *cooling)
    first.steps = 1000
    first.save(15.0)
    again = resumed(tmp_path / "cooled", *cooling)
    assert again.cooled == 16 and again.done(0) == pytest.approx(0.75) and again.done(5) >= 1
    assert again.rate(again.done(2.5)) / again.args.rate == pytest.approx(0.125)
    again.save(2.5)
    assert resumed(tmp_path / "cooled", *cooling).minutes == 17.5
    run = resumed(tmp_path / "run", "--minutes", "20")  # a run that does not cool down starts its minutes anew
    run.save(15.0)
    assert resumed(tmp_path / "run", "--minutes", "20").done(0) < 0.01


def test_cool_down_of_a_run_that_has_seen_all_its_crops_goes_by_its_minutes(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 16)
    run = resumed(tmp_path / "cooled", "--cool-from", str(tmp_path / "run"), "--minutes", "20", "--crops", "16")
    assert [run.done(minutes) for minutes in (0, 10, 20)] == [0, 0.5, 1]
    assert resumed(tmp_path / "run", "--crops", "16").done(0) == 1


def test_cool_down_of_a_cooled_run_has_its_own_minutes_and_one_of_all_crops_needs_some(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 16)
    cooled = resumed(tmp_path / "cooled", "--cool-from", str(tmp_path / "run"), "--minutes", "20", "--crops", "1000000")
    cooled.save(20.0)
    again = resumed(
        tmp_path / "again", "--cool-from", str(tmp_path / "cooled"), "--minutes", "20", "--crops", "1000000"
    )
    assert again.done(0) < 0.01
    with pytest.raises(SystemExit, match="say in --minutes"):
        resumed(tmp_path / "endless", "--cool-from", str(tmp_path / "run"), "--crops", "16")


def test_train_resumes_without_the_folder_that_it_started_from(photos, tmp_path):
    go(photos, tmp_path / "first", "--crops", 8)
    (tmp_path / "first/model/unet").rename(tmp_path / "unet")
    first = go(photos, tmp_path / "run", "--crops", 8, "--init", tmp_path / "unet")
    shutil.rmtree(tmp_path / "unet")
    again = resumed(tmp_path / "run", "--init", str(tmp_path / "unet"), "--channels", "16,16")
    assert same(again.net.state_dict(), first["net"])


def test_replace_folder_never_leaves_nothing(tmp_path, monkeypatch):
    for name in ("new", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    seen = []
    replace = os.replace

    def watched(one, other):
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        replace(one, other)

    monkeypatch.setattr(train.os, "replace", watched)
    train.replace_folder(tmp_path / "new", tmp_path / "model")
    assert seen == [["model", "new"], ["model.old", "new"]]
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new"]


def test_levels_are_where_they_are_said_to_be():
    generator = torch.Generator().manual_seed(0)
    levels = train.Levels("snr", 2.0, ABAR)
    high = levels.ratio[levels(500, True, generator)]
    assert high.min() >= 0.5
    wanted = levels.ratio[levels(4000, False, generator)] * 255 / 2
    shares = [((low < wanted) & (wanted < 2 * low)).float().mean().item() for low in (8, 16, 32)]
    assert max(shares) < 1.3 * min(shares)
    assert 0.1 < (wanted > 140).float().mean() < 0.25


def test_photographs_are_read_as_they_look_and_no_larger_than_asked(tmp_path, capsys):
    grey = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.new("RGB", (3000, 2000), (10, 120, 230)).save(tmp_path / "large.jpg", quality=95)
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "large.jpg").read_bytes()[:900])
    (tmp_path / "._large.jpg").write_bytes(b"of a Mac")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.4")
    assert [path.name for path in train.photographs(tmp_path)] == ["broken.jpg", "deep.png", "large.jpg"]
    deep = np.asarray(train.opened(tmp_path / "deep.png", 1500)).astype(int)
    assert np.abs(deep[..., 0] - grey / 257).max() <= 1
    large = train.opened(tmp_path / "large.jpg", 600)
    assert large.size == (600, 400) and np.abs(np.asarray(large).mean((0, 1)) - [10, 120, 230]).max() < 3
    crops = train.Crops(train.photographs(tmp_path), 16, 600, torch.device("cpu"))
    said = capsys.readouterr().out
    assert "left out" in said and "broken.jpg" in said and "2 of 3 photographs" in said
    assert crops.width.max() == 600 and crops(5, 16, torch.Generator().manual_seed(0)).shape == (5, 3, 16, 16)


def test_held_out_photographs_stay_so_when_others_are_added(photos, tmp_path):
    small = [
        "--size",
        "16",
        "--batch",
        "4",
        "--channels",
        "8,16",
        "--warmup",
        "2",
        "--cooldown",
        "0",
        "--ema",
        "0.9",
        "--device",
        "cpu",
        "--hold-out",
        "3",
    ]
    train.main([str(photos), str(tmp_path / "run"), *small, "--crops", "4"])
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["held_out"] == ["2.png"]
    Image.new("RGB", (72, 64)).save(photos / "0-before.png")
    train.main([str(photos), str(tmp_path / "run"), *small, "--crops", "8"])
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["held_out"] == ["2.png"]
    seen, held = train.shared_out(photos, 3, ["2.png"])
    assert [path.name for path in held] == ["2.png"] and len(seen) == 3


def test_train_refuses_weights_that_predict_something_else(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 8, "--prediction", "v_prediction")
    with pytest.raises(SystemExit, match="say --prediction v_prediction"):
        go(photos, tmp_path / "run", "--crops", 16)
    with pytest.raises(SystemExit, match="say --prediction v_prediction"):
        go(photos, tmp_path / "new", "--crops", 8, "--init", tmp_path / "run/model/unet")


def test_train_goes_on_from_a_checkpoint_of_another_kind_of_device(photos, tmp_path, capsys):
    state = go(photos, tmp_path / "run", "--crops", 8)
    torch.save({**state, "generator": torch.zeros(16, dtype=torch.uint8)}, tmp_path / "run/last.pt")  # as of CUDA's
    assert go(photos, tmp_path / "run", "--crops", 16)["crops"] == 16
    assert "random numbers start anew" in capsys.readouterr().out


def test_train_leaves_steps_out_that_are_not_finite_and_keeps_its_checkpoint(photos, tmp_path, monkeypatch):
    before = go(photos, tmp_path / "run", "--crops", 8)
    own, bad = train.Crops.__call__, {3}

    def spoilt(self, *args):
        spoilt.calls += 1
        return own(self, *args) * (float("nan") if spoilt.calls in bad or not bad else 1)

    spoilt.calls = 0
    monkeypatch.setattr(train.Crops, "__call__", spoilt)
    after = go(photos, tmp_path / "run", "--crops", 40)
    assert not same(before["net"], after["net"]) and all(value.isfinite().all() for value in after["net"].values())
    bad.clear()
    with pytest.raises(SystemExit, match="100 steps in a row"):
        go(photos, tmp_path / "run", "--crops", 4000)
    assert same(torch.load(tmp_path / "run/last.pt", weights_only=True)["net"], after["net"])


def test_cool_down_that_is_over_is_not_taken_for_a_new_one(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 16)
    go(photos, tmp_path / "cooled", "--cool-from", tmp_path / "run", "--crops", 32)
    with pytest.raises(SystemExit, match="is cooled down already"):
        go(photos, tmp_path / "cooled", "--cool-from", tmp_path / "run", "--crops", 32)


def test_train_exports_a_network_of_any_size(photos, tmp_path):
    go(photos, tmp_path / "run", "--crops", 8)
    assert loaded(Diffusers(path=str(tmp_path / "run/model"))).geometry.native_size is None
