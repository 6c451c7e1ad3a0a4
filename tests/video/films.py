"""Films made by the ffmpeg binary, and what it extracts from them: the oracle of exactness."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="needs the ffmpeg binary")
HEIGHT, WIDTH, FPS, NUM_FRAMES = 96, 128, 10, 60

H264 = ("-c:v", "libx264", "-preset", "veryfast", "-threads", "1")
CLOSED = (*H264, "-g", "20", "-bf", "3", "-sc_threshold", "0")
OPEN = (*CLOSED, "-x264-params", "open-gop=1")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-g", "20", "-bf", "3")
CLOSED_HEVC = (*HEVC, "-x265-params", "log-level=error:pools=1:open-gop=0")
OPEN_HEVC = (*HEVC, "-x265-params", "log-level=error:pools=1:open-gop=1:bframes=3")
VP9 = ("-c:v", "libvpx-vp9", "-g", "20", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k")
VP9_ALT = ("-c:v", "libvpx-vp9", "-g", "20", "-deadline", "good", "-cpu-used", "5", "-b:v", "200k",
           "-auto-alt-ref", "1", "-lag-in-frames", "16")  # fmt: skip
AV1 = ("-c:v", "libaom-av1", "-cpu-used", "8", "-g", "20", "-usage", "realtime")
VARIABLE = ("-vf", "select='not(eq(mod(n,7),3)+eq(mod(n,11),5))'", "-fps_mode", "vfr")


def run_ffmpeg(*arguments: str | Path) -> bytes:
    """Standard output of ffmpeg."""
    command = [str(FFMPEG), "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def write_film(
    path: Path,
    *options: str,
    num_frames: int = NUM_FRAMES,
    size: str = f"{WIDTH}x{HEIGHT}",
    pix_fmt: str = "yuv420p",
) -> Path:
    """A film whose frames all differ, by ffmpeg's options for its output."""
    source = f"testsrc2=size={size}:rate={FPS}"
    given = ("-frames:v", str(num_frames), "-pix_fmt", pix_fmt)
    run_ffmpeg("-f", "lavfi", "-i", source, *given, *options, path)
    return path


