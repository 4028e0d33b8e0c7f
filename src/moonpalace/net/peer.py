"""Who is at the other end of a loopback connection, as the kernel knows it (Linux).

1. `look_up` finds the peer's own socket: its owner's uid, and its inode, which is 0 once no process holds it any more.
   So a client that closed is told apart from one that only stopped sending, which on the wire look the same.
2. Elsewhere, or when the kernel does not answer, it gives None: not known.

Source: sock_diag(7), inet_diag (linux/inet_diag.h).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = struct.Struct("=IHHIIBBBBIHH16s16sIII")
_BIG = struct.Struct(">HH")
_TCP = 6
_DUMP_ALL_STATES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Peer:
    """The peer's socket. `inode` 0: it is orphaned, no process reads it."""

    uid: int
    inode: int


def look_up(peer: tuple[str, int], local: tuple[str, int]) -> Peer | None:
    """The socket whose own address is `peer` and whose remote one is `local`.

    A socket that does not exist any more is a Peer with inode 0. None: this system cannot tell.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        source, target = ipaddress.ip_address(peer[0]), ipaddress.ip_address(local[0])
        family = socket.AF_INET if source.version == 4 else socket.AF_INET6
        ports = _BIG.pack(peer[1], local[1])
        sport, dport = struct.unpack("=HH", ports)
        request = _REQUEST.pack(
            _REQUEST.size, _SOCK_DIAG_BY_FAMILY, 1, 1, 0, family, _TCP, 0, 0, _DUMP_ALL_STATES,
            sport, dport, source.packed.ljust(16, b"\0"), target.packed.ljust(16, b"\0"), 0, 0xFFFFFFFF, 0xFFFFFFFF,
        )  # fmt: skip
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 4) as netlink:
            netlink.settimeout(0.2)
            netlink.send(request)
            answer = netlink.recv(8192)
    except (OSError, ValueError, struct.error):
        return None
    return _read(answer)


def _read(answer: bytes) -> Peer | None:
    if len(answer) < 20:
        return None
    kind = struct.unpack_from("=H", answer, 4)[0]
    if kind == 2:  # NLMSG_ERROR
        error = -struct.unpack_from("=i", answer, 16)[0]
        return Peer(-1, 0) if error == 2 else None  # ENOENT: no such socket
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < 16 + 72:
        return None
    uid, inode = struct.unpack_from("=II", answer, 16 + 64)
    return Peer(uid, inode)


def behind(transport: Any) -> Peer | None:
    """Who is at the other end of a connection. Only a peer on this machine has its socket in our kernel."""
    peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not peer or not local or not (peer[0] == local[0] or peer[0].startswith("127.")):
        return None
    return look_up(peer[:2], local[:2])


def is_gone(transport: Any) -> bool:
    """Whether the kernel says that nobody holds the other end any more."""
    found = behind(transport)
    return found is not None and found.inode == 0


def is_ours(transport: Any) -> bool:
    """Whether the other end is this user's (or root's), as far as the system can tell.

    An orphaned socket has no owner any more: nobody who could read the answer either.
    """
    found = behind(transport)
    return found is None or (found.inode != 0 and found.uid in (0, own_uid()))


def own_uid() -> int | None:
    """Our own uid, None where there is no such thing."""
    return os.getuid() if hasattr(os, "getuid") else None


def listener_of(port: int) -> str | None:
    """Which process listens on that TCP port: `name (pid N)`, as far as /proc lets us see."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                for line in list(lines)[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                        inodes.add(f"socket:[{fields[9]}]")
        except OSError:
            continue
    if not inodes:
        return None
    try:
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    for pid in pids:
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in inodes:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
                        return f"{name.read().strip()} (pid {pid})"
            except OSError:  # closed meanwhile
                continue
    return None
