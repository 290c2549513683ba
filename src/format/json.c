/* json.c: documents and typed values. */
#include "format/json.h"

#include "base/file.h"
#include "format/json_parse.h"

#include <string.h>

enum { LONGEST_FILE = 1 << 30 };

lbk_status lbk__json_parse(lbk_context *context, const char *where, const char *data, size_t size,
                           size_t flags, json_t **out) {
    json_error_t error = {.line = 0}; /* jansson leaves it without a text where it had no memory to begin */
    *out = json_loadb(data ? data : "", size, JSON_REJECT_DUPLICATES | flags, &error);
    if (*out) return LBK_OK;
    if (!*error.text || json_error_code(&error) == json_error_out_of_memory)
        return lbk__fail(context, LBK_NO_MEMORY, "%s: out of memory while its JSON was read", where);
    char shown[2 * sizeof error.text];
    lbk__printable(shown, sizeof shown, error.text, strlen(error.text));
    const char *hint = json_error_code(&error) == json_error_invalid_utf8 ? ": the text must be UTF-8" : "";
    if (flags & JSON_DECODE_ANY) /* one line of many: its number is in `where` */
        return lbk__fail(context, LBK_BAD_DATA, "%s, column %d: %s%s", where, error.column, shown, hint);
    return lbk__fail(context, LBK_BAD_DATA, "%s, line %d, column %d: %s%s", where, error.line, error.column,
                     shown, hint);
}

size_t lbk__json_mark(const char *data, size_t size) {
    return size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

lbk_status lbk__json_load_bytes(lbk_context *context, const char *where, const char *data, size_t size,
                                json_t **out) {
    const size_t mark = lbk__json_mark(data, size);
    return lbk__json_parse(context, where, data + mark, size - mark, 0, out);
}

lbk_status lbk__json_load_file(lbk_context *context, const char *path, json_t **out) {
    *out = NULL;
    char *data;
    size_t size;
    LBK_TRY(lbk__read_file(context, path, LONGEST_FILE, &data, &size));
    const lbk_status status = lbk__json_load_bytes(context, path, data, size, out);
    lbk_free(context, data);
    return status;
}

/* ---- writing ---- */

typedef struct sink {
    lbk_context *context;
    lbk__text text;
    lbk_status status;
} sink;

/* Jansson goes on where the name of a key could not be taken: nothing comes after a failure. */
static int take(const char *data, size_t size, void *user) {
    sink *to = user;
    if (to->status == LBK_OK) to->status = lbk__text_append(to->context, &to->text, data, size);
    return to->status == LBK_OK ? 0 : -1;
}

static lbk_status dump(sink *to, const json_t *root, size_t flags) {
    const bool dumped = root && json_dump_callback(root, take, to, flags | JSON_ENCODE_ANY) == 0;
    if (dumped || to->status != LBK_OK) return to->status;
    return lbk__fail(to->context, LBK_INTERNAL,
                     "a JSON text could not be made: out of memory, or a value that JSON cannot hold");
}

/* Jansson escapes what JSON asks for; not what else a terminal obeys. That can only stand in strings. */
static lbk_status escape_commands(sink *to) {
    lbk__text escaped = {0};
    lbk_status status = LBK_OK;
    const char *text = to->text.data, *done = text, *end = text + to->text.length;
    for (const char *at = text; at < end; at++) {
        unsigned code;
        const size_t size = lbk__terminal_command(at, (size_t)(end - at), &code);
        if (size == 0 || code < 0x20) continue;
        LBK_GO(lbk__text_append(to->context, &escaped, done, (size_t)(at - done)));
        LBK_GO(lbk__text_printf(to->context, &escaped, "\\u%04x", code));
        done = at + size;
        at = done - 1;
    }
    if (!escaped.data) return LBK_OK;
    LBK_GO(lbk__text_append(to->context, &escaped, done, strlen(done)));
    lbk__text_free(to->context, &to->text);
    to->text = escaped;
    return LBK_OK;
done:
    lbk__text_free(to->context, &escaped);
    return status;
}

lbk_status lbk__json_dump(lbk_context *context, const json_t *root, size_t flags, char **out) {
    sink to = {.context = context};
    lbk_status status = dump(&to, root, flags);
    if (status == LBK_OK) status = escape_commands(&to);
    if (status != LBK_OK) lbk__text_free(context, &to.text);
    *out = status == LBK_OK ? to.text.data : NULL;
    return status;
}

lbk_status lbk__json_write_file(lbk_context *context, const char *path, const json_t *root, size_t flags) {
    sink to = {.context = context};
    lbk_status status = LBK_OK;
    LBK_GO(dump(&to, root, flags));
    LBK_GO(lbk__text_append(context, &to.text, "\n", 1));
    LBK_GO(lbk__write_file(context, path, to.text.data, to.text.length));
done:
    lbk__text_free(context, &to.text);
    return status == LBK_INTERNAL ? lbk__fail_at(context, status, "%s", path) : status;
}

/* ---- typed values ---- */

static const char *type_name(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction or an exponent";
    case JSON_NULL:
        return "null";
    default:
        return "a truth value";
    }
}

