"""A federation of stateful centers in Flower's simulation, with PyTorch: what `fedcrld bench scale` is compared with.

    pip install "flwr[simulation]" torch h5py
    python3 scripts/lib/flower_peer.py --centers 1000 --participants 10 --rounds 6 --clients 2

The same as `mpirun -n 3 fedcrld bench scale`: the network of width 4, two volumes of 3x32x32 a center, one FedCRLD step on each,
Adam's moments, bank and network kept by every center in a file from round to round, the global encoder averaged. Clients run in as
many of Ray's processes as there are client ranks, one thread each. Prints one JSON object: the seconds of a round, best and median of
all but the first, and the peak of the memory of all processes together.
"""

import argparse
import copy
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time
import warnings

# Flower and Ray tell whom they belong to.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from flwr.client import ClientApp, NumPyClient  # noqa: E402
from flwr.common import ndarrays_to_parameters  # noqa: E402
from flwr.server import ServerApp, ServerAppComponents, ServerConfig  # noqa: E402
from flwr.server.strategy import FedAvg  # noqa: E402
from flwr.simulation import run_simulation  # noqa: E402

HERE = str(pathlib.Path(__file__).resolve().parent)
sys.path.insert(0, HERE)
from torch_step import Network, step  # noqa: E402

CLASSES, SIZE = 4, (3, 32, 32)


def encoder(network):
    return {name: value for name, value in network.state_dict().items() if name.startswith("global_encoder.")}


class Center(NumPyClient):
    """A center whose state is a file."""

    def __init__(self, folder, number, width):
        self.path, self.number, self.width = pathlib.Path(folder) / f"{number}.pt", number, width

    def fit(self, parameters, config):
        torch.set_num_threads(1)
        torch.manual_seed(1)
        network = Network(self.width, CLASSES)
        bank = copy.deepcopy(network)
        optimizers = [torch.optim.Adam(model.parameters(), 1e-4) for model in (network, bank)]
        if self.path.exists():
            state = torch.load(self.path)
            for part, values in zip((network, bank, *optimizers), state):
                part.load_state_dict(values)
        names = list(encoder(network))
        network.load_state_dict(dict(zip(names, map(torch.from_numpy, parameters))), strict=False)
        generator = torch.Generator().manual_seed(self.number)
        for _ in range(2):
            image = torch.randn(1, 1, *SIZE, generator=generator)
            labels = torch.randint(CLASSES, SIZE, generator=generator)
            truth = torch.nn.functional.one_hot(labels, CLASSES).permute(3, 0, 1, 2)[None].float()
            step(network, bank, *optimizers, image, truth)
        partial = self.path.with_suffix(".partial")
        with open(partial, "wb") as file:
            torch.save([part.state_dict() for part in (network, bank, *optimizers)], file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self.path)
        return [value.numpy() for value in encoder(network).values()], 1, {}


class Timed(FedAvg):
    """Federated averaging that notes when each round ends."""

    def __init__(self, times, **options):
        super().__init__(**options)
        self.times = times

    def aggregate_fit(self, *arguments, **options):
        result = super().aggregate_fit(*arguments, **options)
        self.times.append(time.monotonic())
        return result


def memory():
    """MiB that this process and all below it hold, shared pages counted once for each."""
    parents, sizes = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
                parents[int(entry.name)] = int(text[text.rindex(")") + 2:].split()[1])
                sizes[int(entry.name)] = int((entry / "statm").read_text().split()[1])
            except (OSError, ValueError):
                continue
    def below(pid):
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid]
        return False
    return sum(size for pid, size in sizes.items() if below(pid)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--centers", type=int, default=1000)
    parser.add_argument("--participants", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--clients", type=int, default=2, help="processes that train at a time")
    parser.add_argument("--width", type=int, default=4)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    times, peak, ended = [], [0.0], threading.Event()

    def watch():
        while not ended.wait(0.2):
            peak[0] = max(peak[0], memory())

    with tempfile.TemporaryDirectory() as folder:
        width = options.width

        def client(context):
            return Center(folder, int(context.node_config["partition-id"]), width).to_client()

        def server(context):
            torch.manual_seed(1)
            start = [value.numpy() for value in encoder(Network(width, CLASSES)).values()]
            strategy = Timed(
                times, fraction_fit=options.participants / options.centers, min_fit_clients=options.participants,
                fraction_evaluate=0, min_evaluate_clients=0, min_available_clients=options.centers,
                initial_parameters=ndarrays_to_parameters(start))
            return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=options.rounds))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        run_simulation(
            ServerApp(server_fn=server), ClientApp(client_fn=client), options.centers,
            backend_config={"client_resources": {"num_cpus": 1}, "init_args": {"num_cpus": options.clients}})
        ended.set()
        watcher.join()
    seconds = [after - before for before, after in zip(times, times[1:])]
    print(json.dumps({
        "centers": options.centers, "participants": options.participants, "round_seconds": min(seconds),
        "round_seconds_median": statistics.median(seconds), "peak_mib": round(peak[0])}))


if __name__ == "__main__":
    main()
