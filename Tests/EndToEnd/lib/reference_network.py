"""A center's network in PyTorch, written from its definition: names of modules are the state-dict names of checkpoints.

`w` is the base width. Images are (batch, 1, D, H, W), probabilities (batch, classes, D, H, W).
"""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """An in-plane and a volumetric convolution, each normalized and rectified."""

    def __init__(self, inputs, middle, outputs):
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, middle, (1, 3, 3), padding=(0, 1, 1))
        self.norm1 = nn.GroupNorm(4, middle)
        self.conv2 = nn.Conv3d(middle, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, outputs)

    def forward(self, x):
        x = functional.leaky_relu(self.norm1(self.conv1(x)), 0.01)
        return functional.leaky_relu(self.norm2(self.conv2(x)), 0.01)


class Encoder(nn.Module):
    """Four levels with pooling in the plane in between; returns the output of each."""

    def __init__(self, w):
        super().__init__()
        self.level1 = Block(1, w, 2 * w)
        self.level2 = Block(2 * w, 2 * w, 4 * w)
        self.level3 = Block(4 * w, 4 * w, 8 * w)
        self.level4 = Block(8 * w, 8 * w, 16 * w)

    def forward(self, x):
        outputs = [self.level1(x)]
        for level in (self.level2, self.level3, self.level4):
            outputs.append(level(functional.max_pool3d(outputs[-1], (1, 2, 2))))
        return outputs


class Attention(nn.Module):
    """One head over all positions, without scaling."""

    def __init__(self, channels):
        super().__init__()
        self.query = nn.Conv3d(channels, channels // 2, 1)
        self.key = nn.Conv3d(channels, channels // 2, 1)
        self.value = nn.Conv3d(channels, channels // 2, 1)
        self.output = nn.Conv3d(channels // 2, channels, 1)

    def forward(self, asking, answering):
        query, key, value = (
            layer(x).flatten(2) for layer, x in
            ((self.query, asking), (self.key, answering), (self.value, answering)))
        shares = torch.softmax(torch.einsum("bcq,bck->bqk", query, key), dim=-1)
        attended = torch.einsum("bqk,bck->bcq", shares, value)
        return self.output(attended.reshape(attended.shape[:2] + asking.shape[2:]))


class Relocalization(nn.Module):
    """Contrastive re-localization of the client's representation by the server's."""

    def __init__(self, channels):
        super().__init__()
        self.self_attention = Attention(channels)
        self.self_fusion = nn.Conv3d(channels, channels, 3, padding=1)
        self.cross_attention = Attention(channels)
        self.cross_fusion = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(4, channels)

    def forward(self, server, client):
        a = self.norm(self.self_attention(client, client) + client)
        a = self.norm(a + self.self_fusion(a))
        b = self.norm(self.cross_attention(server, a) + a)
        b = self.norm(b + self.cross_fusion(b))
        return torch.cat((a, b), dim=1)


class Stage(nn.Module):
    """Twice as large in the plane, joined with what the local encoder had at that size."""

    def __init__(self, inputs, up, skip, outputs):
        super().__init__()
        self.up = nn.ConvTranspose3d(inputs, up, (1, 2, 2), stride=(1, 2, 2))
        self.block = Block(skip + up, outputs, outputs)

    def forward(self, x, skip):
        x = self.up(x)
        missing = [wanted - found for wanted, found in zip(skip.shape[2:], x.shape[2:])]
        # functional.pad counts from the last axis; rows and columns are added at the high end.
        x = functional.pad(x, [0, missing[2], 0, missing[1], 0, missing[0]])
        return self.block(torch.cat((skip, x), dim=1))


class Decoder(nn.Module):
    """Three stages up to the image's size, then the classes' probabilities."""

    def __init__(self, w, classes):
        super().__init__()
        self.stage1 = Stage(32 * w, 16 * w, 8 * w, 8 * w)
        self.stage2 = Stage(8 * w, 8 * w, 4 * w, 4 * w)
        self.stage3 = Stage(4 * w, 4 * w, 2 * w, 2 * w)
        self.head = nn.Conv3d(2 * w, classes, 1)

    def features(self, x, levels):
        """What the head sees."""
        for stage, skip in ((self.stage1, levels[2]), (self.stage2, levels[1]), (self.stage3, levels[0])):
            x = stage(x, skip)
        return x

    def forward(self, x, levels):
        return torch.softmax(self.head(self.features(x, levels)), dim=1)


class Network(nn.Module):
    """The whole network of a center."""

    def __init__(self, w, classes):
        super().__init__()
        self.global_encoder = Encoder(w)
        self.local_encoder = Encoder(w)
        self.relocalization = Relocalization(16 * w)
        self.decoder = Decoder(w, classes)

    def forward(self, image):
        server = self.global_encoder(image)[-1]
        levels = self.local_encoder(image)
        return self.decoder(self.relocalization(server, levels[-1]), levels)