def extract_frames(
    path: Path, height: int = HEIGHT, width: int = WIDTH, options: tuple[str, ...] = ()
) -> np.ndarray:
    """What ffmpeg extracts: uint8 (N, height, width, 3), RGB."""
    raw = run_ffmpeg(
        "-i", path, "-map", "0:v:0", *options, "-fps_mode", "passthrough", "-f", "rawvideo",
        "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def show_times(path: Path) -> np.ndarray:
    """When ffmpeg shows each frame [s], from the start of the file."""
    raw = run_ffmpeg(
        "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"
    )  # fmt: skip
    lines = [line for line in raw.decode().splitlines() if not line.startswith("#")]
    base = next(line for line in raw.decode().splitlines() if line.startswith("#tb 0:"))
    numerator, denominator = map(int, base.partition(": ")[2].split("/"))
    return np.array([int(line.split(",")[2]) * numerator / denominator for line in lines])


def make_plain(name: str, options: tuple[str, ...], **settings):
    return lambda folder: write_film(folder / name, *options, **settings)


def make_cut(name: str, options: tuple[str, ...], start: str = "2.55"):
    def make(folder: Path) -> Path:
        suffix = Path(name).suffix
        source = write_film(folder / f"whole{suffix}", *options)
        path = folder / name
        run_ffmpeg("-ss", start, "-i", source, "-c", "copy", path)
        return path

    return make


def make_turned(name: str, degrees: int, options: tuple[str, ...] = CLOSED):
    def make(folder: Path) -> Path:
        source = write_film(folder / "upright.mp4", *options)
        run_ffmpeg("-i", source, "-c", "copy", "-metadata:s:v", f"rotate={degrees}", folder / name)
        return folder / name

    return make


def make_late(name: str, options: tuple[str, ...] = CLOSED):
    """Sound from the start, pictures from 1.5 s on."""

    def make(folder: Path) -> Path:
        source = write_film(folder / f"silent{Path(name).suffix}", *options)
        sound = ("-f", "lavfi", "-i", "sine=frequency=440:duration=8")
        run_ffmpeg("-itsoffset", "1.5", "-i", source, *sound, "-c:v", "copy", "-map", "0:v", "-map",
                   "1:a", folder / name)  # fmt: skip
        return folder / name

    return make


FILMS = {
    "h264-mp4": make_plain("f.mp4", CLOSED),
    "h264-mp4-no-b": make_plain("f.mp4", (*CLOSED, "-bf", "0")),
    "h264-mp4-open": make_plain("f.mp4", OPEN),
    "h264-mp4-fragmented": make_plain("f.mp4", (*CLOSED, "-movflags", "frag_keyframe+empty_moov")),
    "h264-mp4-variable": make_plain("f.mp4", (*CLOSED, *VARIABLE), num_frames=50),
    "h264-mp4-cut": make_cut("f.mp4", CLOSED),
    "h264-mp4-cut-open": make_cut("f.mp4", OPEN),
    "h264-mp4-late": make_late("f.mp4"),
    "h264-mp4-90": make_turned("f.mp4", 90),
    "h264-mp4-180": make_turned("f.mp4", 180),
    "h264-mp4-270": make_turned("f.mp4", 270),
    "h264-mp4-refresh": make_plain("f.mp4", (*CLOSED, "-x264-params", "intra-refresh=1")),
    "h264-mp4-interlaced": make_plain("f.mp4", (*CLOSED, "-flags", "+ilme+ildct")),
    "h264-mov": make_plain("f.mov", CLOSED),
    "h264-mkv": make_plain("f.mkv", CLOSED),
    "h264-mkv-open": make_plain("f.mkv", OPEN),
    "h264-mkv-variable": make_plain("f.mkv", (*CLOSED, *VARIABLE), num_frames=50),
    "h264-mkv-cut": make_cut("f.mkv", CLOSED),
    "h264-mkv-cut-open": make_cut("f.mkv", OPEN),
    "h264-mkv-late": make_late("f.mkv"),
    "h264-avi": make_plain("f.avi", CLOSED),
    "h264-avi-no-b": make_plain("f.avi", (*CLOSED, "-bf", "0")),
    "h264-ts": make_plain("f.ts", CLOSED),
    "mpeg4-avi": make_plain("f.avi", ("-c:v", "mpeg4", "-g", "20", "-bf", "2", "-q:v", "4")),
    "hevc-mp4": make_plain("f.mp4", CLOSED_HEVC),
    "hevc-mp4-open": make_plain("f.mp4", OPEN_HEVC),
    "hevc-mp4-cut-open": make_cut("f.mp4", OPEN_HEVC),
    "hevc-mp4-270": make_turned("f.mp4", 270, CLOSED_HEVC),
    "hevc-mkv": make_plain("f.mkv", CLOSED_HEVC),
    "hevc-mkv-open": make_plain("f.mkv", OPEN_HEVC),
    "hevc-mkv-cut-open": make_cut("f.mkv", OPEN_HEVC),
    "vp9-webm": make_plain("f.webm", VP9),
    "vp9-webm-alt": make_plain("f.webm", VP9_ALT),
    "vp9-mp4": make_plain("f.mp4", VP9),
    "vp8-webm": make_plain("f.webm", ("-c:v", "libvpx", "-g", "20", "-auto-alt-ref", "1",
                                      "-lag-in-frames", "8", "-b:v", "300k", "-deadline",
                                      "realtime", "-cpu-used", "4")),
    "av1-mp4": make_plain("f.mp4", AV1),
    "av1-mkv": make_plain("f.mkv", AV1),
    "av1-webm": make_plain("f.webm", AV1),
}  # fmt: skip

_FOLDER = tempfile.TemporaryDirectory(prefix="films-", ignore_cleanup_errors=True)


@cache
def find_film(name: str) -> Path:
    """One of `FILMS`, made when first asked for and kept until the tests end."""
    folder = Path(_FOLDER.name) / name
    folder.mkdir()
    return FILMS[name](folder)


@cache
def find_expected(name: str) -> np.ndarray:
    """All frames of one of `FILMS` as ffmpeg extracts them, uint8 (N, H, W, 3)."""
    return extract_frames(find_film(name), *film_shape(name))


def film_shape(name: str) -> tuple[int, int]:
    """Height and width of the frames of one of `FILMS` as shown."""
    return (WIDTH, HEIGHT) if name.endswith(("-90", "-270")) else (HEIGHT, WIDTH)
