"""The result of a run has the same bits however it is spread over ranks, threads and memory."""

import signal

from lib.program import Job, fedcrld, run, wait_until
from lib.runs import centers, expect_same_bits, expect_sound, metrics, resume, simulate, train, training
from lib.suite import expect, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
def reference(*values):
    """A run of one rank and one thread."""
    out = shared_folder() / "-".join(("reference", *values))
    train(data(), out, *values).succeeded()
    return out


def expect_like_reference(out, *values):
    expect_same_bits(out, reference(*values))
    expect(metrics(out) == metrics(reference(*values)), "the metrics differ")


TWO_ROUNDS = ["rounds=2"]
SOME_CENTERS = ["rounds=4", "participation=0.4", "aggregation.weights=volumes", "local_epochs=2"]

for ranks, threads, placement in [
    (1, 2, "client"), (2, 1, "root"), (2, 2, "client"), (3, 2, "root"), (3, 1, "client"), (7, 1, "root"),
    (7, 2, "client"),
]:

    @test(f"same bits and metrics: {ranks} ranks, {threads} threads, CRL at the {placement}")
    def _(folder, ranks=ranks, threads=threads, placement=placement):
        out = folder / "run"
        train(
            data(), out, *TWO_ROUNDS, f"threads={threads}", f"crl.placement={placement}", ranks=ranks).succeeded()
        expect_like_reference(out, *TWO_ROUNDS)
        expect_sound(out)


for ranks, placement in [(1, "root"), (2, "client"), (3, "root")]:

    @test(f"same bits with one center in memory: {ranks} ranks, CRL at the {placement}")
    def _(folder, ranks=ranks, placement=placement):
        out = folder / "run"
        train(data(), out, *TWO_ROUNDS, "resident_centers=1", f"crl.placement={placement}", ranks=ranks).succeeded()
        expect_like_reference(out, *TWO_ROUNDS)


@test("same bits from a cache of prepared volumes, when it is made and when it is there")
def _(folder):
    for name in ("first", "second"):
        out = folder / name
        train(
            data(), out, *TWO_ROUNDS, "resident_centers=1", f"preprocessing.cache={folder / 'cache'}", ranks=2
        ).succeeded()
        expect_like_reference(out, *TWO_ROUNDS)


for ranks, placement, resident in [(3, "root", 4), (4, "client", 1)]:

    @test(f"same bits where some centers take part, weighted by volumes: {ranks} ranks, CRL at the {placement}")
    def _(folder, ranks=ranks, placement=placement, resident=resident):
        out = folder / "run"
        train(
            data(), out, *SOME_CENTERS, f"crl.placement={placement}", f"resident_centers={resident}", ranks=ranks
        ).succeeded()
        expect_like_reference(out, *SOME_CENTERS)


@test("same bits where centers move between ranks, to spread a round's work")
def _(folder):
    out = folder / "run"
    # Two of six take part: where both are on one rank, one moves to the other.
    values = ["rounds=8", "participation=0.34"]
    train(data(), out, *values, "balance=true", "resident_centers=1", "crl.placement=client", ranks=3).succeeded()
    expect_like_reference(out, *values)
    expect_sound(out)
    mixed = folder / "mixed"
    train(data(), mixed, *values, "balance=true", ranks=4).succeeded()
    expect_like_reference(mixed, *values)


@test("same bits where centers are late: they train, and the server averages without them")
def _(folder):
    values = ["rounds=4", "stragglers=0.4", "local_epochs=1"]
    out = folder / "run"
    train(data(), out, *values, ranks=3).succeeded()
    expect_like_reference(out, *values)
    lines = [line for line in metrics(out) if line["kind"] == "round"]
    for line in lines:
        late = [center for center, values in line["centers"].items() if not values["weight"]]
        expect(late == line["late"] and len(late) < len(line["centers"]), f"round {line['round']}: {line}")
        total = sum(center["weight"] for center in line["centers"].values())
        expect(abs(total - 1) < 1e-12, f"weights of round {line['round']} add up to {total}")
    expect(any(line["late"] for line in lines), "nobody was late")


for ranks, placement in [(1, "root"), (3, "root"), (3, "client")]:

    @test(f"same bits under a schedule of the rate, stopped in the middle of a round: {ranks} ranks, CRL at the {placement}")
    def _(folder, ranks=ranks, placement=placement):
        values = ["rounds=4", "schedule=polynomial", "warmup_rounds=2", "local_epochs=2"]
        out = folder / "run"
        values_here = [*values, f"crl.placement={placement}", "resident_centers=1"]
        with Job(*training(data(), out, *values_here, ranks=ranks)) as job:
            wait_until(lambda: (out / "metrics.jsonl").exists() and metrics(out), "the first round")
            job.send(signal.SIGUSR1)
            job.wait().ended_with(75)
        resume(out, "rounds=5").failed_with(2, "rounds 5", "rounds 4")
        resume(out, ranks=ranks).succeeded()
        expect_like_reference(out, *values)


@test("same bits with states on the node's own disk, which holds nothing afterwards")
def _(folder):
    out, scratch = folder / "run", folder / "scratch"
    scratch.mkdir()
    command = training(data(), out, *TWO_ROUNDS, "resident_centers=1", "crl.placement=client", ranks=3)
    run(*command, "--scratch", scratch).succeeded()
    expect_like_reference(out, *TWO_ROUNDS)
    expect_sound(out)
    expect(not list(scratch.iterdir()), f"left there: {list(scratch.iterdir())}")


@test("same bits where centers drop out, and the metrics say who was absent")
def _(folder):
    values = ["rounds=10", "dropout=0.3", "local_epochs=1"]
    out = folder / "run"
    train(data(), out, *values, "crl.placement=client", ranks=3).succeeded()
    expect_like_reference(out, *values)
    lines = [line for line in metrics(out) if line["kind"] == "round"]
    names = set(centers(data()))
    for line in lines:
        present, absent = set(line["centers"]), set(line["absent"])
        expect(present and present | absent == names and not present & absent, f"round {line['round']}: {line}")
        total = sum(center["weight"] for center in line["centers"].values())
        expect(abs(total - 1) < 1e-12, f"weights of round {line['round']} add up to {total}")
    missed = sum(len(line["absent"]) for line in lines)
    expect(5 <= missed <= 32, f"{missed} of {10 * len(names)} absences")


@test("other bits with another seed: the comparison sees a difference")
def _(folder):
    out = folder / "run"
    train(data(), out, *TWO_ROUNDS, "seed=2").succeeded()
    differences = fedcrld("verify", "--compare", out, reference(*TWO_ROUNDS)).ended_with(1).out
    expect("network/global_encoder/level1/conv1/weight differs" in differences, differences)


main()
