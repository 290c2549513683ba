/* hdf5_library.c: loading libhdf5. */
#include "format/hdf5_library.h"

#include "base/library.h"

lbk__hdf5 lbk__h5;

/* Some names are macros for the function of one of several versions. */
#define TEXT(name) #name
#define NAME_OF(name) TEXT(name)
#define FUNCTION(name) {NAME_OF(H5##name), &lbk__h5.name, false},
#define VARIABLE(name) const hid_t *name;
#define TYPE(name) {"H5T_" #name "_g", &numbers.name, true},
#define CLASS(name) {"H5P_CLS_" #name "_ID_g", &numbers.name, true},
#define FETCH(name) lbk__h5.name = *numbers.name;

/* clang-format off */
static struct { LBK__HDF5_TYPES(VARIABLE) LBK__HDF5_CLASSES(VARIABLE) } numbers;
static const lbk__symbol symbols[] = {LBK__HDF5_FUNCTIONS(FUNCTION) LBK__HDF5_TYPES(TYPE) LBK__HDF5_CLASSES(CLASS)};
/* clang-format on */

static bool start(void) {
    if (lbk__h5.open() < 0) return false;
    LBK__HDF5_TYPES(FETCH)
    LBK__HDF5_CLASSES(FETCH)
    return true;
}

static lbk__library library = {.file = LBK__HDF5_LIBRARY,
                               .symbols = symbols,
                               .num_symbols = LBK_COUNT(symbols),
                               .start = start,
                               .lock = PTHREAD_MUTEX_INITIALIZER};

lbk_status lbk__hdf5_start(lbk_context *context, const char *path) {
    char reason[LBK__LIBRARY_REASON];
    if (lbk__library_need(&library, reason)) return LBK_OK;
    return lbk__fail(context, LBK_IO, "%s: needs HDF5: %s", path, reason);
}

lbk__hdf5_printing lbk__hdf5_quiet(void) {
    lbk__hdf5_printing before = {0};
    lbk__h5.Eget_auto2(H5E_DEFAULT, &before.print, &before.user);
    lbk__h5.Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return before;
}

void lbk__hdf5_end_quiet(lbk__hdf5_printing before) {
    lbk__h5.Eset_auto2(H5E_DEFAULT, before.print, before.user);
}
