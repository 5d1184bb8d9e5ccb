"""scikit-learn's displays take linear models as its own."""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "linear_models.py"


def test_example(tmp_path, capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    runpy.run_path(str(EXAMPLE))["main"](tmp_path)
    assert plt.imread(tmp_path / "linear_models.png").ndim == 3
    assert capsys.readouterr().out.startswith("wrote")
