// What the C library hides from Swift.
#pragma once
// O_DIRECT, which is another number on other processors.
extern const int CLinux_directAccess;
// Returns memory that the allocator keeps, but nobody uses, to the system; where the C library cannot, nothing happens.
void CLinux_returnUnusedMemory(void);
