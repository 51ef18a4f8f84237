#pragma once
#include <mpi.h>
#include <stdint.h>

// Accessors for what Swift cannot import, or imports differently from each MPI: handles are pointers in Open MPI and
// integers in MPICH, so they are wrapped; constants are macros that expand to casts. The part after CMPI_ is the name in
// the standard. Nothing here is newer than MPI 3.0.

typedef struct {
    MPI_Comm value;
} CMPI_Comm;
typedef struct {
    MPI_Datatype value;
} CMPI_Datatype;
typedef struct {
    MPI_Op value;
} CMPI_Op;
typedef struct {
    MPI_Request value;
} CMPI_Request;
typedef struct {
    MPI_Win value;
} CMPI_Win;

static inline CMPI_Comm CMPI_COMM_WORLD(void) { return (CMPI_Comm){MPI_COMM_WORLD}; }
static inline CMPI_Comm CMPI_COMM_SELF(void) { return (CMPI_Comm){MPI_COMM_SELF}; }
static inline CMPI_Request CMPI_REQUEST_NULL(void) { return (CMPI_Request){MPI_REQUEST_NULL}; }

static inline CMPI_Datatype CMPI_FLOAT(void) { return (CMPI_Datatype){MPI_FLOAT}; }
static inline CMPI_Datatype CMPI_DOUBLE(void) { return (CMPI_Datatype){MPI_DOUBLE}; }
static inline CMPI_Datatype CMPI_INT64_T(void) { return (CMPI_Datatype){MPI_INT64_T}; }
static inline CMPI_Datatype CMPI_UINT64_T(void) { return (CMPI_Datatype){MPI_UINT64_T}; }
static inline CMPI_Datatype CMPI_UINT8_T(void) { return (CMPI_Datatype){MPI_UINT8_T}; }

static inline CMPI_Op CMPI_SUM(void) { return (CMPI_Op){MPI_SUM}; }
static inline CMPI_Op CMPI_MIN(void) { return (CMPI_Op){MPI_MIN}; }
static inline CMPI_Op CMPI_MAX(void) { return (CMPI_Op){MPI_MAX}; }

static inline void *CMPI_IN_PLACE(void) { return MPI_IN_PLACE; }
static inline int CMPI_SUCCESS(void) { return MPI_SUCCESS; }
static inline int CMPI_THREAD_FUNNELED(void) { return MPI_THREAD_FUNNELED; }
static inline int CMPI_MAX_ERROR_STRING(void) { return MPI_MAX_ERROR_STRING; }
static inline int CMPI_MAX_PROCESSOR_NAME(void) { return MPI_MAX_PROCESSOR_NAME; }
static inline int CMPI_MAX_LIBRARY_VERSION_STRING(void) { return MPI_MAX_LIBRARY_VERSION_STRING; }

static inline int CMPI_Comm_dup(CMPI_Comm comm, CMPI_Comm *copy) { return MPI_Comm_dup(comm.value, &copy->value); }
// A communicator of two ranks of another one; called by these two.
static inline int CMPI_Comm_create_pair(CMPI_Comm comm, int first, int second, CMPI_Comm *pair) {
    MPI_Group all, two;
    int members[2] = {first, second};
    int status = MPI_Comm_group(comm.value, &all);
    if (status != MPI_SUCCESS) return status;
    status = MPI_Group_incl(all, 2, members, &two);
    if (status == MPI_SUCCESS) {
        status = MPI_Comm_create_group(comm.value, two, second, &pair->value);
        MPI_Group_free(&two);
    }
    MPI_Group_free(&all);
    return status;
}
// Whether all ranks of a communicator share memory; called by all.
static inline int CMPI_Comm_shares_memory(CMPI_Comm comm, int *shares) {
    MPI_Comm near;
    int all, some = 0;
    int status = MPI_Comm_size(comm.value, &all);
    if (status == MPI_SUCCESS) status = MPI_Comm_split_type(comm.value, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near);
    if (status != MPI_SUCCESS) return status;
    status = MPI_Comm_size(near, &some);
    MPI_Comm_free(&near);
    *shares = some == all;
    return status;
}
// Memory of rank 0 that all ranks of a communicator read and write; called by all.
static inline int CMPI_Win_allocate_shared(CMPI_Comm comm, int rank, int64_t bytes, void **memory, CMPI_Win *window) {
    MPI_Aint size = rank == 0 ? (MPI_Aint)bytes : 0;
    void *own;
    int unit;
    int status = MPI_Win_allocate_shared(size, 1, MPI_INFO_NULL, comm.value, &own, &window->value);
    if (status == MPI_SUCCESS) status = MPI_Win_shared_query(window->value, 0, &size, &unit, memory);
    if (status == MPI_SUCCESS) status = MPI_Win_lock_all(MPI_MODE_NOCHECK, window->value);
    return status;
}
static inline int CMPI_Win_sync(CMPI_Win window) { return MPI_Win_sync(window.value); }
static inline int CMPI_Win_free(CMPI_Win *window) {
    int status = MPI_Win_unlock_all(window->value);
    return status == MPI_SUCCESS ? MPI_Win_free(&window->value) : status;
}
static inline CMPI_Win CMPI_WIN_NULL(void) { return (CMPI_Win){MPI_WIN_NULL}; }
static inline int CMPI_Comm_free(CMPI_Comm *comm) { return MPI_Comm_free(&comm->value); }
static inline int CMPI_Comm_rank(CMPI_Comm comm, int *rank) { return MPI_Comm_rank(comm.value, rank); }
static inline int CMPI_Comm_size(CMPI_Comm comm, int *size) { return MPI_Comm_size(comm.value, size); }
static inline int CMPI_Comm_set_errors_return(CMPI_Comm comm) {
    return MPI_Comm_set_errhandler(comm.value, MPI_ERRORS_RETURN);
}
static inline int CMPI_Abort(CMPI_Comm comm, int status) { return MPI_Abort(comm.value, status); }

