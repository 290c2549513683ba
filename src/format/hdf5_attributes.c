/* hdf5_attributes.c: attributes as JSON. */
#include "format/hdf5_object.h"

#include <string.h>

enum { MOST_NUMBERS = 64 };

/* New reference to what the attribute holds; NULL when it is of no kind that is shown. */
static json_t *read_text(hid_t attribute, hid_t type) {
    char fixed[LBK__HDF5_LONGEST_TEXT + 1] = "", *text = fixed;
    const bool variable = H5Tis_variable_str(type) > 0;
    const size_t size = variable ? H5T_VARIABLE : H5Tget_size(type);
    if (!variable && size > LBK__HDF5_LONGEST_TEXT) return NULL;
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, variable ? H5T_VARIABLE : size + 1); /* one more for the 0 */
    H5Tset_cset(memory, H5Tget_cset(type));
    json_t *value = NULL;
    if (H5Aread(attribute, memory, variable ? (void *)&text : fixed) >= 0 && text)
        value = json_string(text); /* NULL for invalid UTF-8 */
    if (variable && text != fixed) H5free_memory(text);
    H5Tclose(memory);
    return value;
}

static json_t *read_numbers(hid_t attribute, hid_t type, hsize_t count, bool scalar) {
    int64_t integers[MOST_NUMBERS] = {0};
    double reals[MOST_NUMBERS] = {0};
    const bool integer = H5Tget_class(type) == H5T_INTEGER;
    if (count > MOST_NUMBERS || H5Aread(attribute, integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
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
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    json_t *value = NULL;
    if (type > 0 && space > 0) {
        const int rank = H5Sget_simple_extent_ndims(space);
        const hssize_t count = H5Sget_simple_extent_npoints(space);
        const H5T_class_t class = H5Tget_class(type);
        if (class == H5T_STRING && count == 1)
            value = read_text(attribute, type);
        else if ((class == H5T_INTEGER || class == H5T_FLOAT) && rank <= 1 && count >= 1)
            value = read_numbers(attribute, type, (hsize_t)count, rank == 0);
    }
    if (space > 0) H5Sclose(space);
    if (type > 0) H5Tclose(type);
    return value;
}

static herr_t add_attribute(hid_t file, const char *name, const H5A_info_t *info, void *attributes) {
    (void)info;
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    if (attribute < 0) return -1;
    json_t *value = read_attribute(attribute);
    H5Aclose(attribute);
    if (value) json_object_set_new(attributes, name, value); /* fails for a name that is no UTF-8: left out */
    return 0;
}

lbk_status lbk__hdf5_attributes(lbk_context *context, const char *path, hid_t file, json_t **out) {
    *out = json_object();
    if (!*out) return lbk__fail(context, LBK_NO_MEMORY, "%s: out of memory for its attributes", path);
    if (H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, *out) >= 0) return LBK_OK;
    json_decref(*out);
    *out = NULL;
    return lbk__hdf5_fail(context, path, "its attributes cannot be read");
}
