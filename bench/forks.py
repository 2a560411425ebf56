"""Runs trials in forks of this warmed-up process, a few at a time; what each gives back comes through a pipe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from suites.selftest.trials import FORK

Trial = tuple[Callable[..., Any], tuple[Any, ...]]  # what is called, with what


@dataclass
class _Running:
    trial: Trial
    process: BaseProcess
    pipe: Connection
    deadline: float


def forked(trials: Iterable[Trial], workers: int, patience_s: float) -> Iterator[tuple[Trial, Any]]:
    """What each trial gave back, as they end; an exception is given back as one."""
    waiting, flying = iter(trials), list[_Running]()
    while True:
        while len(flying) < workers and (trial := next(waiting, None)) is not None:
            flying.append(_started(trial, patience_s))
        if not flying:
            return
        wait([one.pipe for one in flying], timeout=1.0)
        now = time.monotonic()
        for one in [one for one in flying if one.pipe.poll() or now > one.deadline]:
            flying.remove(one)
            yield one.trial, _ending(one, patience_s)


def _started(trial: Trial, patience_s: float) -> _Running:
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_child, args=(theirs, trial))
    process.start()
    theirs.close()
    return _Running(trial, process, ours, time.monotonic() + patience_s)


def _ending(one: _Running, patience_s: float) -> Any:
    try:
        said = one.pipe.recv() if one.pipe.poll() else TimeoutError(f"took longer than {patience_s:.0f} s")
    except EOFError:
        said = RuntimeError("the trial died")
    one.process.kill()
    one.process.join()
    one.pipe.close()
    return said


def _child(pipe: Connection, trial: Trial) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    called, given = trial
    try:
        pipe.send(called(*given))
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
    os._exit(0)  # no clean-up of the parent's copies
