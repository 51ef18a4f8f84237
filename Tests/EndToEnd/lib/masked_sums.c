// Writes down what each rank gives to sums, and kills the server at the worst instant: when the masked sums have left the centers
// and nothing of them is on disk. Preloaded; MPI's own functions have a second name for that.
//
//   MASKED_SUMS    a folder: rank-N gets the words that rank N sends, sum after sum
//   MASKED_KILL    rank 0 is killed when it communicates after this many words of sums

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long given = 0;

static int rank_of_process(void) {
    int rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static void look(void) {
    const char *limit = getenv("MASKED_KILL");
    if (limit && given >= atol(limit) && rank_of_process() == 0) kill(getpid(), SIGKILL);
}

int MPI_Ireduce(const void *send, void *receive, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm,
                MPI_Request *request) {
    const char *folder = getenv("MASKED_SUMS");
    const void *words = send == MPI_IN_PLACE ? receive : send;
    if (folder && type == MPI_UINT64_T) {
        char path[4096];
        snprintf(path, sizeof path, "%s/rank-%d", folder, rank_of_process());
        FILE *file = fopen(path, "ab");
        if (!file || fwrite(words, 8, (size_t)count, file) != (size_t)count || fclose(file)) abort();
    }
    given += count;
    return PMPI_Ireduce(send, receive, count, type, op, root, comm, request);
}

int MPI_Ibcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request) {
    look();
    return PMPI_Ibcast(buffer, count, type, root, comm, request);
}

int MPI_Igatherv(const void *send, int count, MPI_Datatype type, void *receive, const int counts[], const int places[],
                 MPI_Datatype other, int root, MPI_Comm comm, MPI_Request *request) {
    look();
    return PMPI_Igatherv(send, count, type, receive, counts, places, other, root, comm, request);
}
