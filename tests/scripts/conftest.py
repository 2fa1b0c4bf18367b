"""Lets the scripts and their packages be imported as they are when they run: from their own folder."""

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))


@pytest.fixture(autouse=True, scope="module")
def quick(quick_compilation: None) -> None:
    """Compiles quickly in every module here."""
    del quick_compilation
