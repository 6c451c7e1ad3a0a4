"""Looks into packets: for holes that a decoder may decode over, and for what can be left out.

None of the codecs carries a checksum as a rule. H.264 decoders notice nearly all damage; those of
HEVC, VP9 and AV1 go on with whatever the damaged bits mean, unless a length or a header is hit. The
usual damage, a stretch of zeros where a download or a disk left a hole, can be told from the
packet itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av

IMPOSSIBLE = b"\0\0\0"
"""Cannot be within a unit of H.264 or HEVC, which break up runs of zeros."""
UNLIKELY = b"\0" * 32
"""No compressed picture holds this but for padding at its end."""
MOST_TRAILING_ZEROS = 16
"""Some writers count zeros after a unit as its own."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What can be told of a packet without decoding it.

    Attributes:
        holed: whether it is damaged.
        disposable: whether no other picture refers to its own.
    """

    holed: bool
    disposable: bool = False


Inspect = Callable[[av.Packet], Sight]


def make_inspector(stream: av.VideoStream) -> Inspect:
    """A function that looks into the packets of a stream."""
    name = stream.codec_context.codec.canonical_name
    extra = stream.codec_context.extradata or b""
    place = {"h264": 4, "hevc": 21}.get(name)
    if place is None:
        return lambda packet: Sight(holed=UNLIKELY in bytes(packet))
    if len(extra) <= place or extra[0] != 1:  # units follow marks instead, and may be padded
        return lambda packet: Sight(holed=UNLIKELY in bytes(packet).rstrip(b"\0"))
    length_bytes = (extra[place] & 3) + 1
    if name == "h264":
        return lambda packet: look_at_units(bytes(packet), length_bytes, _h264_is_referred_to)
    # HEVC tells what the picture's own temporal layer refers to: the whole, where there is but one.
    has_one_layer = extra[place] >> 3 & 7 == 1
    rule = _hevc_is_referred_to if has_one_layer else _hevc_is_a_picture
    return lambda packet: look_at_units(bytes(packet), length_bytes, rule)


def look_at_units(
    data: bytes, length_bytes: int, is_referred_to: Callable[[int], bool | None]
) -> Sight:
    """Look at units that each follow their length.

    Args:
        data: of one packet.
        length_bytes: of each length, 1 to 4.
        is_referred_to: whether others may refer to the picture of a unit with this first byte; None
            where it holds no part of a picture.
    """
    answers = []
    for begin, end in _units(data, length_bytes):
        if begin == end or end > len(data) or data[begin] & 0x80:
            return Sight(holed=True)
        hole = data.find(IMPOSSIBLE, begin, end)
        if hole >= 0 and (end - hole > MOST_TRAILING_ZEROS or any(data[hole:end])):
            return Sight(holed=True)
        answers.append(is_referred_to(data[begin]))
    return Sight(holed=False, disposable=False in answers and True not in answers)


def _units(data: bytes, length_bytes: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start + length_bytes <= len(data):
        begin = start + length_bytes
        start = begin + int.from_bytes(data[start:begin], "big")
        yield begin, start


def _h264_is_referred_to(first_byte: int) -> bool | None:
    """nal_ref_idc is 0 where no picture at all refers to this one."""
    return first_byte & 0x60 != 0 if 1 <= first_byte & 0x1F <= 5 else None


def _hevc_is_referred_to(first_byte: int) -> bool | None:
    """Even types up to 14 are pictures that no other of their temporal layer refers to."""
    kind = first_byte >> 1 & 0x3F
    return None if kind > 31 else kind > 14 or kind % 2 == 1


def _hevc_is_a_picture(first_byte: int) -> bool | None:
    return True if first_byte >> 1 & 0x3F <= 31 else None
