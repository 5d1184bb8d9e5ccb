"""Doctests that draw are left out where matplotlib is not installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("matplotlib") else ["fastml/inspection/*_display*.py"]
