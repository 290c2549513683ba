/* vector_sse2.c: the vector kernels for SSE2, 4 floats at a time. */
#define LANES 4
#define TABLE lbk__vector_sse2
#define TABLE_NAME "sse2"
#define SLEEF(function, accuracy) Sleef_##function##f4_##accuracy
#include "kernel/vector.inc.h"
