"""Damaged checkpoints are noticed and named; a run goes on from the one before, to the same end."""

import json
import os
import re
import shutil
import zlib

from lib.program import fedcrld, run
from lib.runs import (
    checkpoint, copy, expect_rounds, expect_same_bits, expect_sound, resume, resuming, rounds, simulate, train, within)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
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


@fixture
def pair():
    """A run of two rounds of two centers, whose every file is damaged in turn, and the names of these files."""
    folder = shared_folder() / "pair"
    folder.mkdir()
    out = folder / "run"
    train(simulate(folder, centers=2), out, "rounds=2", ranks=3).succeeded()
    manifest = "checkpoints/round-000002/manifest.json"
    return out, [manifest, *json.loads((out / manifest).read_text())["files"]]


KINDS = ["manifest.json", "server.h5", "states/round-000002/NAME.h5", "states/round-000002/NAME.relocalization.h5", "banks/NAME/round-000002.h5",
    "banks/NAME/round-000002.relocalization.h5"]
for title, damage in [
    ("a truncated", truncate), ("an empty", lambda path: os.truncate(path, 0)), ("a missing", os.unlink),
    ("a flipped bit in a", flip),
]:
    for kind in KINDS:
        if title in ("an empty", "a missing") and kind not in KINDS[2:3]:
            continue

        @test(f"{title} {kind} is named by verify and by train --resume, which goes on from the round before")
        def _(folder, damage=damage, kind=kind):
            whole, files = pair()
            found = [file for file in files if re.fullmatch(kind.replace("NAME", "[^/]*?"), re.sub("checkpoints/[^/]*/", "", file))]
            found = [file for file in found if ".relocalization" in kind or ".relocalization" not in file]
            expect_equal(len(found), 2 if "NAME" in kind else 1, f"the number of files like {kind} among {files}")
            for number, file in enumerate(found):
                out = copy(whole, folder / f"run-{number}")
                damage(out / file)
                said = fedcrld("verify", out).ended_with(1).out
                expect(f"{out}/{file}" in said, said)
                expect("round-000001: complete" in said, said)
                result = resume(out).succeeded()
                passed_over = [line for line in result.err.splitlines() if "passed over" in line]
                expect(len(passed_over) == 1 and f"{out}/{file}" in passed_over[0], f"{result}")
                expect_same_bits(out, whole)
                expect_rounds(out, [1, 2])
                expect_sound(out)


@test("every file of a checkpoint in the middle of a round is watched over; a damaged one gives way to the round's end")
def _(folder):
    whole, _ = pair()
    stopped = copy(whole, folder / "stopped")
    run(*resuming(stopped, "rounds=3", ranks=3), "--max-hours", "1e-6").ended_with(75)
    (position,) = within(stopped)
    name = f"round-{position[0]:06}.step-{position[1]:06}"
    manifest = f"checkpoints/{name}/manifest.json"
    for file in [manifest, *json.loads((stopped / manifest).read_text())["files"]]:
        out = copy(stopped, folder / "damaged")
        flip(out / file)
        said = fedcrld("verify", out).ended_with(1).out
        expect(f"{out}/{file}" in said and f"{name}: DAMAGED" in said, said)
        shutil.rmtree(out)
    out = copy(stopped, folder / "damaged")
    flip(out / f"checkpoints/{name}/server.h5")
    expect("passed over" in resume(out).succeeded().err, "nothing was passed over")
    end = folder / "end"
    copy(whole, end)
    resume(end, "rounds=3").succeeded()
    expect_same_bits(out, end)


@test("a damaged checkpoint is never kept in place of a sound one")
def _(folder):
    out = copy(intact(), folder / "run")
    truncate(checkpoint(out, 2) / "server.h5")
    resume(out, "rounds=4", "checkpoint.every=3", "checkpoint.keep=2", ranks=3).succeeded()
    expect_rounds(out, [3, 4])
    expect_sound(out)


@test("inspect tells of a run whose newest manifest is damaged what can be read")
def _(folder):
    out = copy(intact(), folder / "run")
    truncate(checkpoint(out, 2) / "manifest.json")
    text = fedcrld("inspect", out).succeeded().out
    expect("checkpoint of round 2: cannot read" in text and "checkpoint of round 1: 6 centers" in text, text)


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
    version = json.loads(file.read_text())["formatVersion"] + 1
    text = re.sub('"formatVersion" : [0-9]+', f'"formatVersion" : {version}', file.read_text())
    blank = re.sub('"checksum" : "[^"]*"', '"checksum" : "00000000"', text)
    file.write_text(blank.replace('"checksum" : "00000000"', f'"checksum" : "{zlib.crc32(blank.encode()):08x}"'))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    resume(out, ranks=2).failed_with(1, str(file), f"format version is {version}", "newer")
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
