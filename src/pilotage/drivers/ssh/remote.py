"""A server over SSH: one connection, kept and renewed, to a host whose key is known."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.process import OUTPUT_LIMIT, Finished
from pilotage.drivers.secrets import Secret

if TYPE_CHECKING:
    import asyncssh

JUMP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
_ALIVE_EVERY_S = 5
_Ran = tuple[int, bytes, bytes] | None
_Read = Callable[["asyncssh.SSHReader[bytes]"], Awaitable[bytes]]


@dataclass(frozen=True)
class Login:
    """How to get there. Without a `key` those of the agent are tried, then the user's own, as `ssh` does."""

    host: str
    port: int
    user: str | None
    key: Path | None
    passphrase: Secret | None
    known_hosts: Path
    jump: str | None
    within_s: float


class Remote:
    def __init__(self, login: Login) -> None:
        self._login = login
        self._kept: list[asyncssh.SSHClientConnection] = []
        """The server's connection last, that to the jump host before it."""
        self._connecting = asyncio.Lock()

    async def run(self, argv: Sequence[str], within_s: float, env: dict[str, str] | None = None) -> Finished:
        """What `argv` came to there, in the user's home folder. Its output is its last 64 KiB.

        Raises as connecting does, and TemporaryError when the connection is lost meanwhile. A command that takes longer
        than `within_s` is told to end, but may go on.
        """
        done = await self._ran(argv, within_s, env or {}, _tail)
        if done is None:
            return Finished(-1, "", "", timed_out=True)
        code, out, err = done
        return Finished(code, out.decode(errors="replace"), err.decode(errors="replace"))

    async def output(self, argv: Sequence[str], within_s: float, most: int, env: dict[str, str] | None = None) -> bytes:
        """All that `argv` prints, byte by byte. Raises as `run`, and TemporaryError when it fails, takes longer than
        `within_s` or prints more than `most` bytes.
        """

        async def all_of(stream: asyncssh.SSHReader[bytes]) -> bytes:
            found = bytearray()
            while piece := await stream.read(OUTPUT_LIMIT):
                if len(found) <= most:
                    found += piece
            return bytes(found)

        done, host = await self._ran(argv, within_s, env or {}, all_of), self._login.host
        if done is None:
            raise TemporaryError(f"{host} did not answer within {within_s:g} s")
        code, out, err = done
        if code != 0 or len(out) > most:
            said = redact(err.decode(errors="replace").strip()[-300:]) or "it said nothing"
            why = f"with exit code {code}: {said}" if code != 0 else "with more bytes than asked for"
            raise TemporaryError(f"a command on {host} ended {why}")
        return out

    async def _ran(self, argv: Sequence[str], within_s: float, env: dict[str, str], read: _Read) -> _Ran:
        script = _script(argv, env)
        fresh = not self._alive()
        process = await self._started(await self._connection())
        if process is None and not fresh:
            process = await self._started(await self._connection())
        if process is None:
            raise TemporaryError(f"{self._login.host} closed the connection before a command could be started")
        try:
            return await _ended(process, script, within_s, self._login.host, read)
        finally:
            process.close()

    async def close(self) -> None:
        kept, self._kept = self._kept, []
        for connection in reversed(kept):
            connection.close()
        for connection in reversed(kept):
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.wait_closed()

    def _alive(self) -> bool:
        return bool(self._kept) and not any(one.is_closed() for one in self._kept)

    async def _started(self, connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes] | None:
        """None when the connection turns out to be dead."""
        import asyncssh

        try:
            async with asyncio.timeout(self._login.within_s):
                # The script goes in by standard input: whatever the user's shell is, it has nothing to understand.
                return await connection.create_process("/bin/sh -s", encoding=None)
        except TimeoutError:
            connection.abort()
            return None
        except (asyncssh.ChannelOpenError, asyncssh.DisconnectError, OSError) as error:
            if not connection.is_closed():
                host = self._login.host
                raise TemporaryError(f"{host} starts no command: {redact(str(error))[:200]}") from None
            return None

    async def _connection(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if not self._alive():
                await self.close()
                self._kept = await connected(self._login)
            return self._kept[-1]


async def connected(login: Login) -> list[asyncssh.SSHClientConnection]:
    """The connection, after that to the jump host if there is one.

    Raises PermanentError for a host whose key is not known or another one, refused credentials, a key that cannot be
    read and a name that does not exist; TemporaryError when the host does not answer.
    """
    try:
        library = await asyncio.to_thread(importlib.import_module, "asyncssh")  # that may take seconds
    except ImportError:
        raise PermanentError("SSH needs asyncssh: pip install 'pilotage[ssh]'") from None
    known = await asyncio.to_thread(_known, library, login.known_hosts)
    passphrase = await login.passphrase.reveal() if login.key and login.passphrase else None
    key = await asyncio.to_thread(_key, library, login.key, passphrase)
    hops = [(login.user, login.host, login.port)]
    if login.jump is not None and (parts := JUMP.fullmatch(login.jump)):
        hops.insert(0, (parts["user"] or login.user, parts["host"].strip("[]"), int(parts["port"] or 22)))
    made: list[asyncssh.SSHClientConnection] = []
    try:
        for user, host, port in hops:
            made.append(await _connect(login, user, host, port, known, key, made[-1] if made else None))
    except BaseException:
        for one in made:
            one.abort()
        raise
    return made


async def _connect(
    login: Login, user: str | None, host: str, port: int, known: Any, key: Any, through: Any
) -> asyncssh.SSHClientConnection:
    import asyncssh

    shown: list[tuple[str, asyncssh.SSHKey]] = []

    class Guard(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            """Only asked about a key that is not known: never that one, but a person will want to see it."""
            shown.append((addr, key))
            return False

    options: dict[str, Any] = {"username": user} if user else {}
    if key is not None:
        options |= {"client_keys": [key], "agent_path": None}
    try:
        async with asyncio.timeout(login.within_s):
            return await asyncssh.connect(
                host,
                port,
                tunnel=through or (),
                client_factory=Guard,
                known_hosts=known,
                config=None,
                x509_trusted_certs=None,
                gss_host=None,
                host_based_auth=False,
                password_auth=False,
                kbdint_auth=False,
                login_timeout=0,
                keepalive_interval=_ALIVE_EVERY_S,
                **options,
            )
    except TimeoutError:
        raise TemporaryError(f"{host} (port {port}) did not answer within {login.within_s:g} s") from None
    except asyncssh.HostKeyNotVerifiable as error:
        raise PermanentError(_unverified(login, host, port, known, shown, str(error))) from None
    except asyncssh.PermissionDenied:
        who = f"user {user}" if user else "this machine's user"
        what = f"the key {login.key}" if login.key else "the agent's keys and those in ~/.ssh"
        there = "is its public key in ~/.ssh/authorized_keys there?"
        raise PermanentError(f"{host} refuses {what} for {who}: {there}") from None
    except asyncssh.KeyExchangeFailed as error:
        if "host key" in str(error) and (kinds := _kinds(known, host, "", port)):
            has = f"{login.known_hosts} has {kinds} for it, and it offers none of these"
            raise PermanentError(
                f"{host} cannot prove that it is the known one: {has}. {_add(login, host, port)}"
            ) from None
        raise PermanentError(f"{host} and Pilotage have no algorithm in common: {redact(str(error))[:300]}") from None
    except asyncssh.ChannelOpenError as error:
        raise TemporaryError(f"{login.jump} does not reach {host} (port {port}): {redact(str(error))[:200]}") from None
    except (asyncssh.ProtocolError, asyncssh.ProtocolNotSupported):
        raise PermanentError(f"what answers at {host} (port {port}) is not an SSH server: is the port right?") from None
    except asyncssh.DisconnectError as error:
        raise TemporaryError(f"{host} closed the connection: {redact(str(error))[:200]}") from None
    except socket.gaierror as error:
        final = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        kind = PermanentError if final else TemporaryError
        raise kind(f"there is no address for the name {host} ({error.strerror})") from None
    except ConnectionRefusedError:
        raise TemporaryError(f"{host} refuses connections at port {port}: does the SSH server run there?") from None
    except OSError as error:
        raise TemporaryError(
            f"{host} (port {port}) cannot be reached: {error.strerror or type(error).__name__}"
        ) from None


async def _ended(
    process: asyncssh.SSHClientProcess[bytes], script: bytes, within_s: float, host: str, read: _Read
) -> _Ran:
    """Exit code, output and the end of the errors; None when it took too long."""
    import asyncssh

    try:
        async with asyncio.timeout(within_s):
            with suppress(BrokenPipeError, ConnectionError, asyncssh.DisconnectError):
                process.stdin.write(script)
                process.stdin.write_eof()
            out, err = await asyncio.gather(read(process.stdout), _tail(process.stderr))
            await process.wait_closed()
    except TimeoutError:
        with suppress(OSError, asyncssh.Error):
            process.terminate()
        return None
    except (asyncssh.DisconnectError, OSError):
        out = err = b""
    if process.returncode is None:
        raise TemporaryError(f"the connection to {host} was lost while a command ran")
    return process.returncode, out, err


async def _tail(stream: asyncssh.SSHReader[bytes]) -> bytes:
    kept = b""
    while piece := await stream.read(OUTPUT_LIMIT):
        kept = (kept + piece)[-OUTPUT_LIMIT:]
    return kept


def _script(argv: Sequence[str], env: dict[str, str]) -> bytes:
    """Every value is one word for sh, whatever is in it."""
    if any("\0" in value for value in (*argv, *env.values())):
        raise PermanentError("a command's arguments cannot contain a NUL character")
    given = "".join(f"{name}={shlex.quote(value)}; export {name}\n" for name, value in env.items())
    return f"{given}exec {shlex.join(argv)} </dev/null\n".encode("utf-8", "surrogateescape")


def _known(asyncssh: Any, path: Path) -> Any:
    try:
        return asyncssh.read_known_hosts(str(path))
    except FileNotFoundError:
        return asyncssh.import_known_hosts("")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "a line of it is not as sshd(8) says"
        raise PermanentError(f"the known hosts in {path} cannot be read: {why}") from None


def _key(asyncssh: Any, key: Path | None, passphrase: str | None) -> Any:
    if key is None:
        return None
    try:
        return asyncssh.read_private_key(key, passphrase)
    except OSError as error:
        raise PermanentError(f"the key {key} cannot be read: {error.strerror}") from None
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
        hint = "; pip install bcrypt, or give the key to the agent" if "bcrypt" in str(error) else ""
        raise PermanentError(f"the key {key} cannot be used: {error}{hint}") from None


def _kinds(known: Any, host: str, address: str, port: int) -> str:
    keys = known.match(host, address, port if port != 22 else None)[0]
    return ", ".join(dict.fromkeys(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in keys))


def _unverified(login: Login, host: str, port: int, known: Any, shown: list[tuple[str, Any]], why: str) -> str:
    address, found = shown[0] if shown else ("", None)
    key = f"{found.get_algorithm()} {found.get_fingerprint()}" if found else "a key"
    if "revoked" in why:
        return f"{host} shows a key that {login.known_hosts} says is revoked. Nothing was sent there"
    if before := _kinds(known, host, address, port):
        return (
            f"the key of {host} has CHANGED: {login.known_hosts} has {before}, it shows {key}. Somebody may stand"
            " between you and it, or it was set up anew: find out which before anything else. Nothing was sent there"
        )
    return f"{host} (port {port}) is not a known host: it shows {key}. {_add(login, host, port)}"


def _add(login: Login, host: str, port: int) -> str:
    at = f"-p {port} " if port != 22 else ""
    return (
        "Compare that with what the server itself says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, there), then:"
        f" ssh-keyscan {at}{host} >> {login.known_hosts}"
    )
