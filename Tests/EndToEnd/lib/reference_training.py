"""From a configuration and cohorts on disk to trained parameters, by NumPy and PyTorch in float64.

Preprocessing, local training, momentum distillation and the federated rounds are written from the method's description
(`Sources/FedCRLD/FedCRLD.docc/method.md`, README), as plainly as they can be, to compare the program with. What the
description leaves open is a convention of the program, and stated here where it is used.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy
import torch
from torch.nn import functional

from lib.python_file import Network

# What a run does unless it is told otherwise: the defaults of the method, and of the keys that these tests leave alone.
DEFAULTS = {
    "seed": 1, "rounds": 1, "local_epochs": 1, "learning_rate": 1e-3, "momentum": 0.5, "width": 4, "size": (32, 32),
    "loss.dice": 1, "loss.cross_entropy": 1, "loss.distillation": 0.2, "loss.correlation": 1, "loss.contrast": 1,
    "crl.attention_scale": "none", "aggregation.weights": "uniform", "aggregation.parts": ("global_encoder",),
    "preprocessing.spacing": 3, "preprocessing.clip_percentile": 99.5, "preprocessing.normalize": True,
    "md.enabled": True, "crl.enabled": True,
}
TERMS = ("dice", "cross_entropy", "distillation", "correlation", "contrast")
# Those that there are without momentum distillation.
LABEL_TERMS = ("dice", "cross_entropy", "contrast")

# Random numbers. All arithmetic is that of unsigned 64-bit integers, which wrap around.

MASK = 2**64 - 1
INCREMENT = 0x9E3779B97F4A7C15


def scrambled(values):
    """SplitMix64's output for states: the increment is added, then bits are mixed."""
    z = values + numpy.uint64(INCREMENT)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def random_bits(count, seed, purpose, *coordinates):
    """The first 64-bit numbers of the stream of a purpose.

    Convention: the stream's key is the scrambled sum of the seed and the purpose's FNV-1a hash; each coordinate's
    scrambled value is combined with the key by exclusive or, and the result scrambled. Number i scrambles the key plus
    i increments.
    """

    def scramble(value):
        return int(scrambled(numpy.array([value & MASK], dtype=numpy.uint64))[0])

    text = 0xCBF29CE484222325
    for byte in purpose.encode():
        text = (text ^ byte) * 0x100000001B3 & MASK
    key = scramble(seed + text)
    for coordinate in coordinates:
        key = scramble(key ^ scramble(coordinate))
    return scrambled(numpy.uint64(key) + numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(INCREMENT))


def shuffled(count, seed, center, number, epoch):
    """The order of a center's volumes in an epoch (from 0) of a round (from 1).

    Convention: Fisher and Yates' shuffle from the last place down to the second, of the stream "shuffle/CENTER" with
    the coordinates round and epoch; a place is drawn as the high half of the product of 64 random bits and its number
    of choices.
    """
    order = list(range(count))
    bits = random_bits(max(0, count - 1), seed, f"shuffle/{center}", number, epoch)
    for last, drawn in zip(range(count - 1, 0, -1), bits):
        other = int(drawn) * (last + 1) >> 64
        order[last], order[other] = order[other], order[last]
    return order


# Networks.


class Projection(torch.nn.Module):
    """What stands in the relocalization's place without one: all channels of both bottlenecks, mixed at each position."""

    def __init__(self, channels):
        super().__init__()
        self.projection = torch.nn.Conv3d(2 * channels, 2 * channels, 1)

    def forward(self, server, client):
        return self.projection(torch.cat((server, client), dim=1))


