"""Prepare a bare machine with what pip cannot install. `make setup` runs it first.

Headless rendering needs OpenGL without a screen. On Debian and its relatives that is a handful of
packages: as root they are installed, otherwise the one command that installs them is printed. Root
gets ffmpeg as well, which the reader's tests are held against; without it they are skipped.
Standard library only, since nothing is installed yet.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

OLDEST_PYTHON = (3, 11)
RENDERING_PACKAGES = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libgl1", "libopengl0")

EGL_PLATFORM_DEVICE_EXT = 0x313F  # from the extension EGL_EXT_platform_device
MAX_EGL_DEVICES = 16


def main(arguments: Sequence[str] = ()) -> int:
    """Check, install what is missing, and return the exit code. `--check` installs nothing."""
    if sys.version_info < OLDEST_PYTHON:
        print(f"Python {sys.version.split()[0]} is too old: the suite needs 3.11 or newer.")
        print("Name the interpreter to use, for example: make setup PYTHON=python3.11")
        return 1
    missing = missing_packages()
    if not missing:
        return 0
    if "--check" in arguments:
        print(f"This machine still lacks what these packages bring: {' '.join(missing)}")
        return 1
    code = install(missing)
    if code != 0:
        return code
    # In a process of its own, since EGL looks for its drivers once per process.
    return subprocess.run([sys.executable, __file__, "--check"]).returncode


def missing_packages() -> list[str]:
    """The Debian packages that would close the gaps found on this machine."""
    packages: list[str] = []
    if not (loads("libGL.so.1") and loads("libOpenGL.so.0") and egl_works()):
        packages.extend(RENDERING_PACKAGES)
    if os.geteuid() == 0 and shutil.which("apt-get") and not shutil.which("ffmpeg"):
        packages.append("ffmpeg")
    if importlib.util.find_spec("ensurepip") is None:  # Debian ships `venv` apart from Python
        packages.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    return packages


def install(packages: list[str]) -> int:
    """Install as root through apt; otherwise say how. Returns the exit code."""
    command = "apt-get update && apt-get install -y --no-install-recommends " + " ".join(packages)
    if shutil.which("apt-get") is None:
        print("Headless rendering needs EGL and OpenGL, from Mesa or from a GPU driver.")
        print(f"On Debian these are the packages: {' '.join(packages)}")
        return 1
    if os.geteuid() != 0:
        print("Some system libraries are missing. Run this once, then make again:\n")
        print(f"    sudo sh -c '{command}'\n")
        return 1
    print(f"Installing system libraries: {' '.join(packages)}", flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(command, shell=True, env=environment).returncode


def loads(library: str) -> bool:
    """Whether the dynamic linker finds a library, e.g. `libGL.so.1`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def egl_works() -> bool:
    """Whether any EGL device, a GPU or Mesa's software one, can be initialised without a screen."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        query_devices = _extension(
            egl,
            "eglQueryDevicesEXT",
            ctypes.c_uint,
            (ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)),
        )
        get_display = _extension(
            egl,
            "eglGetPlatformDisplayEXT",
            ctypes.c_void_p,
            (ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        )
    except OSError:
        return False
    devices = (ctypes.c_void_p * MAX_EGL_DEVICES)()
    count = ctypes.c_int()
    if not query_devices(MAX_EGL_DEVICES, devices, ctypes.byref(count)):
        return False
    egl.eglInitialize.argtypes = [ctypes.c_void_p] * 3
    displays = (
        get_display(EGL_PLATFORM_DEVICE_EXT, device, None) for device in devices[: count.value]
    )
    return any(display and egl.eglInitialize(display, None, None) for display in displays)


def _extension(
    egl: ctypes.CDLL, name: str, result: type, arguments: tuple[type, ...]
) -> Callable[..., Any]:
    """An EGL extension function by name. Raises OSError when the driver has none such."""
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(name.encode())
    if not address:
        raise OSError(f"EGL has no {name}")
    return ctypes.CFUNCTYPE(result, *arguments)(address)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
