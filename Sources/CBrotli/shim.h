// The encoder of brotli.
#pragma once
#include <brotli/encode.h>