def initial_network(settings, classes):
    """A center's network before the first round.

    Convention: weights and biases of convolutions are uniform in ± 1 / √fan-in, as PyTorch's are and with its counting
    of the fan-in (for transposed convolutions the weight's second axis); norms start as 1 and 0. The numbers of a
    parameter are those of the stream "initialization/NAME": 53 random bits each, in the order of its values in
    PyTorch, rounded to float32. So they depend on seed and name alone, and all centers start from the same point.
    """
    network = Network(settings["width"], classes)
    if not settings["crl.enabled"]:
        network.relocalization = Projection(16 * settings["width"])
    network.double()
    state = {}
    for path, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False))
        for name, value in own.items():
            name = f"{path}.{name}"
            if isinstance(module, torch.nn.GroupNorm):
                state[name] = torch.full_like(value, 1.0 if name.endswith("weight") else 0.0)
                continue
            bound = module.weight[0].numel() ** -0.5
            if isinstance(module, torch.nn.ConvTranspose3d):
                bound = (module.weight.shape[1] * module.weight[0, 0].numel()) ** -0.5
            bits = random_bits(value.numel(), settings["seed"], f"initialization/{name}")
            uniform = (bits >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53
            values = (-bound + 2 * bound * uniform).astype(numpy.float32).astype(numpy.float64)
            state[name] = torch.from_numpy(values).reshape(value.shape)
    network.load_state_dict(state, strict=True)
    if settings["crl.attention_scale"] == "sqrt_d" and settings["crl.enabled"]:
        # Scores are divided by the root of the depth, which is the number of channels that queries and keys have.
        # Scaled queries do the same.
        for attention in (network.relocalization.self_attention, network.relocalization.cross_attention):
            depth = attention.query.out_channels
            attention.query.register_forward_hook(lambda *called, depth=depth: called[-1] / depth**0.5)
    return network


def forward(network, image):
    """Class probabilities, and the bottlenecks of the global and of the local encoder."""
    server = network.global_encoder(image)[-1]
    levels = network.local_encoder(image)
    client = levels[-1]
    return network.decoder(network.relocalization(server, client), levels), server, client


# Losses. `p` are probabilities, `y` what they ought to be: (1, classes, D, H, W).


def dice(p, y):
    """1 - mean over classes of (2 Σ p y + 1) / (Σ p + Σ y + 1)."""
    voxels = (0, 2, 3, 4)
    return 1 - ((2 * (p * y).sum(voxels) + 1) / (p.sum(voxels) + y.sum(voxels) + 1)).mean()


def cross_entropy(p, y):
    """Minus the mean over voxels of Σ y log(p + 1e-6)."""
    return -(y * (p + 1e-6).log()).sum(1).mean()


def contrast(server, client):
    """The symmetric Kullback-Leibler divergence of the bottlenecks, each a softmax over its last axis."""
    s, c = server.log_softmax(-1), client.log_softmax(-1)
    return ((c.exp() * (c - s)).mean() + (s.exp() * (s - c)).mean()) / 2


class Center:
    """A center's prepared volumes, its network, its momentum bank, and their optimizers."""

    def __init__(self, folder, settings):
        content = json.loads((Path(folder) / "cohort.json").read_text())
        self.name = content["center"]
        self.settings = settings
        self.volumes = [
            (torch.from_numpy(image)[None, None], functional.one_hot(
                torch.from_numpy(labels).long(), len(content["classes"])).permute(3, 0, 1, 2)[None].double())
            for image, labels in training_volumes(folder, content, settings)]
        self.network = initial_network(settings, len(content["classes"]))
        rate = settings["learning_rate"]
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate)
        self.bank = copy.deepcopy(self.network) if settings["md.enabled"] else None
        if self.bank:
            self.bank_optimizer = torch.optim.Adam(self.bank.parameters(), rate)
        # The largest gradients that any step had, by the parameters' names.
        self.gradients = {name: 0.0 for name, _ in self.network.named_parameters()}

    def train(self, number):
        """The center's part of a round; returns the mean of each loss over its steps."""
        epochs = range(self.settings["local_epochs"])
        count = len(self.volumes)
        steps = [
            self._step(*self.volumes[index]) for epoch in epochs
            for index in shuffled(count, self.settings["seed"], self.name, number, epoch)]
        return {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}

    def _step(self, image, truth):
        """Momentum distillation on one volume, or learning from its labels alone; returns the losses."""
        if not self.bank:
            p, server, client = forward(self.network, image)
            values = (dice(p, truth), cross_entropy(p, truth), contrast(server, client))
            terms = dict(zip(LABEL_TERMS, values))
            total = sum(self.settings[f"loss.{name}"] * terms[name] for name in LABEL_TERMS)
            self._descend(total, self.network, self.optimizer)
            return {name: float(value.detach()) for name, value in {**terms, "total": total}.items()}
        with torch.no_grad():
            teacher, teacher_server, teacher_client = forward(self.bank, image)
        p, server, client = forward(self.network, image)
        terms = {
            "dice": dice(p, truth),
            "cross_entropy": cross_entropy(p, truth),
            "distillation": cross_entropy(p, teacher),
            "correlation":
                functional.mse_loss(server, teacher_server) + functional.mse_loss(client, teacher_client),
            "contrast": contrast(server, client),
        }
        total = sum(self.settings[f"loss.{name}"] * terms[name] for name in TERMS)
        self._descend(total, self.network, self.optimizer)
        momentum = self.settings["momentum"]
        with torch.no_grad():
            for kept, new in zip(self.bank.parameters(), self.network.parameters()):
                kept.mul_(momentum).add_(new, alpha=1 - momentum)
        # The bank trains itself by Dice and cross-entropy as they are: the weights are those of the network's loss.
        p, _, _ = forward(self.bank, image)
        own = dice(p, truth) + cross_entropy(p, truth)
        self._descend(own, self.bank, self.bank_optimizer)
        return {name: float(value.detach()) for name, value in {**terms, "total": total, "bank": own}.items()}

    def _descend(self, loss, network, optimizer):
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in network.named_parameters():
            self.gradients[name] = max(self.gradients[name], float(parameter.grad.norm()))
        optimizer.step()


