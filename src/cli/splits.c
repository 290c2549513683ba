/* splits.c: what is in a pack, or was put into one: how many samples of which class are in each split. */
#include "cli.h"

/* One row: a cell from each split. */
static void add_row(cli_table *table, const char *title, json_t *splits, const char *key, bool label) {
    const char *name;
    json_t *split;
    cli_table_row(table);
    cli_table_cell(table, title);
    json_object_foreach(splits, name, split)
        cli_table_value(table, json_object_get(label ? json_object_get(split, "labels") : split, key));
}

static void print_splits(json_t *splits) {
    cli_table *table = cli_table_create();
    json_t *classes = json_object(), *split, *unused;
    const char *name;
    cli_table_cell(table, "");
    json_object_foreach(splits, name, split) {
        cli_table_cell(table, name);
        json_object_update(classes, json_object_get(split, "labels"));
    }
    add_row(table, "samples", splits, "samples", false);
    add_row(table, "labelled", splits, "labelled", false);
    json_object_foreach(classes, name, unused) add_row(table, name, splits, name, true);
    cli_table_print(table, true);
    cli_table_free(table);
    json_decref(classes);
}

void cli_print_contents(json_t *root) {
    json_t *splits = json_incref(json_object_get(root, "splits"));
    json_object_del(root, "splits");
    cli_print_json(root);
    if (splits) {
        putchar('\n');
        print_splits(splits);
    }
    json_decref(splits);
}
