/* An array of a large JSON document, item by item. */
#include "pack_fixture.h"

#include "format/json_items.h"

static lbk__json_items *open_text(fixture *f, const char *text) {
    lbk__json_items *items;
    put_text(f, "data.jsonl", text);
    check_ok(f->context, lbk__json_items_open(f->context, f->data, "list", &items));
    return items;
}

static void items_come_in_order(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    lbk__json_items *items =
        open_text(&f, "\xef\xbb\xbf { \"before\" : {\"list\":[1,2],\"a]\\\"\":\"}\\\\\"} ,\n\"list\":[ 1 "
                      ",\"a,\\\"]\\\\\",\t[[],{\"b\":[]}],"
                      "null , {\"c\":\"\xc3\xa9\"}\n] , \"after\": 7.5e1}  \n");
    static const char *const wanted[] = {"1", "\"a,\\\"]\\\\\"", "[[], {\"b\": []}]", "null",
                                         "{\"c\": \"\xc3\xa9\"}"};
    lbk__json_place places[LBK_COUNT(wanted)];
    lbk__json_in in;
    for (size_t i = 0; i < LBK_COUNT(wanted); i++) {
        check_ok(f.context, lbk__json_items_next(items, &in));
        char *text = json_dumps(in.object, JSON_ENCODE_ANY);
        assert_string_equal(text, wanted[i]);
        free(text);
        places[i] = lbk__json_items_place(items);
    }
    check_ok(f.context, lbk__json_items_at(items, places[4], &in));
    assert_string_equal(json_string_value(json_object_get(in.object, "c")), "\xc3\xa9");
    check_ok(f.context, lbk__json_items_next(items, &in));
    assert_null(in.object);
    check_ok(f.context, lbk__json_items_at(items, places[0], &in));
    assert_int_equal(json_integer_value(in.object), 1);
    lbk__json_items_close(items);
    uint64_t count;
    check_ok(f.context, lbk__json_items_count(f.context, f.data, "list", &count));
    assert_int_equal(count, 5);
    fixture_close(&f);
}

static void an_item_that_is_bad_is_passed(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    lbk__json_items *items = open_text(&f, "{\"list\":[{\"a\":1},{\"a\" 1},,{\"a\":2}]}");
    lbk__json_in in;
    check_ok(f.context, lbk__json_items_next(items, &in));
    check_fails(f.context, LBK_BAD_DATA, "data.jsonl, item 2, column", lbk__json_items_next(items, &in));
    check_fails(f.context, LBK_BAD_DATA, "data.jsonl, item 3, column", lbk__json_items_next(items, &in));
    check_ok(f.context, lbk__json_items_next(items, &in));
    int64_t value;
    check_ok(f.context, lbk__json_get_integer(in, "a", 0, 9, &value));
    assert_int_equal(value, 2);
    lbk__json_items_close(items);
    fixture_close(&f);
}

/* Items on both sides of the borders of the reader's pieces. */
static void long_documents_are_read(void **state) {
    (void)state;
    enum { COUNT = 30000 };
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    lbk__text text = {0};
    check_ok(f.context, lbk__text_printf(f.context, &text, "{\"list\":["));
    for (int i = 0; i < COUNT; i++)
        check_ok(f.context, lbk__text_printf(f.context, &text, "%s{\"n\":%d,\"s\":\"%*s\\\\\"}",
                                             i ? ", " : "", i, i % 41, ""));
    check_ok(f.context, lbk__text_printf(f.context, &text, "]}"));
    lbk__json_items *items = open_text(&f, text.data);
    for (int i = 0; i < COUNT; i++) {
        lbk__json_in in;
        int64_t value;
        check_ok(f.context, lbk__json_items_next(items, &in));
        check_ok(f.context, lbk__json_get_integer(in, "n", 0, COUNT, &value));
        assert_int_equal(value, i);
        if (i % 1000) continue;
        check_ok(f.context, lbk__json_items_at(items, lbk__json_items_place(items), &in));
        check_ok(f.context, lbk__json_get_integer(in, "n", i, i, &value));
    }
    lbk__json_items_close(items);
    uint64_t count;
    for (size_t cut = 1; cut < text.length;
         cut += 1 + text.length / 97) { /* no beginning is taken for a whole */
        put_file(&f, "data.jsonl", text.data, cut);
        assert_int_equal(lbk__json_items_count(f.context, f.data, "list", &count), LBK_BAD_DATA);
    }
    lbk__text_free(f.context, &text);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order),
        cmocka_unit_test(an_item_that_is_bad_is_passed),
        cmocka_unit_test(long_documents_are_read),
    };
    return cmocka_run_group_tests_name("json_items", tests, NULL, NULL);
}
