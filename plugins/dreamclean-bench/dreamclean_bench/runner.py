"""Running a bench: every method on every image's measurement, each cell once."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from dreamclean import DDPMSchedule, DreamCleanError, InvalidSetting, Level, Model, Picture, Prior, __version__
from dreamclean.contracts.warn import warn
from dreamclean.host.host import host
from dreamclean.method.device import pick_device, pick_dtype
from dreamclean.method.loaded import load
from dreamclean.pictures.picture import is_picture
from dreamclean_bench.memory import peak_memory, reset_peak_memory
from dreamclean_bench.method import Method, Problem
from dreamclean_bench.metrics import metrics
from dreamclean_bench.said_once import in_one_line, said_once
from dreamclean_bench.sizes import large_enough, refuse
from dreamclean_bench.store import PRECISION, WEIGHTS, Cell, Row, Said, Store, network_of
from dreamclean_bench.tasks import Measured, Task, find_task, settled, shown
from dreamclean_bench.weights import digest_of


@dataclass(frozen=True)
class Setting:
    """Where and how cells are computed; the same for a whole run."""

    prior: str | None = None
    device: str = "auto"
    dtype: str | None = None
    threads: int = 0
    """CPU threads of a process; 0: as torch chooses."""


@dataclass(frozen=True)
class Work:
    """A cell, and where its pictures lie."""

    cell: Cell
    clean: Path
    degraded: Path | None = None
    keep: bool = False
    """Whether the pictures are stored too."""


@dataclass(frozen=True)
class Outcome:
    """A row, with the reference and the measurement as picture files where they are kept."""

    row: Row
    pictures: dict[str, bytes]


def pictures_of(folder: Path, hint: str = "give a folder of clean pictures with --images") -> list[Path]:
    """The pictures of ``folder``, sorted by name; DreamCleanError if there are none, with ``hint``."""
    found = sorted(path for path in folder.iterdir() if is_picture(path)) if folder.is_dir() else []
    if not found:
        raise DreamCleanError(f"there is no picture in {folder}; {hint}")
    return found


def plan(
    tasks: Iterable[Task],
    methods: Iterable[Method],
    images: list[Path],
    pairs: dict[str, Path],
    prior: Prior,
    *,
    size: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    keep: int = 2,
    more: Mapping[str, Sequence[Method]] | None = None,
) -> list[Work]:
    """The cells of a run, image by image. ``pairs``: by task, a folder with ``input`` and ``target``; ``more``: its own methods.

    Pictures smaller than a task's crop are left out with a warning; DreamCleanError if no task has any other.
    """
    methods = list(methods)
    result, small = [], {}
    usable = cache(large_enough)  # of many tasks on the same pictures one warning
    for task in tasks:
        given = pictures_of(pairs[task.name] / "target") if task.paired else images
        clean = usable(tuple(given), size or task.size)
        if not clean:
            small[task.name] = given, size or task.size
        for number, path in enumerate(clean[:limit]):
            degraded = _partner(pairs[task.name] / "input", path) if task.paired else None
            spec = _spec(task, degraded or path)
            for method in [*methods, *(more or {}).get(task.name, ())]:
                label = spec_text(prior) if method.uses_prior else ""
                cell = Cell(
                    path.name, _digest(path), task.name, spec, spec_text(method), label, size or task.size, seed
                )
                result.append((number, Work(cell, path, degraded, keep=number < keep)))
    if small and not result:
        refuse(*next(iter(small.values())))
    if small:
        warn(f"left out, as no picture is as large as these tasks' crop: {', '.join(small)}; --size makes it smaller")
    return [work for _, work in sorted(result, key=lambda item: item[0])]


def _spec(task: Task, path: Path) -> str:
    """What tells the degradation from others of that name: its settings, or the degraded picture's digest."""
    if task.damage is not None:
        return task.damage.spec()
    return json.dumps(task.operator.spec()) if task.operator is not None else _digest(path)


def _partner(folder: Path, clean: Path) -> Path:
    """The degraded picture of the same name, with any ending."""
    found = sorted(path for path in folder.iterdir() if path.stem == clean.stem) if folder.is_dir() else []
    if not found:
        raise DreamCleanError(f"there is no {clean.stem} in {folder}; pairs lie in input/ and target/ by the same name")
    return found[0]


@lru_cache(maxsize=4096)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def spec_text(component: Prior | Method) -> str:
    """Name and the settings that differ from their defaults, in the string form."""
    settings = component.model_dump(mode="json", exclude_defaults=True)
    name = host().spec(component)["name"]
    return ":".join(filter(None, [name, ",".join(f"{key}={value}" for key, value in settings.items())]))


def run(
    work: Iterable[Work],
    store: Store,
    setting: Setting,
    jobs: int = 1,
    retry: bool = False,
    tell: Callable[[Row | None], object] = lambda row: None,
) -> None:
    """Compute the cells that ``store`` lacks (``retry``: those too that failed or were refused) and write each as it is done.

    ``tell`` is called for every cell, with None for one that was there. A cell that fails is written with
    its error and the others go on. DreamCleanError where ``store`` has cells of other weights or another precision.
    """
    work, left = list(work), []
    for item in work:
        status = store.status(item.cell)
        if status is None or (retry and status != "done"):
            left.append(item)
        else:
            tell(None)
    store.check_same(_computed_with(work, setting))
    for outcome in _outcomes(left, setting, jobs):
        for kind, picture in outcome.pictures.items():
            store.add_picture(outcome.row.cell, kind, picture)
        store.add(outcome.row)
        tell(outcome.row)


