"""``fastml demo``: the library's main jobs on real data that scikit-learn ships, so offline."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_sample_image

from fastml import get_num_threads, nearest_centroid

from .pictures import save_quantised, save_training
from .tasks import (
    ROUNDS,
    Advance,
    Array,
    Comparison,
    Problem,
    Quantised,
    Training,
    as_pixels,
    breast_cancer,
    compare_assignment,
    compare_training,
    digits,
    quantise,
    train,
)

_N_COLOURS = 64
_EPOCHS = 150
_RACED_EPOCHS = 20


def _compile(photograph: Array, problems: list[Problem]) -> float:
    """Run everything once on a little data, so that later times are of the work alone."""
    start = time.perf_counter()
    quantise(photograph[:16], _N_COLOURS)
    for problem in problems:
        train(problem, 1, lambda: None)
    nearest_centroid(as_pixels(photograph[:16]), as_pixels(photograph[:1, :_N_COLOURS]))
    return time.perf_counter() - start


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def run(output: Path, console: Console | None = None) -> None:
    """Run the demo, print a summary and write its pictures to the folder ``output``."""
    console = console or Console()
    output.mkdir(parents=True, exist_ok=True)
    photograph = load_sample_image("china.jpg")
    problems = [breast_cancer(), digits()]
    trainings = []
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
            training = train(problem, _EPOCHS, task(problem.name, _EPOCHS))
            trainings.append(training)
            written.append(output / f"{stem}.png")
            n_layers = len(problem.hidden) + 1
            save_training(
                written[-1],
                training.losses,
                training.norms,
                [f"hidden layer {i + 1}" for i in range(n_layers - 1)] + ["output layer"],
                f"{problem.name}: sigmoid network {problem.widths}, "
                f"{training.accuracy:.1%} of held-out samples right",
            )

        advance = task("Against NumPy", 3 * ROUNDS)
        comparisons = [compare_assignment(as_pixels(photograph), quantised.centers, advance)]
        comparisons += [compare_training(problem, _RACED_EPOCHS, advance) for problem in problems]

    _summarise(console, quantised, problems, trainings, comparisons)
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
    trainings: list[Training],
    comparisons: list[Comparison],
) -> None:
    console.print(
        f"\nPhotograph     {quantised.picture.size // 3:,} pixels to {len(quantised.palette)} "
        f"colours: {_time(quantised.seconds)}, {quantised.n_iter} iterations"
    )
    for problem, training in zip(problems, trainings, strict=True):
        console.print(
            f"{problem.name:14} {len(training.losses)} epochs of {problem.widths}: "
            f"{training.accuracy:.1%} right held out (guessing {training.majority:.1%})"
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nAgainst plain NumPy")
    for heading in ("\nfastml", "\nNumPy", "\nratio"):
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
