"""How much one user may ask for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits on what is uploaded and on what is run; each is an option of ``dreamclean app``."""

    megapixels: float | None = None
    """Millions of pixels of a picture, and of its result; None: what fits into memory."""
    megabytes: float = 100
    """Of one uploaded file."""
    pictures: int = 50
    """In one go."""
    seconds: float = 3600
    """That one picture may take."""
    waiting: int = 40
    """Requests in the queue of each device; more are refused."""
    minutes: float = 60
    """That files are kept after they were last used."""

    @property
    def bytes_a_file(self) -> int:
        return int(self.megabytes * 1e6)

    @property
    def bytes_a_request(self) -> int:
        """Of a whole upload: all its files, and some for their wrapping."""
        return self.pictures * self.bytes_a_file + 1_000_000
