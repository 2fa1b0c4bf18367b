"""What goes on beside the training, on a thread of its own, and what must wait for it to keep its order."""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")
MOST = 8  # pieces of work that may be under way: each holds copies of all agents
# Not the lowest: whoever waits for this thread would wait for all other processes of the machine, too.
LOW_PRIORITY = 5


def thread(name: str) -> ThreadPoolExecutor:
    """Returns a thread for one call after another, which takes of the cores what the others leave."""

    def give_way() -> None:
        if hasattr(os, "setpriority"):  # Linux: of this thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)

    return ThreadPoolExecutor(1, thread_name_prefix=name, initializer=give_way)


class _Step(NamedTuple):
    """Something to do, once the work before it (if any) is done."""

    work: Future[Any] | None
    action: Callable[[], None]


class Beside:
    """Work that goes on beside, and what is to be done after it, in the order in which both were asked for.

    Everything but the work itself is done on the thread that calls. An error of the work comes out there as
    well, from one of the calls after it, and what was to come after it is not done.
    """

    def __init__(self, threaded: bool) -> None:
        """Makes the thread.

        Args:
            threaded: False where the work has no core of its own: then it is done at once.
        """
        self._thread = thread("beside") if threaded else None
        self._steps: deque[_Step] = deque()

    def start(self, work: Callable[[], Result], then: Callable[[Result], None]) -> None:
        """Starts `work` once all work before is done; `then` is told the result."""
        if self._thread is None:
            then(work())
            return
        self._go_on()
        while len([step for step in self._steps if step.work is not None]) >= MOST:
            self._do_next()
        begun = self._thread.submit(work)
        self._steps.append(_Step(begun, lambda: then(begun.result())))

    def after(self, action: Callable[[], None]) -> None:
        """Does `action` as soon as all that was asked for before is done: now, or in a later call."""
        self._steps.append(_Step(None, action))
        self._go_on()

    def settle(self) -> None:
        """Waits for all work, and does what waits for it."""
        while self._steps:
            self._do_next()

    @property
    def busy(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self._steps)

    def close(self) -> None:
        """Ends the thread, once the work that it is at is done; what waits is not done any more."""
        self._steps.clear()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _go_on(self) -> None:
        """Does what waits for nothing any more."""
        while self._steps and ((work := self._steps[0].work) is None or work.done()):
            self._do_next()

    def _do_next(self) -> None:
        """Does the next step, waiting for its work."""
        step = self._steps.popleft()
        try:
            if step.work is not None:
                step.work.result()
            step.action()
        except BaseException:
            self._steps.clear()
            raise
