"""Make a release's links whole: those of README.md, and the project's own, which a package shows.

The repository does not name the place it is kept at; the release's workflow knows it.

    python .github/absolute_links.py https://host/owner/name v1.2.3
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def absolute(text: str, repository: str, tag: str) -> str:
    """Return Markdown whose relative links lead into a repository at a tag."""

    def whole(link: re.Match[str]) -> str:
        picture, words, path = link.groups()
        raw = "?raw=true" if picture else ""
        return f"{picture}[{words}]({repository}/blob/{tag}/{path}{raw})"

    return _LINK.sub(whole, text)


def urls(repository: str, tag: str) -> str:
    """Return the table of links for pyproject.toml."""
    pages = {
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Documentation": f"{repository}/tree/{tag}/docs",
    }
    return "[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in pages.items())


def main(repository: str, tag: str) -> None:
    """Change README.md and pyproject.toml in the current folder."""
    readme, project = Path("README.md"), Path("pyproject.toml")
    text = absolute(readme.read_text(encoding="utf-8"), repository, tag)
    readme.write_text(text, encoding="utf-8")
    settings = project.read_text(encoding="utf-8")
    if "[project.urls]" not in settings:
        settings = settings.replace(
            "[project.scripts]", f"{urls(repository, tag)}\n[project.scripts]", 1
        )
        project.write_text(settings, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
