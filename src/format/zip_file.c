/* zip_file.c: libzip with limbeck's errors and limits. */
#include "format/zip_file.h"

#include "base/file.h"

#include <string.h>
#include <zip.h>

/* What deflate can make of a byte, at most. */
enum { LARGEST_RATIO = 1032 };

struct lbk__zip {
    lbk_context *context;
    char *path;
    zip_t *archive;
    uint64_t file_size;
};

lbk_status lbk__zip_open(lbk_context *context, const char *path, lbk__zip **out) {
    *out = NULL;
    lbk__zip *zip;
    lbk__map map;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__map_open(context, path, &map));
    const size_t size = map.size;
    lbk__map_close(&map);
    LBK_TRY(LBK_ALLOC(context, zip, 1));
    zip->context = context;
    zip->file_size = size;
    LBK_GO(lbk__copy_string(context, path, &zip->path));
    int code = 0;
    zip->archive = zip_open(path, ZIP_RDONLY, &code);
    if (!zip->archive) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        status = lbk__fail(context, code == ZIP_ER_MEMORY ? LBK_NO_MEMORY : LBK_BAD_DATA,
                           "%s: cannot be read as a zip container: %s; truncated or damaged?", path,
                           zip_error_strerror(&error));
        zip_error_fini(&error);
        goto done;
    }
    *out = zip;
done:
    if (status != LBK_OK) lbk__zip_close(zip);
    return status;
}

void lbk__zip_close(lbk__zip *zip) {
    if (!zip) return;
    if (zip->archive) zip_discard(zip->archive);
    lbk_free(zip->context, zip->path);
    lbk_free(zip->context, zip);
}

int64_t lbk__zip_count(const lbk__zip *zip) {
    return zip_get_num_entries(zip->archive, 0);
}

const char *lbk__zip_name(const lbk__zip *zip, int64_t index) {
    return zip_get_name(zip->archive, (zip_uint64_t)index, ZIP_FL_ENC_RAW);
}

int64_t lbk__zip_find(const lbk__zip *zip, const char *name) {
    return zip_name_locate(zip->archive, name, ZIP_FL_ENC_RAW);
}

static lbk_status bad(const lbk__zip *zip, int64_t index, const char *what) {
    char shown[96];
    const char *name = lbk__zip_name(zip, index);
    if (!name) name = "?";
    return lbk__fail(zip->context, LBK_BAD_DATA, "%s: entry \"%s\" %s", zip->path,
                     lbk__printable(shown, sizeof shown, name, strlen(name)), what);
}

static lbk_status size_of(const lbk__zip *zip, int64_t index, size_t limit, size_t *size) {
    zip_stat_t about;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(zip->archive, (zip_uint64_t)index, 0, &about) != 0 ||
        (about.valid & wanted) != wanted || about.comp_size > zip->file_size ||
        about.size / LARGEST_RATIO > about.comp_size)
        return bad(zip, index, "claims to be larger than it can be: damaged or made to harm");
    if (about.size > limit) return bad(zip, index, "is larger than it may be");
    *size = (size_t)about.size;
    return LBK_OK;
}

lbk_status lbk__zip_read(const lbk__zip *zip, int64_t index, size_t limit, void *out_pointer, size_t *size) {
    char *data = NULL, beyond;
    memcpy(out_pointer, &data, sizeof data);
    LBK_TRY(size_of(zip, index, limit, size));
    zip_file_t *file = zip_fopen_index(zip->archive, (zip_uint64_t)index, 0);
    if (!file) return bad(zip, index, "cannot be unpacked: damaged, encrypted or of an unknown method");
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(zip->context, data, *size + 1));
    /* Reading on to the end makes libzip compare the checksum. */
    if (zip_fread(file, data, *size) != (zip_int64_t)*size || zip_fread(file, &beyond, 1) != 0)
        status = bad(zip, index, "cannot be unpacked: truncated or damaged");
done:
    zip_fclose(file);
    if (status == LBK_OK)
        memcpy(out_pointer, &data, sizeof data);
    else
        lbk_free(zip->context, data);
    return status;
}
