"""Checkpoints whose bytes were changed and whose checksums were made right again: read, or refused by one message.

FEDCRLD_FUZZ says how many mutations of the file are tried (300; seeded, so that more are the same and others)."""

import json
import os
import random
import resource
import shutil
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor

from lib.program import FEDCRLD, PROJECT, Result, fedcrld, run
from lib.runs import centers, checkpoint, copy, positions, resuming, simulate, train
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

COUNT = int(os.environ.get("FEDCRLD_FUZZ", "300"))
MEBIBYTES = 512


@fixture
def data():
    return simulate(shared_folder(), centers=1)


@fixture
def finished():
    out = shared_folder() / "run"
    train(data(), out, "rounds=1").succeeded()
    return out


WORDS = [b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", b"\1", b"\x80", b"SNOD", b"TREE", b"HEAP", b"OHDR", b"GCOL"]


def mutated(content, number, structure):
    """Bytes with one to four changes, most of them where the file has its structure, not its numbers."""
    draw = random.Random(f"state {number}")
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.choice(structure) + draw.randrange(64) if draw.random() < 0.9 else draw.randrange(len(changed))
        place = min(place, len(changed) - 8)
        kind = draw.randrange(5)
        if kind < 2:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            changed[place] = draw.randrange(256)
        elif kind == 3:
            word = draw.choice(WORDS)
            changed[place:place + len(word)] = word
        elif draw.random() < 0.2:
            del changed[draw.randrange(len(changed)):]
            changed += bytes(max(0, 16 - len(changed)))
    return bytes(changed)


def structure_of(content):
    """Where groups, heaps, tables of links and headers of objects are."""
    found = [0]
    for mark in (b"TREE", b"SNOD", b"HEAP", b"GCOL", b"\1\0\x05\0", b"\1\0\x06\0", b"\1\0\x07\0"):
        place = content.find(mark)
        while place >= 0:
            found += [place, place + 64]
            place = content.find(mark, place + 1)
    return found


def judge(number, result, name):
    """Fails the test unless a command ended by itself: with a result, or with one message that names the file."""
    expect(result.status in (0, 1, 2), f"mutation {number}: status {result.status}\n{result}")
    if result.status:
        expect(len(result.messages) == 1 and name in result.messages[0], f"mutation {number}\n{result}")


@test(f"{COUNT} mutations of a federation's file are read or refused by name, in at most {MEBIBYTES} MiB")
def _(folder):
    # A file of a federation whose bytes are always the same, as a run's are not, which says when it was written.
    source = (PROJECT / "Tests/Fixtures/federation-w8.h5").read_bytes()
    structure = structure_of(source)
    outcomes = {0: 0, 1: 0}

    def attempt(number):
        path = folder / f"{number % 8}-{number}.h5"
        path.write_bytes(mutated(source, number, structure))
        # Thousands of them: without the care for ranks that a job needs.
        done = subprocess.run(
            [FEDCRLD, "inspect", path, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=200, check=False)
        path.unlink()
        judge(number, Result(done.args, done.returncode, "", done.stderr, 0), path.name)
        return done.returncode

    with ThreadPoolExecutor(2) as pool:
        for status in pool.map(attempt, range(COUNT)):
            outcomes[status] = outcomes.get(status, 0) + 1
    expect(all(outcomes[status] > COUNT // 50 for status in (0, 1)), f"outcomes {outcomes}")
    # Of the largest child: the training that made the file is among them.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    expect(peak < MEBIBYTES, f"{peak} MiB")


@test("a run with such a file, whose manifest says that all is well, is resumed or refused, and keeps its checkpoints")
def _(folder):
    center = centers(data())[0]
    name = f"states/round-000001/{center}.h5"
    source = (finished() / name).read_bytes()
    structure = structure_of(source)
    for number in range(max(10, COUNT // 60)):
        out = copy(finished(), folder / "run")
        content = mutated(source, f"resumed {number}", structure)
        (out / name).write_bytes(content)
        path = out / "checkpoints/round-000001/manifest.json"
        manifest = json.loads(path.read_text())
        manifest["files"][name] = {"size": len(content), "crc32": f"{zlib.crc32(content):08x}"}
        manifest["checksum"] = "00000000"
        text = json.dumps(manifest, indent=2, sort_keys=True, separators=(",", " : ")) + "\n"
        text = text.replace('"checksum" : "00000000"', f'"checksum" : "{zlib.crc32(text.encode()):08x}"')
        path.write_text(text)
        fedcrld("verify", out).succeeded()
        result = run(*resuming(out, "rounds=2"))
        judge(number, result, f"{center}.h5" if "loss of round" not in result.err else "loss")
        expect(positions(out)[0][0] == 1 and len(positions(out)) == 1 + (result.status == 0), f"{positions(out)}\n{result}")
        shutil.rmtree(out)


main()
