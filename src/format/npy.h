/* npy.h: an array as numpy.save writes it (.npy, versions 1 to 3), in memory. */
#ifndef LBK_FORMAT_NPY_H
#define LBK_FORMAT_NPY_H

#include "format/safetensors.h"

typedef struct lbk__npy {
    char kind;        /* NumPy's: 'f' float, 'i' integer, 'u' unsigned, 'U' text of UCS-4, 'S' bytes */
    size_t size;      /* bytes of an element */
    lbk__dtype dtype; /* of 'f' and 'i' */
    int rank;
    int64_t shape[LBK__MAX_RANK];
    const char *data; /* within the given bytes, not aligned; row-major, little-endian */
} lbk__npy;

/* LBK_BAD_DATA for what is none, is pickled, big-endian, in Fortran's order, or does not have the bytes of
 * its shape. `where` stands in for a path. */
lbk_status lbk__npy_read(lbk_context *context, const char *where, const char *data, size_t size,
                         lbk__npy *out);

#endif
