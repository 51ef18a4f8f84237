"""Every subcommand as a user meets it: its help, its JSON, its results, and what it says to a wrong command line."""

import gzip
import json
import re
import struct

from lib.program import FEDCRLD, fedcrld, launcher, mpirun, run
from lib.runs import (
    CENTERS, centers, checkpoint, cohort, expect_same_bits, images, metrics, settings, simulate, state, states, train)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished():
    """A run of two rounds."""
    out = shared_folder() / "run"
    train(data(), out, "rounds=2", ranks=3).succeeded()
    return out


def subcommands(*path):
    """The subcommands that the help of a command lists."""
    text = fedcrld(*path, "--help").succeeded().out
    if "SUBCOMMANDS:" not in text:
        return []
    return re.findall(r"^  ([a-z]+) ", text.split("SUBCOMMANDS:")[1], re.MULTILINE)


def parsed(result):
    """The one JSON object that a command wrote."""
    result.succeeded()
    try:
        content = json.loads(result.out)
    except ValueError as error:
        raise AssertionError(f"{error}\n{result}") from None
    expect(isinstance(content, dict), f"not an object\n{result}")
    return content


# Help and usage


@test("--help of every subcommand explains it and each of its options")
def _(folder):
    pending = [(name,) for name in subcommands()]
    expect({"simulate", "train", "evaluate", "predict", "inspect", "verify", "rollback"} <= {p[0] for p in pending},
           f"{pending}")
    while pending:
        path = pending.pop()
        result = fedcrld(*path, "--help").succeeded()
        expect(result.err == "" and "OVERVIEW: " in result.out and "USAGE: fedcrld " in result.out, f"{result}")
        usage, explained = result.out.split("USAGE: ")[1].split("\n\n", 1)
        for option in set(re.findall(r"--[a-z-]+", usage)):
            # Its explanation begins on its line, or on the next where that is full.
            expect(re.search(rf"^  {option}\b.* {{2,}}\S|^  {option}\b.*\n {{20,}}\S", explained, re.MULTILINE),
                   f"{option} is not explained\n{result}")
        pending += [(*path, name) for name in subcommands(*path)]


@test("the program shows its help without arguments, its version, and the reference of all keys")
def _(folder):
    expect("SUBCOMMANDS:" in fedcrld().succeeded().out, "no subcommands")
    expect(re.match(r"fedcrld \d+\.\d+", fedcrld("--version").succeeded().out), "no version")
    text = fedcrld("train", "--help").succeeded().out
    for key in ("rounds", "crl.placement", "aggregation.weights", "checkpoint.every", "augmentation.noise.range"):
        expect(key in text, f"no {key}")


for arguments in [
    ["foo"], ["--nonsense"], ["train", "--nonsense"], ["train"], ["evaluate"], ["predict", "--run", "x"],
    ["rollback", "--run", "x", "--center", "y"], ["rollback", "--run", "x", "--center", "y", "--to", "z"],
    ["simulate"], ["simulate", "--out", "x", "--size", "3x3"], ["simulate", "--out", "x", "--centers", "0"],
    ["verify"], ["verify", "--compare", "x"], ["inspect"], ["evaluate", "--run", "/nowhere"],
    ["evaluate", "--run", "x", "--split", "all"], ["bench", "step", "--width", "6"],
    ["predict", "--run", "/nowhere", "--center", "x", "--input", "y", "--output", "z"],
]:

    @test(f"a usage error has status 2: fedcrld {' '.join(arguments)}")
    def _(folder, arguments=arguments):
        result = fedcrld(*arguments).ended_with(2)
        expect(result.out == "" and result.err.strip(), f"{result}")


@test("a usage error is said once, however many ranks are launched")
def _(folder):
    # The launcher ends all ranks when the first has failed: the one that says so may be the last to come to it.
    late = '[[ ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} != 0 ]] || sleep 0.3; exec "$0" "$@"'
    result = run(*launcher(3), "bash", "-c", late, FEDCRLD, "train", "--nonsense").ended_with(2)
    expect_equal(result.err.count("Unknown option"), 1, "the number of messages")


# JSON


@test("simulate --json tells the cohorts that it wrote")
def _(folder):
    content = parsed(fedcrld(
        "simulate", "--out", folder / "data", "--centers", 2, "--subjects", 2, "--size", "2x32x32", "--json"))
    expect_equal([entry["center"] for entry in content["centers"]], centers(folder / "data"), "the list of centers")


