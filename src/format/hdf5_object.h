/* hdf5_object.h: HDF5 objects opened with suspicion, and its reasons as sentences. All of these are called
 * with HDF5 started and its printing of errors off (lbk__hdf5_quiet). */
#ifndef LBK_FORMAT_HDF5_OBJECT_H
#define LBK_FORMAT_HDF5_OBJECT_H

#include "format/hdf5_library.h"

#include <jansson.h>

enum { LBK__HDF5_MAX_RANK = 4, LBK__HDF5_LONGEST_TEXT = 4096 };

/* A data set of the root group and its shape. Zeroed: closed. */
typedef struct lbk__dataset {
    hid_t id, space, type; /* 0: none */
    const char *name;
    int rank;
    hsize_t shape[LBK__HDF5_MAX_RANK];
} lbk__dataset;

/* LBK_BAD_DATA with "PATH: what: HDF5's reason"; before any other call of HDF5. */
lbk_status lbk__hdf5_fail(lbk_context *context, const char *path, const char *format, ...) LBK__FORMAT(3, 4);
/* Read-only; LBK_IO when it cannot be opened, LBK_BAD_DATA when it is no HDF5 file. */
lbk_status lbk__hdf5_open(lbk_context *context, const char *path, hid_t *out);
/* Float16 in the byte order of a float32 type; closed by H5Tclose. */
hid_t lbk__hdf5_half(hid_t single);
bool lbk__hdf5_has(hid_t file, const char *name);
/* Refuses another rank than these two, links out of the file, external and virtual storage, huge chunks, and
 * data that were never written. Chunks that share a first index stay in its cache. */
lbk_status lbk__hdf5_open_dataset(lbk_context *context, const char *path, hid_t file, const char *name,
                                  int rank, int other_rank, lbk__dataset *out);
void lbk__hdf5_close_dataset(lbk__dataset *dataset);
/* Reads `count` entries of the first dimension from `first` on, as `type`. */
lbk_status lbk__hdf5_read(lbk_context *context, const char *path, const lbk__dataset *dataset, hsize_t first,
                          hsize_t count, hid_t type, void *out);
/* The root's attributes as an object: strings, numbers, lists of up to 64 numbers; others are left out. */
lbk_status lbk__hdf5_attributes(lbk_context *context, const char *path, hid_t file, json_t **out);

#endif
