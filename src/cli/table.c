/* table.c: rows of cells printed as aligned columns. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct cli_table {
    char **cells;
    size_t num_cells;
    size_t *rows; /* index of each row's first cell */
    size_t num_rows;
};

/* One character at `text`: its bytes, and its columns (−1 and other oddities count as none). */
static size_t character(const char *text, size_t *width) {
    wchar_t wide;
    mbstate_t state = {0};
    size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
    if (bytes == 0 || bytes > 8) { /* not of this locale's encoding: a byte, a column */
        *width = 1;
        return 1;
    }
    int columns = wcwidth(wide);
    *width = columns > 0 ? (size_t)columns : 0;
    return bytes;
}

size_t cli_width(const char *text) {
    size_t total = 0, width;
    while (*text) {
        text += character(text, &width);
        total += width;
    }
    return total;
}

size_t cli_fit(const char *text, size_t columns) {
    size_t bytes = 0, total = 0, width;
    while (text[bytes]) {
        size_t step = character(text + bytes, &width);
        if (total + width > columns) break;
        total += width;
        bytes += step;
    }
    return bytes;
}

cli_table *cli_table_create(void) {
    cli_table *table = cli_alloc(sizeof *table);
    cli_table_row(table);
    return table;
}

void cli_table_free(cli_table *table) {
    for (size_t i = 0; i < table->num_cells; i++) free(table->cells[i]);
    free(table->cells);
    free(table->rows);
    free(table);
}

/* Room for one more item; capacities are the powers of two. */
static void *grown(void *items, size_t count, size_t size) {
    if (count & (count - 1)) return items;
    void *larger = cli_alloc((count ? 2 * count : 1) * size);
    if (count) memcpy(larger, items, count * size);
    free(items);
    return larger;
}

void cli_table_cell(cli_table *table, const char *text) {
    table->cells = grown(table->cells, table->num_cells, sizeof *table->cells);
    table->cells[table->num_cells++] = cli_printable(text);
}

void cli_table_row(cli_table *table) {
    table->rows = grown(table->rows, table->num_rows, sizeof *table->rows);
    table->rows[table->num_rows++] = table->num_cells;
}

static size_t row_length(const cli_table *table, size_t row) {
    size_t end = row + 1 < table->num_rows ? table->rows[row + 1] : table->num_cells;
    return end - table->rows[row];
}

/* Bytes of the character at `text` that a terminal obeys in place of showing it: controls, and U+200E, 200F,
 * 202A to 202E and 2066 to 2069, which turn the direction of text. 0: it shows it. */
static size_t command_length(const char *text) {
    const unsigned char first = (unsigned char)text[0], second = first ? (unsigned char)text[1] : 0,
                        third = second ? (unsigned char)text[2] : 0;
    if (first < 0x20 || first == 0x7F) return 1;
    if (first == 0xC2 && second >= 0x80 && second < 0xA0) return 2;
    if (first != 0xE2) return 0;
    const bool turns = second == 0x80 ? third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE)
                                      : second == 0x81 && third >= 0xA6 && third <= 0xA9;
    return turns ? 3 : 0;
}

/* The library does the same to its sentences. */
char *cli_printable(const char *text) {
    char *out = cli_alloc(4 * strlen(text) + 1), *at = out;
    for (size_t left = 0; *text; text++) {
        if (!left) left = command_length(text);
        if (!left) {
            *at++ = *text;
            continue;
        }
        at += sprintf(at, "\\x%02x", (unsigned char)*text);
        left--;
    }
    return out;
}

static const char *cell_of(const cli_table *table, size_t row, size_t column) {
    return column < row_length(table, row) ? table->cells[table->rows[row] + column] : "";
}

static bool is_number(const char *text) {
    return !*text || !strcmp(text, "-") || strchr("+-.0123456789", *text) != NULL;
}

void cli_table_print(const cli_table *table, bool head) {
    size_t num_columns = 0;
    for (size_t row = 0; row < table->num_rows; row++)
        if (row_length(table, row) > num_columns) num_columns = row_length(table, row);
    size_t *widths = cli_alloc(num_columns * sizeof *widths);
    bool *right = cli_alloc(num_columns * sizeof *right);
    for (size_t column = 0; column < num_columns; column++) {
        right[column] = head && table->num_rows > 1;
        for (size_t row = 0; row < table->num_rows; row++) {
            const char *cell = cell_of(table, row, column);
            if (cli_width(cell) > widths[column]) widths[column] = cli_width(cell);
            if (row > 0 && !is_number(cell)) right[column] = false;
        }
    }
    for (size_t row = 0; row < table->num_rows; row++) {
        size_t owed = 0; /* spaces due before the next text, so that no line ends in spaces */
        for (size_t column = 0; column < num_columns; column++) {
            const char *cell = cell_of(table, row, column);
            size_t padding = widths[column] - cli_width(cell);
            if (right[column]) owed += padding;
            if (*cell) {
                printf("%*s%s", (int)owed, "", cell);
                owed = 0;
            }
            if (!right[column]) owed += padding;
            owed += 2;
        }
        putchar('\n');
    }
    free(widths);
    free(right);
}
