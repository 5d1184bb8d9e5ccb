"""Which doctests are left out, and in which order tests run."""

from importlib.util import find_spec

# Doctests that draw need matplotlib.
collect_ignore_glob = [] if find_spec("matplotlib") else ["fastml/inspection/*_display*.py"]

#: Single tests of minutes: begun last, one process would be at work while the others wait.
_LONGEST = (
    "test_every_kernel_stays_inside_its_arrays", "test_arrays_and_workspaces_as_used",
    "test_kernels_are_right_on_avx2",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Begin with the longest tests."""
    items.sort(key=lambda item: not item.name.startswith(_LONGEST))
