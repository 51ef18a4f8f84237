"""Secure aggregation: the server learns the sum, the run has the same bits, and whatever could show more is refused."""

import base64
import json
import os
import shutil
import signal
import stat

from lib.masked_sums import watched_sums, words
from lib.program import Job, fedcrld, wait_until
from lib.runs import (
    centers, cohort, copy, expect_same_bits, expect_sound, metrics, resume, resuming, rounds, settings, simulate,
    simulate_with_keys, start, train, within)
from lib.suite import expect, expect_equal, fixture, main, shared_folder, test

SECURE = ["privacy.secure_aggregation=true", "crl.placement=client"]
# What is exchanged, and how: values, changes, controls of all centers, a state of the server, parts of networks.
METHODS = ["fedavg", "fedprox", "fedbn", "fedper", "fedrep", "ditto", "mr-mtl", "apfl", "moon", "scaffold", "fedadam", "fedyogi",
           "prrfl"]
NEEDS = {"fedrep": ["local_epochs=2"], "prrfl": ["local_epochs=3"]}


@fixture
def data():
    return simulate_with_keys(shared_folder())


@fixture
def reference(*values):
    """A run whose server sees every contribution, on one rank."""
    out = shared_folder() / "-".join(("plain", *values))
    train(data(), out, *values).succeeded()
    return out


def exchanges(out):
    """How many secure exchanges a run has begun."""
    return json.loads((out / "privacy").read_text())["exchanges"]


def expect_uniform(values, what):
    """Each bit is set in half of the words, and each byte has all values: within six standard deviations."""
    count = len(values)
    for bit in range(64):
        ones = sum(value >> bit & 1 for value in values)
        expect(abs(ones - count / 2) < 3 * count**0.5, f"{what}: bit {bit} is set in {ones} of {count} words")
    seen = [0] * 256
    for value in values:
        for byte in value.to_bytes(8, "little"):
            seen[byte] += 1
    chi = sum((number - count / 32) ** 2 / (count / 32) for number in seen)
    expect(abs(chi - 255) < 6 * 510**0.5, f"{what}: chi-square of the bytes is {chi} of 255 degrees of freedom")


for ranks in (1, 2, 3, 7):

    @test(f"the bits and metrics of a run that hides nothing: {ranks} ranks")
    def _(folder, ranks=ranks):
        out = folder / "run"
        train(data(), out, "rounds=2", *SECURE, ranks=ranks).succeeded()
        expect_same_bits(out, reference("rounds=2"))
        expect_equal(metrics(out), metrics(reference("rounds=2")), "metrics")
        expect_sound(out)
        expect_equal(exchanges(out), 2, "secure exchanges")


@test("the same with centers that drop out at each stage and late ones, on 1 and 3 ranks")
def _(folder):
    # Seeds whose rounds all have enough left.
    for seed in (2, 4):
        values = ["dropout=0.15", "stragglers=0.1", "rounds=3", f"seed={seed}", "aggregation.weights=volumes"]
        for ranks in (1, 3) if seed == 4 else (3,):
            train(data(), folder / f"{seed}-{ranks}", *values, *SECURE, ranks=ranks).succeeded()
            expect_same_bits(folder / f"{seed}-{ranks}", reference(*values))
        faults = [line for line in metrics(folder / f"{seed}-3") if line["kind"] == "round" and line["absent"] + line["late"]]
        expect(faults, f"no center of seed {seed} is absent or late")
        shutil.rmtree(reference(*values))


for method in METHODS:

    @test(f"{method}: the same bits on 3 ranks, some centers in a round")
    def _(folder, method=method):
        values = [f"method={method}", *NEEDS.get(method, []), "rounds=1", "participation=0.7"]
        train(data(), folder / "plain", *values).succeeded()
        train(data(), folder / "secure", *values, "privacy.secure_aggregation=true", ranks=3).succeeded()
        expect_same_bits(folder / "secure", folder / "plain")
        expect_equal(exchanges(folder / "secure"), 1, "secure exchanges")


@test("where nothing is exchanged there is nothing to hide")
def _(folder):
    for method in ("local", "centralized"):
        out = folder / method
        train(data(), out, f"method={method}", "rounds=1", "privacy.secure_aggregation=true").succeeded()
        expect(not (out / "privacy").exists(), f"{method} has had a secure exchange")


