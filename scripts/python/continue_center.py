#!/usr/bin/env python3
"""Goes on with a center's network in PyTorch, on the center's own volumes: an example of fedcrld.py, beside it.

    fedcrld export --run run --center NAME --volumes volumes.h5
    python3 continue_center.py run NAME volumes.h5 --epochs 5 --out network.pt
"""

import argparse

import fedcrld
import torch
from torch.nn import functional


def loss(probabilities, labels):
    """Dice over the foreground classes that are there, and cross-entropy. (1, classes, D, H, W) and (1, D, H, W)."""
    truth = functional.one_hot(labels, probabilities.shape[1]).movedim(-1, 1).float()
    shared, sizes = (2 * truth * probabilities).sum((0, 2, 3, 4)), (truth + probabilities).sum((0, 2, 3, 4))
    present = truth.sum((0, 2, 3, 4)) > 0
    present[0] = False
    dice = 1 - (shared / sizes)[present].mean() if present.any() else 0
    return dice + functional.nll_loss(torch.log(probabilities.clamp_min(1e-8)), labels)


def dice(network, volumes):
    """Mean Dice over the volumes and the foreground classes that are in truth or prediction; None without any."""
    found = []
    with torch.no_grad():
        for _, image, labels in volumes:
            predicted, truth = network(batch(image)).argmax(1)[0], torch.from_numpy(labels).long()
            for label in range(1, int(max(predicted.max(), truth.max())) + 1):
                a, b = predicted == label, truth == label
                if a.any() or b.any():
                    found.append(2 * float((a & b).sum()) / float(a.sum() + b.sum()))
    return sum(found) / len(found) if found else None


def batch(image):
    return torch.from_numpy(image)[None, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="the run's folder")
    parser.add_argument("center", help="the center")
    parser.add_argument("volumes", help="what `fedcrld export --volumes` has written")
    parser.add_argument("--checkpoint", default="latest", help="latest, best or a round")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1e-4, help="Adam's learning rate")
    parser.add_argument("--out", help="where the state dict goes (torch.save)")
    options = parser.parse_args()

    which = int(options.checkpoint) if options.checkpoint.isdigit() else options.checkpoint
    network = fedcrld.Run(options.run).network(options.center, which)
    training, validation = (fedcrld.volumes(options.volumes, split) for split in ("train", "validation"))
    optimizer = torch.optim.Adam(network.parameters(), lr=options.rate)
    torch.manual_seed(1)

    def report(epoch, mean):
        figures = [f"loss {mean:.4f}" if mean is not None else None]
        for name, volumes in (("training", training), ("validation", validation)):
            value = dice(network, volumes)
            figures.append(f"{name} Dice {value:.4f}" if value is not None else None)
        print(f"epoch {epoch}: " + ", ".join(figure for figure in figures if figure))

    report(0, None)
    for epoch in range(1, options.epochs + 1):
        losses = []
        for index in torch.randperm(len(training)):
            _, image, labels = training[index]
            value = loss(network(batch(image)), torch.from_numpy(labels).long()[None])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(float(value.detach()))
        report(epoch, sum(losses) / len(losses))
    if options.out:
        torch.save(network.state_dict(), options.out)


if __name__ == "__main__":
    main()
