"""``fastml demo``: the library's main jobs on real data that scikit-learn ships, so offline."""

from __future__ import annotations

import time
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
from .photograph import Quantised, as_pixels, quantise
from .pictures import save_quantised, save_training
from .races import ROUNDS, Advance, Comparison, compare_assignment, compare_training
from .wines import Wines, classify, save_densities, save_votes

_N_COLOURS = 64
_EPOCHS = 150
_RACED_EPOCHS = 20


def _compile(photograph: NDArray[Any], problems: list[Problem]) -> float:
    """Run everything once on a little data, so that later times are of the work alone."""
    start = time.perf_counter()
    quantise(photograph[:16], _N_COLOURS)
    for problem in problems:
        train(problem, 1)
    fit_digits()
    nearest_centroid(as_pixels(photograph[:16]), as_pixels(photograph[:1, :_N_COLOURS]))
    classify()
    return time.perf_counter() - start


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def run(output: Path, console: Console | None = None) -> None:
    """Run the demo, print a summary and write its pictures to ``output``, a folder."""
    console = console or Console()
    photograph = load_sample_image("china.jpg")
    problems = [breast_cancer(), digits()]
    trained = []
    written = []
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with progress:

        def task(description: str, total: int) -> Advance:
            number = progress.add_task(description, total=total)
            return lambda: progress.advance(number)

        advance = task("Compile the kernels, or load them", 1)
        compiling = _compile(photograph, problems)
        advance()

        advance = task(f"Photograph in {_N_COLOURS} colours", 2)
        quantised = quantise(photograph, _N_COLOURS)
        advance()
        written.append(output / "photograph.png")
        save_quantised(
            written[-1], photograph, quantised.picture, quantised.palette,
            f"k-means over {photograph.size // 3:,} pixels: {quantised.n_iter} iterations in "
            f"{_time(quantised.seconds)}",
        )  # fmt: skip
        advance()

        for problem, stem in zip(problems, ("breast-cancer", "digits"), strict=True):
            advance = task(problem.name, 1)
            trained.append(train(problem, _EPOCHS))
            advance()
            written.append(output / f"{stem}.png")
            save_training(written[-1], trained[-1], problem)

        advance = task("All ten digits", 1)
        digit_model = fit_digits()
        written.append(output / "all-digits.png")
        save_digits(written[-1], digit_model)
        advance()

        advance = task("Wines of three growers", 3)
        wines = classify()
        advance()
        for name, save in (("wine-votes.png", save_votes), ("wine-densities.png", save_densities)):
            written.append(output / name)
            save(written[-1], wines)
            advance()

        advance = task("Against the reference in NumPy", 3 * ROUNDS)
        comparisons = [compare_assignment(as_pixels(photograph), quantised.centers, advance)]
        comparisons += [compare_training(problem, _RACED_EPOCHS, advance) for problem in problems]

    _summarise(console, quantised, problems, trained, digit_model, comparisons, wines)
    console.print(
        f"\nThreads: {get_num_threads()}. Kernels compiled or loaded in {_time(compiling)}, "
        "which no time above includes."
    )
    names = ", ".join(path.name for path in written)
    console.print(f"Pictures in {output.resolve()}: {names}", soft_wrap=True)


def _summarise(
    console: Console,
    quantised: Quantised,
    problems: list[Problem],
    trained: list[Trained],
    digit_model: Digits,
    comparisons: list[Comparison],
    wines: Wines,
) -> None:
    console.print(
        f"\nPhotograph     {quantised.picture.size // 3:,} pixels to {len(quantised.palette)} "
        f"colours: {_time(quantised.seconds)}, {quantised.n_iter} iterations"
    )
    for problem, network in zip(problems, trained, strict=True):
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
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nAgainst the reference, which reads like the mathematics")
    for heading in ("\nfastml", "\nreference", "\nratio"):
        table.add_column(heading, justify="right")
    table.add_column("\ndifference")
    for comparison in comparisons:
        table.add_row(
            comparison.work,
            _time(comparison.seconds),
            _time(comparison.reference_seconds),
            f"{comparison.reference_seconds / comparison.seconds:.1f}x",
            comparison.difference,
        )
    console.print(table)
