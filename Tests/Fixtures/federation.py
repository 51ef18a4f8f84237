"""Writes federation-w8.h5: what the method computes, by PyTorch's automatic derivatives in float64.

    python federation.py federation-w8.h5

Two centers of 4 and 5 classes with weights 1/3 and 2/3 train for two rounds of three steps, from numbers of `golden.py` below
"SALT/centerK". Outputs and gradients of each center's first
volume come first, of dice + cross-entropy + 1000 · contrast; then, for each round, the losses of every step, and of every tensor its
norm and its product with numbers that follow from its name.
"""

import copy
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import golden
from lib.python_file import Network  # found by golden
from lib.reference_training import contrast, cross_entropy, dice, forward

WIDTH, CLASSES, SIZE, STEPS, ROUNDS, RATE, MOMENTUM, SALT = 8, [4, 5], [3, 20, 24], 3, 2, 1e-3, 0.5, "1"


def initial(center):
    return golden.fill(Network(WIDTH, CLASSES[center]), f"{SALT}/center{center}")


def volume(center, index):
    return golden.volume(index, SIZE, CLASSES[center], f"{SALT}/center{center}")


class Client:
    """A center: its network, its momentum bank, and their optimizers."""

    def __init__(self, center):
        self.network = initial(center)
        self.bank = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), RATE)
        self.bank_optimizer = torch.optim.Adam(self.bank.parameters(), RATE)

    def step(self, image, truth):
        with torch.no_grad():
            teacher, teacher_server, teacher_client = forward(self.bank, image)
        p, server, client = forward(self.network, image)
        terms = [
            dice(p, truth), cross_entropy(p, truth), cross_entropy(p, teacher),
            F.mse_loss(server, teacher_server) + F.mse_loss(client, teacher_client), contrast(server, client)]
        total = sum(weight * term for weight, term in zip((1, 1, 0.2, 1, 1), terms))
        descend(total, self.optimizer)
        with torch.no_grad():
            for kept, new in zip(self.bank.parameters(), self.network.parameters()):
                kept.mul_(MOMENTUM).add_(new, alpha=1 - MOMENTUM)
        p, _, _ = forward(self.bank, image)
        own = dice(p, truth) + cross_entropy(p, truth)
        descend(own, self.bank_optimizer)
        return [value.item() for value in (*terms, total, own)]


def descend(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def probe(group, named):
    """Norms and products with a tensor's own numbers."""
    for name, tensor in named:
        entry = group.create_group(name)
        entry.attrs["norm"], entry.attrs["dot"] = golden.probed(name, tensor)


def write_first(group, network, image, truth):
    """Outputs, losses and gradients of a volume."""
    p, server, client = forward(network, image)
    outputs = {"probabilities": p, "server_bottleneck": server, "client_bottleneck": client,
               "relocalized": network.relocalization(server, client)}
    for name, tensor in outputs.items():
        group[name] = tensor.detach().numpy()
    terms = {"dice": dice(p, truth), "cross_entropy": cross_entropy(p, truth), "contrast": contrast(server, client)}
    # Amplified, so that its gradient shows.
    (terms["dice"] + terms["cross_entropy"] + 1000 * terms["contrast"]).backward()
    for name, value in terms.items():
        group.attrs[name] = value.item()
    probe(group.create_group("gradients"), ((name, p.grad) for name, p in network.named_parameters()))
    network.zero_grad(set_to_none=True)


def main():
    torch.set_num_threads(1)
    with h5py.File(sys.argv[1], "w") as file:
        file.attrs.update(
            width=WIDTH, classes=CLASSES, size=SIZE, steps=STEPS, rounds=ROUNDS, lr=RATE, salt=SALT, momentum=MOMENTUM,
            torch=str(torch.__version__))
        clients = [Client(center) for center in range(len(CLASSES))]
        for center, client in enumerate(clients):
            write_first(file.create_group(f"center{center}"), client.network, *volume(center, 0))
        for number in range(ROUNDS):
            for center, client in enumerate(clients):
                group = file.create_group(f"round{number}/center{center}")
                group["losses"] = np.array([client.step(*volume(center, step)) for step in range(STEPS)])
                probe(group.create_group("network"), client.network.named_parameters())
                probe(group.create_group("bank"), client.bank.named_parameters())
            weights = [(center + 1) / sum(range(1, len(CLASSES) + 1)) for center in range(len(CLASSES))]
            encoders = [dict(client.network.global_encoder.named_parameters()) for client in clients]
            server = {name: sum(w * e[name].detach() for w, e in zip(weights, encoders)) for name in encoders[0]}
            with torch.no_grad():
                for encoder in encoders:
                    for name, parameter in encoder.items():
                        parameter.copy_(server[name])
            probe(file.create_group(f"round{number}/server"), clients[0].network.global_encoder.named_parameters())


if __name__ == "__main__":
    main()