@test("what leaves a rank is uniform where contributions are masked, and is not where they are not")
def _(folder):
    for name, values in (("secure", SECURE), ("plain", SECURE[1:])):
        train(data(), folder / name, "rounds=1", *values, ranks=4, environment=watched_sums(folder / f"{name}-sums")).succeeded()
    for rank in (1, 2, 3):
        masked, plain = words(folder / "secure-sums", rank), words(folder / "plain-sums", rank)
        expect_equal(len(masked), len(plain), "words")
        expect(len(masked) > 10_000, f"{len(masked)} words")
        expect_uniform(masked, f"rank {rank}")
        # Weights are small numbers: their sums have equal leading bits.
        expect(len({word >> 56 for word in plain}) < 10, "the plain contributions look masked")
    expect_same_bits(folder / "secure", folder / "plain")


@test("killed when the masked sums have left, it goes on to the same bits, and no stream has masked two sums")
def _(folder):
    out, sums = folder / "run", [folder / "first", folder / "second"]
    train(data(), folder / "one", "rounds=1", *SECURE, ranks=3, environment=watched_sums(folder / "sums")).succeeded()
    count = len(words(folder / "sums", 1))
    with start(data(), out, "rounds=3", *SECURE, ranks=3, environment=watched_sums(sums[0], kill=2 * count)) as job:
        expect(job.wait().status != 0, "the server was not killed")
    expect_equal((exchanges(out), rounds(out)), (2, [1]), "exchanges and checkpoints")
    resumed = Job(*resuming(out, ranks=3), environment=watched_sums(sums[1]))
    with resumed as job:
        job.wait().succeeded()
    expect_same_bits(out, reference("rounds=3"))
    expect_equal(exchanges(out), 4, "exchanges")
    for rank in (1, 2):
        first, second = words(sums[0], rank), words(sums[1], rank)
        expect_equal((len(first), len(second)), (2 * count, 2 * count), "words of two rounds")
        # Round 2 of the killed job and of the one that went on: the contributions are the same, to the bit.
        expect_uniform([(a - b) % 2**64 for a, b in zip(first[count:], second[:count])], f"the attempts of rank {rank}")


@test("killed at any time, and stopped in a round, it goes on to the same bits on other ranks, hidden or not")
def _(folder):
    out = folder / "run"
    with start(data(), out, "rounds=6", *SECURE, ranks=3) as job:
        wait_until(lambda: (out / "privacy").exists() and exchanges(out) >= 2, "the second exchange")
        for pid in job.ranks():
            os.kill(pid, signal.SIGKILL)
        job.wait()
    with Job(*resuming(out, ranks=2)) as job:
        wait_until(lambda: exchanges(out) >= 4, "another exchange")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    resume(out, "privacy.secure_aggregation=false", "rounds=7", ranks=1).succeeded()
    resume(out, "privacy.secure_aggregation=true", "rounds=8", ranks=3).succeeded()
    expect_same_bits(out, reference("rounds=8"))


@test("keys: made once, readable by the owner alone, kept, renewed; what was interrupted is finished")
def _(folder):
    cohorts = copy(data(), folder / "data")
    names = centers(cohorts)
    before = [cohort(cohorts, name)["publicKey"] for name in names]
    expect_equal(len(set(before)), len(names), "different keys")
    for name in names:
        expect_equal(stat.S_IMODE((cohorts / name / "center.key").stat().st_mode), 0o600, "mode of a private key")
        expect_equal(len(base64.b64decode((cohorts / name / "center.key").read_text())), 32, "bytes of a private key")
    (cohorts / names[1] / "center.key").unlink()
    # As a call leaves it that was interrupted between the two files.
    content = cohort(cohorts, names[2])
    del content["publicKey"]
    (cohorts / names[2] / "cohort.json").write_text(json.dumps(content))
    found = json.loads(fedcrld("keys", cohorts, "--json").succeeded().out)["centers"]
    expect_equal([found[name]["outcome"] for name in names], ["kept", "elsewhere", "made"] + ["kept"] * 3, "outcomes")
    expect_equal([found[name]["publicKey"] for name in names], before, "keys")
    after = json.loads(fedcrld("keys", cohorts, "--renew", "--json").succeeded().out)["centers"]
    expect(not {value["publicKey"] for value in after.values()} & set(before), "a key was not renewed")
    fedcrld("check", "--data", cohorts, "--no-step", "--preset", "tiny").succeeded()


