"""What a job's process printed: its beginning and its end, however much there was."""

from contextlib import suppress
from pathlib import Path

from abawbench.system.files import replace_file

HALF = 2**19
"""Bytes kept of the beginning, and of the end."""


class Log:
    """Keeps the first and the last half MiB."""

    def __init__(self) -> None:
        self._start = bytearray()
        self._end = bytearray()
        self._left_out = 0

    def add(self, printed: bytes) -> None:
        """Take in more."""
        room = HALF - len(self._start)
        self._start += printed[:room]
        self._end += printed[room:] if room > 0 else printed
        if len(self._end) > 2 * HALF:
            self._left_out += len(self._end) - HALF
            del self._end[:-HALF]

    @property
    def size(self) -> int:
        """Bytes printed so far."""
        return len(self._start) + self._left_out + len(self._end)

    @property
    def end(self) -> bytes:
        """Return the last of what was printed, at most half a MiB and at least all of that much."""
        return bytes(self._start + self._end)[-HALF:]

    def write(self, path: Path) -> bool:
        """Write the log and return whether there was anything to write; a disk that is full keeps none."""
        if not self._start:
            return False
        gap = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        with suppress(OSError), replace_file(path) as temporary:
            temporary.write_bytes(bytes(self._start) + gap + bytes(self._end))
            return True
        return False
