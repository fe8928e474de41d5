"""Checks that a machine can carry the environment at all; it runs before that environment exists.

Only the standard library, and syntax that Python 3.6 understands, so that an old interpreter can still say that it is
too old: `python3 include/sentiment_local/preflight.py [FOLDER]`.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# What every pinned package offers wheels for: onnxruntime, numpy and scikit-learn begin at 3.11; airflow ends at 3.14.
PYTHON_FIRST, PYTHON_LAST = (3, 11), (3, 14)
# torch and onnxruntime begin at macOS 14, whose kernel is Darwin 23, and end with openvino on Macs with Intel.
DARWIN_FIRST = 23
SYSTEMS = "Linux with glibc on x86-64 or arm64, and macOS 14 (Darwin 23) or later on Apple silicon"
JAVA_MAJORS = (17, 21)
# As in sentiment/core/settings.py, which needs packages that are not there yet.
DEFAULT_MASTER = "sail[2]"
GIBIBYTE = 2**30
# The environment takes 3.3 GiB and pip's downloads and temporary copies about 2 more; the demo's data fit in the rest.
INSTALL_GIB = 8.0
# To bring one up to date that is there.
UPDATE_GIB = 3.0

INSTALL_JAVA = (
    "install Java 17 or 21 (Debian and Ubuntu: sudo apt-get install openjdk-17-jre-headless; macOS: "
    "brew install --cask temurin@17; elsewhere: https://adoptium.net) and, if JAVA_HOME is set, point it there"
)


class Check(NamedTuple):
    """One thing that must be so: what it is about, whether it is, what was found, and what to do when it is not."""

    name: str
    ok: bool
    detail: str
    remedy: str


def check_python(version: "tuple[int, ...]") -> Check:
    """Check that every pinned package has a build for this version of Python."""
    wanted = "3.11 to 3.14"
    found = ".".join(str(part) for part in version)
    ok = PYTHON_FIRST <= tuple(version[:2]) <= PYTHON_LAST
    detail = f"Python {found} at {sys.executable}" + ("" if ok else f"; the platform needs {wanted}")
    return Check("python", ok, detail, "run make with PYTHON=python3.12, or install Python 3.12")


def check_system(system: str, release: str, machine: str, glibc: str) -> Check:
    """Check that every pinned package has a build for a system, named as `os.uname` does, and its C library."""
    if system == "Darwin":
        ok = machine == "arm64" and int(release.partition(".")[0]) >= DARWIN_FIRST
    else:
        ok = system == "Linux" and machine in ("x86_64", "aarch64") and bool(glibc)
    found = f"{system} {release} on {machine}" + ("" if glibc or system != "Linux" else " without glibc")
    detail = found + ("" if ok else f"; the pinned packages are built for {SYSTEMS}")
    remedy = "use one of these (on Apple silicon with a Python for arm64), or the containers of docs/deployment.md"
    return Check("system", ok, detail, remedy)


def glibc_version() -> str:
    """Return the version of glibc, empty where another C library is. (`platform`, run here, would be our own.)"""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def check_venv() -> Check:
    """Check that this Python can create virtual environments; Debian ships that part as a package of its own."""
    missing = [module for module in ("venv", "ensurepip") if importlib.util.find_spec(module) is None]
    version = ".".join(str(part) for part in sys.version_info[:2])
    detail = f"Python's {' and '.join(missing)} is missing" if missing else "venv and ensurepip are there"
    return Check("venv", not missing, detail, f"install it: sudo apt-get install python{version}-venv")


def check_user() -> Check:
    """Check that this user has a name: Java, and with it Spark, ends before it starts in a process of a bare number."""
    number = os.getuid()
    try:
        return Check("user", True, f"user {pwd.getpwuid(number).pw_name}", "")
    except KeyError:
        detail = f"user {number} has no line in /etc/passwd, and Spark does not start without one"
        remedy = (
            "run the container as a user that its image knows (--user 50000), or let it add a line as root: "
            f"echo 'sentiment:x:{number}:0::/tmp:/bin/sh' >> /etc/passwd"
        )
        return Check("user", False, detail, remedy)


def check_java(environment: "dict[str, str]") -> Check:
    """Check the Java that Spark would start: JAVA_HOME's if that is set, else the first on PATH."""
    java = _java_command(environment)
    if java is None:
        return Check("java", False, "no Java was found: JAVA_HOME is not set and PATH has no java", INSTALL_JAVA)
    code, output = _run([java, "-version"], environment)
    major = java_major(output)
    if code != 0 or major is None:
        return Check("java", False, f"{java} does not start: {_first_line(output)}", INSTALL_JAVA)
    if major not in JAVA_MAJORS:
        return Check("java", False, f"{java} is Java {major}; Spark needs 17 or 21", INSTALL_JAVA)
    # Trimmed runtimes (jlink, some wheels) pass the version check and still stop Spark at start.
    code, _ = _run([java, "--add-modules=jdk.incubator.vector", "-version"], environment)
    if code != 0:
        return Check("java", False, f"{java} lacks the module jdk.incubator.vector, which Spark loads", INSTALL_JAVA)
    return Check("java", True, f"Java {major} at {java}", INSTALL_JAVA)


def needs_java(master: "str | None") -> bool:
    """Tell whether the jobs' master, or that which is taken where none is named, starts a Java of this machine's."""
    return not (master or DEFAULT_MASTER).startswith(("sail", "sc://"))


def java_major(output: str) -> "int | None":
    """Read the major version out of what `java -version` prints: 17 of "17.0.15", 8 of "1.8.0_392"."""
    found = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(found.group(1)) if found else None


def check_disk(folder: "str | os.PathLike[str]", gibibytes: float) -> Check:
    """Check the free space where `folder` is, or would be made."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(str(place)).free / GIBIBYTE
    detail = f"{free:.1f} GiB free at {place}; {gibibytes:g} are needed"
    return Check("disk", free >= gibibytes, detail, "free some space, or use a folder on a larger disk")


def sentences(checks: "list[Check]") -> "list[str]":
    """Say each failed check in one sentence with its remedy."""
    return [f"{_named(check)}; {check.remedy}." for check in checks if not check.ok]


def main(arguments: "list[str]") -> int:
    """Check this machine for an installation into the folder named first, or the current one."""
    folder = Path(arguments[0] if arguments else ".")
    installed = (folder / ".venv" / "installed").exists()
    checks = [
        check_python(tuple(sys.version_info[:3])),
        check_system(os.uname().sysname, os.uname().release, os.uname().machine, glibc_version()),
        check_venv(),
        check_user(),
        *([check_java(dict(os.environ))] if needs_java(os.environ.get("SENTIMENT_SPARK_MASTER")) else []),
        check_disk(folder, UPDATE_GIB if installed else INSTALL_GIB),
    ]
    for sentence in sentences(checks):
        sys.stderr.write(sentence + "\n")
    return 0 if all(check.ok for check in checks) else 1


def _named(check: Check) -> str:
    """Say what was found and what it is about, once."""
    return check.detail if check.detail.startswith(check.name) else f"{check.name}: {check.detail}"


def _java_command(environment: "dict[str, str]") -> "str | None":
    if environment.get("JAVA_HOME"):
        return str(Path(environment["JAVA_HOME"]) / "bin" / "java")
    return shutil.which("java", path=environment.get("PATH", ""))


def _run(command: "list[str]", environment: "dict[str, str]") -> "tuple[int, str]":
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _first_line(output: str) -> str:
    return output.strip().splitlines()[0] if output.strip() else "it prints nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
