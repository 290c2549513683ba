/* config_values.c: values of keys: from text to checked numbers, words and lists. */
#include "train/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *key_text(char out[64], const lbk__config_key *key) {
    snprintf(out, 64, "%s%s%s", key->section, *key->section ? "." : "", key->name);
    return out;
}

/* What the key accepts: "a whole number from 1 to 4096", "a number in (0, 1]", "alone, kd or msd". */
static const char *range_text(char out[160], const lbk__config_key *key) {
    if (key->kind == LBK__KEY_WORD) {
        size_t length = 0;
        for (size_t i = 0; key->words[i] && length < 140; i++)
            length += (size_t)snprintf(out + length, 160 - length, "%s%s",
                                       i == 0 ? "" : (key->words[i + 1] ? ", " : " or "), key->words[i]);
        return out;
    }
    if (key->kind == LBK__KEY_INTEGER || key->kind == LBK__KEY_INTEGERS)
        snprintf(out, 160, "a whole number from %.0f to %.0f", key->least, key->most);
    else
        snprintf(out, 160, "a number in %c%g, %g%c",
                 key->ends == LBK__OPEN || key->ends == LBK__OPEN_LEFT ? '(' : '[', key->least, key->most,
                 key->ends == LBK__OPEN || key->ends == LBK__OPEN_RIGHT ? ')' : ']');
    return out;
}

static lbk_status refuse(lbk_context *context, const char *where, const lbk__config_key *key,
                         const char *text) {
    char name[64], range[160], shown[80];
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: %s is \"%s\"; it must be %s", where,
                     key_text(name, key), lbk__printable(shown, sizeof shown, text, strlen(text)),
                     range_text(range, key));
}

static bool parse_integer(const lbk__config_key *key, const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || text[0] == ' ') return false;
    *out = value;
    return (double)value >= key->least && (double)value <= key->most;
}

static bool parse_real(const lbk__config_key *key, const char *text, double *out) {
    char *end;
    if (!*text || text[strspn(text, "0123456789+-.eE")]) return false; /* neither nan, inf nor hexadecimal */
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    bool open_left = key->ends == LBK__OPEN || key->ends == LBK__OPEN_LEFT;
    bool open_right = key->ends == LBK__OPEN || key->ends == LBK__OPEN_RIGHT;
    return (open_left ? value > key->least : value >= key->least) &&
           (open_right ? value < key->most : value <= key->most);
}

