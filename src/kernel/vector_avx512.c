/* vector_avx512.c: the vector kernels for AVX512, 16 floats at a time. */
#define LANES 16
#define TABLE lbk__vector_avx512
#define TABLE_NAME "avx512"
#define SLEEF(function, accuracy) Sleef_##function##f16_##accuracy
#include "kernel/vector.inc.h"
