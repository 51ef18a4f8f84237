"""A center's model loads from a checkpoint into PyTorch in a few lines, and predicts what `fedcrld predict` does."""


from lib.program import fedcrld
from lib.runs import centers, checkpoint, cohort, images, predicted, resume, simulate, state, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test

try:
    import h5py
    import numpy
    import torch

    from lib.python_file import Network, parameters

    absence = None
except ImportError as error:
    absence = f"python3 has no module {error.name}"

WIDTH = 4
# Neither side is a multiple of eight: pooling drops rows and columns, and the decoder pads them.
SIZE = "size=36x44"


def need_python_modules():
    if absence:
        raise Skip(absence)
    torch.set_num_threads(1)


@fixture
def data():
    return simulate(shared_folder())


@fixture
def finished(placement):
    """A run of two rounds."""
    out = shared_folder() / placement
    train(data(), out, "rounds=2", SIZE, f"crl.placement={placement}", ranks=3).succeeded()
    return out


def state_dict(group):
    """The tensors below a group by their state-dict names."""
    return {name: torch.from_numpy(values) for name, values in parameters(group)}


def probabilities(file, group, classes, image):
    """What PyTorch predicts with the network in a group of a file."""
    network = Network(WIDTH, classes)
    with h5py.File(file) as content:
        network.load_state_dict(state_dict(content[group]), strict=True)
    with torch.no_grad():
        return network(torch.from_numpy(image)[None, None])[0].numpy()


for placement in ("root", "client"):
    for index in (0, -1):

        @test(
            f"PyTorch predicts the same probabilities with the {'last' if index else 'first'} center's network, "
            f"CRL at the {placement}")
        def _(folder, placement=placement, index=index):
            need_python_modules()
            out, center = finished(placement), centers(data())[index]
            classes = len(cohort(data(), center)["classes"])
            image, ours = predicted(folder, data(), out, center, "--checkpoint", 2)
            expect_equal(ours.shape, (classes, *image.shape), "the shape of the probabilities")
            expect_equal(image.shape[1:], (36, 44), "the size of the image")
            expect(numpy.isfinite(ours).all() and ours.std() > 0.01, "the probabilities say nothing")
            theirs = probabilities(state(out, center, 2), "network", classes, image)
            difference = float(numpy.abs(ours - theirs).max())
            print(f"        | largest difference {difference:.1e}")
            expect(difference < 1e-4, f"the probabilities differ by {difference}")


@test("a center's file holds its network, optimizers and counters, a snapshot its bank, the server's file its encoder")
def _(folder):
    need_python_modules()
    center = centers(data())[-1]
    for placement in ("root", "client"):
        out = finished(placement)
        with h5py.File(state(out, center, 2)) as file:
            network = state_dict(file["network"])
            for optimizer in ("network", "bank"):
                expect_equal(list(file[f"optimizer/{optimizer}/step"][()]), [2], "the number of steps")
                for moment in ("first_moment", "second_moment"):
                    moments = state_dict(file[f"optimizer/{optimizer}/{moment}"])
                    expect_equal(
                        {name: value.shape for name, value in moments.items()},
                        {name: value.shape for name, value in network.items()}, f"the shapes of {moment}")
            expect_equal(
                (file["info"].attrs["round"], file["info"].attrs["width"], file["info"].attrs["classes"]),
                (2, WIDTH, 5), "round, width and classes")
            weight = file["network/global_encoder/level1/conv1/weight"]
            expect(weight.fletcher32 and weight.dtype == "float32", "not float32 with checksums")
        with h5py.File(out / "banks" / center / "round-000002.h5") as file:
            expect_equal(sorted(state_dict(file["bank"])), sorted(network), "the bank's names")
        with h5py.File(checkpoint(out, 2) / "server.h5") as file:
            expect_equal(
                sorted(state_dict(file["network"])), sorted(n for n in network if n.startswith("global_encoder.")),
                "the server's names")


@test("the server's encoder is the mean of the centers'")
def _(folder):
    need_python_modules()
    out = finished("root")
    sums = {}
    for center in centers(data()):
        with h5py.File(state(out, center, 2)) as file:
            for name, value in state_dict(file["network/global_encoder"]).items():
                sums[name] = sums.get(name, 0) + value.double() / len(centers(data()))
    with h5py.File(checkpoint(out, 2) / "server.h5") as file:
        for name, value in state_dict(file["network/global_encoder"]).items():
            difference = float((value.double() - sums[name]).abs().max())
            expect(difference <= 1e-6, f"{name} differs by {difference}")


@test("a center that is rolled back has the snapshot of its bank as network and bank, and optimizers that start anew")
def _(folder):
    need_python_modules()
    out, center = folder / "run", centers(data())[2]
    train(data(), out, "rounds=2", ranks=2).succeeded()
    fedcrld("rollback", "--run", out, "--center", center, "--to", 1).succeeded()
    with h5py.File(out / "banks" / center / "round-000001.h5") as file:
        snapshot = state_dict(file["bank"])
    with h5py.File(state(out, center, 2)) as file:
        network = state_dict(file["network"])
        expect_equal(list(file["optimizer/network/step"][()]), [0], "the number of steps")
    expect_equal(sorted(network), sorted(snapshot), "the names")
    for name, value in snapshot.items():
        expect(torch.equal(network[name], value), f"{name} differs")
    resume(out, "rounds=3", ranks=3).succeeded()
    with h5py.File(state(out, center, 3)) as file:
        steps = len(images(data(), center, "train"))
        expect_equal(list(file["optimizer/network/step"][()]), [steps], "the number of steps")


main()
