"""Writes methods-w8.h5: what each method computes, by PyTorch's automatic derivatives in float64.

    python methods.py methods-w8.h5

Two centers of 4 and 5 classes, with weights 1/3 and 2/3, train for two rounds of three steps, from numbers of `golden.py` below
"SALT/centerK". The server starts with the parameters of center 0. A salt is one with which no rectifier or maximum is so
near its kink, and no gradient of Adam's first steps so near 0, that float32's rounding decides. Of every tensor the file has its norm and a product, and of every step the losses.
"""
import copy
import sys

import h5py
import numpy as np
import torch

import golden
from lib.python_file import UNet  # found by golden
from lib.reference_training import cross_entropy, dice

WIDTH, CLASSES, SIZE, STEPS, ROUNDS, WEIGHTS = 8, [4, 5], [3, 20, 24], 3, 2, [1 / 3, 2 / 3]
SALT, OTHER_SALTS = "1", {"fedrep": "4", "prrfl": "8"}
RATE, SGD_RATE = 1e-3, 2e-2
# Large, so that their effect is far above rounding.
MU, LAMBDA, SERVER_RATE, TAU, BETAS, SCAFFOLD_RATE = 10.0, 5.0, 3e-3, 1e-3, (0.9, 0.99), 0.7
# Every step is an epoch of its own.
PRRFL_RATES, PRRFL_ALPHAS = (0.6, 0.9), (0.7, 0.9)
HEAD_STEPS, ALPHA, ALPHA_RATE, MOON_MU, MOON_TEMPERATURE = 1, 0.4, 0.5, 2.0, 0.3


def initial(center):
    return golden.fill(UNet(WIDTH, [CLASSES[center]]), f"{SALT}/center{center}")


def volume(center, index):
    return golden.volume(index, SIZE, CLASSES[center], f"{SALT}/center{center}")


def supervised(network, image, labels):
    p = network(image)
    return dice(p, labels), cross_entropy(p, labels)


class Method:
    """Federated averaging; the others say what they do otherwise."""

    sgd = False
    centers = 2

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

    def steps(self, center):
        return [self.step(center, *volume(center, step)) for step in range(STEPS)]

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


class PooledUNet(UNet):
    """One network with a head for each list of classes."""

    def forward(self, image, head):
        levels = self.encoder(image)
        return self.decoder(self.bottleneck(levels[-1]), levels, head)


class Centralized(Method):
    """One network sees the volumes of both centers in turn. PyTorch's Adam lets the head be that has no gradient."""

    centers = 1

    def __init__(self):
        self.networks = [golden.fill(PooledUNet(WIDTH, CLASSES), f"{SALT}/center0")]
        self.optimizers = [self.optimizer(self.networks[0])]
        self.server = {}

    def steps(self, _):
        return [self.train(owner, *volume(owner, step)) for step in range(STEPS) for owner in range(2)]

    def train(self, owner, image, labels):
        p = self.networks[0](image, owner)
        return self.descend(self.networks[0], self.optimizers[0], dice(p, labels), cross_entropy(p, labels))


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


class MRMTL(FedProx):
    def load(self, center):
        pass


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


class FedRep(FedPer):
    """What is frozen has no gradient, and PyTorch's Adam lets it be."""

    def steps(self, center):
        losses = []
        for step in range(STEPS):
            for name, parameter in self.networks[center].named_parameters():
                parameter.requires_grad_(name.startswith("encoder.") == (step >= HEAD_STEPS))
            losses.append(self.step(center, *volume(center, step)))
        return losses


class APFL(Method):
    def __init__(self):
        super().__init__()
        self.personal = [copy.deepcopy(network) for network in self.networks]
        self.personal_optimizers = [self.optimizer(network) for network in self.personal]
        self.alpha = [ALPHA, ALPHA]

    def steps(self, center):
        return [self.train(center, step == 0, *volume(center, step)) for step in range(STEPS)]

    def train(self, center, is_first, image, labels):
        alpha, network = self.alpha[center], self.personal[center]
        shared = dict(self.networks[center].named_parameters())
        mixed = {name: (alpha * v + (1 - alpha) * shared[name]).detach().requires_grad_()
                 for name, v in network.named_parameters()}
        p = torch.func.functional_call(network, mixed, (image,))
        losses = dice(p, labels), cross_entropy(p, labels)
        gradients = torch.autograd.grad(sum(losses), list(mixed.values()))
        if is_first:
            slope = sum((g * (v - shared[name])).sum() for g, (name, v) in zip(gradients, network.named_parameters())).item()
            self.alpha[center] = min(1, max(0, alpha - ALPHA_RATE * slope))
        whole = self.step(center, image, labels)
        for gradient, parameter in zip(gradients, network.parameters()):
            parameter.grad = alpha * gradient
        self.personal_optimizers[center].step()
        return [sum(losses).item(), losses[0].item(), losses[1].item(), alpha, whole[0]]

    def variables(self, center):
        return {**super().variables(center), "personal": dict(self.personal[center].named_parameters()),
                "mixture": {"alpha": torch.tensor([self.alpha[center]], dtype=torch.float64)}}


