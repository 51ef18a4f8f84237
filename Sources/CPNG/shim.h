#pragma once
#include <png.h>

// Macros with casts, which Swift does not see.
static const png_uint_32 fedcrld_png_version = PNG_IMAGE_VERSION;
static const png_uint_32 fedcrld_png_gray = PNG_FORMAT_GRAY;
