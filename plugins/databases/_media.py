"""Opening video and sound: regular local files and nothing else, whatever their names or contents say."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer


def open_media(path: Path) -> "InputContainer":
    """Return an open container. Raises OSError (av.FFmpegError is one) for what is no regular file, or not readable.

    A name such as ``http:/host/x.mp4`` is a file name, and a playlist opens nothing that is not a local file.
    """
    import av

    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"{path.name} is not a regular file")
    return av.open(f"file:{path}", options={"protocol_whitelist": "file"})


def pictures_of(container: "InputContainer") -> Any:
    """Return the stream of moving pictures. Raises ValueError where there is none: a cover is no video."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise ValueError(f"no pictures in it, only {kinds.replace('video', 'a cover')}")


def packets_of(container: "InputContainer", stream: Any) -> Iterator[Any]:
    """Yield the packets of a stream; a file that is cut short ends them. The last one is empty and ends decoding."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError, ValueError):
            # what the decoder still holds comes out with an empty packet
            yield av.Packet(0)
            return


def check_inside(data: bytes) -> None:
    """Return nothing. Raises ValueError for a JPEG whose picture is damaged or cut short inside.

    Decoders for display pass over that and show what they have; FFmpeg's can be told not to.
    """
    import av

    if not data.startswith(b"\xff\xd8"):
        return
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode+bitstream+buffer"}
    try:
        decoder.decode(av.Packet(data))
        decoder.decode(None)
    except av.error.InvalidDataError:
        raise ValueError("is a JPEG image that is damaged inside") from None
    except av.FFmpegError:  # a kind of JPEG that it does not know
        return
