# shellcheck shell=bash
# The tests' own Python, with the programs that they take for oracles. Sourced after environment.sh.

oracles=$project/.build/python
requirements=$project/Tests/requirements.txt

# Whether the environment is there, whole, and of these requirements.
oracles_are_there() { [[ -x $oracles/bin/python3 ]] && cmp -s "$requirements" "$oracles/requirements.txt"; }

# Puts a python3 with all oracles first in PATH. Makes it, once, where it is not there. Ends with a message where that fails.
use_oracles() {
  # Packages that happen to be on this machine are none of the tests'.
  unset PYTHONPATH PYTHONHOME
  export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
  if ! oracles_are_there; then
    note "making a Python environment with the tests' oracles in $oracles (once; some minutes and 1.5 GiB)"
    rm -rf "$oracles"
    local log=$project/.build/python.log
    mkdir -p "$project/.build"
    if ! { python3 -I -m venv "$oracles" &&
      "$oracles/bin/python3" -I -m pip install --no-input --quiet --requirement "$requirements"; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      fail "the tests' oracles cannot be installed (all of it: $log). Where Python packages cannot be had," \
        "scripts/test --without-oracles skips the tests that need them, and says how many these are"
    fi
    cp "$requirements" "$oracles/requirements.txt"
  fi
  PATH=$oracles/bin:$PATH
  export PATH
  python3 -I -c '
import h5py, medpy.metric, monai.metrics, nibabel, numpy, onnx, onnxruntime, safetensors, scipy, SimpleITK
import tensorboard, torch' ||
    fail "an oracle of $requirements cannot be imported; remove $oracles and start again"
}
