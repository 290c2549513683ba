/* vector_avx2.c: the vector kernels for AVX2, 8 floats at a time. */
#define LANES 8
#define TABLE lbk__vector_avx2
#define TABLE_NAME "avx2"
#define SLEEF(function, accuracy) Sleef_##function##f8_##accuracy##avx2
#include "kernel/vector.inc.h"
