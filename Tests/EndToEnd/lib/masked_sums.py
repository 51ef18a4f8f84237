"""What ranks give to sums, and a server that is killed at the worst instant: see masked_sums.c."""

import functools
import shutil
import struct
import subprocess
from pathlib import Path

from lib.suite import Skip, script_folder


@functools.cache
def _library():
    """The library to preload, built by the MPI library's compiler."""
    compiler = shutil.which("mpicc")
    if not compiler:
        raise Skip("there is no mpicc")
    target = script_folder() / "masked_sums.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, Path(__file__).with_name("masked_sums.c")], check=True)
    return target


def watched_sums(folder=None, *, kill=None):
    """The environment in which ranks write down in a folder what they give to sums, and in which the server is killed when it
    communicates after so many words of them."""
    environment = {"LD_PRELOAD": str(_library())}
    if folder is not None:
        folder.mkdir(exist_ok=True)
        environment["MASKED_SUMS"] = str(folder)
    if kill is not None:
        environment["MASKED_KILL"] = str(kill)
    return environment


def words(folder, rank):
    """What a rank has given to sums."""
    content = (folder / f"rank-{rank}").read_bytes()
    return struct.unpack(f"<{len(content) // 8}Q", content)
