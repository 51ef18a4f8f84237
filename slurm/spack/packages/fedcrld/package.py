from pathlib import Path

from spack.package import *


class Fedcrld(Package):
    """Federated cardiac-MR segmentation over MPI: FedCRLD and the methods that one compares it with.

    From a clone, with Swift 6.2 or newer in PATH (Spack has no package of it) and a network to fetch Swift packages:

        spack repo add slurm/spack
        spack install fedcrld
    """

    # The clone that this recipe is in.
    git = f"file://{Path(__file__).resolve().parents[4]}"

    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5+hl~mpi")
    depends_on("openblas")
    depends_on("zlib-api")
    depends_on("libpng")

    def setup_build_environment(self, env):
        env.set("FEDCRLD_MPI_PKGCONFIG", "ompi-c" if self.spec.satisfies("^[virtuals=mpi] openmpi") else "mpich")
        env.set("FEDCRLD_HDF5_PKGCONFIG", "hdf5")
        env.set("FEDCRLD_MARCH", "native")

    def install(self, spec, prefix):
        if which("swift") is None:
            raise InstallError("there is no swift in PATH; install Swift 6.2 or newer (https://www.swift.org/install)")
        Executable("scripts/install")("--prefix", prefix, "--static")

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_version(self):
        Executable(self.prefix.bin.fedcrld)("--version")
