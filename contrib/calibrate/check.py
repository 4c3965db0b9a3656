"""Check the diagnosis on pictures that it was not calibrated on.

    python contrib/calibrate/check.py FOLDER

Centre crops of 256 x 256, damaged as the bench's suite ``blind`` does; and white noise of several standard
deviations. Prints how often each family is named, and the error of the estimated standard deviation.
"""

import argparse
from collections import Counter
from pathlib import Path

import torch
from dreamclean_bench.runner import crop, pictures_of
from dreamclean_bench.suites import find_suite
from dreamclean_bench.tasks import find_task, shown
from torch import Tensor

from dreamclean import Diagnosis, Restorer
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit

RIGHT = {
    "denoise-10": ("white noise",),
    "denoise": ("white noise",),
    "denoise-50": ("white noise",),
    "poisson": ("white noise",),
    "sr4-noisy": ("enlarged", "mixed"),
    "jpeg-10": ("JPEG", "blocking"),
    "jpeg-cascade": ("JPEG", "blocking"),
    "blur-mild": ("blurred", "low resolution"),
    "clean": ("clean",),
}
"""By task: what its operator is called where it is found, and the calibration's family."""
NOISES = (5, 7.5, 10, 15, 25, 35, 50, 75)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prior", help="name:key=value,...; the default prior unless said")
    parser.add_argument("--limit", type=int, help="the first so many pictures")
    options = parser.parse_args()
    restorer = Restorer(options.prior, planner="auto")
    images = [crop(path, 256) for path in pictures_of(options.folder)[: options.limit]]
    families(restorer, images)
    noises(restorer, images)


def families(restorer: Restorer, images: list[Tensor]) -> None:
    print("| task | right | named | median level |\n| --- | --: | --- | --: |")
    right = 0
    for name in find_suite("blind").tasks:
        task, found = find_task(name), []
        assert task.operator
        for number, image in enumerate(images):
            measured = task.operator.measure(image, torch.Generator().manual_seed(number))
            found.append(diagnosis_of(restorer, eight_bit(shown(task, measured, image.shape))))
        named = Counter(diagnosis.family for diagnosis in found)
        rightly = sum(named[family] for family in RIGHT[name])
        right += rightly
        ratios = sorted(diagnosis.ratio or 0 for diagnosis in found)
        words = ", ".join(f"{family} {count}" for family, count in named.most_common())
        print(f"| {name} | {rightly} of {len(images)} | {words} | {ratios[len(ratios) // 2]:.3f} |", flush=True)
    print(f"\n{right} of {len(RIGHT) * len(images)} right\n")


def noises(restorer: Restorer, images: list[Tensor]) -> None:
    print("| sigma, of 255 | named white | mean error | largest error | within 10 % |\n| --: | --: | --: | --: | --: |")
    for sigma in NOISES:
        errors = []
        for number, image in enumerate(images):
            noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(number))
            found = diagnosis_of(restorer, eight_bit(image + sigma / 255 * noise))
            if found.noise:
                errors.append(found.noise * 255 / sigma - 1)
        if not errors:
            print(f"| {sigma:g} | 0 of {len(images)} | | | |")
            continue
        mean, largest = sum(errors) / len(errors), max(errors, key=abs)
        within = sum(abs(error) < 0.1 for error in errors)
        counts = f"{len(errors)} of {len(images)}"
        print(f"| {sigma:g} | {counts} | {mean:+.1%} | {largest:+.1%} | {within} of {len(errors)} |", flush=True)


def diagnosis_of(restorer: Restorer, image: Tensor) -> Diagnosis:
    found = restorer.plan(image).report
    assert isinstance(found, Diagnosis)
    return found


if __name__ == "__main__":
    main()
