// zlib with inline forms of the macros that Swift cannot import.
#pragma once
#include <zlib.h>

/// Starts inflating a raw deflate stream, as zip archives hold it.
static inline int portico_inflate_raw(z_stream *stream) { return inflateInit2(stream, -15); }

/// Starts deflating into the gzip format (RFC 1952) at the usual level.
static inline int portico_deflate_gzip(z_stream *stream) {
    return deflateInit2(stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
