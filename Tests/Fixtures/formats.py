"""Makes format-1.tar.gz and format-2.tar.gz: runs as programs of earlier formats left them, small enough to be kept.

    python formats.py RUN format-N.tar.gz

RUN is of a program that writes that format: two rounds of the centers 1 and 6 of six simulated ones, width 4, on three ranks with the
CRL at the root, `checkpoint.keep=1`. Its files stay as they are, but for their numbers: every array gets one value, which follows
from its name, so that hardly anything is left of it when it is compressed. Format 1 was written by the program before commit
cd94c9d, format 2 by 79d81f6 and those before it.
"""

import gzip
import io
import json
import re
import sys
import tarfile
import zlib
from pathlib import Path

import h5py

UNUSED = ("tensorboard", "metrics.jsonl", "running", "progress", "working")


def value(name):
    """The number of an array: scales of normalizations near 1, second moments positive, all else near 0."""
    draw = (zlib.crc32(name.encode()) % 101 - 50) / 50
    if "second_moment" in name:
        return 1e-6 * (1.5 + draw)
    return (1 if re.search(r"norm\d?/weight$", name) and "moment" not in name else 0) + 0.02 * draw


def fill(group, prefix=""):
    """Sets the arrays below a group; what lies behind links has its turn in its own file."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        path = f"{prefix}/{name}".lstrip("/")
        # In the server's file of format 1 the states of centers lie below /centers/NAME.
        item, bare = group[name], re.sub(r"^centers/[^/]+/", "", path)
        if isinstance(item, h5py.Group):
            fill(item, path)
        elif name != "step":
            item[...] = value(bare)


def main():
    run, target = Path(sys.argv[1]), sys.argv[2]
    for path in run.rglob("*.h5"):
        with h5py.File(path, "r+") as file:
            fill(file)
    for path in run.glob("checkpoints/*/manifest.json"):
        text = path.read_text()
        manifest = json.loads(text)
        for name, known in manifest["files"].items():
            crc32 = f"{zlib.crc32((run / name).read_bytes()):08x}"
            text = text.replace(f'"crc32" : "{known["crc32"]}"', f'"crc32" : "{crc32}"')
        if "checksum" in manifest:
            text = text.replace(f'"checksum" : "{manifest["checksum"]}"', '"checksum" : "00000000"')
            text = text.replace('"checksum" : "00000000"', f'"checksum" : "{zlib.crc32(text.encode()):08x}"')
        path.write_text(text)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(run.rglob("*")):
            if path.is_file() and path.relative_to(run).parts[0] not in UNUSED:
                entry = tarfile.TarInfo(str(path.relative_to(run)))
                entry.size = path.stat().st_size
                entry.mode = 0o600
                with open(path, "rb") as content:
                    archive.addfile(entry, content)
    with open(target, "wb") as out, gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        packed.write(buffer.getvalue())


if __name__ == "__main__":
    main()
