"""TensorBoard's own reader finds in a run's event files what metrics.jsonl says."""

import json

from lib.program import fedcrld
from lib.runs import centers, resume, simulate, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"


@fixture
def data():
    return simulate(shared_folder())


def events(out):
    """Scalars of a run by tag: (round, value)."""
    if absence:
        raise Skip(absence)
    accumulator = EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def lines(out, kind):
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


def expect_agreement(out):
    found = events(out)
    rounds = lines(out, "round")
    for center in centers(data()):
        for tag, term in (("total", "total"), ("contrast", "contrast"), ("bank", "bank")):
            series = found[f"{tag}/{center}"]
            expect_equal([step for step, _ in series], [row["round"] for row in rounds], f"rounds of {tag}/{center}")
            for (_, value), row in zip(series, rounds):
                wanted = row["centers"][center][term]
                expect(abs(value - wanted) <= 1e-6 * max(1, abs(wanted)), f"{tag}/{center}: {value}, not {wanted}")
    dice = found["mean/test_dice"]
    expect_equal([step for step, _ in dice], [row["round"] for row in lines(out, "evaluation")], "rounds of the Dice")
    for (_, value), row in zip(dice, lines(out, "evaluation")):
        expect(abs(value - row["mean_dice"]) < 1e-6, f"Dice {value}, not {row['mean_dice']}")


@test("losses by term, contrast and Dice of every center, over rounds")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=3", "evaluate_every=1", ranks=2).succeeded()
    expect_agreement(out)


@test("what a run that is continued does again is there once")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=3", "evaluate_every=1").succeeded()
    for name in sorted((out / "checkpoints").glob("round-*"))[-1:]:
        for path in sorted(name.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        name.rmdir()
    resume(out, "rounds=4").succeeded()
    expect_equal(len(list((out / "tensorboard").iterdir())), 2, "event files")
    expect_agreement(out)


main()
