"""Writing a file whole: it appears under its name with all its bytes, or what stood there stays as it was."""

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path


def atomic_write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside its place, onto the disk, and only then give it its name.

    A symbolic link stays one, and the file that it points to is replaced; a replaced file passes its permissions on.

    Raises:
        OSError: the file cannot be written, is write-protected, or is not a regular file.
        ValueError: the path has a NUL.
    """
    target = Path(os.path.realpath(path))
    old = os.path.lexists(target)
    if old and not target.is_file():  # a folder, a device, a link that leads back to itself
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if old and not os.access(target, os.W_OK):  # which its folder would let us replace
        raise PermissionError(errno.EACCES, "write-protected", str(path))
    part = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            if old:
                shutil.copymode(target, part)  # before there is anything in it that others may not read
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Put a file's new name onto the disk too, where the system lets a folder be opened (Windows does not)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
