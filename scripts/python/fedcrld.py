"""What `fedcrld` writes, in Python: networks, losses, scores, cohorts. One file: copy it to where it is needed.

    import fedcrld
    run = fedcrld.Run("run")
    network = run.network("center-1-siemens-bssfp", "best")     # a torch.nn.Module in evaluation mode
    rows = run.scores()                                         # pandas.DataFrame(rows), if you like

Needs h5py and NumPy; PyTorch for networks, and for nothing else. Arrays are float32 in PyTorch's order; images are (depth,
height, width), batches (batch, 1, depth, height, width), probabilities (batch, classes, depth, height, width).
"""

import json
import subprocess
from pathlib import Path

import h5py

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    torch = None


class Run:
    """The folder of a run: `fedcrld train --out`. It may be training still; complete checkpoints are read."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not (self.folder / "config.yaml").is_file():
            raise FileNotFoundError(f"{folder} is not the folder of a run: it has no config.yaml")

    @property
    def configuration(self):
        """Every setting by its dotted key."""
        return _settings((self.folder / "config.yaml").read_text(encoding="utf-8"))

    def checkpoint(self, which="latest"):
        """The folder of a round's checkpoint: "latest", "best" (on validation cases), or the round's number."""
        folder = self.folder / "checkpoints"
        if which == "latest":
            found = [path.parent for path in folder.glob("round-*/manifest.json") if path.parent.name[6:].isdigit()]
            if not found:
                raise FileNotFoundError(f"{self.folder} has no complete checkpoint of a whole round")
            return max(found, key=lambda path: int(path.name[6:]))
        if which == "best":
            pointer = folder / "best"
            if not pointer.is_file():
                raise FileNotFoundError(f"{self.folder} has no best checkpoint: nothing was evaluated on validation cases")
            name = pointer.read_text(encoding="utf-8").strip()
        else:
            name = f"round-{int(which):06}"
        if not (folder / name / "manifest.json").is_file():
            raise FileNotFoundError(f"{self.folder} has no complete checkpoint {name}")
        return folder / name

    def centers(self, which="latest"):
        """The names of the centers, in order."""
        manifest = self._manifest(which)
        return sorted(manifest.get("members") or manifest["banks"])

    def state_dict(self, center, which="latest", variable=None):
        """The parameters of a center's network by their state-dict names, as NumPy arrays.

        variable: of those that the center's method keeps ("network", "bank", "personal", …); by default what segments the
        center's images: for apfl the mixture, for prrfl and ditto the personal network. The parameters of FedCRLD with
        md.segments=both are two networks' and have to be asked for one by one.
        """
        if variable is not None:
            return self._variable(center, which, variable)
        configuration = self.configuration
        method = configuration["method"]
        if method == "apfl":
            own, shared = (self._variable(center, which, name) for name in ("personal", "network"))
            share = self._variable(center, which, "mixture")["alpha"][0]
            return {name: share * own[name] + (1 - share) * shared[name] for name in own}
        if method == "fedcrld":
            segments = configuration.get("md.segments", "network")
            if segments == "both":
                raise ValueError('md.segments is both: ask for the variable "network" or "bank"')
            return self._variable(center, which, segments)
        return self._variable(center, which, "personal" if method in ("ditto", "prrfl") else "network")

    def network(self, center, which="latest", variable=None):
        """A center's network as a torch.nn.Module with its parameters, in evaluation mode. See state_dict."""
        if torch is None:
            raise ImportError("a network needs PyTorch: pip install torch")
        state = {name: torch.from_numpy(values) for name, values in self.state_dict(center, which, variable).items()}
        manifest = self._manifest(which)
        with h5py.File(self._file(center, which)) as file:
            information = dict(file["info"].attrs)
        width, heads = int(information["width"]), [int(number) for number in _list(information["classes"])]
        if "encoder.level1.conv1.weight" in state:
            network = UNet(width, heads, (manifest.get("members") or {}).get(center, 0))
        else:
            scaled = self.configuration.get("crl.attention_scale") == "sqrt_d"
            network = Network(width, heads[0], scaled, relocalizes="relocalization.projection.weight" not in state)
        network.load_state_dict(state, strict=True)
        return network.eval()

    def metrics(self, kind=None):
        """The objects of metrics.jsonl, or those of a kind: "round", "evaluation", "checkpoint", "phases"."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        # What follows the last line break is being written.
        found = [json.loads(line) for line in lines[:-1] if line]
        return [item for item in found if kind in (None, item["kind"])]

    def losses(self):
        """Mean losses, a row for every round and center: round, center, weight, and each term by its name."""
        return [
            {"round": item["round"], "center": center, **terms}
            for item in self.metrics("round") for center, terms in item["centers"].items()]

    def scores(self):
        """Dice during the run, a row for every evaluation, center and class: round, split, center, class, dice."""
        return [
            {"round": item["round"], "split": item["split"], "center": center, "class": name, "dice": dice}
            for item in self.metrics("evaluation")
            for center, score in item["centers"].items() for name, dice in score["dice"].items()]

    def evaluate(self, which="latest", split="test", data=None, program="fedcrld"):
        """What `fedcrld evaluate` measures, a row for every case and class: center, case, subject, phase, class, dice,
        hd95_mm, assd_mm, true_ml, predicted_ml. None where there is no such number.

        data: the cohorts' folder, where it is not where the run was trained on it. program: the fedcrld to run.
        """
        command = [program, "evaluate", "--run", str(self.folder), "--checkpoint", str(which), "--split", split, "--json"]
        command += ["--data", str(data)] if data else []
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with status {result.returncode}:\n{result.stderr.strip()}")
        rows = []
        for center, score in json.loads(result.stdout)["centers"].items():
            for case in score["cases"]:
                for index, name in enumerate(score["classes"]):
                    row = {"center": center, "class": name}
                    row.update({key: case[key] for key in ("case", "subject", "phase")})
                    measures = ("dice", "hd95_mm", "assd_mm", "true_ml", "predicted_ml")
                    row.update({key: case[key][index] for key in measures})
                    rows.append(row)
        return rows

    def _manifest(self, which):
        """The manifest of a checkpoint, with what it leaves to the lists of earlier ones."""
        manifest = json.loads((self.checkpoint(which) / "manifest.json").read_text(encoding="utf-8"))
        banks, files = manifest["banks"], manifest["files"]
        # The newest list that names a center has all of its files. Later rounds have later names.
        lists = sorted((name for name in files if name.startswith("lists/")), key=lambda name: (len(name), name))
        for name in reversed(lists):
            older = json.loads((self.folder / name).read_text(encoding="utf-8"))
            known = set(banks)
            for path, fingerprint in older["files"].items():
                if path.startswith(("states/", "banks/")) and _center(path, older["banks"]) not in known:
                    files[path] = fingerprint
            banks.update({center: number for center, number in older["banks"].items() if center not in known})
        return manifest

    def _file(self, center, which):
        """The file of what segments a center's images: of the pooled data's network where there is one."""
        if center not in self.centers(which):
            raise KeyError(f"{self.folder} has no center {center}; it has {', '.join(self.centers(which))}")
        manifest = self._manifest(which)
        name = "pooled" if manifest.get("members") else center
        # One that was put back, and all of earlier formats, are in the checkpoint's folder.
        for path in manifest["files"]:
            if path.endswith(f"/{name}.h5") and (path.startswith("states/") or "/centers/" in path):
                return self.folder / path
        raise FileNotFoundError(f"{center} was not trained yet in {self.checkpoint(which)}: it has no file there")

    def _variable(self, center, which, variable):
        path = self._file(center, which)
        if variable == "bank":
            number = self._manifest(which)["banks"][center]
            path = self.folder / "banks" / center / f"round-{number:06}.h5"
        with h5py.File(path) as file:
            if variable not in file:
                kept = sorted(name for name in file if name not in ("info", "optimizer"))
                raise KeyError(f"{path} has no variable {variable}; it has {', '.join(kept)}")
            return dict(parameters(file[variable]))


def cohorts(folder):
    """The cases of all cohorts in a folder, a row for each: center, subject, phase, split, image and label (paths), frames of
    4-D images, spacing (mm), classes."""
    rows = []
    for file in sorted(Path(folder).glob("*/cohort.json")):
        cohort = json.loads(file.read_text(encoding="utf-8"))
        splits = {subject: split for split, subjects in cohort["splits"].items() for subject in subjects}
        for case in cohort["cases"]:
            rows.append({
                "center": cohort["center"], "subject": case["subject"], "phase": case["phase"],
                "split": splits.get(case["subject"]), "image": file.parent / case["image"],
                "label": file.parent / case["label"], "frame": case.get("frame"), "label_frame": case.get("labelFrame"),
                "spacing": case["spacing"], "classes": cohort["classes"]})
    if not rows:
        raise FileNotFoundError(f"{folder} has no cohorts: no folder in it has a cohort.json")
    return rows


def volumes(file, split="train"):
    """Prepared volumes that `fedcrld export --volumes` has written: [(case, image, labels)], image float32 and labels uint8
    (depth, height, width)."""
    with h5py.File(file) as content:
        if split not in content:
            return []
        return [(name, group["image"][()], group["labels"][()]) for name, group in content[split].items()]


def parameters(group, prefix=""):
    """The datasets below a group of an open HDF5 file, each with its state-dict name. Links to the root's files are followed."""
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from parameters(item, f"{prefix}{name}.")
        else:
            yield prefix + name, item[()]