bool lbk__json_has(lbk__json_in in, const char *key) {
    const json_t *value = json_object_get(in.object, key);
    return value && !json_is_null(value);
}

static lbk_status find(lbk__json_in in, const char *key, const json_t **out) {
    *out = NULL;
    if (!json_is_object(in.object))
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: must be a JSON object with the key \"%s\"", in.where,
                         key);
    *out = json_object_get(in.object, key);
    if (!*out) return lbk__fail(in.context, LBK_BAD_DATA, "%s: has no key \"%s\"", in.where, key);
    return LBK_OK;
}

static lbk_status wrong_type(lbk__json_in in, const char *key, const json_t *value, const char *wanted) {
    return lbk__fail(in.context, LBK_BAD_DATA, "%s: key \"%s\": is %s, must be %s", in.where, key,
                     type_name(value), wanted);
}

lbk_status lbk__json_get_string(lbk__json_in in, const char *key, const char **out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_string(value)) return wrong_type(in, key, value, "a string");
    *out = json_string_value(value);
    return LBK_OK;
}

lbk_status lbk__json_get_integer(lbk__json_in in, const char *key, int64_t low, int64_t high, int64_t *out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_integer(value)) return wrong_type(in, key, value, "an integer");
    const json_int_t number = json_integer_value(value);
    if (number < low || number > high)
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: key \"%s\": is %lld, must be from %lld to %lld",
                         in.where, key, (long long)number, (long long)low, (long long)high);
    *out = number;
    return LBK_OK;
}

lbk_status lbk__json_get_real(lbk__json_in in, const char *key, double low, double high, double *out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_number(value)) return wrong_type(in, key, value, "a number");
    const double number = json_number_value(value);
    if (!(number >= low && number <= high))
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: key \"%s\": is %g, must be from %g to %g", in.where,
                         key, number, low, high);
    *out = number;
    return LBK_OK;
}

lbk_status lbk__json_get_bool(lbk__json_in in, const char *key, bool *out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_boolean(value)) return wrong_type(in, key, value, "true or false");
    *out = json_is_true(value);
    return LBK_OK;
}

lbk_status lbk__json_get_array(lbk__json_in in, const char *key, const json_t **out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_array(value)) return wrong_type(in, key, value, "an array");
    *out = value;
    return LBK_OK;
}

lbk_status lbk__json_get_object(lbk__json_in in, const char *key, lbk__json_in *out) {
    const json_t *value = NULL;
    LBK_TRY(find(in, key, &value));
    if (!json_is_object(value)) return wrong_type(in, key, value, "an object");
    *out = (lbk__json_in){in.context, in.where, value};
    return LBK_OK;
}

lbk_status lbk__json_string_at(lbk__json_in in, const char *key, const json_t *array, size_t index,
                               const char **out) {
    const json_t *value = json_array_get(array, index);
    if (!json_is_string(value))
        return lbk__fail(in.context, LBK_BAD_DATA, "%s: key \"%s\", item %zu: is %s, must be a string",
                         in.where, key, index, value ? type_name(value) : "missing");
    *out = json_string_value(value);
    return LBK_OK;
}
