// Hints to the processor's caches, for which Swift has no word. Any address will do.
#pragma once
// What is there will be read soon.
static inline void CLinux_prefetchToRead(const void *address) { __builtin_prefetch(address, 0, 2); }
// What is there will be written soon.
static inline void CLinux_prefetchToWrite(const void *address) { __builtin_prefetch(address, 1, 3); }
