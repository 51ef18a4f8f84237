# shellcheck shell=bash
# What the jobs in this folder have in common. Sourced by them, in a job, in the folder that sbatch was called in.
#
# Settings, as environment variables of sbatch:
#   FEDCRLD   the program                                     (.build/release/fedcrld)
#   LAUNCHER  the command that starts it on every rank, such as "srun --mpi=pmix", "srun --mpi=pmi2" or "mpirun"
#             (srun --mpi=pmix where this Slurm has it, or else mpirun). The MPI library must have been built for it;
#             mpirun, from the same MPI library as the program's, is always right.
#   REQUEUES  how often a job that is stopped before its last round puts itself back into the queue (20; 0: never)
#   SCRATCH   a folder on each node's own disk for the centers that are not in memory, such as /tmp or $TMPDIR (none)
#   FEDCRLD_JOBS  the folder of these files (slurm)

set -euo pipefail

# --- edit here: your site's modules, for example
# module load openmpi hdf5 openblas

jobs=${jobs:-slurm}
fedcrld=${FEDCRLD:-.build/release/fedcrld}
[[ -x $fedcrld ]] || {
  echo "there is no program $fedcrld in $PWD; build it (swift build -c release), call sbatch in the project's folder," \
    "or set FEDCRLD" >&2
  exit 2
}

# The ranks have threads of their own; OpenBLAS and OpenMP would add theirs.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# A job that was submitted with --export=NONE would give its ranks nothing of what is set here.
export SLURM_EXPORT_ENV=ALL
# Inside an allocation root is as good as anyone; Open MPI asks to be told so.
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# of_component NAME GROUP: what Slurm tells of a component of a heterogeneous job; nothing where it does not.
of_component() {
  local name=SLURM_$1_HET_GROUP_$2
  echo "${!name:-}"
}

components=${SLURM_HET_SIZE:-1}
threads=${SLURM_CPUS_PER_TASK:-1}
# Slurm sets SLURM_NTASKS only where the job asked for tasks; else it starts so many on each node.
tasks=${SLURM_NTASKS:-$((${SLURM_NNODES:-1} * ${SLURM_NTASKS_PER_NODE:-1}))}
nodes=${SLURM_JOB_NODELIST:-}
if ((components > 1)); then
  # Ranks differ in cores: each takes as many threads as it has.
  threads=0 tasks=0 nodes=
  for ((group = 0; group < components; group++)); do
    ((tasks += $(of_component NTASKS $group)))
    nodes+=${nodes:+,}$(of_component JOB_NODELIST $group)
  done
fi
if [[ -n ${LAUNCHER:-} ]]; then
  read -ra launcher <<<"$LAUNCHER"
elif srun --mpi=list 2>&1 | grep -qw pmix; then
  launcher=(srun --mpi=pmix)
else
  launcher=(mpirun)
fi
case ${launcher[0]##*/} in
srun)
  launcher+=(--kill-on-bad-exit=1)
  ((components > 1)) || launcher+=(--ntasks "$tasks" --cpus-per-task "$threads")
  ;;
mpirun | mpiexec)
  ((components == 1)) || {
    echo "${launcher[0]} starts ranks in one component of a heterogeneous job only; set LAUNCHER to srun --mpi=pmix or another" \
      "that srun --mpi=list names" >&2
    exit 2
  }
  # Inside an allocation it knows the nodes by itself: no hostfile.
  launcher+=(-n "$tasks")
  # Each rank gets as many cores as it has threads, where the system lets processes be bound.
  if "${launcher[0]}" --version 2>/dev/null | grep -q 'Open MPI'; then
    launcher+=(--map-by "slot:PE=$threads" --bind-to core:if-supported)
  fi
  ;;
esac

# on_all_ranks COMMAND OPTIONS…: sets the array `command` to fedcrld COMMAND on every rank, with as many threads as it has
# cores. A heterogeneous job's ranks are one step, in the order of its components.
on_all_ranks() {
  local program=("$fedcrld" "$1" --set "threads=$threads" "${@:2}") group
  command=("${launcher[0]}")
  for ((group = 0; group < components; group++)); do
    ((group == 0)) || command+=(:)
    command+=("${launcher[@]:1}")
    ((components == 1)) ||
      command+=("--het-group=$group" --ntasks "$(of_component NTASKS $group)"
        --cpus-per-task "$(of_component CPUS_PER_TASK $group)")
    command+=("${program[@]}")
  done
}

