"""Writing a file so that a reader sees the old one or the new one, and never a half.

The content is written beside the file under a name of its own, flushed to disk, and renamed over it; then
the folder is flushed as well, so that a power cut takes back neither. The file gets the mode that the
umask of drift's user gives any new file. What is no file but a device or a pipe is written to as it is.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes | bytearray, *, flush: bool = True) -> None:
    """Put `content` at `path`. Folders are made as needed; when it fails, what was there is untouched.

    Without `flush` a power cut may take it back, or leave a part of it: for what can be made again and is
    checked when it is read.

    Raises:
        OSError: it cannot be written there; it names the path.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        path.write_bytes(content)  # a rename would replace /dev/stdout itself
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.tmp")
    try:
        _write(beside, content, flush)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    if flush:
        _flush(path.parent)


def _write(path: Path, content: bytes | bytearray, flush: bool) -> None:
    """Write a file that is not there yet, with `flush` to the disk and not only to its cache."""
    with path.open("xb") as file:
        file.write(content)
        if flush:
            file.flush()
            os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Bring the folder's new name to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
