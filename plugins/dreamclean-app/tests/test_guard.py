"""Settings of strangers: what they may not ask for."""

from pathlib import Path
from typing import Any

import pytest
from dreamclean_app.guard import check

from dreamclean import DreamCleanError
from dreamclean.host.host import host

OFFERED = ["diffusers:path=/models/faces", "mixture:path=/models/set"]


def refused(**settings: Any) -> str:
    with pytest.raises(DreamCleanError) as error:
        check(settings, OFFERED, host())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"prior": "diffusers:path=/models/faces"},
        {"prior": {"name": "mixture", "path": "/models/set", "std": 0.1}},
        {"operator": "blur:std=1.2 | downsample:factor=2", "noise": "25/255", "strength": "nsr:0.3", "steps": "20"},
        {"operator": {"name": "chain", "links": [{"name": "blur"}, {"name": "jpeg", "quality": [30]}]}},
        {"corrector": "vps:gamma=0.1", "seed": 2**40, "detail": 0.5, "tone": "faded", "samples": 4},
    ],
    ids=str,
)
def test_guard_lets_ordinary_settings_through(settings: dict[str, Any]) -> None:
    check(settings, OFFERED, host())


@pytest.mark.parametrize(
    "prior",
    ["diffusers:path=/etc", "diffusers:path=someone/model", {"name": "denoiser", "path": "/x.pt"}, "mixture:path=/etc"],
    ids=str,
)
def test_guard_refuses_a_prior_that_is_not_offered(prior: Any) -> None:
    assert "not offered" in refused(prior=prior)


@pytest.mark.parametrize(
    "operator",
    [
        "blur:file=/etc/hostname",
        "inpaint:mask=/etc/hostname",
        "identity | jpeg:file=/nowhere.jpg",
        {"name": "chain", "links": ["identity", {"name": "blur", "file": "x.png"}]},
        {"name": "inpaint", "bitmap": "/etc/hostname"},
    ],
    ids=str,
)
def test_guard_refuses_files_of_this_machine(operator: Any) -> None:
    assert "names a file" in refused(operator=operator)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("form", ["{}", "~/{}", "..{}", "C:\\{}", "\\\\host{}"])
def test_guard_does_not_tell_which_files_there_are(form: str, there: bool) -> None:
    name = form.format("/etc/hostname" if there else "/etc/no such file")
    assert "names a file" in refused(operator={"name": "inpaint", "bitmap": name})
    check({"operator": {"name": "blur", "shape": name}}, OFFERED, host())  # a choice: the component says what there is


def test_guard_lets_files_through_where_all_are_trusted(tmp_path: Path) -> None:
    check({"operator": f"blur:file={tmp_path}/kernel.png", "prior": "denoiser:path=/x.pt"}, OFFERED, host(), True)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 10**9},
        {"steps": "1e9"},
        {"steps": float("nan")},
        {"samples": 1000},
        {"planner": "auto:samples=1000"},
        {"operator": "downsample:factor=100000"},
        {"operator": {"name": "blur", "size": 10**7}},
        {"operator": {"name": "jpeg", "tables": [[1] * 64] * 5000}},
        {"operator": {"name": "identity", "bitmap": "x" * 5_000_000}},
        {"corrector": {"name": "vps", "repeats": 10**6}},
        {"operator": ["identity"] * 33},
        {"operator": {"name": "chain", "links": [{"name": "chain", "links": ["identity"] * 8}] * 8}},
    ],
    ids=lambda value: str(value)[:40],
)
def test_guard_refuses_numbers_and_lists_without_end(settings: dict[str, Any]) -> None:
    assert refused(**settings)


@pytest.mark.parametrize("name", ["device", "max_megapixels", "mask", "keep", "recipe"])
def test_guard_keeps_to_itself_what_is_not_for_strangers(name: str) -> None:
    assert name in refused(**{name: "cpu"})


def test_guard_says_what_settings_there_are() -> None:
    assert "did you mean 'sampler'" in refused(sampeler="ddim")
    assert "no corrector" in refused(corrector="nothing")