@dataclass
class Outcome:
    """What a federation is after a round: parameters by name, of centers by theirs."""

    server: dict
    networks: dict
    banks: dict
    losses: dict
    weights: dict


@dataclass
class Federation:
    """A federation's course."""

    # The centers' parameters before the first round.
    start: dict
    # What was after each round.
    outcomes: list
    # The parameters that move for a reason. The others' gradients are zero in exact arithmetic (a key's bias shifts
    # all scores of a query alike; a bias before a norm of single channels is taken off again), and Adam takes whole
    # steps in the direction of what rounding makes of them.
    moving: set


def state(network):
    """Copies of a network's parameters by name."""
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def federate(data, **changes):
    """Trains on the cohorts in a folder; keys of the configuration differ from DEFAULTS as told."""
    unknown = changes.keys() - DEFAULTS.keys()
    if unknown:
        raise KeyError(f"the reference has no {sorted(unknown)}")
    settings = {**DEFAULTS, **changes}
    centers = [Center(file.parent, settings) for file in sorted(Path(data).glob("*/cohort.json"))]
    start = {center.name: state(center.network) for center in centers}
    shares = [len(center.volumes) if settings["aggregation.weights"] == "volumes" else 1 for center in centers]
    weights = {center.name: share / sum(shares) for center, share in zip(centers, shares)}
    # A part is a name or what it begins with: "a.b" is part of "a", "ab" is not.
    server = {
        name: value for name, value in start[centers[0].name].items()
        if any(f"{name}.".startswith(f"{part}.") for part in settings["aggregation.parts"])}
    outcomes = []
    for number in range(1, settings["rounds"] + 1):
        losses = {}
        for center in centers:
            # Loading replaces values alone: the bank, and Adam's moments, stay with the center.
            center.network.load_state_dict(server, strict=False)
            losses[center.name] = center.train(number)
        # Until the next round begins, the centers' networks are as they were trained.
        networks = {center.name: state(center.network) for center in centers}
        server = {name: sum(weights[center] * networks[center][name] for center in weights) for name in server}
        banks = {center.name: state(center.bank) if center.bank else {} for center in centers}
        outcomes.append(Outcome(server, networks, banks, losses, weights))
    moving = {name for name in start[centers[0].name] if all(center.gradients[name] > 1e-9 for center in centers)}
    return Federation(start, outcomes, moving)