def _of_prior(method: Method, prior: Prior, setting: Setting) -> dict[str, str]:
    """What a row says of the networks that it was computed with: the prior's precision, and the weights."""
    weights = _digest_of((prior if method.uses_prior else method).source)
    said = {WEIGHTS: weights} if weights else {}
    if not method.uses_prior:
        return said
    return {PRECISION: str(pick_dtype(setting.dtype, pick_device(setting.device))).removeprefix("torch."), **said}


_digest_of = cache(digest_of)


def _computed_with(work: Iterable[Work], setting: Setting) -> list[Said]:
    """What cells of each method of ``work`` will say that they were computed with."""
    prior = _prior(setting, False)[0]
    of_each = {item.cell.method: item.cell for item in work}.values()
    return [(network_of(cell), _of_prior(host().make("method", cell.method), prior, setting)) for cell in of_each]


def _outcomes(work: list[Work], setting: Setting, jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from (compute(item, setting) for item in work)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=in_one_line)
    try:
        futures: dict[Future[Outcome], Work] = {pool.submit(compute, item, setting): item for item in work}
        yield from (future.result() for future in as_completed(futures))
    except BrokenProcessPool as error:
        raise DreamCleanError(
            "a worker was killed, by a lack of memory perhaps; the same command goes on, with fewer --jobs"
        ) from error
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # in the middle of a cell if need be: nothing of it is written yet
        pool.shutdown(cancel_futures=True)


def compute(work: Work, setting: Setting) -> Outcome:
    """One cell. Whatever goes wrong is its row's note."""
    cell = work.cell
    if setting.threads:
        torch.set_num_threads(setting.threads)
    try:
        method = host().make("method", cell.method)
        task = find_task(cell.task)
        measured = _measured(work.clean, work.degraded, cell.task, cell.size, cell.seed)
        reference, view = measured.reference, measured.shown
        prior, model, device = _prior(setting, method.uses_prior)
        problem = Problem(
            measured.measurement.to(device), view.to(device), measured.operator, prior, [_seed(cell)], model
        )
        if why := method.refuses(measured.operator, prior):
            return Outcome(Row(cell, "refused", why), {})
        method.load()
        reset_peak_memory(device)
        began = time.perf_counter()
        with said_once():
            result = method(problem).cpu()
        seconds, memory = time.perf_counter() - began, peak_memory(device)
        if not result.isfinite().all():
            return Outcome(Row(cell, "failed", "the result is not finite"), {})
        result = settled(task, result, reference)
        row = Row(
            cell,
            "done",
            **metrics(result, reference),
            nfe=problem.estimate.nfe,
            seconds=seconds,
            prior_seconds=problem.estimate.seconds,
            memory=memory,
            versions={"dreamclean": __version__, "torch": torch.__version__, **_of_prior(method, prior, setting)},
            picture=encode(result) if work.keep else None,
        )
        return Outcome(row, {"reference": encode(reference), "measurement": encode(view)} if work.keep else {})
    except InvalidSetting as error:
        return Outcome(Row(cell, "refused", str(error)), {})
    except (Exception, SystemExit) as error:
        note = " ".join(str(error).split()) or type(error).__name__
        return Outcome(
            Row(cell, "failed", note if isinstance(error, DreamCleanError) else f"{type(error).__name__}: {note}"), {}
        )


def _seed(cell: Cell) -> int:
    """Of the image and the task, so that every method sees the same measurement."""
    text = f"{cell.seed}/{cell.digest}/{cell.task}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


@lru_cache(maxsize=2)
def _measured(clean: Path, degraded: Path | None, name: str, size: int, seed: int) -> Measured:
    """What is measured of the reference's centre crop (1, 3, size, size)."""
    reference, task = crop(clean, size), find_task(name)
    if task.paired:
        assert degraded is not None
        y = crop(degraded, size)
        return Measured(reference, y, shown(task, y, reference.shape), None)
    return task.measure(reference, _seed(Cell(clean.name, _digest(clean), name, "", "", "", size, seed)))


def crop(path: Path, size: int) -> Tensor:
    """The centre crop (1, 3, size, size) of a picture file, in [0, 1]."""
    pixels = Picture.open(path).pixels
    height, width = pixels.shape[2:]
    if min(height, width) < size:
        raise DreamCleanError(f"{path.name} is {width} x {height}, smaller than {size}; choose a smaller --size")
    top, left = (height - size) // 2, (width - size) // 2
    return pixels[..., top : top + size, left : left + size]


@lru_cache(maxsize=2)  # methods that need the model and methods that do not take turns
def _prior(setting: Setting, needed: bool) -> tuple[Prior, Model, torch.device]:
    """The prior, its model (where it is not ``needed`` one that answers nothing), and the device."""
    prior: Prior = host().make("prior", setting.prior) if setting.prior else host().default_prior()
    device = pick_device(setting.device)
    if not needed:
        return prior, Model(DDPMSchedule.linear(), _unasked), device
    return prior, load(prior, device, pick_dtype(setting.dtype, device)), device


def _unasked(x: Tensor, level: Level) -> Tensor:
    raise NotImplementedError("the method says uses_prior = False, and asks the prior")


def encode(image: Tensor) -> bytes:
    """A PNG file of the first image of (B, 3, H, W) in [0, 1]."""
    pixels = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().contiguous()
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "PNG")
    return file.getvalue()
