/* JSON documents, typed values and JSON lines. */
#include "check.h"

#include "base/file.h"
#include "format/json.h"

static char *folder;
static char path[256];

static int set_up(void **state) {
    (void)state;
    folder = check_folder();
    snprintf(path, sizeof path, "%s/data.json", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove(path);
    remove(folder);
    free(folder);
    return 0;
}

static void documents_come_back(void **state) {
    (void)state;
    lbk_context *context = check_context();
    json_t *root = json_pack("{s:s, s:f, s:I, s:[b, n]}", "text", "caf\xc3\xa9 \"\n", "real", 0.1, "integer",
                             (json_int_t)INT64_MIN, "list", 1);
    check_ok(context, lbk__json_write_file(context, path, root, JSON_INDENT(2)));
    json_t *again;
    check_ok(context, lbk__json_load_file(context, path, &again));
    assert_true(json_equal(root, again));
    char *text;
    check_ok(context,
             lbk__json_dump(context, again, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9), &text));
    assert_string_equal(text, "{\"integer\":-9223372036854775808,\"list\":[true,null],\"real\":0.1,"
                              "\"text\":\"caf\xc3\xa9 \\\"\\n\"}");
    lbk_free(context, text);
    json_decref(root);
    json_decref(again);
    check_fails(context, LBK_INTERNAL, "could not be made", lbk__json_dump(context, NULL, 0, &text));
    assert_null(text);
    check_fails(context, LBK_INTERNAL, "data.json: a JSON text",
                lbk__json_write_file(context, path, NULL, 0));
    check_fails(context, LBK_IO, "No such file", lbk__json_load_file(context, "/nowhere/x.json", &again));
    lbk_context_destroy(context);
}

static void *no_memory(size_t size) {
    (void)size;
    return NULL;
}

static void jansson_without_memory_is_told(void **state) {
    (void)state;
    lbk_context *context = check_context();
    json_malloc_t given;
    json_free_t release;
    json_t *root;
    json_get_alloc_funcs(&given, &release);
    json_set_alloc_funcs(no_memory, release);
    const lbk_status status = lbk__json_load_bytes(context, "x", "{}", 2, &root);
    json_set_alloc_funcs(given, release);
    check_fails(context, LBK_NO_MEMORY, "x: out of memory while its JSON was read", status);
    assert_null(root);
    lbk_context_destroy(context);
}

static void bad_documents_are_refused_with_their_place(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "x, line 1, column 0"},
        {"{\"a\": 1,\n \"b\": }", "x, line 2, column 7: unexpected token"},
        {"{\"a\": 1, \"a\": 2}", "duplicate object key"},
        {"{\"a\": 123456789012345678901}", "too big integer"},
        {"{\"a\": 1e999}", "real number overflow"},
        {"{\"a\": \"\xff\"}", "UTF-8"},
        {"{\"a\": \"\\u0000\"}", "u0000"},
        {"{\"a\": NaN}", "invalid token near 'NaN'"},
        {"7", "'[' or '{' expected"},
        {"{} {}", "end of file expected"},
        {"{\"a\": \033[31m}", "\\x1b"},
    };
    json_t *root;
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        const char *text = cases[i].text;
        check_fails(context, LBK_BAD_DATA, cases[i].sentence,
                    lbk__json_load_bytes(context, "x", text, strlen(text), &root));
        assert_null(root);
    }
    check_ok(context, lbk__json_load_bytes(context, "x", "\xef\xbb\xbf{}", 5, &root));
    json_decref(root);
    check_fails(context, LBK_BAD_DATA, "x", lbk__json_load_bytes(context, "x", "{\"a\0\":1}", 8, &root));
    lbk_context_destroy(context);
}

