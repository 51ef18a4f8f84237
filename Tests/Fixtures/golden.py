"""Numbers that are functions of a name and an index, so that golden files hold results only.

    symmetric(name, i) = 2 * (splitmix64(fnv1a64(name) + i) >> 40) / 2**24 - 1

Parameter P below a prefix has the name "PREFIX/P": convolutions are symmetric / sqrt(fan-in), a normalization's scale is
1 + 0.1 * symmetric, its offset 0.1 * symmetric. Volume V is symmetric("PREFIX/volumeV") plus 2 where
label = (z + (y + 2 z) // 4 + x // 5 + V) mod classes is not 0. Both are rounded to float32, which the engine has them in.

The networks are those of `scripts/python/fedcrld.py`, the losses of `Tests/EndToEnd/lib`: both are written from the method's description.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[1] / "EndToEnd"))


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


def rounded(values):
    return torch.from_numpy(values.astype(np.float32).astype(np.float64))


def fill(network, prefix):
    """Sets a network's parameters."""
    network.double()
    with torch.no_grad():
        for module_name, module in network.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                values = symmetric(f"{prefix}/{module_name}.{name}", parameter.shape)
                if isinstance(module, nn.GroupNorm):
                    values = (1 if name == "weight" else 0) + 0.1 * values
                else:
                    # The second axis is what PyTorch counts the fan-in over, of transposed convolutions, too.
                    values = values / math.sqrt(math.prod(module.weight.shape[1:]))
                parameter.copy_(rounded(values))
    return network


def volume(index, size, classes, prefix):
    """An image and its one-hot labels."""
    z, y, x = np.meshgrid(*(np.arange(extent) for extent in size), indexing="ij")
    label = (z + (y + 2 * z) // 4 + x // 5 + index) % classes
    image = rounded(symmetric(f"{prefix}/volume{index}", size) + 2 * (label > 0))[None, None]
    return image, F.one_hot(torch.from_numpy(label), classes).permute(3, 0, 1, 2)[None].double()


def probed(name, tensor):
    """A tensor's norm, and its product with numbers that follow from its name."""
    values = tensor.detach().numpy()
    return np.sqrt((values**2).sum()), (values * symmetric("probe/" + name, values.shape)).sum()
