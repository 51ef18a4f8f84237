"""An installed copy works without the source tree and the toolchain: from any folder, as a job, with manual and completions."""

import os
import re
import shutil
import stat
import subprocess

from lib.program import PROJECT, run
from lib.runs import SETTINGS, expect_same_bits, settings, simulate, train
from lib.suite import Skip, expect, expect_equal, fixture, main, shared_folder, test


def need_swift():
    if not shutil.which("swift"):
        raise Skip("there is no swift in PATH")


@fixture
def prefix():
    need_swift()
    folder = shared_folder() / "in stalled"
    run(PROJECT / "scripts" / "install", "--prefix", folder, limit=600).succeeded()
    return folder


def installed(*words, folder, **variables):
    """Runs something with nothing but the system's programs in PATH."""
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    clean.update({name: value for name, value in os.environ.items() if name.startswith("OMPI_")})
    clean.update({"OPENBLAS_NUM_THREADS": "1", **variables})
    command = [f"{name}={value}" for name, value in clean.items()]
    return run("env", "-i", *command, *words, folder=folder, limit=300)


@test("the program links its own runtime and nothing of the toolchain or the source tree; it trains and resumes")
def _(folder):
    program = prefix() / "bin" / "fedcrld"
    linked = installed("ldd", program, folder=folder).succeeded().out
    expect("not found" not in linked, linked)
    ours = [line for line in linked.splitlines() if "libswift" in line or "Foundation" in line]
    expect(len(ours) > 3 and all(f"=> {prefix()}/" in line or f"{prefix()}/bin/../lib" in line for line in ours), linked)
    expect(str(PROJECT) not in linked.replace(str(prefix()), ""), linked)
    installed(program, "simulate", "--out", "data", "--subjects", 2, "--size", "3x32x32", folder=folder).succeeded()
    installed(
        program, "train", "--data", "data", "--out", "run", "--preset", "tiny", *settings(*SETTINGS, "rounds=1"),
        folder=folder).succeeded()
    installed(program, "train", "--resume", "run", *settings("rounds=2"), folder=folder).succeeded()
    data = simulate(folder / "other")
    train(data, folder / "tree", "rounds=2").succeeded()
    expect_same_bits(folder / "run", folder / "tree")


@test("its job scripts run from an empty folder, as Slurm starts them, and say how to go on")
def _(folder):
    jobs = prefix() / "share" / "fedcrld" / "slurm"
    empty = folder / "empty"
    empty.mkdir()
    # Slurm runs a copy of the script.
    spooled = folder / "slurm_script"

    def job(name, *arguments, **variables):
        shutil.copy(jobs / name, spooled)
        slurm = {
            "SLURM_SUBMIT_DIR": str(empty), "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "here", "SLURM_NTASKS": "2",
            "LAUNCHER": "mpirun --oversubscribe", **variables}
        return installed("bash", spooled, *arguments, folder=folder, **slurm)

    values = settings(*SETTINGS, "rounds=2")
    result = job(
        "train.sbatch", "--preset", "tiny", *values, "--max-hours", "0.000001", DATA=str(simulate(folder))).ended_with(75)
    expect(f"RUN=runs/7 sbatch {jobs}/resume.sbatch" in result.out, f"{result}")
    job("resume.sbatch", RUN="runs/7").succeeded()
    status = installed(prefix() / "bin" / "fedcrld", "status", empty / "runs" / "7", folder=folder).succeeded()
    expect("finished" in status.out, f"{status}")
    # Another copy's program, where that is asked for.
    fails = folder / "fails"
    fails.write_text("#!/bin/bash\necho other program >&2\nexit 3\n")
    fails.chmod(0o755)
    expect("other program" in job("resume.sbatch", RUN="runs/7", FEDCRLD=str(fails)).err, "FEDCRLD is passed over")
    for script in sorted(jobs.glob("*.sbatch")) + [jobs / "job.sh"]:
        expect(not re.search(r"(^|[^/\w])slurm/\w", script.read_text().replace("source=slurm/", "")), f"{script} names slurm/")


@test("every command has a manual page and completions, the module file leads to the program, and the list tells all files")
def _(folder):
    program = prefix() / "bin" / "fedcrld"
    names = re.findall(r"^  ([a-z]+) {2,}", installed(program, "--help", folder=folder).succeeded().out, re.MULTILINE)
    expect(len(names) > 15, f"{names}")
    pages = prefix() / "share" / "man" / "man1"
    for name in names:
        expect(f"fedcrld {name}" in (pages / f"fedcrld.{name}.1").read_text().replace("\n", " ").replace(".Nm ", ""), name)
    for completion in ("bash-completion/completions/fedcrld", "zsh/site-functions/_fedcrld",
                       "fish/vendor_completions.d/fedcrld.fish"):
        text = (prefix() / "share" / completion).read_text()
        expect(all(name in text for name in names), f"{completion} lacks a command")
    subprocess.run(["bash", "-n", prefix() / "share/bash-completion/completions/fedcrld"], check=True)
    (module,) = (prefix() / "share" / "modulefiles" / "fedcrld").iterdir()
    text = module.read_text()
    expect(text.startswith("#%Module") and f'set root {{{prefix()}}}' in text, text)
    files = (prefix() / "share" / "fedcrld" / "installed").read_text().splitlines()
    found = [str(path.relative_to(prefix())) for path in prefix().rglob("*") if path.is_file()]
    expect_equal(sorted(files), sorted(found), "the files that the list tells")
    for path in prefix().rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        expect(mode & 0o044 == 0o044 and not mode & 0o022, f"{path} has the mode {mode:o}")


@test("installed again, files that there are no more are removed, and others stay")
def _(folder):
    listed = prefix() / "share" / "fedcrld" / "installed"
    files = listed.read_text()
    (prefix() / "bin" / "gone").write_text("")
    (prefix() / "bin" / "foreign").write_text("")
    listed.write_text(files + "bin/gone\n")
    run(PROJECT / "scripts" / "install", f"--prefix={prefix()}", limit=600).succeeded()
    expect(not (prefix() / "bin" / "gone").exists(), "an older file stays")
    expect((prefix() / "bin" / "foreign").exists(), "another's file is removed")
    expect_equal(listed.read_text(), files, "the list")


@test("a prefix that cannot be is one error, and nothing is built")
def _(folder):
    script = PROJECT / "scripts" / "install"
    expect("--prefix says where to" in run(script).ended_with(2).err, "no prefix")
    (folder / "file").write_text("")
    expect("cannot make" in run(script, "--prefix", folder / "file" / "below").ended_with(1).err, "below a file")
    expect("without quotes" in run(script, "--prefix", f'{folder}/a"b').ended_with(1).err, "quotes")
    expect("unknown option" in run(script, "--prefix", folder / "p", "--fast").ended_with(2).err, "an option")


main()
