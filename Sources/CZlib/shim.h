// zlib with inline forms of the macros that Swift cannot import.
#pragma once
#include <zlib.h>

/// Starts inflating a raw deflate stream, as zip archives hold it.
static inline int portico_inflate_raw(z_stream *stream) { return inflateInit2(stream, -15); }
