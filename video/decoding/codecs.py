"""Makes decoders whose frames tell which packet they come from."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

import av

ALONE = ("h264", "hevc", "vp8", "vp9", "av1")
"""Codecs whose decoders need nothing but the stream's own headers, so that a film can have several
side by side."""
OPTIONS = {"err_detect": "crccheck+bitstream+buffer", "strict": "strict"}
"""Report damage; and hold pictures back as long as the stream allows, since a decoder that guesses
how far they are out of order loses some where it guesses wrong."""

FOR_ORDER_ONLY = {"skip_loop_filter": "all", "skip_idct": "all"}


def make_context(
    stream: av.VideoStream, *, num_threads: int = 1, for_order_only: bool = False
) -> av.VideoCodecContext:
    """A decoder of its own for a stream.

    Args:
        num_threads: at work on it. With more than one, damage may be reported a few packets late.
        for_order_only: only the order of the pictures is of interest, so what does not affect it is
            left out, and there are as many threads as cores.
    """
    theirs = stream.codec_context
    context = av.CodecContext.create(theirs.codec.name, "r")
    assert isinstance(context, av.VideoCodecContext)
    if theirs.extradata:
        context.extradata = theirs.extradata
    if theirs.codec_tag.strip("\0"):
        context.codec_tag = theirs.codec_tag
    context.options = dict(OPTIONS)
    context.thread_count = num_threads
    if num_threads > 1:
        context.thread_type = "AUTO"
    if for_order_only:
        context.options |= FOR_ORDER_ONLY
        context.thread_count, context.thread_type = 0, "AUTO"
    return context


def decode_numbered(
    context: av.VideoCodecContext,
    numbered: Iterable[tuple[int, av.Packet]],
    *,
    goes_on: Callable[[], bool] | None = None,
) -> Generator[tuple[int, av.VideoFrame | None], None, None]:
    """Frames and the number of the packet that held each, in the order of showing.

    Decoders that have to put pictures in order do so by what the stream says and not by time, so
    the packets' times are free to carry their numbers.

    Args:
        goes_on: asked after the last packet: whether the decoder keeps what it still holds, to be
            given the packets that follow later. Otherwise, and with None, that comes out, and the
            decoder is fit for another key.

    Yields:
        Number and frame; None in its place for a packet that the decoder refuses.
    """
    number = 0
    for number, packet in numbered:
        packet.pts = packet.dts = number
        yield from _decode(context, packet, number)
    if goes_on is not None and goes_on():
        return
    yield from _decode(context, None, number)
    context.flush_buffers()


def _decode(
    context: av.VideoCodecContext, packet: av.Packet | None, number: int
) -> Iterator[tuple[int, av.VideoFrame | None]]:
    try:
        frames = context.decode(packet)
    except (av.FFmpegError, MemoryError):
        yield number, None
        return
    for frame in frames:
        assert frame.pts is not None
        yield frame.pts, frame
