"""Work beside the training: what comes after it keeps its order, and its errors come out."""

import threading
from collections.abc import Callable

import pytest

from wsrl_mjx.runs import beside as module
from wsrl_mjx.runs.beside import Beside


def held() -> tuple[threading.Event, Callable[[], str]]:
    """Returns work that waits for an event, and the event."""
    event = threading.Event()

    def work() -> str:
        assert event.wait(timeout=30)
        return "result"

    return event, work


def test_what_is_asked_for_later_is_done_later() -> None:
    beside, done = Beside(threaded=True), list[str]()
    event, work = held()
    beside.start(work, done.append)
    assert beside.busy
    beside.after(lambda: done.append("first"))
    beside.after(lambda: done.append("second"))
    assert done == []
    event.set()
    beside.settle()
    assert done == ["result", "first", "second"] and not beside.busy
    beside.after(lambda: done.append("third"))
    assert done[-1] == "third"
    beside.close()


def test_work_is_done_one_after_another_and_the_caller_goes_on() -> None:
    beside, done = Beside(threaded=True), list[str]()
    event, work = held()
    beside.start(work, done.append)
    beside.after(lambda: done.append("between"))
    beside.start(lambda: "two", done.append)
    assert done == []
    event.set()
    beside.settle()
    assert done == ["result", "between", "two"]
    beside.close()


def test_a_caller_that_is_too_fast_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    beside, done = Beside(threaded=True), list[str]()
    for name in "abcd":
        beside.start(lambda name=name: name, done.append)
        assert len(beside._steps) <= 2
    beside.settle()
    assert done == list("abcd")
    beside.close()


def test_work_that_is_done_is_settled_by_whatever_comes_after_it() -> None:
    beside, done = Beside(threaded=True), list[str]()
    beside.start(lambda: "one", done.append)
    work = beside._steps[0].work
    assert work is not None
    work.result()
    beside.after(lambda: done.append("two"))
    assert done == ["one", "two"] and not beside.busy
    beside.close()


@pytest.mark.parametrize("ending", [Beside.settle, lambda beside: beside.after(print)])
def test_an_error_of_the_work_comes_out_on_the_callers_thread(ending: Callable[[Beside], None]) -> None:
    beside, done = Beside(threaded=True), list[str]()
    event, _ = held()

    def fail() -> str:
        assert event.wait(timeout=30)
        raise OSError("the disk is gone")

    beside.start(fail, done.append)
    beside.after(lambda: done.append("behind the error"))
    work = beside._steps[0].work
    assert work is not None
    event.set()
    assert isinstance(work.exception(), OSError)
    with pytest.raises(OSError, match="the disk is gone"):
        ending(beside)
    assert done == [] and not beside.busy
    beside.close()


def test_without_a_core_of_its_own_the_work_is_done_at_once() -> None:
    beside, done = Beside(threaded=False), list[str]()
    here = threading.current_thread()
    beside.start(lambda: str(threading.current_thread() is here), done.append)
    assert done == ["True"] and not beside.busy
    with pytest.raises(ZeroDivisionError):
        beside.start(lambda: 1 / 0, print)
    beside.close()
