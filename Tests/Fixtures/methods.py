"""Writes methods-w8.h5: what each method computes, by PyTorch's automatic derivatives in float64.

    python methods.py methods-w8.h5 [SALT]

Two centers of 4 and 5 classes, with weights 1/3 and 2/3, train for two rounds of three steps. Every number that goes in is a
function of a name and an index, so that the file holds results only: of every tensor its norm and its product with numbers
that follow from its name, and the losses of every step.

    symmetric(name, i) = 2 * (splitmix64(fnv1a64(name) + i) >> 40) / 2**24 - 1

Parameter P of center K has the name "SALT/centerK/P". Convolutions are symmetric / sqrt(fan-in); a normalization's scale
is 1 + 0.1 * symmetric, its offset 0.1 * symmetric. Volume V of center K is symmetric("SALT/centerK/volumeV") plus 2
where label = (z + (y + 2 z) // 4 + x // 5 + V) mod classes is not 0. The server starts with the parameters of center 0.
The salt is one with which no rectifier or maximum is so near its kink that float32's rounding decides.
"""
import copy
import math
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

WIDTH, CLASSES, SIZE, STEPS, ROUNDS, WEIGHTS = 8, [4, 5], [3, 20, 24], 3, 2, [1 / 3, 2 / 3]
SALT = sys.argv[2] if len(sys.argv) > 2 else "1"
RATE, SGD_RATE = 1e-3, 2e-2
# Large, so that their effect is far above rounding.
MU, LAMBDA, SERVER_RATE, TAU, BETAS, SCAFFOLD_RATE = 10.0, 5.0, 3e-3, 1e-3, (0.9, 0.99), 0.7


def symmetric(name, shape):
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (2 * (z >> np.uint64(40)).astype(np.float64) / 2**24 - 1).reshape(shape)


class Block(nn.Module):
    def __init__(self, inputs, middle, outputs):
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, middle, (1, 3, 3), padding=(0, 1, 1))
        self.norm1 = nn.GroupNorm(4, middle)
        self.conv2 = nn.Conv3d(middle, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, outputs)

    def forward(self, x):
        x = F.leaky_relu(self.norm1(self.conv1(x)), 0.01)
        return F.leaky_relu(self.norm2(self.conv2(x)), 0.01)


