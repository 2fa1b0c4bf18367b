"""One process a run folder: a lock that the system drops with the process, however that ends."""

import fcntl
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from wsrl_mjx.runs.layout import LOCK


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Holds the lock on a run folder. The file stays behind and means nothing by itself.

    Raises:
        ValueError: another process holds it; the message says which.
        OSError: nothing can be written in the folder.
    """
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ValueError(
                f"run-dir {folder} is in use by {file.read().strip() or 'another process'}; a run is gone on "
                "with by one process at a time"
            ) from None
        except OSError:  # a file system without locks: nothing can be promised there
            pass
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
