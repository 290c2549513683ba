/* config_text.c: a configuration as YAML, and its hash. */
#include "base/file.h"
#include "base/guest.h"
#include "train/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that reads back as the same number. */
static lbk_status put_real(lbk_context *context, lbk__text *text, double value) {
    char digits[32];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    return lbk__text_printf(context, text, "%s", digits);
}

/* In double quotes: any text is safe there. */
static lbk_status put_text(lbk_context *context, lbk__text *text, const char *value) {
    LBK_TRY(lbk__text_append(context, text, "\"", 1));
    for (; *value; value++) {
        unsigned char byte = (unsigned char)*value;
        if (byte == '"' || byte == '\\')
            LBK_TRY(lbk__text_printf(context, text, "\\%c", byte));
        else if (byte < 0x20 || byte == 0x7F)
            LBK_TRY(lbk__text_printf(context, text, "\\x%02X", byte));
        else
            LBK_TRY(lbk__text_append(context, text, value, 1));
    }
    return lbk__text_append(context, text, "\"", 1);
}

static size_t list_count(const lbk__config_key *key, const void *value) {
    if (key->kind == LBK__KEY_INTEGERS) return ((const lbk__integers *)value)->count;
    return key->kind == LBK__KEY_REALS ? ((const lbk__reals *)value)->count
                                       : ((const lbk__texts *)value)->count;
}

static lbk_status put_list(lbk_context *context, lbk__text *text, const lbk__config_key *key,
                           const void *value) {
    size_t count = list_count(key, value);
    LBK_TRY(lbk__text_append(context, text, "[", 1));
    for (size_t i = 0; i < count; i++) {
        if (i) LBK_TRY(lbk__text_append(context, text, ", ", 2));
        if (key->kind == LBK__KEY_INTEGERS)
            LBK_TRY(
                lbk__text_printf(context, text, "%lld", (long long)((const lbk__integers *)value)->items[i]));
        else if (key->kind == LBK__KEY_REALS)
            LBK_TRY(put_real(context, text, ((const lbk__reals *)value)->items[i]));
        else
            LBK_TRY(put_text(context, text, ((const lbk__texts *)value)->items[i]));
    }
    return lbk__text_append(context, text, "]", 1);
}

static lbk_status put_value(lbk_context *context, lbk__text *text, const lbk__config_key *key,
                            const void *value) {
    switch (key->kind) {
    case LBK__KEY_INTEGER:
        return lbk__text_printf(context, text, "%lld", (long long)*(const int64_t *)value);
    case LBK__KEY_WORD:
        return lbk__text_printf(context, text, "%s", key->words[*(const int64_t *)value]);
    case LBK__KEY_REAL:
        return put_real(context, text, *(const double *)value);
    case LBK__KEY_TEXT:
        return put_text(context, text, *(char *const *)value);
    default:
        return put_list(context, text, key, value);
    }
}

/* Keys that say where files lie, how much memory there is, how often a run is saved or when it gives up do
 * not. */
static bool decides_numbers(size_t index) {
    return index != lbk__config_find("", "pack") && index != lbk__config_find("train", "memory_limit") &&
           index != lbk__config_find("train", "save_seconds") &&
           index != lbk__config_find("train", "max_skipped_steps");
}

/* What was the only way before there was a choice stays out of the hash: runs and studies keep their names.
 */
static bool was_always_so(const lbk_config *config, size_t index) {
    return index == lbk__config_find("model", "classifier_pooling") &&
           config->model.classifier_pooling == LBK__POOL_CLS;
}

static lbk_status put_config(const lbk_config *config, bool all, lbk__text *text) {
    const char *section = "";
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        const lbk__config_key *key = &lbk__config_keys[i];
        if (!all && (!decides_numbers(i) || was_always_so(config, i))) continue;
        if (strcmp(section, key->section) != 0)
            LBK_TRY(lbk__text_printf(config->context, text, "%s:\n", key->section));
        section = key->section;
        LBK_TRY(lbk__text_printf(config->context, text, "%s%s: ", *section ? "  " : "", key->name));
        LBK_TRY(put_value(config->context, text, key, (const char *)config + key->offset));
        LBK_TRY(lbk__text_append(config->context, text, "\n", 1));
    }
    return LBK_OK;
}

lbk_status lbk_config_text(const lbk_config *config, char **out) {
    LBK__GUEST(config->context);
    lbk__text text = {0};
    lbk_status status = put_config(config, true, &text);
    if (status != LBK_OK) lbk__text_free(config->context, &text);
    *out = text.data;
    return status;
}

lbk_status lbk__config_hash(const lbk_config *config, char out[65]) {
    lbk__text text = {0};
    lbk_status status = put_config(config, false, &text);
    if (status == LBK_OK) lbk__hash_bytes(text.data, text.length, out);
    lbk__text_free(config->context, &text);
    return status;
}

lbk_status lbk__config_match(const lbk_config *config, const lbk_config *other, const char *where) {
    enum { MOST_NAMED = 6 };
    lbk_context *context = config->context;
    lbk__text ours = {0}, theirs = {0}, list = {0};
    lbk_status status = LBK_OK;
    int found = 0;
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        const lbk__config_key *key = &lbk__config_keys[i];
        if (!decides_numbers(i)) continue;
        ours.length = theirs.length = 0;
        LBK_GO(put_value(context, &ours, key, (const char *)config + key->offset));
        LBK_GO(put_value(context, &theirs, key, (const char *)other + key->offset));
        if (strcmp(ours.data, theirs.data) == 0) continue;
        if (found++ < MOST_NAMED)
            LBK_GO(lbk__text_printf(context, &list, "%s%s%s%s is %.60s, there %.60s", list.length ? "; " : "",
                                    key->section, *key->section ? "." : "", key->name, ours.data,
                                    theirs.data));
    }
    if (found)
        status = lbk__fail(context, LBK_MISMATCH, "%s says otherwise: %s%s", where, list.data,
                           found > MOST_NAMED ? "; …" : "");
done:
    lbk__text_free(context, &ours);
    lbk__text_free(context, &theirs);
    lbk__text_free(context, &list);
    return status;
}
