/* hdf5_library.c: loading libhdf5. */
#include "format/hdf5_library.h"

#include "base/library.h"

#include <pthread.h>

lbk__hdf5 lbk__h5;
static bool started;

/* Some names are macros for the function of one of several versions. */
#define TEXT(name) #name
#define NAME_OF(name) TEXT(name)
#define FUNCTION(name) {NAME_OF(H5##name), &lbk__h5.name, false},
#define VARIABLE(name) const hid_t *name;
#define TYPE(name) {"H5T_" #name "_g", &numbers.name, true},
#define CLASS(name) {"H5P_CLS_" #name "_ID_g", &numbers.name, true},
#define FETCH(name) lbk__h5.name = *numbers.name;

static void start(void) {
    struct {
        LBK__HDF5_TYPES(VARIABLE)
        LBK__HDF5_CLASSES(VARIABLE)
    } numbers;
    /* clang-format off */
    const lbk__symbol symbols[] = {LBK__HDF5_FUNCTIONS(FUNCTION) LBK__HDF5_TYPES(TYPE) LBK__HDF5_CLASSES(CLASS)};
    /* clang-format on */
    if (!lbk__library_load(LBK__HDF5_LIBRARY, symbols, LBK_COUNT(symbols)) || lbk__h5.open() < 0) return;
    LBK__HDF5_TYPES(FETCH)
    LBK__HDF5_CLASSES(FETCH)
    started = true;
}

lbk_status lbk__hdf5_start(lbk_context *context, const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    if (started) return LBK_OK;
    return lbk__fail(context, LBK_IO,
                     "%s: needs HDF5: " LBK__HDF5_LIBRARY " cannot be loaded; install libhdf5", path);
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
