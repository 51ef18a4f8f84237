#include "build.h"

const char *CBuild_commit(void) { return FEDCRLD_COMMIT; }
const char *CBuild_compiler(void) { return __VERSION__; }
const char *CBuild_processor(void) { return FEDCRLD_MARCH; }
