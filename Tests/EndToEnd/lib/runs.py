"""Small runs to try things on: six centers of two subjects each, a network of width 4, seconds per run."""

import functools
import json
import re
import shutil
from pathlib import Path

from lib.program import FEDCRLD, Job, fedcrld, launcher, run
from lib.suite import Failure, expect_equal

CENTERS = 6
# Everything that decides the result, so that no preset's change makes these tests longer or void.
SETTINGS = [
    "width=4", "size=32x32", "local_epochs=1", "learning_rate=1e-3", "preprocessing.spacing=3", "evaluate_every=0",
    "threads=1", "rounds=3", "augmentation.enabled=true",
    "checkpoint.every=1", "schedule=constant", "warmup_rounds=0", "loss.dice_background=true", "loss.dice_absent=true",
    "prediction.largest_component=none",
]


def simulate(folder, centers=CENTERS):
    """Simulates the centers' data in `folder`/data and returns that folder."""
    data = Path(folder) / "data"
    fedcrld(
        "simulate", "--out", data, "--subjects", 2, "--size", "3x32x32", "--centers", centers).succeeded()
    return data


def simulate_with_keys(folder, centers=CENTERS):
    """The same of centers that have keys, so that they can mask what they contribute."""
    data = simulate(folder, centers)
    fedcrld("keys", data).succeeded()
    return data


def settings(*values):
    """Command-line options for settings."""
    return [word for value in values for word in ("--set", value)]


def training(data, out, *values, ranks=1):
    """The command that trains a new run; `values` are settings over the usual ones. One rank runs without mpirun."""
    prefix = launcher(ranks) if ranks > 1 else []
    return [
        *prefix, FEDCRLD, "train", "--data", data, "--out", out, "--preset", "tiny", *settings(*SETTINGS, *values)]


def train(data, out, *values, ranks=1, **options):
    """Trains a new run to its end."""
    return run(*training(data, out, *values, ranks=ranks), **options)


def start(data, out, *values, ranks=1, **options):
    """Starts to train a new run; use it as a context."""
    return Job(*training(data, out, *values, ranks=ranks), **options)


def resuming(out, *values, ranks=1, data=None, accepting=False):
    """The command that continues a run; where that is told, with data elsewhere, and with data that has changed."""
    prefix = launcher(ranks) if ranks > 1 else []
    where = ["--data", data] if data else []
    leave = ["--accept-changed-data"] if accepting else []
    return [*prefix, FEDCRLD, "train", "--resume", out, *where, *leave, *settings(*values)]


def resume(out, *values, ranks=1, data=None, accepting=False, **options):
    """Continues a run to its end."""
    return run(*resuming(out, *values, ranks=ranks, data=data, accepting=accepting), **options)


def expect_same_bits(first, second):
    """Fails the test unless the newest checkpoints of two runs are the same bits."""
    fedcrld("verify", "--compare", first, second).succeeded()


def expect_sound(out):
    """Fails the test unless all checkpoints of a run are complete and undamaged."""
    fedcrld("verify", out).succeeded()


def rounds(out):
    """The rounds of a run's complete checkpoints, ascending."""
    return sorted(
        int(entry.name[6:]) for entry in (Path(out) / "checkpoints").glob("round-*") if entry.name[6:].isdigit())


def positions(out):
    """Rounds and further steps of a run's complete checkpoints, ascending."""
    names = [entry.name for entry in (Path(out) / "checkpoints").glob("round-*")]
    found = [re.fullmatch(r"round-(\d+)(?:\.step-(\d+))?", name) for name in names]
    return sorted((int(match[1]), int(match[2] or 0)) for match in found if match)


def within(out):
    """The checkpoints of a run that are in the middle of a round."""
    return [position for position in positions(out) if position[1]]


def checkpoint(out, number):
    """The folder of a checkpoint."""
    return Path(out) / "checkpoints" / f"round-{number:06}"


def states(out, number):
    """The files of the centers' states in a checkpoint, whole ones, by the centers' names."""
    listed = json.loads((checkpoint(out, number) / "manifest.json").read_text())["files"]
    paths = [Path(out) / name for name in listed if name.startswith("states/") or "/centers/" in name]
    return {path.stem: path for path in paths if "." not in path.stem}


def state(out, center, number):
    """The file of a center's state in a checkpoint."""
    return states(out, number)[center]


def metrics(out):
    """The lines of a run's metrics.jsonl without the times."""
    lines = [json.loads(line) for line in (Path(out) / "metrics.jsonl").read_text().splitlines()]
    # How long things took, and when a checkpoint became complete, differs between runs.
    lines = [line for line in lines if line["kind"] not in ("phases", "checkpoint")]
    for line in lines:
        line.pop("seconds", None)
    return lines


def copy(source, target):
    """A copy of a run, whose files can be damaged."""
    shutil.copytree(source, target)
    return target


@functools.cache
def centers(data):
    """The centers' names, by the folders of their data."""
    return sorted(entry.name for entry in Path(data).iterdir())


def cohort(data, center):
    """The content of a center's cohort.json."""
    return json.loads((Path(data) / center / "cohort.json").read_text())


def images(data, center, split):
    """The paths of a center's images in a split."""
    content = cohort(data, center)
    found = [
        Path(data) / center / case["image"] for case in content["cases"]
        if case["subject"] in content["splits"][split]]
    if not found:
        raise Failure(f"{center} has no {split} images")
    return found


def predicted(folder, data, out, center, *options):
    """What the program prepares of a center's first test image, and the probabilities that it predicts for it."""
    import h5py  # Only who has it asks for this.

    file = Path(folder) / f"{center}.h5"
    fedcrld(
        "predict", "--run", out, "--center", center, "--probabilities", file, "--input", images(data, center, "test")[0],
        "--output", Path(folder) / "labels.nii", *options).succeeded()
    with h5py.File(file) as content:
        return content["image"][()], content["probabilities"][()]


def expect_rounds(out, wanted):
    """Fails the test unless the complete checkpoints of a run are those of these rounds."""
    expect_equal(rounds(out), wanted, "the list of checkpoints")
