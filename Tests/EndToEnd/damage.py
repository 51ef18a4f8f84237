"""Damaged checkpoints are noticed and named; a run goes on from the one before, to the same end."""

import functools
import json
import os

from lib.program import fedcrld
from lib.runs import (
    checkpoint, copy, expect_rounds, expect_same_bits, expect_sound, resume, rounds, simulate, train)
from lib.suite import expect, main, shared_folder, test


@functools.cache
def data():
    return simulate(shared_folder())


@functools.cache
def intact():
    """A run of two rounds, with each kind of file that there is."""
    out = shared_folder() / "intact"
    train(data(), out, "rounds=2", ranks=3).succeeded()
    return out


def truncate(path):
    os.truncate(path, path.stat().st_size // 3)


def flip(path):
    """Changes one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CHECKPOINT = "checkpoints/round-000002"
CENTER = "center-2-philips-bssfp"
for title, damage, file in [
    ("a truncated file of a center", truncate, f"{CHECKPOINT}/centers/{CENTER}.h5"),
    ("an empty file of a center", lambda path: os.truncate(path, 0), f"{CHECKPOINT}/centers/{CENTER}.h5"),
    ("a missing file of a center", os.unlink, f"{CHECKPOINT}/centers/{CENTER}.h5"),
    ("a flipped bit in a center's file", flip, f"{CHECKPOINT}/centers/{CENTER}.h5"),
    ("a flipped bit in the server's file", flip, f"{CHECKPOINT}/server.h5"),
    ("a flipped bit in a momentum bank", flip, f"banks/{CENTER}/round-000002.h5"),
    ("a flipped bit in a momentum bank's part of the root", flip, f"banks/{CENTER}/round-000002.relocalization.h5"),
    ("a truncated manifest", truncate, f"{CHECKPOINT}/manifest.json"),
]:

    @test(f"{title} is named by verify and by train --resume, which goes on from the round before")
    def _(folder, damage=damage, file=file):
        out = copy(intact(), folder / "run")
        damage(out / file)
        found = fedcrld("verify", out).ended_with(1).out
        expect(f"{out}/{file}" in found, found)
        expect("round-000001: complete" in found, found)
        result = resume(out, ranks=2).succeeded()
        passed_over = [line for line in result.err.splitlines() if "passed over" in line]
        expect(len(passed_over) == 1 and f"{out}/{file}" in passed_over[0], f"{result}")
        expect_same_bits(out, intact())
        expect_rounds(out, [1, 2])
        expect_sound(out)


@test("a damaged checkpoint is never kept in place of a sound one")
def _(folder):
    out = copy(intact(), folder / "run")
    truncate(checkpoint(out, 2) / "server.h5")
    resume(out, "rounds=4", "checkpoint.every=3", "checkpoint.keep=2", ranks=3).succeeded()
    expect_rounds(out, [3, 4])
    expect_sound(out)


@test("where every checkpoint is damaged, train --resume says so and changes nothing")
def _(folder):
    out = copy(intact(), folder / "run")
    for number in rounds(out):
        truncate(checkpoint(out, number) / "server.h5")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    resume(out, ranks=3).failed_with(1, str(out), "all of its 2 checkpoints are damaged")
    expect({path: path.stat().st_mtime_ns for path in out.rglob("*")} == before, "the run was changed")


@test("a checkpoint of a newer format is refused, and nothing is changed")
def _(folder):
    out = copy(intact(), folder / "run")
    file = checkpoint(out, 2) / "manifest.json"
    content = json.loads(file.read_text())
    content["formatVersion"] += 1
    file.write_text(json.dumps(content))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    resume(out, ranks=2).failed_with(1, str(file), f"format version is {content['formatVersion']}", "newer")
    fedcrld("evaluate", "--run", out).failed_with(1, str(file), "newer")
    expect({path: path.stat().st_mtime_ns for path in out.rglob("*.*")} == before, "the run was changed")


@test("what a crash left behind does not disturb: a checkpoint half written, a stale latest, half a line of metrics")
def _(folder):
    out = copy(intact(), folder / "run")
    partial = out / "checkpoints/round-000003.partial"
    partial.mkdir()
    (partial / "server.h5").write_bytes(b"half")
    (out / "checkpoints/latest").write_text("round-000001\n")
    with open(out / "metrics.jsonl", "a") as file:
        file.write('{"kind":"rou')
    resume(out, "rounds=3", ranks=2).succeeded()
    whole = folder / "whole"
    train(data(), whole, "rounds=3").succeeded()
    expect_same_bits(out, whole)
    expect(not partial.exists(), "the half checkpoint is still there")
    lines = (out / "metrics.jsonl").read_text().splitlines()
    expect([json.loads(line)["round"] for line in lines if '"kind":"round"' in line] == [1, 2, 3], "\n".join(lines))


@test("a damaged configuration is refused with its line")
def _(folder):
    out = copy(intact(), folder / "run")
    file = out / "config.yaml"
    file.write_text("rounds: [\n")
    resume(out, ranks=2).failed_with(2, str(file))


@test("a file that is not HDF5 is refused by inspect")
def _(folder):
    file = folder / "file.h5"
    file.write_text("hello")
    fedcrld("inspect", file).failed_with(1, str(file))


main()
