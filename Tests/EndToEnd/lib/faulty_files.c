// A file system that has its moments: preloaded into the program, it makes calls on some files fail or take long.
//
//   FAULTY_CALL     open, unlink, write or fsync
//   FAULTY_PATH     calls on paths that hold this text
//   FAULTY_END      and end in this one
//   FAULTY_ERROR    the error number; 0: they succeed, after the delay
//   FAULTY_TIMES    how often, in each process (no limit where it is not set)
//   FAULTY_SECONDS  how long each takes
//   FAULTY_RANK     only in this rank
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int count;

static int strikes(const char *call, const char *path) {
    const char *chosen = getenv("FAULTY_CALL"), *text = getenv("FAULTY_PATH"), *rank = getenv("FAULTY_RANK");
    const char *own = getenv("OMPI_COMM_WORLD_RANK"), *end = getenv("FAULTY_END");
    if (!chosen || !text || !path || strcmp(chosen, call) || !strstr(path, text)) return 0;
    if (end && (strlen(path) < strlen(end) || strcmp(path + strlen(path) - strlen(end), end))) return 0;
    if (rank && strcmp(rank, own ? own : "0")) return 0;
    const char *times = getenv("FAULTY_TIMES"), *seconds = getenv("FAULTY_SECONDS"), *error = getenv("FAULTY_ERROR");
    if (times && atomic_fetch_add(&count, 1) >= atoi(times)) return 0;
    if (seconds) usleep((useconds_t)(1e6 * atof(seconds)));
    errno = error ? atoi(error) : EIO;
    return errno != 0;
}

static int path_of(int descriptor, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return strikes("open", path) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return strikes("open", path) ? -1 : NEXT(open64)(path, flags, mode);
}

int unlink(const char *path) { return strikes("unlink", path) ? -1 : NEXT(unlink)(path); }
int rmdir(const char *path) { return strikes("unlink", path) ? -1 : NEXT(rmdir)(path); }
int unlinkat(int folder, const char *path, int flags) {
    char place[4096];
    if (folder >= 0 && path_of(folder, place, sizeof place) && strikes("unlink", place)) return -1;
    return strikes("unlink", path) ? -1 : NEXT(unlinkat)(folder, path, flags);
}
int remove(const char *path) { return strikes("unlink", path) ? -1 : NEXT(remove)(path); }

int fsync(int descriptor) {
    char path[4096];
    if (path_of(descriptor, path, sizeof path) && strikes("fsync", path)) return -1;
    return NEXT(fsync)(descriptor);
}

ssize_t write(int descriptor, const void *bytes, size_t size) {
    char path[4096];
    const char *call = getenv("FAULTY_CALL");
    if (call && !strcmp(call, "write") && path_of(descriptor, path, sizeof path) && strikes("write", path)) return -1;
    return NEXT(write)(descriptor, bytes, size);
}