# Images.


def training_volumes(folder, content, settings):
    """The prepared training volumes of a cohort: by subject in the split's order, end diastole before end systole."""
    cases = [
        case for subject in content["splits"]["train"]
        for case in sorted(content["cases"], key=lambda case: case["phase"]) if case["subject"] == subject]
    values = content.get("labelValues", range(len(content["classes"])))
    for case in cases:
        image = nibabel.load(Path(folder) / case["image"])
        stored = numpy.asarray(nibabel.load(Path(folder) / case["label"]).dataobj)
        labels = sum((stored == value) * label for label, value in enumerate(values))
        yield prepared(image, settings), prepared_labels(labels, image.header.get_zooms(), len(values), settings)


def kernel_cubic(x):
    """Catmull and Rom's cubic: interpolation by the neighbours' values and central differences."""
    x = numpy.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return numpy.where(x < 1, near, numpy.where(x < 2, far, 0))


def kernel_linear(x):
    """Between the two neighbours."""
    return numpy.maximum(0, 1 - numpy.abs(x))


def sampling(kernel, native, pixel, spacing, wanted):
    """How `wanted` samples along an axis follow from `native` pixels: a matrix, and which samples lie on the image.

    Conventions: The image's extent is covered by the least whole number of new pixels (a ten-thousandth of one is
    forgiven), whose center is the image's. Of these the sample takes the middle; where the two numbers differ by an odd
    one, it begins half a pixel early. A coarser sampling stretches the kernel, against aliasing. At borders the weights
    of what is there are scaled to add up to 1. A sample lies on the image if it is on the area of one of its pixels.
    """
    step = (spacing or pixel) / pixel
    resampled = max(1, int(numpy.ceil(native / step - 1e-4)))
    first = numpy.floor((resampled - wanted) / 2)
    places = (native - 1) / 2 + (first + numpy.arange(wanted) - (resampled - 1) / 2) * step
    inside = (places >= -0.5 - 1e-9) & (places <= native - 0.5 + 1e-9)
    weights = kernel((numpy.arange(native)[None] - places[:, None]) / max(1, step)) * inside[:, None]
    return weights / numpy.where(inside, weights.sum(1), 1)[:, None], inside


def resampled(planes, kernel, zooms, settings):
    """Planes (D, H, W) in the sample's pixels, and which rows and columns lie on the image; all others are 0.

    Slices are the third axis of the file and its rows the second, however they lie in the patient; slices are left
    alone.
    """
    (height, width), spacing = settings["size"], settings["preprocessing.spacing"]
    rows, on_rows = sampling(kernel, planes.shape[1], float(zooms[1]), spacing, height)
    columns, on_columns = sampling(kernel, planes.shape[2], float(zooms[0]), spacing, width)
    return numpy.einsum("ri,cj,zij->zrc", rows, columns, planes, optimize=True), numpy.outer(on_rows, on_columns)


def prepared(image, settings):
    """What the network sees of an image (D, H, W).

    Convention: percentile, mean and standard deviation are those of the sample's voxels that lie on the image, so they
    do not depend on how much it is padded; padding gets the smallest of their values, which is air.
    """
    planes = numpy.asarray(image.dataobj).astype(numpy.float64).transpose(2, 1, 0)
    values, inside = resampled(planes, kernel_cubic, image.header.get_zooms(), settings)
    known = values[:, inside]
    limit = numpy.percentile(known, settings["preprocessing.clip_percentile"])
    values = numpy.where(inside, values, known.min()).clip(max=limit)
    if not settings["preprocessing.normalize"]:
        return values
    known = known.clip(max=limit)
    return (values - known.mean()) / known.std()


def prepared_labels(labels, zooms, classes, settings):
    """Each voxel's class: the masks are interpolated one by one, and the largest wins; padding is background."""
    masks = [resampled((labels == label).transpose(2, 1, 0).astype(numpy.float64), kernel_linear, zooms, settings)[0]
             for label in range(classes)]
    return numpy.argmax(masks, axis=0)
