/* config_yaml.c: a configuration's YAML. Its schema is built from the list of keys. Values come as texts and
 * are checked by config_values.c, because libcyaml takes "12abc" and "1.5" for whole numbers. */
#include "format/yaml.h"
#include "train/config.h"

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

static lbk_status take(lbk_config *config, const char *where, const raw *read) {
    for (size_t i = 0; i < lbk__num_config_keys; i++) {
        if (read->text[i]) LBK_TRY(lbk__config_set(config, where, i, read->text[i]));
        if (read->list[i]) LBK_TRY(lbk__config_set_list(config, where, i, read->list[i], read->count[i]));
    }
    return LBK_OK;
}

lbk_status lbk__config_parse(lbk_config *config, const char *where, const char *yaml, size_t length) {
    lbk__yaml_unknown unknown;
    schema s;
    raw *read;
    build(&s);
    lbk_status status = lbk__yaml_load(config->context, where, yaml, length, &s.root, &read, &unknown);
    if (*unknown.key) return lbk__config_unknown(config->context, where, unknown.in, unknown.key);
    if (status == LBK_OK && read) status = take(config, where, read);
    lbk__yaml_free(config->context, &s.root, read);
    return status;
}
