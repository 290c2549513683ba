/* npy.c: "\x93NUMPY", version, length of the header, the header, the data. The header is a Python dict of
 * three keys:
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
#include "format/npy.h"

#include <stdlib.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";

static lbk_status bad(lbk_context *context, const char *where, const char *what) {
    return lbk__fail(context, LBK_BAD_DATA, "%s: %s", where, what);
}

/* What follows 'KEY': in the header; NULL: no such key. */
static const char *value_of(const char *header, const char *key) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *found = strstr(header, quoted);
    if (!found) return NULL;
    found += strlen(quoted);
    return found + strspn(found, " ");
}

/* "'<f4'" */
static lbk_status read_type(lbk_context *context, const char *where, const char *text, lbk__npy *out) {
    static const struct {
        char kind;
        size_t size;
        lbk__dtype dtype;
    } types[] = {{'f', 2, LBK__F16}, {'f', 4, LBK__F32}, {'f', 8, LBK__F64}, {'i', 1, LBK__I8},
                 {'i', 2, LBK__I16}, {'i', 4, LBK__I32}, {'i', 8, LBK__I64}, {'u', 1, LBK__U8}};
    char *end;
    if (!text || text[0] != '\'' || !text[1] || !text[2])
        return bad(context, where, "has no type of elements");
    const char order = text[1];
    out->kind = text[2];
    if (out->kind == 'O')
        return bad(context, where,
                   "has Python objects, pickled; save numbers, or texts as numpy.array(list_of_str)");
    if (order == '>') return bad(context, where, "is big-endian; save it with .astype('<f4')");
    out->size = strtoul(text + 3, &end, 10);
    const bool is_text = out->kind == 'U' || out->kind == 'S';
    if (*end == '\'' && is_text && out->size > 0 && out->size <= 4096) {
        if (out->kind == 'U') out->size *= 4;
        return LBK_OK;
    }
    for (size_t i = 0; *end == '\'' && i < LBK_COUNT(types); i++)
        if (types[i].kind == out->kind && types[i].size == out->size) {
            out->dtype = types[i].dtype;
            return LBK_OK;
        }
    return bad(context, where, "has elements of a type that is not supported; save float32, or texts");
}

/* "(3, 4)", "(3,)", "()" */
static lbk_status read_shape(lbk_context *context, const char *where, const char *text, lbk__npy *out) {
    if (!text || *text != '(') return bad(context, where, "has no shape");
    for (text++; *text != ')'; out->rank++) {
        char *end;
        if (out->rank == LBK__MAX_RANK) return bad(context, where, "has more than 8 dimensions");
        if (*text < '0' || *text > '9') return bad(context, where, "has a shape that is none");
        out->shape[out->rank] = strtoll(text, &end, 10);
        text = end + strspn(end, ", ");
    }
    return LBK_OK;
}

static lbk_status check_size(lbk_context *context, const char *where, size_t left, const lbk__npy *array) {
    size_t bytes = array->size;
    for (int i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(bytes, (size_t)array->shape[i], &bytes)) bytes = SIZE_MAX;
    return bytes == left ? LBK_OK : bad(context, where, "does not have as many bytes as its shape needs");
}

lbk_status lbk__npy_read(lbk_context *context, const char *where, const char *data, size_t size,
                         lbk__npy *out) {
    enum { BEFORE = 8, LONGEST_HEADER = 4096 };
    const size_t length_bytes = size > BEFORE && data[6] >= 2 ? 4 : 2;
    char header[LONGEST_HEADER + 1];
    size_t length = 0;
    *out = (lbk__npy){0};
    if (size < BEFORE + length_bytes || memcmp(data, magic, sizeof magic - 1) != 0)
        return bad(context, where, "is no array that numpy.save wrote");
    for (size_t i = length_bytes; i-- > 0;) length = length << 8 | (unsigned char)data[BEFORE + i];
    const size_t start = BEFORE + length_bytes;
    if (length > LONGEST_HEADER || length > size - start)
        return bad(context, where, "has a header that is too long");
    memcpy(header, data + start, length);
    header[length] = 0;
    const char *fortran = value_of(header, "fortran_order");
    if (!fortran || strncmp(fortran, "False", 5) != 0)
        return bad(context, where, "is in Fortran's order; save numpy.ascontiguousarray(array)");
    LBK_TRY(read_type(context, where, value_of(header, "descr"), out));
    LBK_TRY(read_shape(context, where, value_of(header, "shape"), out));
    out->data = data + start + length;
    return check_size(context, where, size - start - length, out);
}
