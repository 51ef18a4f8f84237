"""Times one client step in PyTorch: what scripts/bench compares the engine with.

    python3 scripts/lib/torch_step.py --width 32 --size 8x96x96 --threads 2 --steps 2 --format channels_last_3d

Prints one JSON object: step_seconds (best), peak_mib, torch. The network is the one of scripts/python/fedcrld.py; the step is
the one of the FedCRLD floor's method.md.
"""

import argparse
import copy
import json
import pathlib
import resource
import sys
import time

import torch
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from fedcrld import Network  # noqa: E402


def run(network, image):
    """Probabilities and the two bottlenecks."""
    server = network.global_encoder(image)[-1]
    levels = network.local_encoder(image)
    return network.decoder(network.relocalization(server, levels[-1]), levels), server, levels[-1]


def cross_entropy(p, y):
    return -(y * torch.log(p + 1e-6)).sum(1).mean()


def dice(p, y):
    axes = (0, 2, 3, 4)
    return 1 - ((2 * (p * y).sum(axes) + 1) / (p.sum(axes) + y.sum(axes) + 1)).mean()


def contrast(server, client):
    s, c = functional.log_softmax(server, -1), functional.log_softmax(client, -1)
    return 0.5 * ((c.exp() * (c - s)).mean() + (s.exp() * (s - c)).mean())


def step(network, bank, optimizer, bank_optimizer, image, labels):
    with torch.no_grad():
        target, target_server, target_client = run(bank, image)
    p, server, client = run(network, image)
    loss = dice(p, labels) + cross_entropy(p, labels) + 0.2 * cross_entropy(p, target) + contrast(server, client)
    loss = loss + functional.mse_loss(server, target_server) + functional.mse_loss(client, target_client)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for old, new in zip(bank.parameters(), network.parameters()):
            old.mul_(0.5).add_(new, alpha=0.5)
    p = run(bank, image)[0]
    bank_optimizer.zero_grad()
    (dice(p, labels) + cross_entropy(p, labels)).backward()
    bank_optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--size", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--format", choices=("contiguous_format", "channels_last_3d"), required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    layout = getattr(torch, options.format)
    size = [int(n) for n in options.size.split("x")]
    network = Network(options.width, 4).to(memory_format=layout)
    bank = copy.deepcopy(network)
    optimizers = [torch.optim.Adam(n.parameters(), 1e-4) for n in (network, bank)]
    image = torch.randn(1, 1, *size).to(memory_format=layout)
    labels = functional.one_hot(torch.randint(4, size), 4).permute(3, 0, 1, 2)[None].float()
    seconds = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        step(network, bank, *optimizers, image, labels)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "step_seconds": min(seconds[1:]),  # the first warms up
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
