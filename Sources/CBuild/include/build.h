// How the program was built, which only the compiler and the package's manifest know.
#pragma once
const char *CBuild_commit(void);
const char *CBuild_compiler(void);
const char *CBuild_processor(void);
