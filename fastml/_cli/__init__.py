"""The command line, ``python -m fastml`` or ``fastml``: one module a subcommand."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fastml._version import __version__

from .families import FAMILIES

#: What the demo imports and the library does not need.
_DEMO_MODULES = ("matplotlib", "PIL", "rich")


def _folder(text: str) -> Path:
    """Return the path of a folder: no name at all, as of an unset variable, is none."""
    if not text:
        raise argparse.ArgumentTypeError("a folder must have a name")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastml", description="Machine learning on large tables with ordinary CPUs."
    )
    parser.add_argument("--version", action="version", version=f"fastml {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo", help="cluster a photograph, train classifiers, time both against NumPy"
    )
    demo.add_argument(
        "--output",
        type=_folder,
        default=Path("fastml-demo"),
        help="folder for the pictures (default: ./fastml-demo)",
    )
    commands.add_parser("doctor", help="print what a bug report needs")
    commands.add_parser("bench", help="check results and time some work, in half a minute")
    warmup = commands.add_parser("warmup", help="compile everything ahead of time")
    warmup.add_argument(
        "--only",
        action="append",
        choices=sorted(FAMILIES),
        help="compile this family alone; may be given again",
    )
    warmup.add_argument(
        "--output",
        type=_folder,
        help="folder to keep the kernels in, as FASTML_CACHE_DIR names it",
    )
    warmup.add_argument(
        "--jobs",
        type=int,
        choices=(1, 2),
        help="processes that compile side by side (default: 2 where there are two processors)",
    )
    return parser


def _demo(output: Path) -> int:
    try:
        from . import demo
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _DEMO_MODULES:
            raise
        print(f"The demo needs {error.name}: pip install 'fastml-kernels[demo]'", file=sys.stderr)
        return 1
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        print(f"The demo cannot write to {output}: {error.strerror}.", file=sys.stderr)
        return 1
    demo.run(output)
    return 0


def _run(options: argparse.Namespace) -> int:
    # A command's module is imported when it is asked for: --help need not wait for Numba.
    if options.command == "doctor":
        from . import doctor

        print(doctor.report())
        return 0
    if options.command == "warmup":
        if options.output is not None:  # read when the kernels are imported, which is now
            os.environ["FASTML_CACHE_DIR"] = str(options.output)
        from . import warmup

        return warmup.run(options.only, options.jobs)
    if options.command == "bench":
        from . import bench

        return bench.run()
    return _demo(options.output)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the status the process should end with.

    Parameters
    ----------
    argv : the arguments after the program's name; None for those of this process
    """
    options = _parser().parse_args(argv)
    try:
        status = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has gone, as head does: what is still in the buffer goes nowhere, or
        # Python would complain about it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status
