"""What keeps a command from doing its work is found before anything on disk is changed."""

import json
import shutil

from lib.program import FEDCRLD, fedcrld, run
from lib.runs import centers, checkpoint, cohort, copy, images, resume, settings, simulate, train, training
from lib.suite import expect_equal, fixture, main, shared_folder, test


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished():
    """A run of two rounds that has come to its end."""
    out = shared_folder() / "finished"
    train(data(), out, "rounds=2").succeeded()
    return out


def content(folder):
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@test("a configuration that was changed by hand does not continue the run")
def _(folder):
    out = copy(finished(), folder / "run")
    file = out / "config.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.001\n", "learning_rate: 0.002\n"))
    before = content(out)
    resume(out, "rounds=3").failed_with(1, "round 2", "config.yaml", "--initial")
    expect_equal(content(out), before, "the run")


@test("what may change on resuming may be changed by hand")
def _(folder):
    out = copy(finished(), folder / "run")
    file = out / "config.yaml"
    file.write_text(file.read_text().replace("rounds: 2\n", "rounds: 3\n"))
    resume(out).succeeded()


@test("resuming with other centers changes nothing, even where the newest checkpoint is damaged")
def _(folder):
    out = copy(finished(), folder / "run")
    other = folder / "data"
    shutil.copytree(data(), other)
    shutil.rmtree(other / centers(data())[0])
    (checkpoint(out, 2) / "server.h5").write_bytes(b"damaged")
    before = content(out)
    run(FEDCRLD, "train", "--resume", out, "--data", other, *settings("rounds=3")).failed_with(1, centers(data())[0])
    expect_equal(content(out), before, "the run")


@test("parts that differ in shape between centers cannot be federated")
def _(folder):
    out = folder / "run"
    train(data(), out, "aggregation.parts=[decoder]", ranks=3).failed_with(2, "decoder.head", "classes")
    expect_equal(out.exists(), False, "whether something was written")


@test("a run that could not take its initial model can be started again in the same folder")
def _(folder):
    out = folder / "run"
    initial = checkpoint(finished(), 2)
    run(*training(data(), out, "width=8"), "--initial", initial).failed_with(1, str(initial), "width")
    run(*training(data(), out, "rounds=1"), "--initial", initial).succeeded()


@test("a folder whose run has no checkpoint yet is refused, and says what to do")
def _(folder):
    out = folder / "run"
    out.mkdir()
    shutil.copy(finished() / "config.yaml", out)
    train(data(), out).failed_with(2, str(out), "no checkpoint yet", "remove the folder")


@test("data with other classes than the network's is not evaluated")
def _(folder):
    center = centers(data())[0]
    shutil.copytree(data() / center, folder / "data" / center)
    content = cohort(data(), center)
    content["classes"].append("scar")
    (folder / "data" / center / "cohort.json").write_text(json.dumps(content))
    fedcrld("evaluate", "--run", finished(), "--data", folder / "data").failed_with(2, center, "5 classes", "4")


@test("a segmentation is written to NIfTI files only")
def _(folder):
    center = centers(data())[0]
    result = fedcrld(
        "predict", "--run", finished(), "--center", center, "--input", images(data(), center, "test")[0], "--output",
        folder / "segmentation.txt").ended_with(2)
    expect_equal("segmentation.txt does not end in .nii" in result.err, True, "whether the message says so")
    expect_equal(list(folder.iterdir()), [], "what was written")


main()
