/* hdf5_attributes.c: attributes as JSON. */
#include "format/hdf5_object.h"

#include <string.h>

enum { MOST_NUMBERS = 64 };

/* New reference to what the attribute holds; NULL when it is of no kind that is shown. */
static json_t *read_text(hid_t attribute, hid_t type) {
    char fixed[LBK__HDF5_LONGEST_TEXT + 1] = "", *text = fixed;
    const bool variable = lbk__h5.Tis_variable_str(type) > 0;
    const size_t size = variable ? H5T_VARIABLE : lbk__h5.Tget_size(type);
    if (!variable && size > LBK__HDF5_LONGEST_TEXT) return NULL;
    hid_t memory = lbk__h5.Tcopy(lbk__h5.C_S1);
    lbk__h5.Tset_size(memory, variable ? H5T_VARIABLE : size + 1); /* one more for the 0 */
    lbk__h5.Tset_cset(memory, lbk__h5.Tget_cset(type));
    json_t *value = NULL;
    if (lbk__h5.Aread(attribute, memory, variable ? (void *)&text : fixed) >= 0 && text)
        value = json_string(text); /* NULL for invalid UTF-8 */
    if (variable && text != fixed) lbk__h5.free_memory(text);
    lbk__h5.Tclose(memory);
    return value;
}

static json_t *read_numbers(hid_t attribute, hid_t type, hsize_t count, bool scalar) {
    int64_t integers[MOST_NUMBERS] = {0};
    double reals[MOST_NUMBERS] = {0};
    const bool integer = lbk__h5.Tget_class(type) == H5T_INTEGER;
    if (count > MOST_NUMBERS ||
        lbk__h5.Aread(attribute, integer ? lbk__h5.NATIVE_INT64 : lbk__h5.NATIVE_DOUBLE,
                      integer ? (void *)integers : reals) < 0)
        return NULL;
    json_t *list = json_array();
    for (hsize_t i = 0; i < count; i++)
        json_array_append_new(list, integer ? json_integer(integers[i]) : json_real(reals[i]));
    if (!scalar) return list;
    json_t *first = json_incref(json_array_get(list, 0));
    json_decref(list);
    return first;
}

static json_t *read_attribute(hid_t attribute) {
    hid_t type = lbk__h5.Aget_type(attribute), space = lbk__h5.Aget_space(attribute);
    json_t *value = NULL;
    if (type > 0 && space > 0) {
        const int rank = lbk__h5.Sget_simple_extent_ndims(space);
        const hssize_t count = lbk__h5.Sget_simple_extent_npoints(space);
        const H5T_class_t class = lbk__h5.Tget_class(type);
        if (class == H5T_STRING && count == 1)
            value = read_text(attribute, type);
        else if ((class == H5T_INTEGER || class == H5T_FLOAT) && rank <= 1 && count >= 1)
            value = read_numbers(attribute, type, (hsize_t)count, rank == 0);
    }
    if (space > 0) lbk__h5.Sclose(space);
    if (type > 0) lbk__h5.Tclose(type);
    return value;
}

static herr_t add_attribute(hid_t file, const char *name, const H5A_info_t *info, void *attributes) {
    (void)info;
    hid_t attribute = lbk__h5.Aopen(file, name, H5P_DEFAULT);
    if (attribute < 0) return -1;
    json_t *value = read_attribute(attribute);
    lbk__h5.Aclose(attribute);
    if (value) json_object_set_new(attributes, name, value); /* fails for a name that is no UTF-8: left out */
    return 0;
}

lbk_status lbk__hdf5_attributes(lbk_context *context, const char *path, hid_t file, json_t **out) {
    *out = json_object();
    if (!*out) return lbk__fail(context, LBK_NO_MEMORY, "%s: out of memory for its attributes", path);
    if (lbk__h5.Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, *out) >= 0) return LBK_OK;
    json_decref(*out);
    *out = NULL;
    return lbk__hdf5_fail(context, path, "its attributes cannot be read");
}
