"""``dreamclean bench``: run a suite, report it, look at latents. Heavy imports wait inside the commands."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamclean import DreamCleanError
from dreamclean.cli.options import option
from dreamclean_bench.least import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dreamclean_bench.runner import Work
    from dreamclean_bench.store import Row
    from dreamclean_bench.tasks import Task

bench = typer.Typer(no_args_is_help=True, help="Compare restoration methods on one prior.", rich_markup_mode=None)

StoreOption = Annotated[Path, typer.Option("--store", help="The file that holds the results.")]
Images = Annotated[Path, typer.Option("--images", help="Folder of clean pictures.")]
PriorOption = Annotated[str | None, option("prior")]
Device = Annotated[str, option("device")]


@bench.command("list")
def list_all() -> None:
    """List suites, tasks and methods."""
    from dreamclean.host.host import host
    from dreamclean_bench.suites import SUITES
    from dreamclean_bench.tasks import TASKS

    for suite in SUITES.values():
        print(f"suite   {suite.name:20} {suite.title}")
    for task in TASKS.values():
        print(f"task    {task.name:20} {task.title}")
    for entry in host().collect():
        if entry.kind == "method":
            print(f"method  {entry.name:20} {entry.component.summary()}")


@bench.command()
def run(
    suite: Annotated[str, typer.Argument(help="table1, quick, ...: see 'dreamclean bench list'.")],
    images: Images,
    store: StoreOption = Path("bench.sqlite"),
    prior: PriorOption = None,
    methods: Annotated[str | None, typer.Option(help="Run only these methods: name:key=value,...,name,...")] = None,
    tasks: Annotated[str | None, typer.Option(help="Run only these tasks, separated by commas.")] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option(help="TASK=FOLDER, a folder with input/ and target/, for a task that has no operator."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N pictures.")] = None,
    size: Annotated[int | None, typer.Option(min=LEAST, help="Side of the centre crop in pixels.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of measurements and methods.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    keep: Annotated[int, typer.Option(min=0, help="Number of pictures whose results the report shows.")] = 2,
    retry: Annotated[bool, typer.Option("--retry", help="Compute cells again that failed or were refused.")] = False,
    device: Device = "auto",
    dtype: Annotated[str | None, option("dtype")] = None,
) -> None:
    """Run a suite on a folder of clean pictures. Start it again to continue after a stop."""
    from dreamclean.host.host import host
    from dreamclean_bench.runner import pictures_of, plan
    from dreamclean_bench.suites import find_suite

    chosen = find_suite(suite)
    folders = dict(_pair(text) for text in pairs or [])
    wanted = _tasks(tasks.split(",") if tasks else chosen.tasks, folders)
    specs = split_specs(methods) if methods else chosen.methods
    made = [host().make("method", spec) for spec in specs]
    more = {} if methods else {task: [host().make("method", spec) for spec in own] for task, own in chosen.more.items()}
    model = host().make("prior", prior) if prior else host().default_prior()
    work = plan(
        wanted,
        made,
        pictures_of(images),
        folders,
        model,
        size=size or chosen.size,
        seed=seed,
        limit=limit or chosen.limit,
        keep=keep,
        more=more,
    )
    _carry_out(chosen.name, work, store, prior, jobs, retry, device, dtype)


@bench.command()
def paper(
    images: Annotated[
        list[str],
        typer.Option(help="NAME=FOLDER for each data set that you have: celeba, imagenet, bedroom, sidd, photos."),
    ],
    prior: Annotated[
        list[str] | None, typer.Option(help="NAME=PRIOR for each data set; the default prior where none is given.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the reports.")] = Path("paper"),
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N pictures of each.")] = None,
    size: Annotated[int | None, typer.Option(min=LEAST, help="Side of the centre crop in pixels.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    device: Device = "auto",
    dtype: Annotated[str | None, option("dtype")] = None,
) -> None:
    """Run every table and figure of the paper for which you have pictures. Start it again to continue after a stop."""
    from dreamclean_bench.paper import EXPERIMENTS, by_data, index
    from dreamclean_bench.runner import pictures_of

    folders, priors = by_data(images, "images"), by_data(prior, "prior")
    for data, folder in folders.items():
        pictures_of(Path(folder, "target") if data == "sidd" else Path(folder))  # before anything is run
    output.mkdir(parents=True, exist_ok=True)
    done: dict[str, Path] = {}
    for experiment in EXPERIMENTS:
        if experiment.data not in folders:
            continue
        source, spec, place = Path(folders[experiment.data]), priors.get(experiment.data), output / experiment.name
        if experiment.suite is None:
            _latents_once(source, place, spec, limit or 8, size or 256, device, dtype)
            done[experiment.name] = place / "latents-curves.png"
            continue
        store = output / f"{experiment.name}.sqlite"
        pairs = [f"real-noise={source}"] if experiment.data == "sidd" else None
        pictures = source / "target" if pairs else source
        run(
            experiment.suite,
            pictures,
            store,
            spec,
            pairs=pairs,
            limit=limit,
            size=size,
            jobs=jobs,
            device=device,
            dtype=dtype,
        )
        report(store, place, title=experiment.name)
        done[experiment.name] = place / "report.md"
    print(index(output, done))


def _latents_once(
    source: Path, place: Path, prior: str | None, limit: int, size: int, device: str, dtype: str | None
) -> None:
    """``latents``, unless ``place`` has those of the same pictures, weights and settings."""
    import json

    from dreamclean.host.host import host
    from dreamclean.pictures.picture import write_atomically
    from dreamclean_bench.weights import digest_of

    model = host().make("prior", prior) if prior else host().default_prior()
    settings = {"images": str(source), "prior": str(model), "weights": digest_of(model.source)}
    asked = json.dumps({**settings, "limit": limit, "size": size, "dtype": dtype})
    note = place / "latents.json"
    if note.exists() and note.read_text("utf-8") == asked:
        return
    latents(source, place, prior=prior, limit=limit, size=size, device=device, dtype=dtype)
    write_atomically(note, asked.encode())


def _carry_out(
    name: str,
    work: "list[Work]",
    store: Path,
    prior: str | None,
    jobs: int,
    retry: bool,
    device: str,
    dtype: str | None,
) -> None:
    """The cells of ``work`` into ``store``, under a progress bar."""
    import os

    from dreamclean.cli.progress import progress_bar
    from dreamclean_bench.runner import Setting
    from dreamclean_bench.runner import run as run_cells
    from dreamclean_bench.store import Store

    setting = Setting(prior, device, dtype, threads=max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else 0)
    counts = {"done": 0, "failed": 0, "refused": 0, "already there": 0}
    with Store(store, create=True) as results, progress_bar() as bar:
        line = bar.add_task(name, total=len(work))

        def tell(row: "Row | None") -> None:
            counts[row.status if row else "already there"] += 1
            bar.update(line, advance=1, description=f"{row.cell.task} {row.cell.method}" if row else name)
            if row and row.status == "failed":
                print(f"failed: {row.cell.image} {row.cell.task} {row.cell.method}: {row.note}", file=sys.stderr)

        run_cells(work, results, setting, jobs, retry, tell)
    print(f"{store}: " + ", ".join(f"{number} {what}" for what, number in counts.items() if number))


def _tasks(names: "Iterable[str]", folders: dict[str, Path]) -> "list[Task]":
    """The tasks; DreamCleanError for one that has only examples and no folder of them."""
    from dreamclean_bench.tasks import find_task

    wanted = [find_task(name) for name in names]
    if unpaired := [task.name for task in wanted if task.paired and task.name not in folders]:
        raise DreamCleanError(f"task {unpaired[0]} has no operator, only examples; give --pairs {unpaired[0]}=FOLDER")
    return wanted


def _pair(text: str) -> tuple[str, Path]:
    task, equals, folder = text.partition("=")
    if not equals:
        raise DreamCleanError(f"'{text}' is not a pair; write --pairs TASK=FOLDER")
    return task, Path(folder)


def split_specs(text: str) -> list[str]:
    """The components of ``a,b:key=1,key=2,c``: a part with ``=`` before any ``:`` goes on with the one before."""
    specs: list[str] = []
    for part in filter(None, text.split(",")):
        if specs and "=" in part.partition(":")[0]:
            specs[-1] += f",{part}"
        else:
            specs.append(part)
    return specs


@bench.command()
def report(
    store: StoreOption = Path("bench.sqlite"),
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")] = Path("bench-report"),
    title: Annotated[str, typer.Option(help="Heading of the report.")] = "",
    command: Annotated[str, typer.Option(help="The command that made the results; the report shows it.")] = "",
) -> None:
    """Write Markdown, CSV and one HTML page: tables, plots, pictures."""
    from dreamclean_bench.report import write_report
    from dreamclean_bench.store import Store

    with Store(store) as results:
        for path in write_report(results, output, command or shlex.join(["dreamclean", *sys.argv[1:]]), title):
            print(path)


@bench.command()
def merge(
    parts: Annotated[list[Path], typer.Argument(help="Results files, or the cells.csv of reports.")],
    store: StoreOption = Path("bench.sqlite"),
) -> None:
    """Put results of several machines or days into one file. What is there stays, unless it failed."""
    from dreamclean_bench.report.csv_files import read_cells
    from dreamclean_bench.store import Store

    with ExitStack() as opened:  # all parts, before anything is written
        read = [read_cells(p) if p.suffix == ".csv" else opened.enter_context(Store(p)) for p in parts]
        results = opened.enter_context(Store(store, create=True))
        added = sum(results.take(part) for part in read)
        print(f"{store}: {len(results.rows())} cells, {added} of them new")


@bench.command()
def latents(
    images: Images,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the figures.")] = Path("bench-latents"),
    task: Annotated[str, typer.Option(help="The degradation, see 'dreamclean bench list'.")] = "sr4-noisy",
    prior: PriorOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Use only the first N pictures.")] = 8,
    size: Annotated[int, typer.Option(min=LEAST, help="Side of the centre crop in pixels.")] = 256,
    gamma: Annotated[float, typer.Option(help="Step size of VPS.")] = 0.05,
    device: Device = "auto",
    dtype: Annotated[str | None, option("dtype")] = None,
) -> None:
    """Draw the log-probability of latents with and without VPS, and the latents (paper, Fig. 5, 6, A2)."""
    from dreamclean_bench.latents import latents as draw
    from dreamclean_bench.runner import crop, pictures_of
    from dreamclean_bench.sizes import large_enough, refuse
    from dreamclean_bench.tasks import find_task

    given = pictures_of(images)
    crops = [crop(path, size) for path in (large_enough(given, size) or refuse(given, size))[:limit]]
    for path in draw(crops, find_task(task), prior, output, gamma=gamma, device=device, dtype=dtype):
        print(path)


@bench.command()
def score(
    results: Annotated[Path, typer.Argument(help="Folder of restored pictures.")],
    references: Annotated[
        Path | None, typer.Option(help="Folder of clean pictures, with the names of the restored ones.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="psnr, ssim, lpips, dists, arniqa, fid; by default the first three, or arniqa.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="CSV file of each picture's scores.")] = None,
) -> None:
    """Score a folder of restored pictures, whatever restored them."""
    from dreamclean_bench.runner import pictures_of
    from dreamclean_bench.score import FID, METRICS, frechet, scores, table, write

    names = (metrics or ("psnr,ssim,lpips" if references else "arniqa")).split(",")
    if unknown := [name for name in names if name not in {*METRICS, FID}]:
        raise DreamCleanError(f"there is no metric '{unknown[0]}'; there are {', '.join([*METRICS, FID])}")
    if references is None and (needy := [name for name in names if name == FID or not METRICS[name].alone]):
        raise DreamCleanError(f"{needy[0]} compares with clean pictures; give --references FOLDER, or --metrics arniqa")
    found = pictures_of(results, "give the folder of restored pictures")
    clean = pictures_of(references, "give a folder of clean pictures with --references") if references else []
    distance = frechet(found, clean) if FID in names else None  # first: it may refuse
    single = [name for name in names if name != FID]
    if single:
        rows = scores(found, {path.stem: path for path in clean}, single)
        print(table(rows))
        if output:
            write(output, found, rows)
    if distance is not None:
        print(f"{FID:7} {distance:.4f}   whole folders: lower, and they look more alike (Heusel et al. 2017)")
