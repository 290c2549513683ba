/* kind.c: what a file is, by its content. */
#include "format/kind.h"

#include "format/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void own_kind(const lbk__safetensors *file, char kind[LBK__LONGEST_KIND]) {
    const char *about = lbk__safetensors_metadata(file, "limbeck");
    json_t *json = about ? json_loads(about, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(json, "kind"));
    snprintf(kind, LBK__LONGEST_KIND, "%s", name ? name : "");
    json_decref(json);
}

/* An ONNX file is a message whose first field is ir_version, a small number, and whose second is a text or a
 * number. */
static const char *foreign_kind(const lbk__map *map) {
    static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    const unsigned char *data = map->data;
    if (map->size == 0) return LBK__KIND_EMPTY;
    if (map->size >= sizeof hdf5 && memcmp(data, hdf5, sizeof hdf5) == 0) return LBK__KIND_HDF5;
    if (map->size >= 3 && data[0] == 0x08 && data[1] && data[1] < 0x80 && data[2] > 0x08 && data[2] < 0x80 &&
        ((data[2] & 7) == 0 || (data[2] & 7) == 2))
        return LBK__KIND_ONNX;
    return "";
}

lbk_status lbk__file_kind(lbk_context *context, const char *path, char kind[LBK__LONGEST_KIND]) {
    lbk__safetensors *file;
    lbk__map map;
    const lbk_status status = lbk__safetensors_open(context, path, &file);
    kind[0] = 0;
    if (status == LBK_OK) {
        own_kind(file, kind);
        lbk__safetensors_close(file);
    }
    if (status != LBK_BAD_DATA) return status;
    LBK_TRY(lbk__map_open(context, path, &map));
    snprintf(kind, LBK__LONGEST_KIND, "%s", foreign_kind(&map));
    lbk__map_close(&map);
    return LBK_OK;
}

lbk_status lbk__refuse_others(lbk_context *context, const char *path, const char *kind) {
    char found[LBK__LONGEST_KIND];
    if (!lbk__exists(path) || lbk__is_folder(path)) return LBK_OK; /* lbk__lock_file refuses folders */
    LBK_TRY(lbk__file_kind(context, path, found));
    if (strcmp(found, kind) == 0 || strcmp(found, LBK__KIND_EMPTY) == 0) return LBK_OK;
    return lbk__fail(
        context, LBK_INVALID_ARGUMENT,
        "%s: is there and is no %s, so that it is not written over: name another file, or remove "
        "it",
        path, kind);
}