static void values_are_checked(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const char text[] =
        "{\"s\":\"x\",\"i\":7,\"r\":2.5,\"t\":true,\"n\":null,\"a\":[\"p\",1],\"o\":{\"k\":1}}";
    json_t *root;
    check_ok(context, lbk__json_load_bytes(context, "f", text, strlen(text), &root));
    const lbk__json_in in = {context, "f, line 3", root};
    const char *string;
    int64_t integer;
    double real;
    bool truth;
    const json_t *array;
    lbk__json_in object;
    assert_true(lbk__json_has(in, "s"));
    assert_false(lbk__json_has(in, "n"));
    assert_false(lbk__json_has(in, "zzz"));
    check_ok(context, lbk__json_get_string(in, "s", &string));
    assert_string_equal(string, "x");
    check_ok(context, lbk__json_get_integer(in, "i", 7, 7, &integer));
    assert_int_equal(integer, 7);
    check_ok(context, lbk__json_get_real(in, "r", 0, 2.5, &real));
    assert_true(real == 2.5);
    check_ok(context, lbk__json_get_real(in, "i", 0, 10, &real));
    assert_true(real == 7);
    check_ok(context, lbk__json_get_bool(in, "t", &truth));
    assert_true(truth);
    check_ok(context, lbk__json_get_array(in, "a", &array));
    check_ok(context, lbk__json_string_at(in, "a", array, 0, &string));
    assert_string_equal(string, "p");
    check_ok(context, lbk__json_get_object(in, "o", &object));
    check_ok(context, lbk__json_get_integer(object, "k", 0, 1, &integer));
    check_fails(context, LBK_BAD_DATA, "f, line 3: has no key \"zzz\"",
                lbk__json_get_string(in, "zzz", &string));
    check_fails(context, LBK_BAD_DATA, "f, line 3: key \"i\": is an integer, must be a string",
                lbk__json_get_string(in, "i", &string));
    check_fails(context, LBK_BAD_DATA, "key \"i\": is 7, must be from 8 to 9",
                lbk__json_get_integer(in, "i", 8, 9, &integer));
    check_fails(context, LBK_BAD_DATA, "must be from", lbk__json_get_integer(in, "i", 5, 6, &integer));
    check_fails(context, LBK_BAD_DATA, "fraction", lbk__json_get_integer(in, "r", 0, 9, &integer));
    check_fails(context, LBK_BAD_DATA, "is 2.5, must be from 0 to 1",
                lbk__json_get_real(in, "r", 0, 1, &real));
    check_fails(context, LBK_BAD_DATA, "must be a number", lbk__json_get_real(in, "s", 0, 1, &real));
    check_fails(context, LBK_BAD_DATA, "is null, must be true or false", lbk__json_get_bool(in, "n", &truth));
    check_fails(context, LBK_BAD_DATA, "is an object, must be an array",
                lbk__json_get_array(in, "o", &array));
    check_fails(context, LBK_BAD_DATA, "is an array, must be an object",
                lbk__json_get_object(in, "a", &object));
    check_fails(context, LBK_BAD_DATA, "key \"a\", item 1: is an integer",
                lbk__json_string_at(in, "a", array, 1, &string));
    check_fails(context, LBK_BAD_DATA, "item 2: is missing", lbk__json_string_at(in, "a", array, 2, &string));
    const lbk__json_in no_object = {context, "g", array};
    check_fails(context, LBK_BAD_DATA, "g: must be a JSON object",
                lbk__json_get_string(no_object, "s", &string));
    json_decref(root);
    lbk_context_destroy(context);
}

