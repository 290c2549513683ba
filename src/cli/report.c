/* report.c: JSON that the library returns, as tables: an object of values is a list, an object of such
 * objects a table with a row for each, deeper ones are sections with their names as titles. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_scalar(const json_t *value) {
    return !json_is_object(value) && !json_is_array(value);
}

static bool all_scalar(json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (!is_scalar(value)) return false;
    return true;
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

char *cli_value_text(const json_t *value) {
    if (json_is_string(value)) return cli_format("%s", json_string_value(value));
    if (json_is_integer(value)) return grouped(json_integer_value(value));
    if (json_is_real(value)) {
        double x = json_real_value(value), size = fabs(x);
        return cli_format(size >= 100 ? "%.1f" : size >= 1e-3 || size == 0 ? "%.4f" : "%.2e", x);
    }
    if (json_is_boolean(value)) return cli_format(json_is_true(value) ? "yes" : "no");
    return cli_format("-");
}

/* Keys are written with underscores; people read spaces. */
static char *title_of(const char *key) {
    char *text = cli_format("%s", key);
    for (char *at = text; *at; at++)
        if (*at == '_') *at = ' ';
    return text;
}

static void add_cell(cli_table *table, char *text) {
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
        if (!is_scalar(value)) continue;
        if (!first) cli_table_row(table);
        first = false;
        add_cell(table, title_of(key));
        add_cell(table, cli_value_text(value));
    }
    cli_table_print(table, stdout);
    cli_table_free(table);
}

/* A row for each item; the columns are the keys in the order in which they first occur. */
static void print_rows(json_t *items, const char *name) {
    json_t *columns = json_object(), *value, *item;
    const char *key, *row;
    json_object_foreach(items, row, item)
        json_object_foreach(item, key, value) if (json_object_set_new(columns, key, json_true()) != 0) break;
    cli_table *table = cli_table_create();
    add_cell(table, title_of(name));
    json_object_foreach(columns, key, value) add_cell(table, title_of(key));
    json_object_foreach(items, row, item) {
        cli_table_row(table);
        cli_table_cell(table, row);
        json_object_foreach(columns, key, value) {
            const json_t *cell = json_object_get(item, key);
            add_cell(table, cell ? cli_value_text(cell) : cli_format("%s", ""));
        }
    }
    cli_table_print(table, stdout);
    cli_table_free(table);
    json_decref(columns);
}

static bool all_rows(json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (!json_is_object(value) || !all_scalar(value)) return false;
    return json_object_size(object) > 0;
}

/* `titled`: whether a heading or a table was printed before, so that the next needs a line between. */
static void print_section(json_t *object, const char *name, bool titled) {
    const char *key;
    json_t *value;
    if (all_rows(object)) {
        if (titled) putchar('\n');
        print_rows(object, name);
        return;
    }
    bool scalars = false;
    json_object_foreach(object, key, value) scalars = scalars || is_scalar(value);
    if (titled && scalars) printf("\n%s\n", name);
    if (scalars) print_list(object);
    json_object_foreach(object, key, value) {
        if (!json_is_object(value) || json_object_size(value) == 0) continue;
        char *title = *name ? cli_format("%s, %s", name, key) : cli_format("%s", key);
        print_section(value, title, true);
        free(title);
    }
}

int cli_report(const char *text, bool as_json) {
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
        print_section(root, "", false);
    json_decref(root);
    return CLI_OK;
}
