"""What all tests share: shapes checked at run time, strict ranks, one compilation cache for the session."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
from jaxtyping import install_import_hook

# Before anything else imports them: from here on a wrong shape in a call raises.
CHECKED = ["wsrl_mjx.algos.losses", "wsrl_mjx.data.returns_to_go", "wsrl_mjx.algos.ensemble"]
with install_import_hook(CHECKED, "beartype.beartype"):
    import wsrl_mjx.algos.ensemble
    import wsrl_mjx.algos.losses
    import wsrl_mjx.data.returns_to_go  # noqa: F401  imported for the hook alone
from wsrl_mjx.training import runtime  # noqa: E402  it imports what the hook must see first

# Two devices on every machine, so that a run of several seeds is spread and one of a single seed is evaluated
# beside its training. An environment variable, because worker processes and subprocesses are to have as many.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
jax.config.update("jax_num_cpu_devices", int(os.environ["JAX_NUM_CPU_DEVICES"]))
runtime.prepare()  # as every command does

# Compiling is most of the suite's time, and XLA's older way to compile fusions takes half of it.
QUICKER = "--xla_cpu_use_fusion_emitters=false"


def known(flag: str) -> bool:
    """Whether this XLA has the flag; jaxlib 0.12 has it no more.

    One that it does not know ends the process, so another process tries.
    """
    code = "import jax; jax.devices()"
    environment = os.environ | {"XLA_FLAGS": flag}
    tried = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    return tried.returncode == 0


# Environment variables are for worker processes and subprocesses too: the process that starts them decides.
if "xla_cpu_use_fusion_emitters" not in os.environ["XLA_FLAGS"] and known(QUICKER):
    os.environ["XLA_FLAGS"] += f" {QUICKER}"

# The same tiny programs are compiled by many tests; a temporary cache makes that one compilation each.
if jax.config.jax_compilation_cache_dir is None:
    _COMPILED = tempfile.TemporaryDirectory(prefix="wsrl_mjx_test_programs")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _COMPILED.name
    jax.config.update("jax_compilation_cache_dir", _COMPILED.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

# Tracing makes millions of small objects of which few are garbage, and looking through all of them again and
# again costs time. What is imported up to here stays for good; the rest is looked through less often.
gc.collect()
gc.freeze()
gc.set_threshold(100_000, 20, 50)

# A compiled program takes up to hundreds of memory maps, and a process may have 65,530 (Linux's
# vm.max_map_count): beyond them the next compilation ends the process. A module takes some 25,000 at most.
MANY_MAPS = 30_000


# Files whose runs go through the same programs, and those whose algorithms do, are in one process each.
TOGETHER = {
    "runs of the line": ("test_run.py", "test_method_runs.py", "test_resumed_data.py", "test_shipped.py"),
    "tiny algorithms": ("test_conformance.py", "test_golden.py"),
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands whole files to the processes, as `--dist=loadfile` does, and some files together."""
    from xdist.scheduler import LoadFileScheduling

    class TogetherScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            name = file.rpartition("/")[2]
            return next((group for group, names in TOGETHER.items() if name in names), file)

    return TogetherScheduling(config, log)


@pytest.fixture(autouse=True, scope="module")
def room_for_programs() -> Iterator[None]:
    """Frees all programs after a module that leaves too little room for the next one's."""
    yield
    with Path("/proc/self/maps").open() as maps:
        full = sum(1 for _ in maps) > MANY_MAPS
    if full:
        if "watched" in sys.modules:
            sys.modules["watched"].WORKSHOP.forget()
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module")
def quick_compilation() -> Iterator[None]:
    """Leaves most optimisations out: half the time to compile, other last bits, and slower programs."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def strict_ranks() -> Iterator[None]:
    """Lets no array be broadcast to a higher rank silently. MJX needs that, so it is no global setting."""
    with jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and cache, and a probe environment that every command knows as `line`."""
    from probe_envs import Line

    import envs

    monkeypatch.setitem(envs.REGISTRY, "line", Line)
    monkeypatch.setenv("WSRL_MJX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
