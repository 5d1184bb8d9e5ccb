"""Settings every test runs under."""

from __future__ import annotations

import os
import signal

# Before fastml or matplotlib is imported.  Two threads even on one core, so that the team is
# exercised everywhere; tests of threads set their own number.
os.environ.setdefault("FASTML_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import settings

from fastml.core import thread_count

# A process that a test starts is no worker of ours: pytest-benchmark would not measure in one.
for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[name]

# Examples are derived from the test itself, so a failure follows from a change, never from
# chance; no deadline, since the first example may compile a kernel.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_collection_modifyitems(items):
    if os.environ.get("FASTML_LONG", "0") in ("", "0"):
        skip = pytest.mark.skip(reason="a long test: set FASTML_LONG=1")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def threads_left_as_they_were():
    """A number of threads that a test leaves behind would decide the tests after it."""
    yield
    assert thread_count._chosen is None, "use fastml.num_threads in a with block"


@pytest.fixture
def interrupts():
    """Have interrupts raise, also in a process that was started in the background, deaf to them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def shared_work(monkeypatch):
    """Have every call use as many threads as are set, however little there is to do."""
    from fastml.core import threads as _threads
    from fastml.neural_network import _compiled

    monkeypatch.setattr(_threads, "_WORTH_WAKING", 1)
    monkeypatch.setattr(_threads, "_WORTH_SHARING", 1)
    monkeypatch.setattr(_compiled, "_SHARED_STEP_NANOSECONDS", 0)
