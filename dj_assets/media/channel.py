"""Exchange messages between a reader and its process: pickled objects over a socket pair, with open files."""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Callable
from typing import Any

_LENGTH = struct.Struct("=Q")
# No process that decodes has that much memory, see `Limits`.
_MOST_BYTES = 1 << 40


class Channel:
    """Hold one end of a connected pair of Unix stream sockets. Both ends belong to the same user and program."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return both ends of a new pair."""
        ours, theirs = socket.socketpair()
        return cls(ours), cls(theirs)

    def send(self, message: object, *descriptors: int) -> None:
        """Send an object; the other end gets its own descriptors of the same open files.

        Raises
        ------
        OSError
            If the other end is closed: `BrokenPipeError` or `ConnectionResetError`.
        """
        content = pickle.dumps(message, protocol=5)
        socket.send_fds(self.socket, [_LENGTH.pack(len(content))], list(descriptors))
        self.socket.sendall(content)

    def receive(self, load: Callable[[bytearray], Any] = pickle.loads) -> tuple[Any, list[int]]:
        """Return the next object, unpickled by `load`, and the descriptors that came with it, which the caller closes.

        Raises
        ------
        EOFError
            If the other end is closed, or says that a message is longer than any can be.
        OSError
            If the other end was closed in the middle of a message.
        """
        head, descriptors, _, _ = socket.recv_fds(self.socket, _LENGTH.size, 4, socket.MSG_WAITALL)
        if len(head) < _LENGTH.size:
            raise EOFError
        (length,) = _LENGTH.unpack(head)
        if length > _MOST_BYTES:
            raise EOFError
        content = bytearray(length)
        view, received = memoryview(content), 0
        while received < length:
            count = self.socket.recv_into(view[received:])
            if not count:
                raise EOFError
            received += count
        return load(content), descriptors

    def close(self) -> None:
        """Close this end."""
        self.socket.close()
