"""Storms on what users call: ``python public_storms.py NAME ROUNDS`` prints a count, or fails.

Whatever strikes, results have the bits they have in peace, and an estimator is as it was or fitted
whole.  Like :mod:`storms`, each runs in a process of its own, which an alarm ends should it hang.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings

import numpy as np

import fastml
from fastml.core import crew, threads

SEED = int(os.environ.get("STORM_SEED", "0"))


class Jobs:
    """Fits and predictions with results that are known."""

    def __init__(self):
        random = np.random.default_rng(SEED)
        self.X = random.normal(size=(2000, 9)).astype("float32")
        self.y = (self.X[:, 0] * self.X[:, 1] > 0).astype(int)
        self.names = ["k_means", "mini_batches", "classifier", "labels", "elementwise", "dense"]
        self.names += ["tree", "forest"]
        self.expected = {name: self.bits(name) for name in self.names}

    def bits(self, name, model=None):
        X = self.X
        if name == "k_means":
            model = fastml.KMeans(20, n_init=1, random_state=0, max_iter=15).fit(X)
            return model.cluster_centers_.tobytes() + model.labels_.tobytes()
        if name == "mini_batches":
            model = fastml.MiniBatchKMeans(8, n_init=1, random_state=0, max_iter=3).fit(X)
            return model.cluster_centers_.tobytes()
        if name == "classifier":
            model = fastml.MLPClassifier((24, 9), random_state=0, max_iter=3).fit(X, self.y)
            return b"".join(W.tobytes() for W in model.coefs_) + model.predict_proba(X).tobytes()
        if name == "tree":
            model = fastml.DecisionTreeClassifier().fit(X, self.y)
            return model.apply(X).tobytes() + model.predict_proba(X).tobytes()
        if name == "forest":
            model = fastml.RandomForestRegressor(3, random_state=0).fit(X, X[:, 2])
            return model.predict(X).tobytes()
        if name == "labels":
            return fastml.nearest_centroid(X, X[:60]).tobytes()
        if name == "elementwise":
            return fastml.sigmoid(X).tobytes()
        return fastml.dense_forward(X, X[:9, :9], X[0]).tobytes()

    def check(self, name):
        assert self.bits(name) == self.expected[name], name

    def check_all(self):
        for name in self.names:
            self.check(name)


def callers(rounds):
    """Many threads fit and predict at once, each with a number of threads of its own."""
    jobs, wrong = Jobs(), []

    def call(number):
        random = np.random.default_rng([SEED, number])
        try:
            for _ in range(rounds):
                with fastml.num_threads(int(random.integers(1, 5))):
                    jobs.check(str(random.choice(jobs.names)))
        except BaseException as error:
            wrong.append(error)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong, wrong
    return 6 * rounds


def forks(rounds):
    """Children of a process whose other threads are fitting do the same work."""
    jobs = Jobs()
    stop = False

    def keep_busy():
        while not stop:
            jobs.check("k_means")

    other = threading.Thread(target=keep_busy)
    other.start()
    try:
        for number in range(rounds):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                try:
                    jobs.check(jobs.names[number % len(jobs.names)])
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            jobs.check("classifier")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop = True
        other.join()
    return rounds


def digest(number):
    """Return the bits of a job, in a worker."""
    jobs = Jobs()
    name = jobs.names[number % len(jobs.names)]
    return name, jobs.expected[name]


def spawned(rounds):
    """Fresh processes find the bits this one found."""
    jobs = Jobs()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, bits in pool.map(digest, range(rounds)):
            assert bits == jobs.expected[name], name
    jobs.check_all()
    return rounds


def interrupts(rounds):
    """Interrupted anywhere, an estimator is as it was or fitted whole, and fits again.

    Training of a network ends early instead, as scikit-learn's does: after a whole epoch.
    """
    jobs = Jobs()
    random = np.random.default_rng(SEED)

    def strike(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, strike)
    caught = 0
    fresh = {
        "k_means": lambda: fastml.KMeans(20, n_init=1, random_state=0, max_iter=15),
        "classifier": lambda: fastml.MLPClassifier((24, 9), random_state=0, max_iter=3),
        "tree": fastml.DecisionTreeClassifier,
        "forest": lambda: fastml.RandomForestClassifier(3, random_state=0),
    }
    small = {name: make().fit(jobs.X[:99], jobs.y[:99]) for name, make in fresh.items()}
    large = {name: make().fit(jobs.X, jobs.y) for name, make in fresh.items()}
    known = {name: [m.predict(jobs.X) for m in (small[name], large[name])] for name in fresh}
    for epochs in (1, 2):
        early = fresh["classifier"]().set_params(max_iter=epochs).fit(jobs.X, jobs.y)
        known["classifier"].append(early.predict(jobs.X))
    for _ in range(rounds):
        name = str(random.choice(list(fresh)))
        fitted = bool(random.integers(2))
        model = copy.deepcopy(small[name]) if fitted else fresh[name]()
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, float(random.uniform(1e-5, 6e-3)))
                model.fit(jobs.X, jobs.y)
                for _ in range(20):
                    fastml.nearest_centroid(jobs.X, jobs.X[:60])
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            caught += 1
        if fitted or hasattr(model, "n_features_in_"):
            labels = model.predict(jobs.X)
            if name != "classifier" or model.n_iter_ > 0:
                assert any((labels == right).all() for right in known[name]), name
        else:
            assert not [key for key in vars(model) if key.endswith("_")], vars(model)
    jobs.check_all()
    assert not crew._crew.callers
    return rounds, caught


def refits(rounds):
    """While two threads fit one estimator to data of two widths, two predict by either fit."""
    random = np.random.default_rng(SEED)
    narrow = random.normal(size=(300, 4)), np.arange(300) % 3
    wide = random.normal(size=(200, 7)), np.arange(200) % 2
    kinds = [
        lambda: fastml.KMeans(3, n_init=1, random_state=0),
        lambda: fastml.MiniBatchKMeans(3, n_init=1, random_state=0, max_iter=3),
        lambda: fastml.MLPClassifier((4,), max_iter=2, random_state=0),
        lambda: fastml.KNeighborsClassifier(3),
        lambda: fastml.KNeighborsClassifier(3, metric="chebyshev"),
        fastml.GaussianNB, fastml.LinearRegression, fastml.Ridge, fastml.LogisticRegression,
        lambda: fastml.DecisionTreeClassifier(random_state=0),
        lambda: fastml.RandomForestClassifier(2, random_state=0),
    ]  # fmt: skip
    answers, wrong = 0, []
    for make in kinds:
        expected = [(X, make().fit(X, y).predict(X)) for X, y in (narrow, wide)]
        model = make().fit(*narrow)

        def fit(data, model=model):
            for _ in range(rounds):
                try:
                    model.fit(*data)
                except ValueError as error:  # two fits of one k-means at once may be refused
                    if "cluster_centers_ has shape" not in str(error):
                        wrong.append(error)

        def predict(model=model, expected=expected):
            nonlocal answers
            for _ in range(3 * rounds):
                for X, right in expected:
                    try:
                        found = model.predict(X)
                    except ValueError as error:
                        if "features" not in str(error) and "columns" not in str(error):
                            wrong.append(error)
                        continue
                    except BaseException as error:
                        wrong.append(error)
                        continue
                    answers += 1
                    if not np.array_equal(found, right):
                        wrong.append(f"{type(model).__name__} predicts by no fit")

        threads = [threading.Thread(target=fit, args=(data,)) for data in (narrow, wide)]
        threads += [threading.Thread(target=predict) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:3]
    return rounds, answers


def scarcity(rounds):
    """As another user, who may have one more thread, or none: the limit is the system's own."""
    import resource

    jobs = Jobs()
    if os.getuid() == 0:  # root is above the limit
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    # What NumPy's library started at its import counts too.
    limit = len(os.listdir("/proc/self/task")) + SEED % 3
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    crew._new_crew()
    with fastml.num_threads(4):
        for _ in range(rounds):
            jobs.check_all()
    helpers = len(crew._crew.helpers)
    assert helpers <= max(2, SEED % 3), helpers
    try:
        more = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(8)]
        for thread in more:
            thread.start()
    except RuntimeError:
        return rounds, helpers  # as it should be: the limit was real
    if os.environ.get("STORM_NEEDS_LIMIT"):
        raise AssertionError("the limit was not in force")
    return rounds, "no limit here"


if __name__ == "__main__":
    if hasattr(signal, "alarm"):
        signal.alarm(int(os.environ.get("STORM_SECONDS", "120")))
        if sys.argv[1] == "interrupts":  # which uses that signal itself
            signal.alarm(0)
    os.environ["FASTML_NUM_THREADS"] = "4"
    # Helpers take part however little there is to do.
    threads._WORTH_WAKING = threads._WORTH_SHARING = 1
    warnings.simplefilter("ignore")
    print("done", globals()[sys.argv[1]](int(sys.argv[2])))
