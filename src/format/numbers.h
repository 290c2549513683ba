/* numbers.h: tensors of any type as float32. */
#ifndef LBK_FORMAT_NUMBERS_H
#define LBK_FORMAT_NUMBERS_H

#include "format/safetensors.h"

/* Elements data[0], data[stride], … of the type, to nearest; `data` needs no alignment. */
void lbk__numbers_to_floats(lbk__dtype dtype, const void *data, size_t count, size_t stride, float *out);

#endif
