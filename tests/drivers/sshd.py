"""A real SSH server on a loopback port, in this process: it runs what it is sent with /bin/sh, in a home of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh


@dataclass
class Sshd:
    home: Path
    address: str = "127.0.0.1"
    port: int = 0
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    user_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    """Every one there ever was."""
    forwarded: list[int] = field(default_factory=list)
    """The ports it was asked to connect to for others."""

    def login(self, folder: Path) -> dict[str, object]:
        """The options to get in with; the key and the known hosts are written into `folder`."""
        self.user_key.write_private_key(folder / "id")
        (folder / "id").chmod(0o600)
        self.known(folder / "known_hosts")
        return {"host": self.address, "port": self.port, "user": "deploy", "key": "id", "known_hosts": "known_hosts"}

    def known(self, path: Path, key: asyncssh.SSHKey | None = None) -> None:
        """One more line: this server has its own key, or `key`."""
        line = (key or self.host_key).export_public_key().decode()
        with path.open("a") as file:
            file.write(f"[{self.address}]:{self.port} {line}")

    def cut(self) -> None:
        """Every connection ends as when a cable is pulled; what runs goes on."""
        for one in self.connections:
            one.abort()


@asynccontextmanager
async def serving(home: Path, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Sshd]:
    home.mkdir(parents=True, exist_ok=True)
    server = Sshd(home, address)
    children: set[asyncio.subprocess.Process] = set()

    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            server.connections.append(conn)

        def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
            server.forwarded.append(dest_port)
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == "deploy" and key == server.user_key.convert_to_public()

    async def work(process: asyncssh.SSHServerProcess[bytes]) -> None:
        pipe = asyncio.subprocess.PIPE
        env = {"HOME": str(home), "PATH": os.environ["PATH"]}
        argv = ("/bin/sh", "-c", process.command or "exit 1")
        child = await asyncio.create_subprocess_exec(*argv, cwd=home, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        children.add(child)
        out, err = await child.communicate(await process.stdin.read())
        children.discard(child)
        with suppress(OSError):
            process.stdout.write(out)
            process.stderr.write(err)
            process.exit(child.returncode or 0)

    listening = await asyncssh.listen(
        address, port, server_factory=Door, server_host_keys=[server.host_key], process_factory=work, encoding=None
    )
    server.port = listening.get_port()
    try:
        yield server
    finally:
        listening.close()
        server.cut()
        await listening.wait_closed()
        for child in list(children):
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
