"""The example of a file larger than the memory it may take."""

from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "larger_than_memory.py"


def test_the_example_gives_the_bits_of_the_array(capsys):
    runpy.run_path(str(EXAMPLE))["main"]()
    assert "the same bits as of the array: True" in capsys.readouterr().out
