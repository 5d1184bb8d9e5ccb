"""``fastml demo``: the library's main jobs on real data that scikit-learn ships, so offline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_sample_image

from fastml import get_num_threads, nearest_centroid

from .classifiers import Problem, Trained, breast_cancer, digits, train
from .digits import Digits, fit_digits, save_digits
from .large import Large, fit_file
from .photograph import Quantised, as_pixels, quantise
from .pictures import save_quantised, save_training
from .races import OURS, ROUNDS, Advance, Comparison, compare_assignment, compare_training
from .tumours import Tumours, grow, save_tree
from .wines import Wines, classify, save_densities, save_votes

_N_COLOURS = 64
_EPOCHS = 150
_RACED_EPOCHS = 20
_PICTURES = (
    "photograph.png", "breast-cancer.png", "digits.png", "all-digits.png", "wine-votes.png",
    "wine-densities.png", "tumour-tree.png",
)  # fmt: skip


def _compile(photograph: NDArray[Any], problems: list[Problem]) -> float:
    """Run everything once on a little data, so that later times are of the work alone."""
    start = time.perf_counter()
    quantise(photograph[:16], _N_COLOURS)
    for problem in problems:
        train(problem, 1)
    fit_digits()
    nearest_centroid(as_pixels(photograph[:16]), as_pixels(photograph[:1, :_N_COLOURS]))
    classify()
    grow()
    fit_file()
    return time.perf_counter() - start


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def run(output: Path, console: Console | None = None) -> None:
    """Run the demo, print a summary and write its pictures to ``output``, a folder."""
    console = console or Console()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:

        def begin(description: str, total: int) -> Advance:
            number = progress.add_task(description, total=total)
            return lambda: progress.advance(number)

        found = _work(output, begin)
    _summarise(console, found)
    console.print(
        f"\nThreads: {get_num_threads()}. Kernels compiled or loaded in "
        f"{_time(found.compiling)}, which no time above includes."
    )
    names = ", ".join(_PICTURES)
    console.print(f"Pictures in {output.resolve()}: {names}", soft_wrap=True)


@dataclass(frozen=True)
class _Found:
    """What the demo has to tell."""

    compiling: float
    quantised: Quantised
    problems: list[Problem]
    trained: list[Trained]
    digits: Digits
    wines: Wines
    tumours: Tumours
    large: Large
    comparisons: list[Comparison]


def _work(output: Path, begin: Callable[[str, int], Advance]) -> _Found:
    """Do everything; ``begin`` begins a task of so many steps, and returns what counts one."""
    photograph = load_sample_image("china.jpg")
    problems = [breast_cancer(), digits()]
    trained = []
    advance = begin("Compile the kernels, or load them", 1)
    compiling = _compile(photograph, problems)
    advance()

    advance = begin(f"Photograph in {_N_COLOURS} colours", 2)
    quantised = quantise(photograph, _N_COLOURS)
    advance()
    save_quantised(
        output / "photograph.png", photograph, quantised.picture, quantised.palette,
        f"k-means over {photograph.size // 3:,} pixels: {quantised.n_iter} iterations in "
        f"{_time(quantised.seconds)}",
    )  # fmt: skip
    advance()

    for problem, stem in zip(problems, ("breast-cancer", "digits"), strict=True):
        advance = begin(problem.name, 1)
        trained.append(train(problem, _EPOCHS))
        save_training(output / f"{stem}.png", trained[-1], problem)
        advance()

    advance = begin("All ten digits", 1)
    digit_model = fit_digits()
    save_digits(output / "all-digits.png", digit_model)
    advance()

    advance = begin("Wines of three growers", 3)
    wines = classify()
    advance()
    save_votes(output / "wine-votes.png", wines)
    advance()
    save_densities(output / "wine-densities.png", wines)
    advance()

    advance = begin("A tree and a forest", 1)
    tumours = grow()
    save_tree(output / "tumour-tree.png", tumours)
    advance()

    advance = begin("A file larger than its limit of memory", 1)
    large = fit_file()
    advance()

    advance = begin("Against NumPy and scikit-learn", 3 * ROUNDS)
    comparisons = [compare_assignment(as_pixels(photograph), quantised.centers, advance)]
    comparisons += [compare_training(problem, _RACED_EPOCHS, advance) for problem in problems]
    return _Found(
        compiling, quantised, problems, trained, digit_model, wines, tumours, large, comparisons
    )


def _summarise(console: Console, found: _Found) -> None:
    quantised, wines, digit_model = found.quantised, found.wines, found.digits
    console.print(
        f"\nPhotograph     {quantised.picture.size // 3:,} pixels to {len(quantised.palette)} "
        f"colours: {_time(quantised.seconds)}, {quantised.n_iter} iterations"
    )
    for problem, network in zip(found.problems, found.trained, strict=True):
        console.print(
            f"{problem.name:14} {network.model.n_iter_} epochs of {problem.widths}: "
            f"{network.accuracy:.1%} of the test samples right "
            f"(always naming the commoner class: {network.majority:.1%})"
        )
    console.print(
        f"All ten digits {digit_model.model.n_iter_[0]} iterations of logistic regression in "
        f"{_time(digit_model.seconds)}: {digit_model.accuracy:.1%} of the test samples right"
    )
    console.print(
        f"{'Wines':14} {wines.n_train} fitted: neighbours name {wines.neighbors_accuracy:.1%} of "
        f"the others' growers, naive Bayes {wines.bayes_accuracy:.1%}, both in "
        f"{_time(wines.seconds)}"
    )
    trees = found.tumours
    console.print(
        f"{'Tumours':14} {trees.n_train} fitted: a tree of {trees.tree.get_n_leaves()} leaves "
        f"names {trees.tree_accuracy:.1%} of the others, a forest {trees.forest_accuracy:.1%}, "
        f"both in {_time(trees.seconds)}"
    )
    large = found.large
    console.print(
        f"{'A large file':14} k-means of {large.n_bytes / 1e6:.1f} MB below a limit of "
        f"{large.limit / 1e6:.1f} MB in {_time(large.seconds)}: "
        f"{'the same bits as of' if large.same else 'other bits than'} the array"
    )
    console.print(_table(found.comparisons))


def _table(comparisons: list[Comparison]) -> Table:
    """Return the times of every race, and how many times as fast as the best of the others."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nThe same work")
    others = list(dict.fromkeys(name for c in comparisons for name in c.seconds if name != OURS))
    for heading in (OURS, *others, "times as fast"):
        table.add_column(f"\n{heading}", justify="right")
    table.add_column("\nresults differ by")
    for comparison in comparisons:
        seconds = dict(comparison.seconds)
        ours = seconds.pop(OURS)
        times = [_time(seconds[name]) if name in seconds else "—" for name in others]
        ratio = f"{min(seconds.values()) / ours:.1f}x"
        table.add_row(comparison.work, _time(ours), *times, ratio, comparison.difference)
    return table
