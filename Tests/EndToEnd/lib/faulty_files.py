"""Files that cannot be read, written or removed for a while, or slowly: see faulty_files.c."""

import functools
import shutil
import subprocess
from pathlib import Path

from lib.suite import expect, script_folder


@functools.cache
def _library():
    """The library to preload, built by the compiler that Swift brings or the system has."""
    target = script_folder() / "faulty_files.so"
    compiler = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    expect(compiler, "there is no C compiler")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", target, Path(__file__).with_name("faulty_files.c"), "-ldl"], check=True)
    return target


def faulty(call, path, *, end=None, error=5, times=None, seconds=None, rank=None):
    """The environment in which `call` on files whose path holds a text (and ends in another) fails with an error number (5: EIO), or takes
    long; so many times in each process, or always."""
    environment = {
        "LD_PRELOAD": str(_library()), "FAULTY_CALL": call, "FAULTY_PATH": str(path), "FAULTY_ERROR": str(error)}
    for name, value in (("END", end), ("TIMES", times), ("SECONDS", seconds), ("RANK", rank)):
        if value is not None:
            environment[f"FAULTY_{name}"] = str(value)
    return environment
