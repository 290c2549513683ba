/* yaml.c: libcyaml with limbeck's memory and sentences. libcyaml tells what went wrong in log lines: the
 * message, then the fields from inside out. */
#include "format/yaml.h"

#include <stdio.h>
#include <string.h>

typedef struct report {
    const char *yaml; /* [length] */
    size_t length;
    lbk__yaml_unknown *unknown;
    char message[160];
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
        snprintf(r->unknown->key, sizeof r->unknown->key, "%s", field);
    if (sscanf(line, " in mapping field '%63[^']'", field) == 1 && r->num_fields < 2)
        snprintf(r->field[r->num_fields++], sizeof r->field[0], "%s", field);
    if (!r->message[0] && strncmp(line, "Load: ", 6) == 0 && strcmp(line, "Load: Backtrace:") != 0)
        lbk__printable(r->message, sizeof r->message, line + 6, strlen(line + 6));
}

/* "Expecting SEQUENCE, got event: SCALAR", for those who do not know YAML's grammar. */
static const char *plain(const char *message) {
    static const char *const words[][2] = {
        {"Expecting SEQUENCE", "a list is wanted, as in [1, 2]"},
        {"Expecting MAPPING", "keys with their values are wanted, indented below it"},
        {"Expecting STRING", "one value is wanted, no list and no keys"},
    };
    for (size_t i = 0; i < LBK_COUNT(words); i++)
        if (strncmp(message, words[i][0], strlen(words[i][0])) == 0) return words[i][1];
    return message;
}

/* The line from `first` on whose indentation has a tab, before one with anything else below `first`; 0: none.
 */
static unsigned indented_by_tab(const char *yaml, size_t length, unsigned first) {
    const char *end = yaml + length;
    for (unsigned number = 1; yaml < end; number++) {
        const char *line_end = memchr(yaml, '\n', (size_t)(end - yaml));
        if (!line_end) line_end = end;
        while (yaml < line_end && *yaml == ' ') yaml++;
        if (number >= first && yaml < line_end && *yaml == '\t') return number;
        if (number > first && yaml < line_end && *yaml != '#' && *yaml != '\r') return 0;
        yaml = line_end < end ? line_end + 1 : end;
    }
    return 0;
}

/* libyaml stops behind what it read last, whose line and fields are all that is known. */
static lbk_status explain_syntax(lbk_context *context, const char *where, const char *problem,
                                 const report *r) {
    const unsigned tab = strstr(problem, "cannot start any token") || strstr(problem, "tab character")
                             ? indented_by_tab(r->yaml, r->length, r->line)
                             : 0;
    if (tab)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "%s, line %u: a tab stands before the text: YAML is indented by spaces only", where,
                         tab);
    if (r->line)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s, line %u or below: %s", where, r->line, problem);
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: %s", where, problem);
}

/* The text behind `start` in the message; NULL: it begins otherwise. */
static const char *after(const report *r, const char *start) {
    return strncmp(r->message, start, strlen(start)) == 0 ? r->message + strlen(start) : NULL;
}

static lbk_status explain(lbk_context *context, const char *where, cyaml_err_t error, const report *r) {
    char place[320], outer[68] = "", name[136] = "";
    const char *problem = after(r, "libyaml: "), *missing = after(r, "Missing required mapping field: "),
               *twice = after(r, "Mapping field already seen: ");
    if (error == CYAML_ERR_OOM) return lbk__fail(context, LBK_NO_MEMORY, "%s: out of memory", where);
    if (problem) return explain_syntax(context, where, problem, r);
    if (r->unknown->key[0] && r->num_fields)
        snprintf(r->unknown->in, sizeof r->unknown->in, "%s", r->field[0]);
    if (r->num_fields > 1) snprintf(outer, sizeof outer, "%s.", r->field[1]);
    if (r->line && !(missing && !*outer)) /* the line of a field beside the one that is missing */
        snprintf(place, sizeof place, "%.280s, line %u", where, r->line);
    else
        snprintf(place, sizeof place, "%.280s", where);
    if (missing)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: the key %s%s is missing", place, outer, missing);
    if (twice)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s or below: %s%s stands there twice", place, outer,
                         twice);
    if (r->num_fields) snprintf(name, sizeof name, "%s%s: ", outer, r->field[0]);
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: %s%s", place, name,
                     r->message[0] ? plain(r->message) : cyaml_strerror(error));
}

static void *allocate(void *user, void *pointer, size_t size) {
    lbk_context *context = user;
    return context->options.allocate(context->options.user, pointer, size);
}

static cyaml_config_t settings(lbk_context *context, report *r) {
    return (cyaml_config_t){.log_fn = note,
                            .log_ctx = r,
                            .mem_fn = allocate,
                            .mem_ctx = context,
                            .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

lbk_status lbk__yaml_load(lbk_context *context, const char *where, const char *yaml, size_t length,
                          const cyaml_schema_value_t *schema, void *out, lbk__yaml_unknown *unknown) {
    *unknown = (lbk__yaml_unknown){0};
    report r = {.yaml = yaml, .length = length, .unknown = unknown};
    const cyaml_config_t config = settings(context, &r);
    *(cyaml_data_t **)out = NULL;
    const cyaml_err_t error =
        cyaml_load_data((const uint8_t *)yaml, length, &config, schema, (cyaml_data_t **)out, NULL);
    return error == CYAML_OK ? LBK_OK : explain(context, where, error, &r);
}

void lbk__yaml_free(lbk_context *context, const cyaml_schema_value_t *schema, void *data) {
    report r = {0};
    const cyaml_config_t config = settings(context, &r);
    cyaml_free(&config, schema, data, 0);
}