@test("a run knows its centers' keys: others end it, unless that is accepted")
def _(folder):
    cohorts = copy(data(), folder / "data")
    train(cohorts, folder / "run", "rounds=1", *SECURE).succeeded()
    fedcrld("keys", cohorts, "--renew").succeeded()
    name = centers(cohorts)[0]
    resume(folder / "run", "rounds=2").failed_with(1, f"center {name} is known by another public key", "--accept-changed-data")
    resume(folder / "run", "rounds=2", accepting=True).succeeded()


@test("missing, foreign and unreadable keys are each one error before anything is trained")
def _(folder):
    bare = simulate(folder)
    out = folder / "run"
    name = centers(bare)[0]
    train(bare, out, *SECURE).failed_with(2, f"center {name} has no public key", "fedcrld keys")
    fedcrld("keys", bare).succeeded()
    path = bare / name / "center.key"
    own = path.read_text()
    for text, reason in (
            (None, "cannot be read"), ("none\n", "holds no private key"),
            ((bare / centers(bare)[1] / "center.key").read_text(), "is not the private half")):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        for ranks in (1, 3):
            train(bare, out, *SECURE, ranks=ranks).failed_with(1, "sign for the centers", name, reason, "center.key")
    path.write_text(own)
    content = cohort(bare, name)
    content["publicKey"] = "AAAA"
    (bare / name / "cohort.json").write_text(json.dumps(content))
    train(bare, out, *SECURE).failed_with(2, f"public key of center {name}", "none of Ed25519")


@test("features at the server are refused unless allowed; with them, the rest is hidden and the bits are the same")
def _(folder):
    values = ["rounds=2", "privacy.secure_aggregation=true", "crl.placement=root"]
    train(data(), folder / "no", *values, ranks=3).failed_with(2, "features", "crl.placement=client", "privacy.allow_features")
    parts = "aggregation.parts=[global_encoder, relocalization]"
    train(data(), folder / "run", *values, parts, "privacy.allow_features=true", ranks=3).succeeded()
    expect_same_bits(folder / "run", reference("rounds=2", parts))


def expect_mean(found, wanted, what):
    """A number out of a sum of integers in units of 2^-30."""
    expect(abs(found - wanted) < 1e-7, f"{what}: {found}, where the centers' own make {wanted}")


def expect_sums(out, plain):
    """The metrics of a run say of all centers together what those of another say of each."""
    names = centers(data())
    for told, known in zip(metrics(out), metrics(plain), strict=True):
        expect_equal((told["kind"], told["round"]), (known["kind"], known["round"]), "line")
        if told["kind"] == "round":
            expect_equal(told["centers"], {}, "centers")
            in_time = [values for values in known["centers"].values() if values["weight"]]
            expect_equal(told["contributing"], len(in_time), "contributing centers")
            for term, value in told["losses"].items():
                expect_mean(value, sum(values[term] for values in in_time) / len(in_time), term)
        if told["kind"] == "evaluation":
            expect_equal((told["centers"], told["worst_center"], told["worst_dice"]), ({}, None, None), "centers")
            for key in ("mean_dice", "spread"):
                expect_mean(told[key], known[key], key)
            for name, value in told["dice"].items():
                all_of_them = [scores["dice"][name] for scores in known["centers"].values() if scores["dice"].get(name) is not None]
                expect_mean(value, sum(all_of_them) / len(all_of_them), name)
                expect(sum(name in scores["dice"] for scores in known["centers"].values()) >= 3, f"{name} is of too few centers")
        elsewhere = json.dumps({key: value for key, value in told.items() if key not in ("absent", "late")})
        expect(not any(name in elsewhere for name in names), f"a center is named: {elsewhere}")


for ranks in (1, 3, 7):

    @test(f"reports that are added up: the same bits, and of losses and Dice the sums alone; {ranks} ranks")
    def _(folder, ranks=ranks):
        values = ["method=fedavg", "rounds=2", "evaluate_every=1", "dropout=0.15", "stragglers=0.1", "seed=4"]
        plain = reference(*values)
        for name, more in (("masked", SECURE[:1]), ("open", []))[:2 if ranks == 3 else 1]:
            out = folder / name
            result = train(data(), out, *values, *more, "privacy.report=aggregate", ranks=ranks).succeeded()
            expect_same_bits(out, plain)
            expect_sums(out, plain)
            for center in centers(data()):
                expect(center not in result.out, f"the table names a center\n{result.out}")
            expect("all 6" in result.out, result.out)
        # Two rounds, and an evaluation after each and at the end.
        evaluations = sum(line["kind"] == "evaluation" for line in metrics(plain))
        expect_equal(exchanges(folder / "masked"), 2 + evaluations, "secure exchanges")
        fedcrld("report", folder / "masked", "--out", folder / "report.html").succeeded()
        expect("Losses of all centers" in (folder / "report.html").read_text(), "the report has no course of the losses")


