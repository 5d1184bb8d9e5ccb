"""The table of differences: every test of scikit-learn's that is left out, with its reason.

Read from the lists the test suite itself obeys, ``tests/*/*deselected*.txt``: a test that fails
without being listed, or is listed in vain, fails there.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def left_out(path: Path) -> dict[str, list[str]]:
    """Return for each reason in a list the tests left out for it, in the list's order."""
    reasons: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, reason = line.partition(" # ")
        if line.strip() and not line.startswith("#"):
            if not separator or not reason.strip():
                raise ValueError(f"{path.name} gives no reason for {line!r}.")
            reasons.setdefault(reason.strip(), []).append(name.strip())
    return reasons


def table() -> str:
    """Return the table as Markdown: a row a reason, a family after the other."""
    lines = ["| estimators | where ours differs | scikit-learn's tests left out |", "|---|---|---|"]
    for path in sorted((ROOT / "tests").glob("*/*deselected*.txt")):
        for reason, tests in left_out(path).items():
            names = ", ".join(f"`{test}`" for test in tests)
            said = (reason[0].upper() + reason[1:]).replace("|", "\\|").replace("*", "\\*")
            lines.append(f"| `{path.parent.name}` | {said} | {names} |")
    if len(lines) == 2:
        raise ValueError("No list of tests was found.")
    return "\n".join(lines) + "\n"