static void lines_come_one_by_one(void **state) {
    (void)state;
    lbk_context *context = check_context();
    static const char text[] = "\xef\xbb\xbf{\"i\":1}\r\n\n  \r\n{\"i\":2\n[3\n\"bad \xff\"\n{\"i\":4}";
    check_ok(context, lbk__write_file(context, path, text, strlen(text)));
    lbk__json_lines *lines;
    lbk__json_in in;
    int64_t i;
    check_ok(context, lbk__json_lines_open(context, path, &lines));
    check_ok(context, lbk__json_lines_next(lines, &in));
    check_ok(context, lbk__json_get_integer(in, "i", 1, 1, &i));
    assert_non_null(strstr(in.where, "data.json, line 1"));
    check_fails(context, LBK_BAD_DATA, "data.json, line 4, column 6:", lbk__json_lines_next(lines, &in));
    assert_null(in.object);
    check_fails(context, LBK_BAD_DATA, "data.json, line 5, column", lbk__json_lines_next(lines, &in));
    check_fails(context, LBK_BAD_DATA, "data.json, line 6, column", lbk__json_lines_next(lines, &in));
    check_ok(context, lbk__json_lines_next(lines, &in));
    check_ok(context, lbk__json_get_integer(in, "i", 4, 4, &i));
    check_fails(context, LBK_BAD_DATA, "data.json, line 7: has no key",
                lbk__json_get_integer(in, "j", 4, 4, &i));
    for (int again = 0; again < 2; again++) {
        check_ok(context, lbk__json_lines_next(lines, &in));
        assert_null(in.object);
    }
    lbk__json_lines_close(lines);
    check_ok(context, lbk__write_file(context, path, "", 0));
    check_ok(context, lbk__json_lines_open(context, path, &lines));
    check_ok(context, lbk__json_lines_next(lines, &in));
    assert_null(in.object);
    lbk__json_lines_close(lines);
    check_fails(context, LBK_IO, "No such file", lbk__json_lines_open(context, "/nowhere/x", &lines));
    assert_null(lines);
    check_ok(context, lbk__json_lines_open(context, folder, &lines));
    check_fails(context, LBK_IO, "Is a directory", lbk__json_lines_next(lines, &in));
    lbk__json_lines_close(lines);
    lbk_context_destroy(context);
}

/* Line k holds k letters more than the line before: newlines fall on every place of a read block. */
static void lines_of_many_lengths_survive_the_blocks(void **state) {
    (void)state;
    lbk_context *context = check_context();
    enum { N = 700 };
    FILE *file = fopen(path, "wb");
    for (int k = 0; k < N; k++) fprintf(file, "\"%0*d\"\n", k + 1, k % 10);
    fclose(file);
    lbk__json_lines *lines;
    lbk__json_in in;
    check_ok(context, lbk__json_lines_open(context, path, &lines));
    for (int k = 0; k < N; k++) {
        check_ok(context, lbk__json_lines_next(lines, &in));
        assert_int_equal(json_string_length(in.object), k + 1);
        assert_int_equal(json_string_value(in.object)[k], '0' + k % 10);
    }
    check_ok(context, lbk__json_lines_next(lines, &in));
    assert_null(in.object);
    lbk__json_lines_close(lines);
    lbk_context_destroy(context);
}

/* A file of 200 MiB without a newline, sparse on disk, then a good line. */
static void endless_lines_are_refused_in_bounded_memory(void **state) {
    (void)state;
    lbk_context *context = check_context();
    FILE *file = fopen(path, "wb");
    fputs("[1]\n", file);
    fseek(file, 200L << 20, SEEK_CUR);
    fputs("\n[2]\n", file);
    fclose(file);
    lbk__json_lines *lines;
    lbk__json_in in;
    check_ok(context, lbk__json_lines_open(context, path, &lines));
    check_ok(context, lbk__json_lines_next(lines, &in));
    check_fails(context, LBK_BAD_DATA, "line 2: is longer than 64 MiB", lbk__json_lines_next(lines, &in));
    check_ok(context, lbk__json_lines_next(lines, &in));
    assert_int_equal(json_integer_value(json_array_get(in.object, 0)), 2);
    assert_non_null(strstr(in.where, "data.json, line 3"));
    lbk__json_lines_close(lines);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_back),
        cmocka_unit_test(jansson_without_memory_is_told),
        cmocka_unit_test(bad_documents_are_refused_with_their_place),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(lines_come_one_by_one),
        cmocka_unit_test(lines_of_many_lengths_survive_the_blocks),
        cmocka_unit_test(endless_lines_are_refused_in_bounded_memory),
    };
    return cmocka_run_group_tests_name("json", tests, set_up, tear_down);
}
