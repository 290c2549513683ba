/* report.c: JSON that the library returns, as tables: an object of values is a list, an object (or an array)
 * of such objects a table with a row for each, deeper ones are sections with their names as titles. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cli_view_names[LBK_NUM_VIEWS] = {"joint", "text", "image"};

/* What fits in a cell: a value, or an array of values. */
static bool is_cell(const json_t *value) {
    size_t i;
    const json_t *item;
    if (json_is_object(value)) return false;
    json_array_foreach(value, i, item) if (json_is_object(item) || json_is_array(item)) return false;
    return true;
}

static bool is_row(json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (!is_cell(value)) return false;
    return json_is_object(object);
}

static bool all_rows(json_t *value) {
    const char *key;
    size_t i;
    json_t *item;
    json_object_foreach(value, key, item) if (!is_row(item)) return false;
    json_array_foreach(value, i, item) if (!is_row(item)) return false;
    return json_object_size(value) + json_array_size(value) > 0;
}

/* "12,345,678". */
static char *grouped(json_int_t number) {
    char digits[32], text[48];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, number), at = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && digits[i - 1] != '-' && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return cli_format("%s", text);
}

static char *joined(const json_t *array) {
    char *text = cli_format("%s", "");
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item) {
        char *value = json_is_integer(item) ? cli_format("%" JSON_INTEGER_FORMAT, json_integer_value(item))
                                            : cli_value_text(item);
        char *longer = cli_format(i ? "%s, %s" : "%s%s", text, value);
        free(value);
        free(text);
        text = longer;
    }
    return text;
}

char *cli_value_text(const json_t *value) {
    if (json_is_string(value)) return cli_format("%s", json_string_value(value));
    if (json_is_integer(value)) return grouped(json_integer_value(value));
    if (json_is_real(value)) {
        double x = json_real_value(value), size = fabs(x);
        return cli_format(size >= 100 ? "%.1f" : size >= 1e-3 || size == 0 ? "%.4f" : "%.2e", x);
    }
    if (json_is_boolean(value)) return cli_format(json_is_true(value) ? "yes" : "no");
    if (json_is_array(value)) return joined(value);
    return cli_format("-");
}

/* Keys are written with underscores; people read spaces. */
static char *title_of(const char *key) {
    char *text = cli_format("%s", key);
    for (char *at = text; *at; at++)
        if (*at == '_') *at = ' ';
    return text;
}

void cli_table_key(cli_table *table, const char *key) {
    char *text = title_of(key);
    cli_table_cell(table, text);
    free(text);
}

void cli_table_value(cli_table *table, const json_t *value) {
    char *text = value ? cli_value_text(value) : cli_format("%s", "");
    cli_table_cell(table, text);
    free(text);
}

/* "key  value" a line. */
static void print_list(json_t *object) {
    cli_table *table = cli_table_create();
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach(object, key, value) {
        if (!is_cell(value)) continue;
        if (!first) cli_table_row(table);
        first = false;
        cli_table_key(table, key);
        cli_table_value(table, value);
    }
    cli_table_print(table, false);
    cli_table_free(table);
}

/* A row for each item of an object; the columns are the keys in the order in which they first occur. */
static void print_named_rows(json_t *items, const char *name, json_t *columns) {
    cli_table *table = cli_table_create();
    const char *row, *key;
    json_t *item, *unused;
    cli_table_key(table, name);
    json_object_foreach(columns, key, unused) cli_table_key(table, key);
    json_object_foreach(items, row, item) {
        cli_table_row(table);
        cli_table_cell(table, row);
        json_object_foreach(columns, key, unused) cli_table_value(table, json_object_get(item, key));
    }
    cli_table_print(table, true);
    cli_table_free(table);
}

static void print_array_rows(json_t *items, json_t *columns) {
    cli_table *table = cli_table_create();
    const char *key;
    size_t i;
    json_t *item, *unused;
    json_object_foreach(columns, key, unused) cli_table_key(table, key);
    json_array_foreach(items, i, item) {
        cli_table_row(table);
        json_object_foreach(columns, key, unused) cli_table_value(table, json_object_get(item, key));
    }
    cli_table_print(table, true);
    cli_table_free(table);
}

void cli_print_rows(json_t *items, const char *name) {
    json_t *columns = json_object(), *item;
    const char *key;
    size_t i;
    json_object_foreach(items, key, item) json_object_update(columns, item);
    json_array_foreach(items, i, item) json_object_update(columns, item);
    if (json_is_array(items))
        print_array_rows(items, columns);
    else
        print_named_rows(items, name, columns);
    json_decref(columns);
}

/* `path`: names of the sections that this one is in, "" at the root. */
static void print_section(json_t *object, const char *path, bool *printed) {
    const char *key;
    json_t *value;
    bool cells = false;
    json_object_foreach(object, key, value) cells = cells || is_cell(value);
    if (cells) {
        if (*path) printf("%s%s\n", *printed ? "\n" : "", path);
        print_list(object);
        *printed = true;
    }
    json_object_foreach(object, key, value) {
        if (is_cell(value)) continue;
        char *shown = cli_printable(key),
             *title = *path ? cli_format("%s %s", path, shown) : cli_format("%s", shown);
        if (all_rows(value)) {
            if (*printed) putchar('\n');
            if (json_is_array(value)) puts(title);
            cli_print_rows(value, title);
            *printed = true;
        } else {
            print_section(value, title, printed);
        }
        free(shown);
        free(title);
    }
}

void cli_print_json(json_t *object) {
    bool printed = false;
    print_section(object, "", &printed);
}

int cli_report(const char *text, bool as_json, void (*print)(json_t *root)) {
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    if (!json_is_object(root)) {
        cli_say("the library returned no JSON object: %s", error.text);
        json_decref(root);
        return lbk_status_exit_code(LBK_INTERNAL);
    }
    if (as_json)
        puts(text);
    else
        print(root);
    json_decref(root);
    return CLI_OK;
}
