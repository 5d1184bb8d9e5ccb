"""Doctests that draw are left out where matplotlib is not installed."""

from importlib.util import find_spec

collect_ignore = (
    [] if find_spec("matplotlib") else ["fastml/_displays.py", "fastml/_kmeans_displays.py"]
)
