/* hdf5_projection.h: a linear map of features from an HDF5 file, for example a PCA. In its root group,
 * floats: mean [in], components [out, in], scale (one number). */
#ifndef LBK_FORMAT_HDF5_PROJECTION_H
#define LBK_FORMAT_HDF5_PROJECTION_H

#include "base/base.h"

/* z = (x − mean) · componentsᵀ · scale */
typedef struct lbk__projection {
    int32_t in, out;
    float *mean;       /* [in] */
    float *components; /* [out, in] */
    float scale;
} lbk__projection;

/* LBK_IO, or LBK_BAD_DATA that names the data set: `in` is what the caller has; all numbers are finite. */
lbk_status lbk__projection_read(lbk_context *context, const char *path, int32_t in, lbk__projection *out);
void lbk__projection_free(lbk_context *context, lbk__projection *projection); /* zeroed is allowed */

#endif
