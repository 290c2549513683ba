/* numbers.c: one loop a type. */
#include "format/numbers.h"

#include "base/half.h"

#include <string.h>

static inline float bfloat16_to_float(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

#define EACH(type, conversion)                                                        \
    for (size_t i = 0; i < count; i++) {                                              \
        type value;                                                                   \
        memcpy(&value, (const char *)data + i * stride * sizeof value, sizeof value); \
        out[i] = conversion;                                                          \
    }                                                                                 \
    break

void lbk__numbers_to_floats(lbk__dtype dtype, const void *data, size_t count, size_t stride, float *out) {
    switch (dtype) {
    case LBK__F32:
        if (stride == 1) {
            if (count) memcpy(out, data, count * sizeof *out);
            break;
        }
        EACH(float, value);
    case LBK__F16:
        EACH(uint16_t, lbk__half_to_float(value));
    case LBK__BF16:
        EACH(uint16_t, bfloat16_to_float(value));
    case LBK__F64:
        EACH(double, (float)value);
    case LBK__I64:
        EACH(int64_t, (float)value);
    case LBK__I32:
        EACH(int32_t, (float)value);
    case LBK__I16:
        EACH(int16_t, (float)value);
    case LBK__I8:
        EACH(int8_t, (float)value);
    case LBK__U8:
    case LBK__BOOL:
        EACH(uint8_t, (float)value);
    }
}
