"""The worker's process: takes a task, sends messages, ends each task with one of ``END``."""

from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from dreamclean import DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.host.debug import told
from dreamclean_app.limits import Limits
from dreamclean_app.work.tasks import STOPPED, Failed, Look, Message, Phase, Task
from dreamclean_app.work.watch import Stopped, Watched

if TYPE_CHECKING:
    from dreamclean_app.work.restorers import Restorers

STOP = "stop"


def serve(link: Connection, device: str, limits: Limits, prior: str | None) -> None:
    """Do the tasks that come through ``link`` until it is closed; ``prior`` is loaded before the first one."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the page's process ends this one
    from dreamclean_app.work.restorers import Restorers

    restorers = Restorers(device, limits.megapixels)
    if prior is not None:
        with suppress(Exception):  # a task will say what is wrong with it
            restorers.model({"prior": prior})
    while True:
        try:
            task = link.recv()
        except EOFError:
            return
        if task != STOP:  # one that came after its task had ended
            link.send(_ended(task, restorers, link, limits))


def _ended(task: Task, restorers: "Restorers", link: Connection, limits: Limits) -> Message:
    """Do it; the last message about it."""
    from dreamclean_app.work.doing import look, restore

    folder = (task.figure if isinstance(task, Look) else task.target).parent
    link.send(Phase(0))
    watched = Watched(link.send, link.poll, folder)
    try:
        return look(task, restorers, watched) if isinstance(task, Look) else restore(task, restorers, watched, limits)
    except Stopped:
        link.recv()  # the word that said so
        return Failed(STOPPED)
    except DreamCleanError as error:
        return Failed(_named(str(error), task))
    except Exception as error:
        if lacks_memory(error):
            return Failed(f"{task.name} needs more memory than there is; give a smaller picture")
        return Failed(_named(told(error), task))


def _named(message: str, task: Task) -> str:
    """One line, which calls the files by their names, and no folder of this machine."""
    masks = {f"the {key}": Path(path) for key in ("mask", "keep") if isinstance(path := task.settings.get(key), str)}
    for name, path in {task.name: task.picture, **masks}.items():
        message = message.replace(str(path), name).replace(f"{path.parent}/", "")
    return " ".join(message.split())
