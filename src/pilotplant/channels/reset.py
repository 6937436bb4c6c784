"""End a TCP connection with a reset, but only after the bytes before it are on their way."""

import asyncio
import socket
import struct
import sys

_LINGER_0 = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_PATIENCE_S = 5.0
_POLL_S = 0.001

if sys.platform == "linux":
    import fcntl

    _SIOCOUTQNSD = 0x894B

    def _unsent(sock: socket.socket) -> int:
        """Bytes that the kernel holds back; a reset would throw them away."""
        answer = fcntl.ioctl(sock.fileno(), _SIOCOUTQNSD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

else:

    def _unsent(sock: socket.socket) -> int:
        """Elsewhere no portable question exists; what left the process counts as sent."""
        return 0


def reset_when_sent(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
    """Reset the connection as soon as everything written so far was sent; a peer that reads nothing gets 5 s."""
    _attempt(transport, loop, loop.time() + _PATIENCE_S)


def _attempt(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
    if transport.is_closing():
        return
    sock = transport.get_extra_info("socket")
    if (transport.get_write_buffer_size() > 0 or _unsent(sock) > 0) and loop.time() < deadline:
        loop.call_later(_POLL_S, _attempt, transport, loop, deadline)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    transport.abort()