class Moon(Method):
    def __init__(self):
        super().__init__()
        self.last = [copy.deepcopy(network.encoder) for network in self.networks]

    def step(self, center, image, labels):
        network = self.networks[center]
        server = copy.deepcopy(network.encoder)
        server.load_state_dict({name: self.server["encoder." + name] for name in server.state_dict()})
        own, theirs, last = (encoder(image)[-1].mean(dim=(2, 3, 4)) for encoder in (network.encoder, server, self.last[center]))
        near = torch.exp(torch.nn.functional.cosine_similarity(own, theirs.detach()) / MOON_TEMPERATURE)
        far = torch.exp(torch.nn.functional.cosine_similarity(own, last.detach()) / MOON_TEMPERATURE)
        contrastive = -torch.log(near / (near + far)).mean()
        dice, entropy = supervised(network, image, labels)
        return self.descend(network, self.optimizers[center], dice, entropy, MOON_MU * contrastive) + [contrastive.item()]

    def finish(self, center):
        self.last[center] = copy.deepcopy(self.networks[center].encoder)

    def variables(self, center):
        last = {"encoder." + name: p for name, p in self.last[center].named_parameters()}
        return {**super().variables(center), "last": last}


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


class PRRFL(Method):
    """The network is the deputy. Kernels are averaged as NumPy transforms them, with low frequencies in the middle."""

    def __init__(self):
        super().__init__()
        self.personal = [copy.deepcopy(network) for network in self.networks]
        self.personal_optimizers = [self.optimizer(network) for network in self.personal]
        self.server = {name: torch.zeros_like(value) for name, value in self.server.items()}
        self.stages = [0, 0]
        self.round = 0

    def exchanged(self, name):
        return name.startswith("encoder.") and ".norm" not in name

    @staticmethod
    def spectrum(kernel):
        n, c, d, h, w = kernel.shape
        return np.fft.fftshift(np.fft.fft2(kernel.detach().permute(1, 2, 3, 4, 0).reshape(c * d * h, w * n).numpy()))

    @staticmethod
    def kernel(matrix, shape):
        n, c, d, h, w = shape
        return torch.from_numpy(np.ascontiguousarray(matrix)).reshape(c, d, h, w, n).permute(4, 0, 1, 2, 3)

    def load(self, center):
        if self.round > 0:
            rate = PRRFL_RATES[0] + (self.round - 1) / ROUNDS * (PRRFL_RATES[1] - PRRFL_RATES[0])
            with torch.no_grad():
                for name, parameter in self.networks[center].named_parameters():
                    if name not in self.server:
                        continue
                    if parameter.ndim < 5:
                        parameter.copy_(self.server[name])
                        continue
                    own, shape = self.spectrum(parameter), parameter.shape
                    n, c, d, h, w = shape
                    theirs = self.server[name].permute(1, 2, 3, 4, 0).reshape(own.shape).numpy()
                    theirs = np.fft.fftshift(theirs)
                    low = np.zeros(own.shape, dtype=bool)
                    (half_rows, half_columns), (middle_row, middle_column) = (
                        [int(np.floor(count * rate / 2)) for count in own.shape], [count // 2 for count in own.shape])
                    low[middle_row - half_rows:middle_row + half_rows, middle_column - half_columns:middle_column + half_columns] = True
                    amplitude = np.where(low, theirs, np.abs(own))
                    mixed = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(own)))).real
                    parameter.copy_(self.kernel(mixed, shape))
        self.stages[center] = 0

    def score(self, network, center):
        image, labels = volume(center, STEPS)
        with torch.no_grad():
            found = network(image)[0].argmax(dim=0)
        truth = labels[0].argmax(dim=0) if labels.ndim == 5 else labels.reshape(found.shape)
        scores = []
        for value in range(1, CLASSES[center]):
            size = (found == value).sum() + (truth == value).sum()
            if size > 0:
                scores.append((2 * ((found == value) & (truth == value)).sum() / size).item())
        return sum(scores) / len(scores)

    def step(self, center, image, labels):
        deputy, own = self.networks[center], self.personal[center]
        low, high = (alpha * self.score(own, center) for alpha in PRRFL_ALPHAS)
        score, stage = self.score(deputy, center), self.stages[center]
        if stage == 0 or score < low:
            stage = 1
        elif stage == 1 or score < high:
            stage = 2
        else:
            stage = 3
        self.stages[center] = stage
        by_deputy, by_own = deputy(image), own(image)

        def taught(p, teacher):
            return -(teacher.detach() * torch.log(p + 1e-6)).sum(dim=1).mean()

        def total(p, teacher):
            return dice(p, labels) + cross_entropy(p, labels) + (0 if teacher is None else taught(p, teacher))

        deputy_total = total(by_deputy, by_own if stage < 3 else None)
        own_total = total(by_own, by_deputy if stage > 1 else None)
        result = [own_total.item(), dice(by_own, labels).item(), cross_entropy(by_own, labels).item(),
                  taught(by_own, by_deputy).item() if stage > 1 else 0.0, deputy_total.item(), stage]
        for optimizer, loss in ((self.optimizers[center], deputy_total), (self.personal_optimizers[center], own_total)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return result

    def value(self, center, name):
        parameter = super().value(center, name)
        if parameter.ndim < 5:
            return parameter
        return self.kernel(np.abs(np.fft.ifftshift(self.spectrum(parameter))), parameter.shape)

    def aggregate(self):
        super().aggregate()
        self.round += 1

    def variables(self, center):
        return {**super().variables(center), "personal": dict(self.personal[center].named_parameters()),
                "spectrum": {name: self.value(center, name) for name in self.server}}

    def server_variables(self):
        return {"spectrum": self.server}


METHODS = {"local": Local, "centralized": Centralized, "fedavg": FedAvg, "fedprox": FedProx, "fedbn": FedBN,
           "fedper": FedPer, "fedrep": FedRep, "ditto": Ditto, "mr-mtl": MRMTL, "apfl": APFL, "moon": Moon, "scaffold": Scaffold,
           "fedadam": FedAdam, "fedyogi": FedYogi, "prrfl": PRRFL}


def probe(group, variables):
    """Norms and products with a tensor's own numbers, in the order of the dataset's attribute `names`."""
    for variable, tensors in variables.items():
        if not tensors:
            continue
        rows = [golden.probed(name, tensor) for name, tensor in tensors.items()]
        data = group.create_dataset(variable, data=np.array(rows))
        data.attrs["names"] = list(tensors)


def main():
    global SALT
    usual = SALT
    torch.set_num_threads(1)
    with h5py.File(sys.argv[1], "w") as file:
        file.attrs.update(
            width=WIDTH, classes=CLASSES, size=SIZE, steps=STEPS, rounds=ROUNDS, weights=WEIGHTS, rate=RATE,
            sgd_rate=SGD_RATE, mu=MU, server_rate=SERVER_RATE, tau=TAU, beta1=BETAS[0], beta2=BETAS[1],
            scaffold_rate=SCAFFOLD_RATE, alpha=ALPHA, alpha_rate=ALPHA_RATE, moon_mu=MOON_MU,
            moon_temperature=MOON_TEMPERATURE, prrfl_rate=PRRFL_RATES[0], prrfl_final_rate=PRRFL_RATES[1],
            prrfl_alpha1=PRRFL_ALPHAS[0], prrfl_alpha2=PRRFL_ALPHAS[1])
        file.attrs["lambda"] = LAMBDA
        for name, kind in METHODS.items():
            SALT = OTHER_SALTS.get(name, usual)
            method = kind()
            file.create_group(name).attrs["salt"] = SALT
            for number in range(ROUNDS):
                for center in range(method.centers):
                    method.load(center)
                    losses = method.steps(center)
                    method.finish(center)
                    group = file.create_group(f"{name}/round{number}/center{center}")
                    group["losses"] = np.array(losses)
                    probe(group, method.variables(center))
                method.aggregate()
                probe(file.create_group(f"{name}/round{number}/server"), method.server_variables())


if __name__ == "__main__":
    main()