# make_data FOLDER: simulated centers, unless they are there. A folder that is there is whole.
make_data() {
  [[ ! -e $1 ]] || return 0
  rm -rf "$1.partial"
  mkdir -p "$(dirname "$1")"
  "$fedcrld" simulate --out "$1.partial" --centers 6 --subjects 14 </dev/null
  mv "$1.partial" "$1"
}

# resumable RUN: whether a requeued job finds the run that it had begun. One without a checkpoint is put aside.
resumable() {
  ((${SLURM_RESTART_COUNT:-0} > 0)) || return 1
  [[ ! -e $1/checkpoints/latest ]] || return 0
  [[ ! -e $1 ]] || mv "$1" "$1.abandoned-$SLURM_RESTART_COUNT"
  return 1
}

# resume_if_requeued RUN OPTIONS…: where a requeued job finds the run that it had begun, continues it and ends the job.
resume_if_requeued() {
  resumable "$1" || return 0
  run_training "$1" --resume "$@"
  exit
}

# remove_segments: removes the shared memory of ours that killed ranks have left on the job's nodes, and no process has. Looks
# twice: what another job's rank has just made is in its maps a moment later.
remove_segments() {
  # shellcheck disable=SC2016 # it is for the shell on each node
  local script='unmapped() {
    for segment in "$@"; do
      if [[ -O $segment ]] && ! grep -qsF "$segment" /proc/[0-9]*/maps; then echo "$segment"; fi
    done
  }
  mapfile -t left < <(unmapped /dev/shm/vader_segment.* /dev/shm/osc_sm.*)
  ((${#left[@]})) || exit 0
  sleep 2
  mapfile -t left < <(unmapped "${left[@]}")
  ((${#left[@]} == 0)) || rm -f "${left[@]}"'
  if ((components > 1)); then
    srun --overlap --het-group="$(seq -s, 0 $((components - 1)))" bash -c "$script" </dev/null || true
  elif ((${SLURM_NNODES:-1} > 1)); then
    srun --overlap --ntasks "$SLURM_NNODES" --ntasks-per-node=1 bash -c "$script" </dev/null || true
  else
    bash -c "$script"
  fi
}

# run_training RUN OPTIONS…: fedcrld train on every rank; see run_resumable.
run_training() {
  local run=$1
  shift
  run_resumable "RUN=$run sbatch $jobs/resume.sbatch" train "$@"
}

# run_resumable CONTINUATION COMMAND OPTIONS…: a command that trains, on every rank. Slurm's signal before the time limit
# (#SBATCH --signal) goes on to the ranks, which stop at their next step, write a checkpoint and end with status 75, as
# they do when --max-hours are over. The job then puts itself back into the queue, from this script, which runs once. With
# any other status it does not: 0 is the end, and what failed would fail again. CONTINUATION is said where it does not.
# Ranks end in good order, too, when a job is cancelled, within Slurm's KillWait (under mpirun, which passes SIGTERM on as
# SIGKILL, they may not come to it, and the run goes on from its last checkpoint), but a job that was cancelled stays so.
# `scancel --signal=TERM --batch JOB` gives them the time that they need.
run_resumable() {
  local continuation=$1 status=0 training cancelled=
  shift
  [[ -z ${SCRATCH:-} ]] || set -- "$@" --scratch "$SCRATCH"
  on_all_ranks "$@"
  echo "$(date '+%F %T') job $SLURM_JOB_ID on $nodes: $tasks ranks of ${threads/#0/their cores\'} threads: ${command[*]}"
  "${command[@]}" </dev/null &
  training=$!
  trap 'kill -USR1 "$training" 2>/dev/null' USR1
  trap 'cancelled=1; kill -USR1 "$training" 2>/dev/null' TERM
  # A signal ends a wait with a status of its own, not the training.
  while kill -0 "$training" 2>/dev/null; do wait "$training" || true; done
  wait "$training" || status=$?
  trap - USR1 TERM
  echo "$(date '+%F %T') fedcrld ended with status $status"
  ((status == 0 || status == 75)) || remove_segments
  if ((status == 75)); then
    if [[ -z $cancelled ]] && ((${SLURM_RESTART_COUNT:-0} < ${REQUEUES:-20})) && scontrol requeue "$SLURM_JOB_ID"; then
      echo "the run is not finished; the job is back in the queue to continue it"
      # Slurm ends this script soon.
      exit 0
    fi
    echo "the run is not finished; continue it with: $continuation"
  fi
  return "$status"
}
