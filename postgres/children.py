"""Child processes that never outlive this one.

A server started here ends with its parent however the parent ends, kill -9 included: on Linux the
kernel signals it (PR_SET_PDEATHSIG). Start them from a thread that lives as long as they should.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
SERVER_USERS = ("postgres", "nobody")
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A loopback TCP port nobody listened on a moment ago; the caller retries when another was faster."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as."""

    uid: int
    gid: int


def server_user(root: Path | None = None) -> Account | None:
    """The account a server runs under when we are root (PostgreSQL refuses root); None when we are not.

    Accounts are those of the folder `root`, when the server will see that as its /.
    """
    if os.geteuid() != 0:
        return None
    lines = ((root or Path("/")) / "etc/passwd").read_text(encoding="utf-8").splitlines()
    accounts = {fields[0]: fields for line in lines if len(fields := line.split(":")) > 3}
    for name in SERVER_USERS:
        if name in accounts:
            return Account(int(accounts[name][2]), int(accounts[name][3]))
    raise LookupError(f"running as root needs an account for the server; none of {SERVER_USERS} exists")


def give_to(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    user: Account | None = None,
    root: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, output to `log`, under `user`, in the folder `root` as its /.

    Its own session keeps a terminal's Ctrl-C from it: we stop it, in our order.
    """
    command = tuple(command)
    demote = None
    if user is not None and root is None and not _reachable_by_all(Path(command[0]), log):
        command = (*_keep_file_access(user, death_signal), *command)
    elif user is not None or sys.platform == "linux":
        demote = _before_exec(user, root, death_signal, os.getpid())
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=None if environment is None else dict(environment),
            start_new_session=True,
            preexec_fn=demote,  # noqa: PLW1509 - nothing else can set the death signal after the user changed
        )


def stop(process: subprocess.Popen[bytes], how: signal.Signals, *, timeout_s: float) -> None:
    """End a child and wait for it; SIGKILL when it takes longer than `timeout_s`."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _before_exec(
    user: Account | None, root: Path | None, death_signal: signal.Signals, parent: int
) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        if root is not None:
            os.chroot(root)
            os.chdir("/")
        if user is not None:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)
        if libc is not None:
            # After setuid, which clears it. The parent may have died before it was set.
            libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _reachable_by_all(*paths: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for path in paths for parent in path.absolute().parents)


def _keep_file_access(user: Account, death_signal: signal.Signals) -> tuple[str, ...]:
    """A home under /root is closed to other accounts: keep the one capability that opens it.

    Other ways would be to open /root to everybody or to copy the binaries.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise FileNotFoundError("running as root from a folder closed to others needs setpriv (util-linux)")
    return (
        setpriv,
        f"--reuid={user.uid}",
        f"--regid={user.gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        f"--pdeathsig={death_signal.name.removeprefix('SIG')}",
        "--",
    )