@test("reports that are added up leave no center's losses in the manifest of a round that was stopped, and go on to the same sums")
def _(folder):
    values = ["method=fedavg", "rounds=2", "evaluate_every=1", "local_epochs=30"]
    out = folder / "run"
    with start(data(), out, *values, *SECURE[:1], "privacy.report=aggregate", ranks=3) as job:
        wait_until(lambda: (out / "progress").exists() and json.loads((out / "progress").read_text())["round"] == 2, "round 2")
        job.send(signal.SIGUSR1)
        job.wait().ended_with(75)
    for number, step in within(out):
        manifest = json.loads((out / "checkpoints" / f"round-{number:04}.step-{step}" / "manifest.json").read_text())
        parts = manifest["progress"]["centers"]
        expect(parts and not any(part["losses"] for part in parts.values()), f"{parts}")
    resume(out, ranks=2).succeeded()
    expect_same_bits(out, reference(*values))
    expect_sums(out, reference(*values))


@test("what is reported is masked, too, where nothing else is exchanged")
def _(folder):
    values = ["method=local", "rounds=1", "privacy.report=aggregate"]
    train(data(), folder / "masked", *values, SECURE[0], ranks=4, environment=watched_sums(folder / "masked-sums")).succeeded()
    train(data(), folder / "open", *values, ranks=4, environment=watched_sums(folder / "open-sums")).succeeded()
    expect_equal(metrics(folder / "masked"), metrics(folder / "open"), "metrics")
    for rank in (1, 2, 3):
        masked, known = words(folder / "masked-sums", rank), words(folder / "open-sums", rank)
        expect_equal(len(masked), len(known), "words")
        # Losses are below 2^10, in units of 2^-30.
        expect(all(word >> 40 == 0 for word in known), "the sums are not those of losses")
        expect(all(word >> 40 for word in masked), "a sum is not masked")


@test("reports cannot be added up where they would tell of each center all the same")
def _(folder):
    aggregate = "privacy.report=aggregate"
    out = folder / "run"
    train(data(), out, "method=centralized", aggregate).failed_with(2, "pools the centers' images")
    train(data(), out, "crl.placement=root", aggregate, ranks=3).failed_with(2, "part of each center's losses", "crl.placement=client")
    two = simulate_with_keys(folder, centers=2)
    train(two, out, SECURE[1], aggregate).failed_with(2, "fewer than 3")


@test("check says before a run what it hides, and why it cannot")
def _(folder):
    def check(cohorts, *values, status):
        result = fedcrld("check", "--data", cohorts, "--preset", "tiny", "--no-step", "--json", *settings(*values)).ended_with(status)
        return result.out

    text = check(data(), *SECURE, "privacy.dp.enabled=true", "rounds=2", status=0)
    expect("contributions are masked" in text and "epsilon" in text, text)
    bare = simulate(folder)
    expect("has no public key" in check(bare, *SECURE, status=1), "a missing key is passed over")
    fedcrld("keys", bare).succeeded()
    (bare / centers(bare)[2] / "center.key").unlink()
    text = check(bare, *SECURE, status=1)
    expect(centers(bare)[2] in text and "private key cannot be read" in text, text)
    expect("exchanges nothing" in check(data(), "method=local", "privacy.dp.enabled=true", status=1), "nothing to hide")


@test("rounds that would have too few centers are refused before the first")
def _(folder):
    train(data(), folder / "few", "rounds=2", "participation=0.3", *SECURE).failed_with(
        2, "round 1 would be refused", "fewer than 3", "participation")
    train(data(), folder / "faults", "rounds=50", "dropout=0.4", *SECURE).failed_with(2, "would be refused", "dropout")
    two = simulate_with_keys(folder, centers=2)
    train(two, folder / "two", *SECURE).failed_with(2, "would be refused", "have more centers")


@test("a damaged record of exchanges is one error, and without it a run takes another name")
def _(folder):
    out = folder / "run"
    train(data(), out, "rounds=1", *SECURE).succeeded()
    (out / "privacy").write_text("{}")
    resume(out, "rounds=2").failed_with(1, "privacy", "put the file back")
    (out / "privacy").unlink()
    resume(out, "rounds=2").succeeded()
    expect_same_bits(out, reference("rounds=2"))


main()