@test("evaluate --json tells what the run's metrics tell, for every case; every split and checkpoint can be chosen")
def _(folder):
    content = parsed(fedcrld("evaluate", "--run", finished(), "--json"))
    evaluation = [line for line in metrics(finished()) if line["kind"] == "evaluation"][-1]
    expect_equal(content["mean_dice"], evaluation["mean_dice"], "the mean Dice")
    expect_equal(
        {name: scores["summary"] for name, scores in content["centers"].items()}, evaluation["centers"], "the Dice")
    for name in centers(data()):
        expect_equal(
            len(content["centers"][name]["cases"]), len(images(data(), name, "test")), f"the number of cases of {name}")
    one = centers(data())[0]
    other = parsed(fedcrld(
        "evaluate", "--run", finished(), "--split", "train", "--checkpoint", 1, "--center", one, "--json"))
    expect_equal((other["round"], other["split"], list(other["centers"])), (1, "train", [one]), "what was evaluated")


@test("inspect --json tells of a run, a checkpoint and a file")
def _(folder):
    content = parsed(fedcrld("inspect", finished(), "--json"))
    expect_equal([entry["round"] for entry in content["checkpoints"]], [2, 1], "the list of rounds")
    content = parsed(fedcrld("inspect", checkpoint(finished(), 2), "--json"))
    expect_equal(len(content["centers"]), CENTERS, "the number of centers")
    file = state(finished(), centers(data())[0], 2)
    content = parsed(fedcrld("inspect", file, "--json"))
    weight = content["datasets"]["network/global_encoder/level1/conv1/weight"]
    expect_equal(weight["shape"], [4, 1, 1, 3, 3], "the shape of the first convolution's weight")


@test("centers that were never trained have no file, and are evaluated, reported and predicted as the seed makes them")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=1", "participation=0.17", ranks=2).succeeded()
    files = set(states(out, 1))
    expect_equal(len(files), 1, f"the centers with files, {files}")
    found = parsed(fedcrld("evaluate", "--run", out, "--json"))
    expect_equal(sorted(found["centers"]), sorted(centers(data())), "the evaluated centers")
    fedcrld("report", out).succeeded()
    untrained = next(center for center in centers(data()) if center not in files)
    image, labels = images(data(), untrained, "test")[0], folder / "labels.nii.gz"
    fedcrld("predict", "--run", out, "--center", untrained, "--input", image, "--output", labels).succeeded()
    expect(labels.exists(), "there is no prediction")
    text = fedcrld("inspect", checkpoint(out, 1)).succeeded().out
    expect_equal(text.count("not trained yet"), CENTERS - 1, f"the untrained centers of\n{text}")


@test("bench aggregate --json compares with one MPI_Reduce")
def _(folder):
    for ranks in (1, 3):
        found = parsed(mpirun(ranks, "bench", "aggregate", "--width", 4, "--repeats", 3, "--json"))
        expect_equal(found["ranks"], ranks, "the number of ranks")
        expect(found["bytes"] > 100_000 and found["aggregate_seconds"] > 0, str(found))
        expect_equal(found["sum_ratio"], found["sum_seconds"] / found["plain_seconds"], "the ratio")


@test("bench scale --json tells time and memory by the number of centers, and leaves nothing")
def _(folder):
    found = parsed(
        mpirun(3, "bench", "scale", "--centers", 2, 5, "--participants", 2, "--rounds", 2, "--folder", folder, "--json"))
    expect_equal([run["centers"] for run in found["runs"]], [2, 5], "the numbers of centers")
    for run in found["runs"]:
        expect(run["round_seconds"] > 0 and 20 < run["server_mib"] < run["client_mib"], str(run))
        # Both rounds' values, 4 bytes each, and little else; their exact sums, 8 bytes each.
        for moved in run["traffic"]:
            values, extra = 2 * run["exchanged_values"], moved["broadcast"]["bytes"]
            expect(0 <= extra - 4 * values < 100_000, f"broadcast {extra} bytes of {values} values")
            expect_equal(moved["sum onto the root"]["bytes"], 8 * values, "bytes of the sums")
            expect("ask the root" not in moved, "CRL is at the clients")
    expect(not list(folder.iterdir()), f"left behind: {list(folder.iterdir())}")


