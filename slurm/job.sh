# shellcheck shell=bash
# What train.sbatch and resume.sbatch have in common. Sourced by them, in a job, in the folder that sbatch was called in.
#
# Settings, as environment variables of sbatch:
#   FEDCRLD   the program                                     (.build/release/fedcrld)
#   LAUNCHER  the command that starts it on every rank, such as "srun --mpi=pmix", "srun --mpi=pmi2" or "mpirun"
#             (srun --mpi=pmix where this Slurm has it, or else mpirun). The MPI library must have been built for it;
#             mpirun, from the same MPI library as the program's, is always right.
#   REQUEUES  how often a job that its time limit stops puts itself back into the queue to go on (20; 0: never)

set -euo pipefail

# --- edit here: your site's modules, for example
# module load openmpi hdf5 openblas

fedcrld=${FEDCRLD:-.build/release/fedcrld}
[[ -x $fedcrld ]] || {
  echo "there is no program $fedcrld in $PWD; build it (swift build -c release), call sbatch in the project's folder," \
    "or set FEDCRLD" >&2
  exit 2
}

# The ranks have threads of their own; OpenBLAS and OpenMP would add theirs.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# Inside an allocation root is as good as anyone; Open MPI asks to be told so.
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

threads=${SLURM_CPUS_PER_TASK:-1}
if [[ -n ${LAUNCHER:-} ]]; then
  read -ra launcher <<<"$LAUNCHER"
elif srun --mpi=list 2>&1 | grep -qw pmix; then
  launcher=(srun --mpi=pmix)
else
  launcher=(mpirun)
fi
case ${launcher[0]##*/} in
srun) launcher+=(--cpus-per-task "$threads" --kill-on-bad-exit=1) ;;
mpirun | mpiexec)
  launcher+=(-n "$SLURM_NTASKS")
  # Each rank gets as many cores as it has threads, where the system lets processes be bound.
  if "${launcher[0]}" --version 2>/dev/null | grep -q 'Open MPI'; then
    launcher+=(--map-by "slot:PE=$threads" --bind-to core:if-supported)
  fi
  ;;
esac

# run_training RUN OPTIONS…: fedcrld train on every rank. Slurm's signal before the time limit (#SBATCH --signal) goes
# on to the ranks, which then finish their round, write a checkpoint and end with status 75; the job then requeues itself.
# They end so, too, when srun passes scancel's SIGTERM on, within Slurm's KillWait (mpirun gives them no time, and the run
# goes on from its last checkpoint), but a job that was cancelled stays so.
run_training() {
  local run=$1 status=0 training signalled=
  shift
  echo "$(date '+%F %T') job $SLURM_JOB_ID on $SLURM_JOB_NODELIST: $SLURM_NTASKS ranks of $threads threads:" \
    "${launcher[*]} $fedcrld train $*"
  "${launcher[@]}" "$fedcrld" train --set "threads=$threads" "$@" </dev/null &
  training=$!
  trap 'signalled=1; kill -USR1 "$training" 2>/dev/null' USR1
  # A signal ends a wait with a status of its own, not the training.
  while kill -0 "$training" 2>/dev/null; do wait "$training" || true; done
  wait "$training" || status=$?
  trap - USR1
  echo "$(date '+%F %T') fedcrld ended with status $status"
  if ((status == 75)); then
    if [[ -n $signalled ]] && ((${SLURM_RESTART_COUNT:-0} < ${REQUEUES:-20})) && scontrol requeue "$SLURM_JOB_ID"; then
      echo "the run is not finished; the job is back in the queue to continue it"
      # Slurm ends this script soon.
      exit 0
    fi
    echo "the run is not finished; continue it with: RUN=$run sbatch slurm/resume.sbatch"
  fi
  return "$status"
}
