"""What a release says of itself."""

from __future__ import annotations

import re
import runpy
import shutil
import tomllib
from pathlib import Path

import fastml

ROOT = Path(__file__).resolve().parents[2]
AT = "https://example.org/owner/name"


def test_every_link_of_the_readme_becomes_whole(tmp_path, monkeypatch):
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / ".github" / "absolute_links.py"))["main"](AT, "v1.2.3")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 4
    for link in links:
        assert link.startswith("https://")
        if link.startswith(AT):
            path = link.removeprefix(f"{AT}/blob/v1.2.3/").removesuffix("?raw=true")
            assert (ROOT / path).exists(), path
    assert f"![Times as fast as the best peer, a case of each kind]({AT}/blob/" in text
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Source"] == AT
    assert project["scripts"]


def test_version_changelog_and_citation_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## ([\d.]+)", changelog, re.MULTILINE)[1] == fastml.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {fastml.__version__}\n" in citation