def _center(path, centers):
    """The center that a file of a state or of a bank is of."""
    if path.startswith("banks/"):
        return path.split("/")[1]
    stem = path.split("/")[-1].removesuffix(".h5")
    return stem if stem in centers else stem.rpartition(".")[0]


def _settings(text):
    """The keys and values of a config.yaml as the program writes it: one line each, nesting by two spaces."""
    found, groups = {}, []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, value = line.strip().partition(":")
        groups[depth:] = [name]
        if value.strip():
            found[".".join(groups)] = _value(value.strip())
    return found


def _value(text):
    if text.startswith("[") and text.endswith("]"):
        return [_value(item.strip()) for item in text[1:-1].split(",") if item.strip()]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _list(value):
    return value if getattr(value, "shape", ()) else [value]


# Networks. Names of modules are the state-dict names of checkpoints; w is the base width.

if torch is not None:

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
        """One head over all positions; scores are scaled where the run's crl.attention_scale is sqrt_d."""

        def __init__(self, channels, scaled=False):
            super().__init__()
            self.query = nn.Conv3d(channels, channels // 2, 1)
            self.key = nn.Conv3d(channels, channels // 2, 1)
            self.value = nn.Conv3d(channels, channels // 2, 1)
            self.output = nn.Conv3d(channels // 2, channels, 1)
            self.scale = (channels // 2) ** -0.5 if scaled else 1

        def forward(self, asking, answering):
            query, key, value = (
                layer(x).flatten(2) for layer, x in
                ((self.query, asking), (self.key, answering), (self.value, answering)))
            shares = torch.softmax(torch.einsum("bcq,bck->bqk", query, key) * self.scale, dim=-1)
            attended = torch.einsum("bqk,bck->bcq", shares, value)
            return self.output(attended.reshape(attended.shape[:2] + asking.shape[2:]))

    class Relocalization(nn.Module):
        """Contrastive re-localization of the client's representation by the server's."""

        def __init__(self, channels, scaled=False):
            super().__init__()
            self.self_attention = Attention(channels, scaled)
            self.self_fusion = nn.Conv3d(channels, channels, 3, padding=1)
            self.cross_attention = Attention(channels, scaled)
            self.cross_fusion = nn.Conv3d(channels, channels, 3, padding=1)
            self.norm = nn.GroupNorm(4, channels)

        def forward(self, server, client):
            a = self.norm(self.self_attention(client, client) + client)
            a = self.norm(a + self.self_fusion(a))
            b = self.norm(self.cross_attention(server, a) + a)
            b = self.norm(b + self.cross_fusion(b))
            return torch.cat((a, b), dim=1)

    class Projection(nn.Module):
        """What stands in a relocalization's place with crl.enabled=false."""

        def __init__(self, channels):
            super().__init__()
            self.projection = nn.Conv3d(2 * channels, 2 * channels, 1)

        def forward(self, server, client):
            return self.projection(torch.cat((server, client), dim=1))

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
            # Of centers of different classes that share a network, a last layer each.
            if isinstance(classes, int):
                self.head = nn.Conv3d(2 * w, classes, 1)
            else:
                self.heads = nn.ModuleList(nn.Conv3d(2 * w, number, 1) for number in classes)

        def features(self, x, levels):
            """What the head sees."""
            for stage, skip in ((self.stage1, levels[2]), (self.stage2, levels[1]), (self.stage3, levels[0])):
                x = stage(x, skip)
            return x

        def forward(self, x, levels, head=0):
            last = self.heads[head] if hasattr(self, "heads") else self.head
            return torch.softmax(last(self.features(x, levels)), dim=1)

    class Network(nn.Module):
        """FedCRLD's network of a center: image to probabilities."""

        def __init__(self, w, classes, scaled=False, relocalizes=True):
            super().__init__()
            self.global_encoder = Encoder(w)
            self.local_encoder = Encoder(w)
            self.relocalization = Relocalization(16 * w, scaled) if relocalizes else Projection(16 * w)
            self.decoder = Decoder(w, classes)

        def forward(self, image):
            server = self.global_encoder(image)[-1]
            levels = self.local_encoder(image)
            return self.decoder(self.relocalization(server, levels[-1]), levels)

    class UNet(nn.Module):
        """The U-Net that all other methods train; of several heads, the one that tells the center's classes apart."""

        def __init__(self, w, heads, head=0):
            super().__init__()
            self.encoder = Encoder(w)
            self.bottleneck = nn.Conv3d(16 * w, 32 * w, 1)
            self.decoder = Decoder(w, heads[0] if len(heads) == 1 else heads)
            self.which = head

        def forward(self, image):
            levels = self.encoder(image)
            return self.decoder(self.bottleneck(levels[-1]), levels, self.which)
