"""Imports MJX without the two lines that it prints where its optional Warp backend is not installed."""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):
    from mujoco import mjx

__all__ = ["mjx"]
