"""Temporary files: a folder for each user, gone some time after its last use, and all of them at the end."""

import hashlib
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path


class Scratch:
    """Folders under one temporary folder of this process's user alone."""

    def __init__(self, minutes: float) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dreamclean-app-"))
        self.served = self.root / "served"
        """Uploads and what is shown, which Gradio keeps and deletes."""
        self.served.mkdir()
        self._seconds = minutes * 60
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, key: str) -> None:
        """The time of ``key``'s folder starts again."""
        with self._lock:
            if key in self._used:
                self._used[key] = time.monotonic()

    def folder(self, key: str) -> Path:
        """The folder of ``key``, made anew if it is gone; its time starts again."""
        with self._lock:
            self._used[key] = time.monotonic()
            folder = self._place(key)
            folder.mkdir(parents=True, exist_ok=True)
            return folder

    def _place(self, key: str) -> Path:
        """``key`` is what a request says, any text: as the name of a folder it could lead anywhere."""
        return self.root / "users" / hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()

    def leave(self, key: str) -> None:
        """Its user has gone: the folder is kept for a minute more, for a connection that comes back."""
        with self._lock:
            if key in self._used:
                self._used[key] = min(self._used[key], time.monotonic() - self._seconds + 60)

    def sweep(self) -> None:
        """Remove the folders whose time is over."""
        with self._lock:
            now = time.monotonic()
            for key in [key for key, used in self._used.items() if now - used > self._seconds]:
                del self._used[key]
                shutil.rmtree(self._place(key), ignore_errors=True)
        self._sweep_served()

    def _sweep_served(self) -> None:
        """Remove what Gradio does not: uploads that were broken off, and files that it forgot."""
        oldest = time.time() - 2 * self._seconds - 60
        for path in self.served.rglob("*"):
            with suppress(OSError):
                seen = path.stat()
                if path.is_file() and max(seen.st_mtime, seen.st_ctime) < oldest:  # a copy keeps its first mtime
                    path.unlink()

    def keep_swept(self, every: float = 30) -> None:
        """``sweep`` from a thread of its own until the process ends."""

        def run() -> None:
            while self.root.exists():
                time.sleep(every)
                self.sweep()

        threading.Thread(target=run, name="sweep", daemon=True).start()

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)
