/* events.c: TensorBoard event files. */
#define _GNU_SOURCE
#include "format/events.h"

#include "base/file.h"
#include "format/events.pb-c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BEFORE = 12, AFTER = 4, MOST_NAMES = 1000 }; /* bytes of a record around its event */

struct lbk__events {
    lbk_context *context;
    FILE *file;
    char *path;
    unsigned char *record;
    size_t capacity;
    uint64_t offset;
};

uint32_t lbk__crc32c(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

/* So that the sum of data which hold sums is no special case. */
static uint32_t masked_sum(const void *data, size_t size) {
    const uint32_t crc = lbk__crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void put_little(unsigned char *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}
static uint64_t get_little(const unsigned char *from, int bytes) {
    uint64_t value = 0;
    while (bytes) value = value << 8 | from[--bytes];
    return value;
}

/* ---- writing ---- */

static lbk_status put_event(lbk__events *events, const Lbk__Events__Event *event) {
    const size_t size = lbk__events__event__get_packed_size(event), all = BEFORE + size + AFTER;
    LBK_TRY(LBK_GROW(events->context, events->record, events->capacity, all));
    unsigned char *record = events->record;
    put_little(record, size, 8);
    put_little(record + 8, masked_sum(record, 8), 4);
    lbk__events__event__pack(event, record + BEFORE);
    put_little(record + BEFORE + size, masked_sum(record + BEFORE, size), AFTER);
    if (fwrite(record, 1, all, events->file) != all)
        return lbk__fail_errno(events->context, "%s: cannot write", events->path);
    events->offset += all;
    return LBK_OK;
}

lbk_status lbk__events_scalar(lbk__events *events, const char *tag, int64_t step, double wall_time,
                              float number) {
    if (lbk__utf8_valid(tag, strlen(tag)) != strlen(tag))
        return lbk__fail(events->context, LBK_INVALID_ARGUMENT, "%s: a tag is no UTF-8", events->path);
    Lbk__Events__Value value = LBK__EVENTS__VALUE__INIT, *values = &value;
    value.tag = (char *)(uintptr_t)tag;
    value.value_case = LBK__EVENTS__VALUE__VALUE_SIMPLE_VALUE;
    value.simple_value = number;
    Lbk__Events__Summary summary = LBK__EVENTS__SUMMARY__INIT;
    summary.n_value = 1;
    summary.value = &values;
    Lbk__Events__Event event = LBK__EVENTS__EVENT__INIT;
    event.wall_time = wall_time;
    event.step = step;
    event.what_case = LBK__EVENTS__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return put_event(events, &event);
}

uint64_t lbk__events_tell(const lbk__events *events) {
    return events->offset;
}
const char *lbk__events_path(const lbk__events *events) {
    return events->path;
}

lbk_status lbk__events_flush(lbk__events *events) {
    /* EINVAL: the file system cannot sync */
    if (fflush(events->file) != 0 || (fdatasync(fileno(events->file)) != 0 && errno != EINVAL))
        return lbk__fail_errno(events->context, "%s: cannot write", events->path);
    return LBK_OK;
}

void lbk__events_close(lbk__events *events) {
    if (!events) return;
    if (events->file) fclose(events->file);
    lbk_free(events->context, events->record);
    lbk_free(events->context, events->path);
    lbk_free(events->context, events);
}

/* ---- opening ---- */

/* The file under the first name of its second, host and process that is free. */
static lbk_status create_file(lbk__events *events, const char *folder, double wall_time) {
    char host[256];
    if (gethostname(host, sizeof host) != 0) strcpy(host, "localhost");
    host[sizeof host - 1] = 0;
    for (int n = 0; n < MOST_NAMES; n++) {
        char name[400];
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.%d", (long long)wall_time, host,
                 (long)getpid(), n);
        lbk_free(events->context, events->path);
        LBK_TRY(lbk__join(events->context, folder, name, &events->path));
        events->file = fopen(events->path, "wbxe");
        if (events->file) return LBK_OK;
        if (errno != EEXIST) break;
    }
    return lbk__fail_errno(events->context, "%s: cannot create", events->path);
}

void lbk__events_remove(const char *folder) {
    DIR *entries = opendir(folder);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strncmp(entry->d_name, "events.out.tfevents.", 20) == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

lbk_status lbk__events_create(lbk_context *context, const char *folder, double wall_time, lbk__events **out) {
    *out = NULL;
    lbk__events *events;
    LBK_TRY(LBK_ALLOC(context, events, 1));
    lbk_status status = LBK_OK;
    events->context = context;
    LBK_GO(create_file(events, folder, wall_time));
    Lbk__Events__Event event = LBK__EVENTS__EVENT__INIT;
    static const char version[] = "brain.Event:2";
    event.wall_time = wall_time;
    event.what_case = LBK__EVENTS__EVENT__WHAT_FILE_VERSION;
    event.file_version = (char *)(uintptr_t)version;
    LBK_GO(put_event(events, &event));
    *out = events;
done:
    if (status != LBK_OK && events->file) unlink(events->path);
    if (status != LBK_OK) lbk__events_close(events);
    return status;
}

/* Whether the first `end` bytes are whole, undamaged records. */
static lbk_status check_records(const lbk__events *events, const lbk__map *map, uint64_t end) {
    if (end > map->size)
        return lbk__fail(events->context, LBK_BAD_DATA,
                         "%s: has %zu bytes, but the checkpoint was made when it had %llu", events->path,
                         map->size, (unsigned long long)end);
    uint64_t at = 0;
    while (at < end) {
        const unsigned char *record = map->data + at;
        const uint64_t left = end - at, size = left < BEFORE + AFTER ? 0 : get_little(record, 8);
        if (left < BEFORE + AFTER || size > left - BEFORE - AFTER ||
            get_little(record + 8, 4) != masked_sum(record, 8) ||
            get_little(record + BEFORE + size, AFTER) != masked_sum(record + BEFORE, size))
            return lbk__fail(events->context, LBK_BAD_DATA, "%s: the record at byte %llu is damaged",
                             events->path, (unsigned long long)at);
        at += BEFORE + size + AFTER;
    }
    return LBK_OK;
}

lbk_status lbk__events_resume(lbk_context *context, const char *path, uint64_t offset, lbk__events **out) {
    *out = NULL;
    lbk__events *events;
    LBK_TRY(LBK_ALLOC(context, events, 1));
    lbk_status status = LBK_OK;
    lbk__map map = {0};
    events->context = context;
    events->offset = offset;
    LBK_GO(lbk__copy_string(context, path, &events->path));
    LBK_GO(lbk__map_open(context, path, &map));
    LBK_GO(check_records(events, &map, offset));
    lbk__map_close(&map);
    events->file = fopen(path, "r+be");
    if (!events->file || ftruncate(fileno(events->file), (off_t)offset) != 0 ||
        fseeko(events->file, 0, SEEK_END) != 0)
        LBK_GO(lbk__fail_errno(context, "%s: cannot go on writing", path));
    *out = events;
done:
    lbk__map_close(&map);
    if (status != LBK_OK) lbk__events_close(events);
    return status;
}
