"""Writing a file whole: it appears under its name with all its bytes, or what stood there stays as it was."""

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

try:
    import fcntl

    LOCKS = True
except ImportError:  # Windows
    LOCKS = False

PART = ".part"


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
    part = target.with_name(f"{part_start(target)}{secrets.token_hex(4)}{PART}")
    try:
        with part.open("xb") as file:
            lock(file.fileno())
            if old:
                shutil.copymode(target, part)  # before there is anything in it that others may not read
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_abandoned(path: str | os.PathLike[str]) -> None:
    """Remove what a process that was killed while it wrote this file has left beside it.

    Such a part is locked while its process lives, on systems with `flock`; on others nothing is removed.
    """
    target = Path(os.path.realpath(path))
    start = part_start(target)
    with suppress(OSError):
        for part in target.parent.iterdir():
            middle = part.name.removeprefix(start).removesuffix(PART)
            if part.name == f"{start}{middle}{PART}" and len(middle) == 8:
                with suppress(OSError), part.open("rb") as file:
                    if lock(file.fileno()):
                        part.unlink()


def part_start(target: Path) -> str:
    """What the names of parts of a file begin with."""
    return f".{target.name[:40]}."


def lock(handle: int) -> bool:
    """Lock an open file until it is closed; whether that could be done."""
    if not LOCKS:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it is locked, or on a file system without locks
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Put a file's new name onto the disk too, where the system lets a folder be opened (Windows does not)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
