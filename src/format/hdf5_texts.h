/* hdf5_texts.h: data sets of strings, of fixed or variable length. */
#ifndef LBK_FORMAT_HDF5_TEXTS_H
#define LBK_FORMAT_HDF5_TEXTS_H

#include "format/hdf5_object.h"

/* Gets entry `index`, without its padding and not 0-terminated; what is not LBK_OK ends the reading. */
typedef lbk_status lbk__hdf5_text_sink(void *user, size_t index, const char *text, size_t length);

/* All entries of a one-dimensional data set in order. LBK_BAD_DATA when it has no strings. */
lbk_status lbk__hdf5_read_texts(lbk_context *context, const char *path, const lbk__dataset *dataset,
                                lbk__hdf5_text_sink *sink, void *user);

#endif
