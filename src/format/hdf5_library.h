/* hdf5_library.h: libhdf5, loaded when the first file asks for it (base/library.h). What its documentation
 * calls H5Fopen is lbk__h5.Fopen here, H5T_NATIVE_FLOAT is lbk__h5.NATIVE_FLOAT. */
#ifndef LBK_FORMAT_HDF5_LIBRARY_H
#define LBK_FORMAT_HDF5_LIBRARY_H

#include "base/base.h"

#include <hdf5.h>

/* Flags of files call these; lbk__hdf5_start has, and the library's name says its version. */
#undef H5OPEN
#define H5OPEN
#undef H5CHECK
#define H5CHECK

/* clang-format off */
#define LBK__HDF5_FUNCTIONS(F) \
    F(Aclose) F(Acreate2) F(Aget_space) F(Aget_type) F(Aiterate2) F(Aopen) F(Aread) F(Awrite) \
    F(Dclose) F(Dcreate2) F(Dget_create_plist) F(Dget_num_chunks) F(Dget_space) F(Dget_space_status) \
    F(Dget_type) F(Dopen2) F(Dread) F(Dwrite) \
    F(Eget_auto2) F(Eset_auto2) F(Ewalk2) \
    F(Fclose) F(Fcreate) F(Fis_hdf5) F(Fopen) \
    F(Lexists) F(Lget_info) \
    F(Pclose) F(Pcreate) F(Pget_chunk) F(Pget_external_count) F(Pget_layout) F(Pset_chunk_cache) \
    F(Pset_fill_time) F(Pset_obj_track_times) \
    F(Sclose) F(Screate) F(Screate_simple) F(Sget_simple_extent_dims) F(Sget_simple_extent_ndims) \
    F(Sget_simple_extent_npoints) F(Sselect_hyperslab) \
    F(Tclose) F(Tcopy) F(Tcreate) F(Tget_class) F(Tget_cset) F(Tget_ebias) F(Tget_fields) F(Tget_size) \
    F(Tget_strpad) F(Tinsert) F(Tis_variable_str) F(Tset_cset) F(Tset_ebias) F(Tset_fields) F(Tset_size) \
    F(Tset_strpad) F(Tvlen_create) \
    F(free_memory) F(open)
/* clang-format on */
/* Types and classes of properties: numbers that libhdf5 gives out when it starts. */
#define LBK__HDF5_TYPES(F) \
    F(C_S1) F(IEEE_F32LE) F(NATIVE_DOUBLE) F(NATIVE_FLOAT) F(NATIVE_INT32) F(NATIVE_INT64) F(STD_I64LE)
#define LBK__HDF5_CLASSES(F) F(DATASET_ACCESS) F(DATASET_CREATE)

#define LBK__HDF5_FUNCTION(name) __typeof__(H5##name) *name;
#define LBK__HDF5_NUMBER(name) hid_t name;
typedef struct lbk__hdf5 {
    LBK__HDF5_FUNCTIONS(LBK__HDF5_FUNCTION)
    LBK__HDF5_TYPES(LBK__HDF5_NUMBER)
    LBK__HDF5_CLASSES(LBK__HDF5_NUMBER)
} lbk__hdf5;

/* To be used after lbk__hdf5_start only. */
extern lbk__hdf5 lbk__h5;

/* Loads and starts it, once; LBK_IO, with `path`, which needs it, when it cannot. Any thread may call it. */
lbk_status lbk__hdf5_start(lbk_context *context, const char *path);

/* libhdf5 prints its errors unless told not to; its user may want that. */
typedef struct lbk__hdf5_printing {
    H5E_auto2_t print;
    void *user;
} lbk__hdf5_printing;
lbk__hdf5_printing lbk__hdf5_quiet(void);
void lbk__hdf5_end_quiet(lbk__hdf5_printing before);

#endif
