/* tables.h: the tables of vector kernels, one per instruction set; all are made from vector.inc.h. */
#ifndef LBK_KERNEL_TABLES_H
#define LBK_KERNEL_TABLES_H

#include "kernel/kernel.h"

extern const lbk__vector lbk__vector_sse2, lbk__vector_avx2, lbk__vector_avx512;

#endif