static inline int CMPI_Isend(
    const void *bytes, int count, int destination, int tag, CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Isend(bytes, count, MPI_UINT8_T, destination, tag, comm.value, &request->value);
}
// Looks for a message of any rank; where there is one (found is not 0), tells its rank and its number of bytes.
static inline int CMPI_Iprobe(int tag, CMPI_Comm comm, int *found, int *source, int *count) {
    MPI_Status message;
    int status = MPI_Iprobe(MPI_ANY_SOURCE, tag, comm.value, found, &message);
    if (status != MPI_SUCCESS || !*found) return status;
    *source = message.MPI_SOURCE;
    return MPI_Get_count(&message, MPI_UINT8_T, count);
}
static inline int CMPI_Recv(void *bytes, int count, int source, int tag, CMPI_Comm comm) {
    return MPI_Recv(bytes, count, MPI_UINT8_T, source, tag, comm.value, MPI_STATUS_IGNORE);
}
static inline int CMPI_Test(CMPI_Request *request, int *done) {
    return MPI_Test(&request->value, done, MPI_STATUS_IGNORE);
}
static inline int CMPI_Ibarrier(CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Ibarrier(comm.value, &request->value);
}
static inline int CMPI_Ibcast(
    void *buffer, int count, CMPI_Datatype type, int root, CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Ibcast(buffer, count, type.value, root, comm.value, &request->value);
}
static inline int CMPI_Ireduce(
    const void *send, void *receive, int count, CMPI_Datatype type, CMPI_Op op, int root, CMPI_Comm comm,
    CMPI_Request *request) {
    return MPI_Ireduce(send, receive, count, type.value, op.value, root, comm.value, &request->value);
}
static inline int CMPI_Reduce(
    const void *send, void *receive, int count, CMPI_Datatype type, CMPI_Op op, int root, CMPI_Comm comm) {
    return MPI_Reduce(send, receive, count, type.value, op.value, root, comm.value);
}
static inline int CMPI_Iallreduce(
    const void *send, void *receive, int count, CMPI_Datatype type, CMPI_Op op, CMPI_Comm comm,
    CMPI_Request *request) {
    return MPI_Iallreduce(send, receive, count, type.value, op.value, comm.value, &request->value);
}
static inline int CMPI_Iallgather(
    const void *send, void *receive, int count, CMPI_Datatype type, CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Iallgather(send, count, type.value, receive, count, type.value, comm.value, &request->value);
}
static inline int CMPI_Igatherv(
    const void *send, int count, void *receive, const int *counts, const int *displacements, CMPI_Datatype type,
    int root, CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Igatherv(
        send, count, type.value, receive, counts, displacements, type.value, root, comm.value, &request->value);
}
static inline int CMPI_Iscatterv(
    const void *send, const int *counts, const int *displacements, void *receive, int count, CMPI_Datatype type,
    int root, CMPI_Comm comm, CMPI_Request *request) {
    return MPI_Iscatterv(
        send, counts, displacements, type.value, receive, count, type.value, root, comm.value, &request->value);
}
