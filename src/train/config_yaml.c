/* config_yaml.c: YAML by libcyaml. Its schema, built from the list of keys, checks the structure: which keys
 * there are, what is a list, nothing twice. Values come as texts and are checked by config_values.c, because
 * libcyaml takes "12abc" and "1.5" for whole numbers. */
#include "train/config.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LIST = 1000, MAX_TEXT = 4096, NUM_SECTIONS = 4 };

/* Where libcyaml puts what it reads; NULL: not there. Sections share it: their fields have offsets of their
 * own. */
typedef struct raw {
    char *text[LBK__MAX_CONFIG_KEYS];
    char **list[LBK__MAX_CONFIG_KEYS];
    uint32_t count[LBK__MAX_CONFIG_KEYS];
} raw;

typedef struct schema {
    cyaml_schema_value_t entry, root;
    cyaml_schema_field_t fields[NUM_SECTIONS][LBK__MAX_CONFIG_KEYS + NUM_SECTIONS];
} schema;

static bool is_list(const lbk__config_key *key) {
    return key->kind >= LBK__KEY_INTEGERS;
}

static cyaml_schema_field_t field_of(size_t index, const cyaml_schema_value_t *entry) {
    const lbk__config_key *key = &lbk__config_keys[index];
    cyaml_schema_field_t field = {.key = key->name};
    if (is_list(key)) {
        field.data_offset = (uint32_t)(offsetof(raw, list) + index * sizeof(char **));
        field.count_offset = (uint32_t)(offsetof(raw, count) + index * sizeof(uint32_t));
        field.count_size = sizeof(uint32_t);
        field.value = (cyaml_schema_value_t){
            CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, entry, 0, MAX_LIST)};
    } else {
        field.data_offset = (uint32_t)(offsetof(raw, text) + index * sizeof(char *));
        field.value = (cyaml_schema_value_t){
            CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, 0, MAX_TEXT)};
    }
    return field;
}

static void build(schema *s) {
    memset(s, 0, sizeof *s);
    s->entry = (cyaml_schema_value_t){CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, MAX_TEXT)};
    for (size_t section = 0; lbk__config_sections[section]; section++) {
        size_t count = 0;
        for (size_t i = 0; i < lbk__num_config_keys; i++)
            if (strcmp(lbk__config_keys[i].section, lbk__config_sections[section]) == 0)
                s->fields[section][count++] = field_of(i, &s->entry);
        for (size_t below = 1; section == 0 && lbk__config_sections[below]; below++)
            s->fields[0][count++] = (cyaml_schema_field_t){
                .key = lbk__config_sections[below],
                .value = {CYAML_VALUE_MAPPING(CYAML_FLAG_OPTIONAL, raw, s->fields[below])}};
    }
    s->root = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, raw, s->fields[0])};
}

/* ---- what went wrong: libcyaml tells it in log lines, the message, then the fields from inside out ---- */

typedef struct report {
    char message[160], unknown[64];
    char field[2][64];
    int num_fields;
    unsigned line;
} report;

static void note(cyaml_log_t level, void *user, const char *format, va_list arguments) LBK__FORMAT(3, 0);
static void note(cyaml_log_t level, void *user, const char *format, va_list arguments) {
    (void)level;
    report *r = user;
    char line[256], field[64];
    unsigned number;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = 0;
    const char *place = strstr(line, "(line: ");
    if (place && r->line == 0 && sscanf(place, "(line: %u", &number) == 1) r->line = number;
    if (sscanf(line, "Load: Unexpected key: %63[^\n]", field) == 1)
        snprintf(r->unknown, sizeof r->unknown, "%s", field);
    if (sscanf(line, " in mapping field '%63[^']'", field) == 1 && r->num_fields < 2)
        snprintf(r->field[r->num_fields++], sizeof r->field[0], "%s", field);
    if (!r->message[0]) {
        const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
        lbk__printable(r->message, sizeof r->message, text, strlen(text));
    }
}

static lbk_status explain(lbk_context *context, const char *where, cyaml_err_t error, const report *r) {
    char place[320];
    if (error == CYAML_ERR_OOM) return lbk__fail(context, LBK_NO_MEMORY, "%s: out of memory", where);
    if (r->unknown[0])
        return lbk__config_unknown(context, where, r->num_fields ? r->field[0] : "", r->unknown);
    if (r->line)
        snprintf(place, sizeof place, "%.280s, line %u", where, r->line);
    else
        snprintf(place, sizeof place, "%.280s", where);
    char name[132] = "";
    if (r->num_fields)
        snprintf(name, sizeof name, "%s%s%s: ", r->num_fields > 1 ? r->field[1] : "",
                 r->num_fields > 1 ? "." : "", r->field[0]);
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: %s%s", place, name,
                     r->message[0] ? r->message : cyaml_strerror(error));
}

static void *allocate(void *user, void *pointer, size_t size) {
    lbk_context *context = user;
    return context->options.allocate(context->options.user, pointer, size);
}

static lbk_status take(lbk_config *config, const char *where, const raw *read) {
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        if (read->text[i]) LBK_TRY(lbk__config_set(config, where, i, read->text[i]));
        if (read->list[i]) LBK_TRY(lbk__config_set_list(config, where, i, read->list[i], read->count[i]));
    }
    return LBK_OK;
}

lbk_status lbk__config_parse(lbk_config *config, const char *where, const char *yaml, size_t length) {
    report r = {0};
    schema s;
    raw *read = NULL;
    build(&s);
    const cyaml_config_t settings = {.log_fn = note,
                                     .log_ctx = &r,
                                     .mem_fn = allocate,
                                     .mem_ctx = config->context,
                                     .log_level = CYAML_LOG_ERROR,
                                     .flags = CYAML_CFG_NO_ALIAS};
    cyaml_err_t error =
        cyaml_load_data((const uint8_t *)yaml, length, &settings, &s.root, (cyaml_data_t **)&read, NULL);
    if (error != CYAML_OK) return explain(config->context, where, error, &r);
    lbk_status status = read ? take(config, where, read) : LBK_OK;
    cyaml_free(&settings, &s.root, read, 0);
    return status;
}