@test("with root placement a step moves twenty maps of a bottleneck's size")
def _(folder):
    found = parsed(mpirun(
        3, "bench", "scale", "--centers", 3, "--participants", 0, "--rounds", 2, "--folder", folder, "--json", "--set",
        "crl.placement=root"))
    root, *clients = found["runs"][0]["traffic"]
    bottleneck = 16 * 4 * 3 * 4 * 4
    for moved in clients:
        asked = moved["ask the root"]
        expect(asked["calls"] > 0, "a client has centers")
        expect_equal(asked["bytes"], asked["calls"] // 4 * 20 * 4 * bottleneck, "bytes of the questions")
    answered = root["answer a rank's question"]
    expect_equal(answered["calls"], sum(moved["ask the root"]["calls"] for moved in clients), "answers")


@test("bench checkpoint --json tells how long training waited, and leaves nothing")
def _(folder):
    found = parsed(
        mpirun(
            2, "bench", "checkpoint", "--preset", "tiny", "--centers", 2, "--subjects", 2, "--size", "3x32x32",
            "--set", "width=4", "--set", "size=32x32", "--rounds", 2, "--folder", folder, "--json"))
    expect(0 <= found["wait_share"] < 1 and found["checkpoint_bytes"] > 1e6, str(found))
    expect(not list(folder.iterdir()), f"left behind: {list(folder.iterdir())}")


@test("bench step --json tells seconds and memory")
def _(folder):
    content = parsed(fedcrld(
        "bench", "step", "--width", 4, "--size", "2x16x16", "--steps", 1, "--threads", 1, "--json"))
    expect(content["step_seconds"] > 0 and content["peak_mib"] > 0, f"{content}")


# Results


@test("predict writes a segmentation in the image's own grid, with the center's labels")
def _(folder):
    center = centers(data())[-1]
    image = images(data(), center, "test")[0]
    for name in ("labels.nii.gz", "labels.nii"):
        fedcrld(
            "predict", "--run", finished(), "--center", center, "--input", image, "--output", folder / name).succeeded()
    written = gzip.decompress((folder / "labels.nii.gz").read_bytes())
    expect(written == (folder / "labels.nii").read_bytes(), "compressed and not, the files differ")
    given = gzip.decompress(image.read_bytes())
    for what, layout, offset in [
        ("dimensions", "<8h", 40), ("spacing", "<3f", 80), ("qform and sform", "<2h", 252), ("affine", "<12f", 280),
    ]:
        expect_equal(struct.unpack_from(layout, written, offset), struct.unpack_from(layout, given, offset), what)
    (data_type,) = struct.unpack_from("<h", written, 70)
    (start,) = struct.unpack_from("<f", written, 108)
    expect_equal(data_type, 2, "the data type")
    labels = set(written[int(start) :])
    expect(labels <= set(range(len(cohort(data(), center)["classes"]))), f"labels {labels}")


for change, status, word in [
    ({"--center": "nobody"}, 2, "no center nobody"), ({"--input": "/nowhere.nii"}, 1, "/nowhere.nii"),
    ({"--checkpoint": 9}, 2, "no checkpoint of round 9"), ({"--output": "/nowhere/labels.nii"}, 1, "/nowhere/labels"),
]:

    @test(f"predict with {' '.join(map(str, *change.items()))} has status {status}")
    def _(folder, change=change, status=status, word=word):
        center = centers(data())[0]
        options = {
            "--run": finished(), "--center": center, "--input": images(data(), center, "test")[0],
            "--output": folder / "labels.nii", **change}
        fedcrld("predict", *(word for pair in options.items() for word in pair)).failed_with(status, word)


@test("rollback to a round that is not in the history has status 2, and names those that are")
def _(folder):
    fedcrld("rollback", "--run", finished(), "--center", centers(data())[0], "--to", 7).failed_with(
        2, "round 7", "rounds 2, 1")
    fedcrld("rollback", "--run", finished(), "--center", "nobody", "--to", 1).failed_with(2, "nobody", "centers")


@test("the configuration that a run leaves gives the same run; --set overrides the file")
def _(folder):
    out = folder / "run"
    command = [FEDCRLD, "train", "--data", data(), "--config", finished() / "config.yaml"]
    run(*command, "--out", out).succeeded()
    expect_same_bits(out, finished())
    other = folder / "other"
    run(*command, "--out", other, *settings("rounds=1")).succeeded()
    expect_equal([line["round"] for line in metrics(other) if line["kind"] == "round"], [1], "the rounds")


main()
