"""Which errors of a disk a run goes on under, and which end it."""

import errno
import os
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # somebody may make room


def is_full(error: OSError) -> bool:
    """Returns whether the disk, a quota or a limit on the size of files is used up."""
    return error.errno in FULL


def check_writable(folder: Path) -> None:
    """Checks that a run can go on writing into its folder.

    Raises:
        OSError: it is gone, or cannot be written any more; the message is for people.
    """
    if not folder.is_dir():
        raise OSError(f"run-dir {folder} is gone; if it was moved, go on with --resume where it is now")
    if not os.access(folder, os.W_OK):
        raise OSError(f"run-dir {folder} cannot be written any more; its last checkpoint is as it was")