class Stage(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.up = nn.ConvTranspose3d(inputs, 2 * channels, (1, 2, 2), (1, 2, 2))
        self.block = Block(3 * channels, channels, channels)

    def forward(self, x, skip):
        x = self.up(x)
        x = F.pad(x, (0, skip.shape[4] - x.shape[4], 0, skip.shape[3] - x.shape[3]))
        return self.block(torch.cat((skip, x), 1))


class UNet(nn.Module):
    def __init__(self, classes, w):
        super().__init__()
        self.encoder = nn.ModuleDict({
            "level1": Block(1, w, 2 * w), "level2": Block(2 * w, 2 * w, 4 * w), "level3": Block(4 * w, 4 * w, 8 * w),
            "level4": Block(8 * w, 8 * w, 16 * w)})
        self.bottleneck = nn.Conv3d(16 * w, 32 * w, 1)
        self.decoder = nn.ModuleDict({
            "stage1": Stage(32 * w, 8 * w), "stage2": Stage(8 * w, 4 * w), "stage3": Stage(4 * w, 2 * w),
            "head": nn.Conv3d(2 * w, classes, 1)})

    def forward(self, x):
        skips = []
        for number in range(1, 5):
            x = self.encoder[f"level{number}"](x)
            if number < 4:
                skips.append(x)
                x = F.max_pool3d(x, (1, 2, 2))
        x = self.bottleneck(x)
        for number in range(1, 4):
            x = self.decoder[f"stage{number}"](x, skips.pop())
        return torch.softmax(self.decoder["head"](x), 1)


def initial(center):
    network = UNet(CLASSES[center], WIDTH).double()
    with torch.no_grad():
        for module_name, module in network.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                values = symmetric(f"{SALT}/center{center}/{module_name}.{name}", parameter.shape)
                if isinstance(module, nn.GroupNorm):
                    values = (1 if name == "weight" else 0) + 0.1 * values
                else:
                    shape = module.weight.shape
                    values = values / math.sqrt(math.prod(shape[2:]) * shape[1])
                # The engine has them in float32.
                parameter.copy_(torch.from_numpy(values.astype(np.float32).astype(np.float64)))
    return network


def volume(center, index):
    z, y, x = np.meshgrid(*(np.arange(extent) for extent in SIZE), indexing="ij")
    label = (z + (y + 2 * z) // 4 + x // 5 + index) % CLASSES[center]
    image = symmetric(f"{SALT}/center{center}/volume{index}", SIZE) + 2 * (label > 0)
    image = torch.from_numpy(image.astype(np.float32).astype(np.float64))[None, None]
    return image, F.one_hot(torch.from_numpy(label), CLASSES[center]).permute(3, 0, 1, 2)[None].double()


def supervised(network, image, labels):
    """Dice and cross-entropy."""
    p = network(image)
    overlap, total = (p * labels).sum((0, 2, 3, 4)), p.sum((0, 2, 3, 4)) + labels.sum((0, 2, 3, 4))
    return 1 - ((2 * overlap + 1) / (total + 1)).mean(), -(labels * torch.log(p + 1e-6)).sum(1).mean()


class Method:
    """Federated averaging; the others say what they do otherwise."""

    sgd = False

    def exchanged(self, name):
        return not name.startswith("decoder.head.")

    def __init__(self):
        self.networks = [initial(center) for center in range(2)]
        start = dict(self.networks[0].named_parameters())
        self.server = {name: p.detach().clone() for name, p in start.items() if self.exchanged(name)}
        self.optimizers = [self.optimizer(network) for network in self.networks]

    def optimizer(self, network):
        return torch.optim.SGD(network.parameters(), SGD_RATE) if self.sgd else torch.optim.Adam(network.parameters(), RATE)

    def load(self, center):
        with torch.no_grad():
            for name, parameter in self.networks[center].named_parameters():
                if name in self.server:
                    parameter.copy_(self.server[name])

    def distance(self, network):
        return sum(((p - self.server[name])**2).sum() for name, p in network.named_parameters() if name in self.server)

    def step(self, center, image, labels):
        dice, entropy = supervised(self.networks[center], image, labels)
        return self.descend(self.networks[center], self.optimizers[center], dice, entropy)

    def descend(self, network, optimizer, dice, entropy, penalty=None):
        total = dice + entropy if penalty is None else dice + entropy + penalty
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return [total.item(), dice.item(), entropy.item()]

    def finish(self, center):
        pass

    def aggregate(self):
        for name in self.server:
            self.server[name] = sum(w * self.value(c, name) for c, w in enumerate(WEIGHTS))

    def value(self, center, name):
        return dict(self.networks[center].named_parameters())[name].detach()

    def variables(self, center):
        return {"network": dict(self.networks[center].named_parameters())}

    def server_variables(self):
        return {"network": self.server}


class Local(Method):
    def exchanged(self, name):
        return False


class FedAvg(Method):
    pass


class FedBN(Method):
    def exchanged(self, name):
        return super().exchanged(name) and ".norm" not in name


class FedPer(Method):
    def exchanged(self, name):
        return name.startswith("encoder.")


class FedProx(Method):
    def step(self, center, image, labels):
        network = self.networks[center]
        dice, entropy = supervised(network, image, labels)
        half = self.distance(network) / 2
        return self.descend(network, self.optimizers[center], dice, entropy, MU * half) + [half.item()]


class Ditto(Method):
    def __init__(self):
        super().__init__()
        self.personal = [copy.deepcopy(network) for network in self.networks]
        self.personal_optimizers = [self.optimizer(network) for network in self.personal]

    def step(self, center, image, labels):
        shared = super().step(center, image, labels)
        network = self.personal[center]
        dice, entropy = supervised(network, image, labels)
        half = self.distance(network) / 2
        return self.descend(network, self.personal_optimizers[center], dice, entropy, LAMBDA * half) + [half.item(), shared[0]]

    def variables(self, center):
        return {**super().variables(center), "personal": dict(self.personal[center].named_parameters())}


class Scaffold(Method):
    sgd = True

    def __init__(self):
        super().__init__()
        zeros = {name: torch.zeros_like(p) for name, p in self.server.items()}
        self.control = copy.deepcopy(zeros)
        self.controls = [copy.deepcopy(zeros) for _ in range(2)]
        self.changes = [copy.deepcopy(zeros) for _ in range(2)]

    def descend(self, network, optimizer, dice, entropy, penalty=None):
        center = self.networks.index(network)
        optimizer.zero_grad()
        (dice + entropy).backward()
        for name, parameter in network.named_parameters():
            if name in self.server:
                parameter.grad += self.control[name] - self.controls[center][name]
        optimizer.step()
        return [(dice + entropy).item(), dice.item(), entropy.item()]

    def finish(self, center):
        for name, sent in self.server.items():
            new = self.controls[center][name] - self.control[name] + (sent - self.value(center, name)) / (STEPS * SGD_RATE)
            self.changes[center][name] = new - self.controls[center][name]
            self.controls[center][name] = new

    def aggregate(self):
        for name in self.server:
            change = sum(w * (self.value(c, name) - self.server[name]) for c, w in enumerate(WEIGHTS))
            self.server[name] = self.server[name] + SCAFFOLD_RATE * change
            # Over all centers, and each counts the same.
            self.control[name] = self.control[name] + sum(changes[name] for changes in self.changes) / 2

    def variables(self, center):
        return {**super().variables(center), "control": self.controls[center]}

    def server_variables(self):
        return {"network": self.server, "control": self.control}


class FedAdam(Method):
    def __init__(self):
        super().__init__()
        self.first = {name: torch.zeros_like(p) for name, p in self.server.items()}
        self.second = {name: torch.full_like(p, TAU**2) for name, p in self.server.items()}

    def next_second(self, v, change):
        return BETAS[1] * v + (1 - BETAS[1]) * change**2

    def aggregate(self):
        for name in self.server:
            change = sum(w * (self.value(c, name) - self.server[name]) for c, w in enumerate(WEIGHTS))
            self.first[name] = BETAS[0] * self.first[name] + (1 - BETAS[0]) * change
            self.second[name] = self.next_second(self.second[name], change)
            self.server[name] = self.server[name] + SERVER_RATE * self.first[name] / (self.second[name].sqrt() + TAU)

    def server_variables(self):
        return {"network": self.server, "first_moment": self.first, "second_moment": self.second}


class FedYogi(FedAdam):
    def next_second(self, v, change):
        return v - (1 - BETAS[1]) * change**2 * torch.sign(v - change**2)


METHODS = {"local": Local, "fedavg": FedAvg, "fedprox": FedProx, "fedbn": FedBN, "fedper": FedPer, "ditto": Ditto,
           "scaffold": Scaffold, "fedadam": FedAdam, "fedyogi": FedYogi}


def probe(group, variables):
    """Norms and products with a tensor's own numbers, in the order of the dataset's attribute `names`."""
    for variable, tensors in variables.items():
        if not tensors:
            continue
        rows = []
        for name, tensor in tensors.items():
            values = tensor.detach().numpy()
            rows.append([np.sqrt((values**2).sum()), (values * symmetric("probe/" + name, values.shape)).sum()])
        data = group.create_dataset(variable, data=np.array(rows))
        data.attrs["names"] = list(tensors)


def main():
    torch.set_num_threads(1)
    with h5py.File(sys.argv[1], "w") as file:
        file.attrs.update(
            width=WIDTH, classes=CLASSES, size=SIZE, steps=STEPS, rounds=ROUNDS, weights=WEIGHTS, rate=RATE,
            sgd_rate=SGD_RATE, mu=MU, server_rate=SERVER_RATE, tau=TAU, beta1=BETAS[0], beta2=BETAS[1],
            scaffold_rate=SCAFFOLD_RATE, salt=SALT)
        file.attrs["lambda"] = LAMBDA
        for name, kind in METHODS.items():
            method = kind()
            for number in range(ROUNDS):
                for center in range(2):
                    method.load(center)
                    losses = [method.step(center, *volume(center, step)) for step in range(STEPS)]
                    method.finish(center)
                    group = file.create_group(f"{name}/round{number}/center{center}")
                    group["losses"] = np.array(losses)
                    probe(group, method.variables(center))
                method.aggregate()
                probe(file.create_group(f"{name}/round{number}/server"), method.server_variables())


if __name__ == "__main__":
    main()
