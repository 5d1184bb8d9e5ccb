"""What sees that a file stays what it was."""

from __future__ import annotations

import os

#: Bytes of a file and the time of its last change.
Token = tuple[int, int]


class Stamp:
    """What a file was when it was opened.

    Parameters
    ----------
    path : str
    token : tuple, default=None
        That of a stamp of another process: the file must be the one it opened.
    """

    def __init__(self, path: str, token: Token | None = None) -> None:
        self._path = path
        self._was = self._now()
        if token is not None and self.token != tuple(token):
            raise OSError(
                f"{path} is not the file it was where these rows were opened: it had {token[0]} "
                f"bytes and has {self._was[1]}, or was written at another time."
            )

    @property
    def token(self) -> Token:
        """Bytes and time of the last change, which other machines see as well."""
        return self._was[1:]

    def _now(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise OSError(f"{self._path} cannot be read: {error.strerror}.") from error
        return found.st_ino, found.st_size, found.st_mtime_ns

    def check(self) -> None:
        """Raise OSError if the file has changed or is gone."""
        now = self._now()
        if now != self._was:
            raise OSError(
                f"{self._path} changed while it was in use: it had {self._was[1]} bytes and has "
                f"{now[1]}."
            )
