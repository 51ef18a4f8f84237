#define _GNU_SOURCE
#include "linux.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

const int CLinux_directAccess = O_DIRECT;

void CLinux_returnUnusedMemory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