static bool parse_word(const lbk__config_key *key, const char *text, int64_t *out) {
    for (int64_t i = 0; key->words[i]; i++)
        if (strcmp(key->words[i], text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static lbk_status set_text(lbk_context *context, char **target, const char *text) {
    char *copy;
    LBK_TRY(lbk__copy_string(context, text, &copy));
    lbk_free(context, *target);
    *target = copy;
    return LBK_OK;
}

lbk_status lbk__config_set(lbk_config *config, const char *where, size_t index, const char *text) {
    const lbk__config_key *key = &lbk__config_keys[index];
    void *target = (char *)config + key->offset;
    int64_t whole;
    double real;
    switch (key->kind) {
    case LBK__KEY_INTEGER:
        if (!parse_integer(key, text, &whole)) return refuse(config->context, where, key, text);
        memcpy(target, &whole, sizeof whole);
        break;
    case LBK__KEY_WORD:
        if (!parse_word(key, text, &whole)) return refuse(config->context, where, key, text);
        memcpy(target, &whole, sizeof whole);
        break;
    case LBK__KEY_REAL:
        if (!parse_real(key, text, &real)) return refuse(config->context, where, key, text);
        memcpy(target, &real, sizeof real);
        break;
    case LBK__KEY_TEXT:
        LBK_TRY(set_text(config->context, target, text));
        break;
    default:
        return lbk__config_set_list(config, where, index, (char *[]){(char *)text}, 1);
    }
    config->given[index] = true;
    return LBK_OK;
}

static lbk_status set_integers(lbk_config *config, const char *where, const lbk__config_key *key,
                               char *const *texts, size_t count) {
    lbk__integers fresh = {.count = count}, *target = (void *)((char *)config + key->offset);
    LBK_TRY(LBK_ALLOC(config->context, fresh.items, count));
    for (size_t i = 0; i < count; i++)
        if (!parse_integer(key, texts[i], &fresh.items[i])) {
            lbk_free(config->context, fresh.items);
            return refuse(config->context, where, key, texts[i]);
        }
    lbk_free(config->context, target->items);
    *target = fresh;
    return LBK_OK;
}

static lbk_status set_reals(lbk_config *config, const char *where, const lbk__config_key *key,
                            char *const *texts, size_t count) {
    lbk__reals fresh = {.count = count}, *target = (void *)((char *)config + key->offset);
    LBK_TRY(LBK_ALLOC(config->context, fresh.items, count));
    for (size_t i = 0; i < count; i++)
        if (!parse_real(key, texts[i], &fresh.items[i])) {
            lbk_free(config->context, fresh.items);
            return refuse(config->context, where, key, texts[i]);
        }
    lbk_free(config->context, target->items);
    *target = fresh;
    return LBK_OK;
}

static void free_texts(lbk_context *context, lbk__texts *texts) {
    for (size_t i = 0; texts->items && i < texts->count; i++) lbk_free(context, texts->items[i]);
    lbk_free(context, texts->items);
    *texts = (lbk__texts){0};
}

static lbk_status set_texts(lbk_config *config, const lbk__config_key *key, char *const *texts,
                            size_t count) {
    lbk__texts fresh = {.count = count}, *target = (void *)((char *)config + key->offset);
    lbk_status status = LBK_OK;
    LBK_GO(LBK_ALLOC(config->context, fresh.items, count));
    for (size_t i = 0; i < count; i++) LBK_GO(lbk__copy_string(config->context, texts[i], &fresh.items[i]));
    free_texts(config->context, target);
    *target = fresh;
done:
    if (status != LBK_OK) free_texts(config->context, &fresh);
    return status;
}

lbk_status lbk__config_set_list(lbk_config *config, const char *where, size_t index, char *const *texts,
                                size_t count) {
    const lbk__config_key *key = &lbk__config_keys[index];
    if (key->kind == LBK__KEY_INTEGERS)
        LBK_TRY(set_integers(config, where, key, texts, count));
    else if (key->kind == LBK__KEY_REALS)
        LBK_TRY(set_reals(config, where, key, texts, count));
    else
        LBK_TRY(set_texts(config, key, texts, count));
    config->given[index] = true;
    return LBK_OK;
}

static lbk_status set_preset(lbk_config *config, const lbk__config_key *key) {
    void *target = (char *)config + key->offset;
    if (key->kind == LBK__KEY_TEXT) return set_text(config->context, target, key->preset_text);
    int64_t whole = (int64_t)key->preset;
    if (key->kind == LBK__KEY_INTEGER || key->kind == LBK__KEY_WORD) memcpy(target, &whole, sizeof whole);
    if (key->kind == LBK__KEY_REAL) memcpy(target, &key->preset, sizeof key->preset);
    return LBK_OK;
}

lbk_status lbk__config_create(lbk_context *context, lbk_config **out) {
    *out = NULL;
    lbk_config *config;
    LBK_TRY(LBK_ALLOC(context, config, 1));
    config->context = context;
    lbk_status status = LBK_OK;
    for (size_t i = 0; i < lbk__num_config_keys; i++) LBK_GO(set_preset(config, &lbk__config_keys[i]));
    *out = config;
done:
    if (status != LBK_OK) lbk_config_close(config);
    return status;
}

void lbk_config_close(lbk_config *config) {
    if (!config) return;
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        void *target = (char *)config + lbk__config_keys[i].offset;
        switch (lbk__config_keys[i].kind) {
        case LBK__KEY_TEXT:
            lbk_free(config->context, *(char **)target);
            break;
        case LBK__KEY_INTEGERS:
            lbk_free(config->context, ((lbk__integers *)target)->items);
            break;
        case LBK__KEY_REALS:
            lbk_free(config->context, ((lbk__reals *)target)->items);
            break;
        case LBK__KEY_TEXTS:
            free_texts(config->context, target);
            break;
        default:
            break;
        }
    }
    lbk_free(config->context, config);
}
