# shellcheck shell=bash
# What every script here needs. Sourced; sets `project` to the project's folder.

set -euo pipefail
# shellcheck disable=SC2034 # for the scripts that source this
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# A script adds to these before install_libraries: programs, whose packages have their names, and other packages.
needed_programs=()
needed_packages=()

# The build records the commit that it is of (see BuildInformation.swift).
FEDCRLD_COMMIT=${FEDCRLD_COMMIT:-$(git -C "$project" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)}
export FEDCRLD_COMMIT

note() { printf '%s\n' "$*" >&2; }

fail() {
  note "error: $*"
  exit 1
}

# Ends with a message unless there is a Swift compiler that can build this package.
require_swift() {
  command -v swift >/dev/null || fail "there is no swift in PATH; install Swift 6.2 or newer (https://www.swift.org/install)"
  local version
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  [[ -n $version ]] || fail "swift --version does not tell a version; install Swift 6.2 or newer (https://www.swift.org/install)"
  local major=${version%%.*} minor=${version#*.}
  ((major > 6 || (major == 6 && minor >= 2))) ||
    fail "this is Swift $version and the package needs 6.2 or newer (https://www.swift.org/install)"
}

# The Debian packages of the libraries that are not there. A library counts as there when pkg-config finds it under
# the name that Package.swift uses, however it came to the machine (environment modules, Spack, Debian).
missing_packages() {
  local program
  # Programs that the script needs beside: their packages have their names.
  for program in "${needed_programs[@]}"; do command -v "$program" >/dev/null || echo "$program"; done
  for program in "${needed_packages[@]}"; do dpkg -s "$program" >/dev/null 2>&1 || echo "$program"; done
  if ! command -v pkg-config >/dev/null; then
    printf '%s\n' pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libopenblas-dev zlib1g-dev libpng-dev
    return
  fi
  pkg-config --exists "${FEDCRLD_MPI_PKGCONFIG:-ompi-c}" || echo libopenmpi-dev
  command -v "${MPIRUN:-mpirun}" >/dev/null || echo openmpi-bin
  pkg-config --exists "${FEDCRLD_HDF5_PKGCONFIG:-hdf5-serial}" || echo libhdf5-dev
  pkg-config --exists "${FEDCRLD_OPENBLAS_PKGCONFIG:-openblas}" || echo libopenblas-dev
  pkg-config --exists "${FEDCRLD_ZLIB_PKGCONFIG:-zlib}" || echo zlib1g-dev
  pkg-config --exists "${FEDCRLD_PNG_PKGCONFIG:-libpng}" || echo libpng-dev
}

# Installs what is missing by apt-get; says so before. Does and says nothing where all is there.
install_libraries() {
  local -a packages as_root=()
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]})) || return 0
  command -v apt-get >/dev/null ||
    fail "these Debian packages, or what your system has in their place, are missing: ${packages[*]}." \
      "There is no apt-get here to install them. On a cluster load the modules of MPI, HDF5, OpenBLAS, zlib and libpng;" \
      "where pkg-config has other names for them, set FEDCRLD_{MPI,HDF5,OPENBLAS,ZLIB,PNG}_PKGCONFIG"
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail "an administrator must install: apt-get install ${packages[*]} (there is no sudo here)"
    as_root=(sudo)
    # Nobody can type a password without a terminal.
    [[ -t 0 ]] || as_root=(sudo --non-interactive)
  fi
  note "installing Debian packages: ${packages[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]} == 0)) || fail "still missing after the installation: ${packages[*]}"
}

# Sets the array `mpirun` to a command that starts so many ranks on this machine, however few cores it has.
set_mpirun() {
  mpirun=("${MPIRUN:-mpirun}" -n "$1")
  if "${mpirun[0]}" --version 2>/dev/null | grep -q 'Open MPI'; then
    mpirun+=(--oversubscribe --bind-to none)
  fi
}

# Open MPI refuses to run as root, which is who one is in a container.
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Containers forbid process_vm_readv, and Open MPI then complains in every run before it copies through shared memory.
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
# The ranks have threads of their own; OpenBLAS's would double them.
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
