"""Storms on the crew: ``python storms.py NAME ROUNDS`` prints what it counted, or fails.

Each runs in a process of its own, which an alarm ends should it hang.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import team_kernels

from fastml.core import crew
from fastml.core.threads import new_state, run_team

N = 96
#: What strikes when; the same storm with another seed is another storm.
SEED = int(os.environ.get("STORM_SEED", "0"))


class Work:
    """One call's arrays, and whether they are right, free and left alone."""

    def __init__(self, work=300):
        self.work = work
        self.hits, self.values = np.zeros(N, np.int64), np.zeros(N)
        self.references = [sys.getrefcount(self.hits), sys.getrefcount(self.values)]

    def run(self, members):
        run_team(team_kernels.count, members, self.work, new_state(), self.hits, self.values)

    def check(self, complete):
        assert [sys.getrefcount(self.hits), sys.getrefcount(self.values)] == self.references
        assert self.hits.max() <= 1
        if complete:
            assert self.hits.min() == 1


def whole(members=3):
    work = Work()
    work.run(members)
    work.check(complete=True)


def opcodes(rounds, fresh=False):
    """Raise at every opcode of the crew that the calling thread passes."""
    files = {crew.__file__}
    at = raised = 0
    while True:
        left = at
        struck = False

        def trace(frame, event, argument):
            nonlocal left, struck
            if frame.f_code.co_filename not in files:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left < 0 and not struck:
                    struck = True
                    raise KeyboardInterrupt
            return trace

        if fresh:
            crew._new_crew()
        work = Work()
        complete = False
        try:
            sys.settrace(trace)
            try:
                work.run(2 if fresh else 3)
                complete = True
            finally:
                sys.settrace(None)
        except KeyboardInterrupt as error:
            raised += 1
            error.__traceback__ = None
            del error
        seen = work.hits.copy()
        work.check(complete)
        if at % 16 == 0:
            whole()
            assert (work.hits == seen).all()
        assert not crew._crew.callers, at
        if not struck:
            break
        at += 1
    assert raised > 150
    assert len(crew._crew.helpers) <= 2
    return raised


def opcodes_of_a_new_crew(rounds):
    return opcodes(rounds, fresh=True)


def interrupts(rounds):
    """Interrupt at random moments."""
    random = np.random.default_rng(SEED)
    caught = complete = 0

    def strike(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, strike)
    target = threading.main_thread().ident
    go, stop = threading.Event(), False

    def shoot():
        while not stop:
            if go.wait(1):
                for _ in range(int(random.integers(1, 4))):
                    time.sleep(float(random.exponential(3e-4)))
                    if go.is_set():
                        signal.pthread_kill(target, signal.SIGINT)
                go.clear()

    shooter = threading.Thread(target=shoot, daemon=True)
    shooter.start()
    while caught < rounds:
        work = Work(int(random.integers(10, 3000)))
        finished = False
        try:
            try:
                go.set()
                work.run(int(random.integers(1, 5)))
                finished = True
            finally:
                go.clear()
        except KeyboardInterrupt:
            caught += 1
        while True:  # what was on its way
            try:
                time.sleep(0.001)
                break
            except KeyboardInterrupt:
                pass
        work.check(finished)
        complete += finished
    stop = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    whole()
    assert len(crew._crew.helpers) <= 3
    assert not crew._crew.callers
    return caught, complete


def scarcity(rounds):
    """Threads that now and then cannot be had."""
    random = np.random.default_rng(SEED + 1)
    start = crew.start_new_thread

    def seldom(function, arguments):
        if random.random() < 0.6:
            raise RuntimeError("can't start new thread")
        return start(function, arguments)

    crew.start_new_thread = seldom
    crew._PATIENCE = 0.0
    for i in range(rounds):
        if i % 10 == 0:
            crew._new_crew()
        work = Work()
        work.run(int(random.integers(2, 6)))
        work.check(complete=True)
        assert crew._crew.board.qsize() <= len(crew._crew.helpers)
    return rounds


def callers(rounds):
    """Many threads call at once, with helpers and without."""
    wrong = []

    def call(seed):
        random = np.random.default_rng(seed)
        try:
            for _ in range(rounds):
                whole(int(random.integers(1, 5)))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    assert not crew._crew.callers
    return 8 * rounds


def forks(rounds):
    """Fork while other threads call; parent and child go on."""
    stop = False

    def keep_busy():
        while not stop:
            whole()

    others = [threading.Thread(target=keep_busy) for _ in range(2)]
    for other in others:
        other.start()
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            try:
                assert not crew._crew.helpers
                whole()
                whole()
                os._exit(0 if crew._crew.helpers else 2)
            except BaseException:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        whole()
    stop = True
    for other in others:
        other.join()
    return rounds


def failures(rounds):
    """A member raises while others wait for it: once, and nobody is left."""
    random = np.random.default_rng(SEED + 2)
    for i in range(rounds):
        hits, values = np.zeros(64 * 8, np.int64), np.ones((2, 8))
        references = sys.getrefcount(hits), sys.getrefcount(values)
        bad = int(random.integers(0, 64 * 8))
        try:
            run_team(team_kernels.chain, 3, 64, 200, bad, new_state(), hits, values)
        except IndexError as error:
            message = str(error)
        else:
            message = ""
        assert message == "the bad ticket"
        assert hits.max() <= 1
        assert hits[bad // 8 * 8 + 8 :].max(initial=0) == 0
        # A helper that has left may not have dropped its arguments yet.
        soon = time.monotonic() + 100.0
        while (sys.getrefcount(hits), sys.getrefcount(values)) != references:
            assert time.monotonic() < soon, i
            time.sleep(0.001)
    whole()
    return rounds


def endless():
    run_team(team_kernels.endless, 2, new_state(), np.zeros(1))


def long_calls(rounds):
    """An interrupt ends a call that has no end, alone or shared."""

    def strike(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, strike)
    for i in range(rounds):
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            run_team(team_kernels.endless, 1 + i % 2, new_state(), np.zeros(1))
        except KeyboardInterrupt:
            continue
    return rounds


def leaving(rounds):
    """The interpreter ends while a daemon thread's endless call is shared."""
    whole()
    threading.Thread(target=endless, daemon=True).start()
    time.sleep(0.05 * rounds)
    return rounds


if __name__ == "__main__":
    if hasattr(signal, "alarm"):
        signal.alarm(int(os.environ.get("STORM_SECONDS", "60")))
    os.environ["FASTML_NUM_THREADS"] = "4"
    whole()  # compiled before anything strikes
    print("done", globals()[sys.argv[1]](int(sys.argv[2])))
