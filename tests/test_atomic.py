"""Writing whole files: all or nothing, whatever happens in between."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinygrad_mlp.atomic import atomic_write, lock, remove_abandoned


def test_a_file_appears_with_all_its_bytes(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    atomic_write(tmp_path / "a", b"newer")
    assert (tmp_path / "a").read_bytes() == b"newer"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_crash_before_the_end_leaves_the_old_file_and_no_strays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    atomic_write(tmp_path / "a", b"old")

    def crash(*_: Any) -> None:
        raise OSError("crash")

    monkeypatch.setattr(os if where == "fsync" else Path, where, crash)
    with pytest.raises(OSError, match="crash"):
        atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    atomic_write(tmp_path / "a", b"new")
    assert order == ["fsync", "replace", "fsync"]  # the last one is of the folder


def test_permissions_and_symbolic_links_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("target")
    atomic_write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_permissions_that_open_gives(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    atomic_write(tmp_path / "b", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_others_may_not_read_they_cannot_read_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o600)
    modes: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (modes.append(os.fstat(fd).st_mode & 0o777), fsync(fd))[1])
    atomic_write(tmp_path / "a", b"new")
    assert modes[0] == 0o600


def test_a_link_whose_file_is_not_there_yet_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    longest = "ü" * 127  # 254 bytes of 255
    atomic_write(tmp_path / longest, b"new")
    assert (tmp_path / longest).read_bytes() == b"new"


@pytest.mark.parametrize("content", [b"", b"\r\n\0\xff", bytes(3_000_000)])
def test_bytes_are_written_as_they_are(tmp_path: Path, content: bytes) -> None:
    atomic_write(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == content


def test_a_relative_path_is_taken_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic_write("a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    folder, loop, pipe = tmp_path / "folder", tmp_path / "loop", tmp_path / "pipe"
    folder.mkdir()
    loop.symlink_to("loop")
    os.mkfifo(pipe)
    for path in (folder, loop, pipe, Path("/dev/null")):
        with pytest.raises(OSError, match="not a regular file"):
            atomic_write(path, b"new")
    assert {p.name for p in tmp_path.iterdir()} == {"folder", "loop", "pipe"}
    assert loop.is_symlink()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "none" / "a", b"new")
    with pytest.raises(ValueError, match="null"):
        atomic_write(f"{tmp_path}/a\0b", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_an_interruption_while_writing_leaves_the_old_file_and_no_strays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def interrupt(_: int) -> None:
        raise interruption

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(interruption):
        atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_synced_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def only_files(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError("this system cannot")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_is_write_protected_stays() -> None:
    code = """
import os, tempfile
from pathlib import Path
from tinygrad_mlp.atomic import atomic_write
if os.geteuid() == 0:  # whom no permission stops
    os.setuid(65534)
with tempfile.TemporaryDirectory() as folder:
    protected, old = Path(folder, "protected"), Path(folder, "old")
    protected.write_bytes(b"old")
    old.write_bytes(b"old")
    protected.chmod(0o444)
    for path, mode in ((protected, 0o700), (old, 0o500), (old.with_name("new"), 0o500)):
        os.chmod(folder, mode)
        try:
            atomic_write(path, b"new")
        except OSError as error:
            print(path.name, error.strerror)
    print(sorted((p.name, p.read_bytes()) for p in Path(folder).iterdir()))
    os.chmod(folder, 0o700)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "protected write-protected",
        "old Permission denied",
        "new Permission denied",
        "[('old', b'old'), ('protected', b'old')]",
    ]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    code = """
import resource, signal, sys
from tinygrad_mlp.atomic import atomic_write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    atomic_write(sys.argv[1], b"x" * 5000)
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from tinygrad_mlp.atomic import atomic_write
os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
atomic_write(sys.argv[1], b"new")
"""
    path = tmp_path / "a"
    for target in (path, tmp_path / "other"):
        subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    strays = sorted(p.name for p in tmp_path.iterdir())
    assert len(strays) == 2
    alike = [tmp_path / name for name in (".a.part", ".a.1234567.part", ".a.12345678.parts", "a.12345678.part")]
    for file in alike:
        file.touch()
    living = tmp_path / ".a.01234567.part"
    with living.open("wb") as file:
        assert lock(file.fileno())
        remove_abandoned(path)
    kept = {p.name for p in tmp_path.iterdir()}
    assert kept == {living.name, strays[1], *(p.name for p in alike)}
    remove_abandoned(path)
    assert not living.exists()


def test_a_part_is_locked_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (remove_abandoned(tmp_path / "a"), fsync(fd))[1])
    atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
