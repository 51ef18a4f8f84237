"""Differential privacy of centers: clipped changes, noise, what it costs, and what a run does when its budget is spent."""

import importlib.util
import json
import logging
import math
import shutil

from lib.masked_sums import watched_sums
from lib.program import Job, fedcrld
from lib.runs import (
    centers, checkpoint, copy, expect_same_bits, expect_sound, metrics, resume, resuming, rounds, simulate_with_keys, train, training)
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

ANY_METHOD = ["privacy.dp.enabled=true", "privacy.dp.noise_multiplier=0.5"]
PRIVATE = [*ANY_METHOD, "crl.placement=client"]
# The same noise on any ranks.
SEED = "privacy.dp.insecure_seed=7"
SEEDED = [*PRIVATE, SEED]
SECURE = "privacy.secure_aggregation=true"


@fixture
def data():
    return simulate_with_keys(shared_folder())


@fixture
def reference(*values):
    out = shared_folder() / "-".join(("reference", *values))
    train(data(), out, *values).succeeded()
    return out


def record(out):
    return json.loads((out / "privacy").read_text())


def server(out, number):
    """What the server has after a round, array by array."""
    if not importlib.util.find_spec("h5py"):
        raise Skip("h5py is not installed")
    import h5py
    found = {}
    with h5py.File(checkpoint(out, number) / "server.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def change(out, first, second):
    """How far the server's values went between two rounds, one after the other."""
    import numpy
    before, after = server(out, first), server(out, second)
    return numpy.concatenate([(after[name].astype("f8") - before[name].astype("f8")).ravel() for name in sorted(before)])


for secure, others in (("false", (3,)), ("true", (3, 7))):

    @test(f"with a seed for tests the same bits and metrics on {[1, *others]} ranks; secure aggregation {secure}")
    def _(folder, secure=secure, others=others):
        values = [*SEEDED, "rounds=2", f"privacy.secure_aggregation={secure}"]
        whole = reference(*values)
        for ranks in others:
            out = folder / str(ranks)
            train(data(), out, *values, ranks=ranks).succeeded()
            expect_same_bits(out, whole)
            expect_equal(metrics(out), metrics(whole), f"metrics of {ranks} ranks")
        said = train(data(), folder / "said", *values, "rounds=1").succeeded()
        expect("NOT private" in said.out + said.err and "whoever knows it" in said.err, f"{said}")


@test("noise comes from the system: two runs differ, and a seed of the run does not make them equal")
def _(folder):
    for name in ("first", "second"):
        train(data(), folder / name, *PRIVATE, "rounds=1").succeeded()
    fedcrld("verify", "--compare", folder / "first", folder / "second").ended_with(1)
    expect(record(folder / "first")["sampling"] != record(folder / "second")["sampling"], "one sample for both")


@test("the noise in the server's values is what is accounted, without secure aggregation, and at least that with it")
def _(folder):
    # Nothing is learnt: what moves is noise.
    still = ["learning_rate=1e-12", "rounds=3", "privacy.dp.clip=0.5", "checkpoint.keep=9"]
    wanted = 0.5 * 0.5 / 6
    for name, values, share in (("root", [], 1), ("secure", [SECURE], 6 / 4), ("dropout", [SECURE, "dropout=0.15", "seed=2"], None)):
        out = folder / name
        train(data(), out, *PRIVATE, *still, *values, ranks=3).succeeded()
        for number in (2, 3):
            moved = change(out, number - 1, number)
            count, variance = len(moved), (moved**2).mean() / wanted**2
            bound = 6 * math.sqrt(2 / count)
            expect(abs(moved.mean()) < 6 * wanted * 1.3 / math.sqrt(count), f"{name}: a mean of {moved.mean()}")
            if share is None:
                expect(variance > 1 - bound, f"{name}: {variance} of the variance that is accounted")
            else:
                expect(abs(variance / share - 1) < bound, f"{name}: {variance} of the variance, {share} expected")
            beyond = (abs(moved) > 3 * moved.std()).mean()
            expect(abs(beyond - 0.0027) < 6 * math.sqrt(0.0027 / count), f"{name}: {beyond} beyond three deviations")


@test("a center's change is clipped: what one round moves is at most clip")
def _(folder):
    for clip in (1e-3, 0.05):
        out = folder / str(clip)
        # Hardly any noise, and rates that would move far.
        train(data(), out, "privacy.dp.enabled=true", f"privacy.dp.clip={clip}", "privacy.dp.noise_multiplier=1e-6",
              "learning_rate=1e-2", "rounds=2", ranks=2).succeeded()
        length = math.sqrt((change(out, 1, 2) ** 2).sum())
        expect(0.2 * clip < length <= clip * (1 + 1e-3), f"a mean of changes of length {length} with a clip of {clip}")
    # Where nothing is clipped, the noise is all that differs from a run that hides nothing.
    train(data(), folder / "far", "privacy.dp.enabled=true", "privacy.dp.clip=1000", "privacy.dp.noise_multiplier=1e-9",
          "rounds=1").succeeded()
    train(data(), folder / "plain", "rounds=1").succeeded()
    import numpy
    hidden, plain = server(folder / "far", 1), server(folder / "plain", 1)
    differs = max(numpy.abs(hidden[name] - plain[name]).max() for name in plain)
    expect(differs < 1e-5, f"values differ by {differs}")


@test("a bound that follows a quantile does, at the same epsilon: the same bits on 1, 2, 3 and 7 ranks, and after a kill")
def _(folder):
    values = [*ANY_METHOD, SEED, "method=fedavg", "privacy.dp.clip=64", "privacy.dp.clip_quantile=0.5", "privacy.dp.clip_rate=2"]
    whole = reference(*values, SECURE, "rounds=3")
    lines = [line for line in metrics(whole) if line["kind"] == "round"]
    clips = [64, *(line["next_clip"] for line in lines)]
    # Changes are far within it, so it shrinks; in a round by at most e to the power of rate times quantile.
    expect(all(1 / math.e - 1e-9 <= after / before <= math.e + 1e-9 for before, after in zip(clips, clips[1:])), f"{clips}")
    expect(clips[-1] < clips[0] / 3, f"{clips}")
    epsilons = [json.loads(fedcrld(
        "privacy", "--rounds", number, "--centers", 6, "--noise-multiplier", 0.5, "--delta", 1e-5, "--json"
    ).succeeded().out)["epsilon"] for number in (1, 2, 3)]
    expect_equal([line["epsilon"] for line in lines], epsilons, "epsilon")
    train(data(), folder / "seven", *values, SECURE, "rounds=3", ranks=7).succeeded()
    expect_equal(metrics(folder / "seven"), metrics(whole), "metrics")
    train(data(), folder / "killed", *values, SECURE, "rounds=1", ranks=2).succeeded()
    with Job(*resuming(folder / "killed", "rounds=3", ranks=3), environment=watched_sums(kill=1)) as job:
        expect(job.wait().status != 0, "the server was not killed")
    resume(folder / "killed", "rounds=3", ranks=3).succeeded()
    for name in ("seven", "killed"):
        expect_same_bits(folder / name, whole)
    for ranks in (1, 2):
        train(data(), folder / str(ranks), *values, "rounds=2", ranks=ranks).succeeded()
    expect_same_bits(folder / "1", folder / "2")


@test("with a bound that follows, the noise on the changes is larger by what the count's costs")
def _(folder):
    out = folder / "run"
    # Nothing is learnt, so all changes are within the bound, of which hardly anything moves.
    train(data(), out, *PRIVATE, "learning_rate=1e-12", "rounds=2", "privacy.dp.clip=0.5", "privacy.dp.clip_quantile=0.5",
          "privacy.dp.clip_rate=1e-6", ranks=3).succeeded()
    moved = change(out, 1, 2)
    # The count of six has noise of the deviation 0.5, so that of the changes is 1 / sqrt(1 / 0.5^2 - 1).
    wanted = 1 / math.sqrt(3) * 0.5 / 6
    found = (moved**2).mean() / wanted**2
    expect(abs(found - 1) < 6 * math.sqrt(2 / len(moved)) + 1e-4, f"{found} of the variance that is expected")


for method in ("fedavg", "scaffold", "fedadam", "prrfl", "mr-mtl"):

    @test(f"{method} hides its centers, too")
    def _(folder, method=method):
        values = [*ANY_METHOD, SEED, f"method={method}", "rounds=2", "participation=0.9", "local_epochs=3"]
        train(data(), folder / "one", *values, SECURE).succeeded()
        train(data(), folder / "three", *values, SECURE, ranks=3).succeeded()
        expect_same_bits(folder / "one", folder / "three")
        # Where nothing is clipped and there is hardly any noise, it is the method.
        import numpy
        values = [f"method={method}", "rounds=1", "local_epochs=3"]
        train(data(), folder / "plain", *values).succeeded()
        train(data(), folder / "hidden", *values, "privacy.dp.enabled=true", "privacy.dp.clip=1e6",
              "privacy.dp.noise_multiplier=1e-12").succeeded()
        hidden, plain = server(folder / "hidden", 1), server(folder / "plain", 1)
        differs = math.sqrt(sum(((hidden[name].astype("f8") - plain[name]) ** 2).sum() for name in plain))
        length = math.sqrt(sum((plain[name].astype("f8") ** 2).sum() for name in plain))
        expect(differs < 1e-4 * length, f"values differ by {differs} of {length}")


@test("rounds in which nobody takes part are rounds")
def _(folder):
    out = folder / "run"
    train(data(), out, *SEEDED, "participation=0.1", "rounds=6", ranks=2).succeeded()
    counts = [len(line["centers"]) for line in metrics(out) if line["kind"] == "round"]
    expect(0 in counts and len(counts) == 6, f"{counts}")
    train(data(), folder / "one", *SEEDED, "participation=0.1", "rounds=6").succeeded()
    expect_same_bits(folder / "one", out)
    expect_sound(out)
    fedcrld("report", out, "--out", folder / "report.html").succeeded()
    expect("Losses of all centers" not in (folder / "report.html").read_text(), "the report takes a round without anyone for one of sums")


@test("each round's epsilon is in the metrics, the last in the checkpoint, and both are what fedcrld privacy says")
def _(folder):
    out = reference(*SEEDED, "rounds=2", "privacy.secure_aggregation=false")
    told = [(line["releases"], line["epsilon"]) for line in metrics(out) if line["kind"] == "round"]
    for releases, epsilon in told:
        planned = json.loads(fedcrld(
            "privacy", "--rounds", releases, "--centers", 6, "--noise-multiplier", 0.5, "--delta", 1e-5, "--json").succeeded().out)
        expect_equal((planned["rounds"], planned["epsilon"]), (releases, epsilon), "rounds and epsilon")
    manifest = json.loads((checkpoint(out, 2) / "manifest.json").read_text())
    expect_equal((manifest["privacy"]["releases"], manifest["privacy"]["epsilon"]), told[1], "the checkpoint's")
    expect_equal(record(out)["releases"], 2, "the run's releases")
    fedcrld("report", out, "--out", folder / "report.html").succeeded()
    page = (folder / "report.html").read_text()
    expect(f"{told[1][1]:.2f}</b><span>epsilon, but NOT private" in page, "the report does not tell epsilon")


@test("a run ends in good order before the round that would pass its budget, and goes on with a larger one")
def _(folder):
    def epsilon(count):
        return json.loads(fedcrld(
            "privacy", "--rounds", count, "--centers", 6, "--noise-multiplier", 0.5, "--delta", 1e-5, "--json").out)["epsilon"]

    out = folder / "run"
    result = train(
        data(), out, *SEEDED, "rounds=5", f"privacy.dp.epsilon={(epsilon(2) + epsilon(3)) / 2}", "checkpoint.every=9", ranks=2).succeeded()
    expect("after round 2 of 5" in result.err and "privacy budget" in result.err, f"{result}")
    expect_equal(rounds(out), [2], "checkpoints")
    state = json.loads(fedcrld("status", out, "--json").succeeded().out)
    expect_equal(state["state"], "finished", "state")
    resume(out).succeeded()
    expect_equal((rounds(out), record(out)["releases"]), ([2], 2), "rounds and releases after resuming with the same budget")
    resume(out, f"privacy.dp.epsilon={epsilon(4) + 0.01}", ranks=3).succeeded()
    expect_equal(rounds(out)[-1], 4, "the last round")
    expect_same_bits(out, reference(*SEEDED, "rounds=4"))


@test("a sum that was seen before the server was killed is counted")
def _(folder):
    out = folder / "run"
    with Job(*training(data(), out, *SEEDED, "rounds=2", ranks=3), environment=watched_sums(kill=1)) as job:
        expect(job.wait().status != 0, "the server was not killed")
    expect_equal((rounds(out), record(out)["releases"]), ([], 1), "rounds and releases")
    shutil.rmtree(out)
    train(data(), out, *SEEDED, "rounds=1").succeeded()
    with Job(*resuming(out, "rounds=2", ranks=3), environment=watched_sums(kill=1)) as job:
        expect(job.wait().status != 0, "the server was not killed")
    resume(out, "rounds=2").succeeded()
    expect_equal(record(out)["releases"], 3, "releases")
    told = [line["releases"] for line in metrics(out) if line["kind"] == "round"]
    expect_equal(told, [1, 3], "releases in the metrics")
    # Without the record nobody knows.
    (out / "privacy").unlink()
    resume(out, "rounds=3").failed_with(1, "0 releases, and the checkpoint 3", "put the file back")
    (out / "privacy").write_text('{"releases": "many"}')
    resume(out, "rounds=3").failed_with(1, "does not say what the run has released", "put the file back")


@test("what cannot be hidden is refused before anything is trained")
def _(folder):
    out = folder / "run"
    train(data(), out, *ANY_METHOD, "method=local").failed_with(2, "exchanges nothing")
    train(data(), out, *PRIVATE, "aggregation.weights=volumes").failed_with(2, "how many volumes", "uniform")
    train(data(), out, *ANY_METHOD, "crl.placement=root", "aggregation.parts=[global_encoder, relocalization]", ranks=3).failed_with(
        2, "clipped as a whole", "crl.placement=client")
    train(data(), out, *PRIVATE, "privacy.dp.clip=1e6", "privacy.dp.noise_multiplier=1e6").failed_with(
        2, "64 bits", "lower privacy.dp.clip")
    train(data(), out, *PRIVATE, SECURE, "participation=0.2", "rounds=20").failed_with(2, "would be refused")
    run = reference(*SEEDED, "rounds=2", "privacy.secure_aggregation=false")
    other = copy(run, folder / "other")
    resume(other, "privacy.dp.noise_multiplier=0.4", "rounds=3").failed_with(2, "privacy.dp.noise_multiplier")


@test("fedcrld privacy finds any of rounds, noise and epsilon from the other two, and says what is wrong with them")
def _(folder):
    common = ["--centers", 1000, "--participation", 0.1, "--delta", 1e-4, "--json"]
    def plan(*values):
        return json.loads(fedcrld("privacy", *common, *values).succeeded().out)

    first = plan("--rounds", 100, "--noise-multiplier", 1)
    expect(abs(plan("--rounds", 100, "--epsilon", first["epsilon"])["noise_multiplier"] - 1) < 1e-5, "the noise")
    expect_equal(plan("--noise-multiplier", 1, "--epsilon", first["epsilon"])["rounds"], 100, "the rounds")
    expect_equal(plan("--noise-multiplier", 0.1, "--epsilon", 0.1)["rounds"], 0, "rounds within too small a budget")
    text = fedcrld("privacy", "--centers", 1000, "--rounds", 100, "--noise-multiplier", 1, "--participation", 0.1).succeeded().out
    expect("delta 0.0001" in text and "after       100 rounds" in text, text)
    for values, word in ((["--rounds", 3], "two of"), (["--rounds", 0, "--epsilon", 1], "--rounds 0"),
                         (["--rounds", 3, "--epsilon", 0], "--epsilon 0"), (["--rounds", 1, "--noise-multiplier", 1, "--delta", 1], "--delta 1")):
        expect(word in fedcrld("privacy", "--centers", 9, *values).ended_with(2).err, word)


@test("the account is that of dp-accounting on a grid; where that adds the magnitudes of a series that alternates, it is less")
def _(folder):
    if not importlib.util.find_spec("dp_accounting"):
        raise Skip("dp-accounting is not installed")
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant
    # It says of each order that its series does not end.
    logging.disable(logging.WARNING)
    compared = 0
    for noise in (0.6, 1, 2.5, 10):
        for sampling in (0.01, 0.1, 0.4, 1):
            for count in (1, 100, 3000):
                account = RdpAccountant()
                event = dp_accounting.GaussianDpEvent(noise)
                account.compose(dp_accounting.PoissonSampledDpEvent(sampling, event) if sampling < 1 else event, count)
                wanted, order = account.get_epsilon_and_optimal_order(1e-5)
                found = json.loads(fedcrld(
                    "privacy", "--rounds", count, "--centers", 9, "--noise-multiplier", noise, "--participation", sampling,
                    "--delta", 1e-5, "--json").succeeded().out)["epsilon"]
                what = f"noise {noise}, sampling {sampling}, {count} rounds: {found}, {wanted} at order {order}"
                expect(found <= wanted * (1 + 1e-6), what)
                # From 12 on all orders are whole numbers.
                if order >= 12 or sampling == 1:
                    expect(found >= wanted * (1 - 1e-6), what)
                    compared += 1
    expect(compared > 12, f"{compared} are compared to a part in a million")


main()
