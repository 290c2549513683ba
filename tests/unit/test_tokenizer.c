/* Tokenizer: ids, normalisation and classes of characters against Hugging Face's (tests/golden/tokenizer,
 * made by oracle/tokenizer.py), vocabulary files, limits, bad input, memory. */
#include "check.h"

#include "base/file.h"
#include "data/normalize.h"

#include <jansson.h>
#include <utf8proc.h>

#define GOLDEN "tests/golden/tokenizer/"
#define SHARED "../shared/data/"

typedef struct encoder {
    lbk_tokenizer *tokenizer;
    int32_t *ids;
    size_t capacity, count;
} encoder;

static encoder open_encoder(lbk_context *context, int cased) {
    encoder made = {0};
    check_ok(context, lbk_tokenizer_open(context, GOLDEN "vocab.txt", cased, &made.tokenizer));
    return made;
}

static void close_encoder(lbk_context *context, encoder *by) {
    lbk_free(context, by->ids);
    lbk_tokenizer_close(by->tokenizer);
}

static lbk_status encode(encoder *by, const char *text, size_t length, int32_t max_tokens) {
    return lbk_tokenizer_encode(by->tokenizer, text, length, max_tokens, &by->ids, &by->capacity, &by->count);
}

/* Fails unless the ids are the first `most` − 1 of the expected ones and the last of them. */
static void check_ids(const encoder *got, const json_t *expected, size_t most, const char *text) {
    size_t size = json_array_size(expected), want = LBK_MIN(size, most);
    if (got->count != want) fail_msg("\"%s\": %zu ids, expected %zu", text, got->count, want);
    for (size_t i = 0; i < want; i++) {
        json_int_t id = json_integer_value(json_array_get(expected, i + 1 == want ? size - 1 : i));
        if (got->ids[i] != id) fail_msg("\"%s\": id %zu is %d, expected %d", text, i, got->ids[i], (int)id);
    }
}

static void hard_texts_give_the_reference_ids(void **state) {
    (void)state;
    lbk_context *context = check_context();
    encoder by[2] = {open_encoder(context, 0), open_encoder(context, 1)};
    FILE *file = fopen(GOLDEN "texts.jsonl", "r");
    assert_non_null(file);
    json_t *record;
    int texts = 0;
    while ((record = json_loadf(file, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL))) {
        json_t *text = json_object_get(record, "text");
        for (int cased = 0; cased < 2; cased++) {
            const json_t *expected = json_object_get(record, cased ? "cased" : "uncased");
            for (int32_t limit = 0; limit < 24; limit += limit ? 1 : 2) {
                check_ok(context,
                         encode(&by[cased], json_string_value(text), json_string_length(text), limit));
                check_ids(&by[cased], expected, limit ? (size_t)limit : SIZE_MAX, json_string_value(text));
            }
        }
        json_decref(record);
        texts++;
    }
    assert_int_equal(texts, 238);
    fclose(file);
    for (int cased = 0; cased < 2; cased++) close_encoder(context, &by[cased]);
    lbk_context_destroy(context);
}

/* What the oracle hashes for one character. */
static void hash_character(lbk_context *context, lbk__hasher *hasher, const lbk__normalizer normalizers[2],
                           int32_t c, lbk__text *normal) {
    char text[8] = "a";
    size_t length = 1 + (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)text + 1);
    text[length++] = 'b';
    for (int cased = 0; cased < 2; cased++) {
        check_ok(context, lbk__normalize(context, &normalizers[cased], text, length, normal));
        lbk__hasher_update(hasher, normal->data, normal->length);
        lbk__hasher_update(hasher, "\n", 1);
    }
    lbk__hasher_update(hasher, lbk__is_punctuation(c) ? "P\n" : "-\n", 2);
}

static void every_code_point_is_treated_as_in_the_reference(void **state) {
    (void)state;
    lbk_context *context = check_context();
    lbk__normalizer normalizers[2];
    for (int cased = 0; cased < 2; cased++) lbk__normalizer_init(&normalizers[cased], cased);
    FILE *file = fopen(GOLDEN "unicode.txt", "r");
    assert_non_null(file);
    lbk__text normal = {0};
    for (int32_t block = 0; block < 0x110000; block += 4096) {
        unsigned first;
        char expected[17], got[LBK__HASH_SIZE];
        assert_int_equal(fscanf(file, "%x %16s", &first, expected), 2);
        assert_int_equal(first, block);
        lbk__hasher *hasher;
        check_ok(context, lbk__hasher_create(context, &hasher));
        for (int32_t c = block; c < block + 4096; c++)
            if (c < 0xD800 || c > 0xDFFF) hash_character(context, hasher, normalizers, c, &normal);
        lbk__hasher_finish(context, hasher, got);
        got[16] = 0;
        if (strcmp(got, expected) != 0)
            fail_msg(
                "a character of U+%04X to U+%04X differs from the reference: is this utf8proc of another "
                "Unicode version? oracle/tokenizer.py compare names it",
                (unsigned)block, (unsigned)block + 4095);
    }
    lbk__text_free(context, &normal);
    fclose(file);
    lbk_context_destroy(context);
}

static void remove_folder(char *folder) {
    char path[256];
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    remove(path);
    remove(folder);
    free(folder);
}

static lbk_status open_text(lbk_context *context, const char *folder, const char *text, size_t size,
                            lbk_tokenizer **out) {
    char path[256];
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    check_ok(context, lbk__write_file(context, path, text, size));
    return lbk_tokenizer_open(context, path, 0, out);
}

static void vocabularies_are_read_line_by_line(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder();
    static const char text[] = "[UNK]\r\n[PAD]\nb\n[CLS]\n\nb\n[SEP]\n##c"; /* CR LF, twice b, no last LF */
    encoder by = {0};
    check_ok(context, open_text(context, folder, text, sizeof text - 1, &by.tokenizer));
    assert_int_equal(lbk_tokenizer_vocab_size(by.tokenizer), 8);
    check_ok(context, encode(&by, "B bcc c [PAD] [MASK]", 20, 0));
    static const int32_t expected[] = {3, 5, 5, 7, 7, 0, 1, 0, 0, 0, 6}; /* "[", "mask", "]" are unknown */
    assert_int_equal(by.count, LBK_COUNT(expected));
    assert_memory_equal(by.ids, expected, sizeof expected);
    close_encoder(context, &by);
    remove_folder(folder);
    lbk_context_destroy(context);
}

static void bad_vocabularies_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *folder = check_folder();
    lbk_tokenizer *tokenizer;
    check_fails(context, LBK_IO, "no-such-vocab",
                lbk_tokenizer_open(context, "no-such-vocab", 0, &tokenizer));
    assert_null(tokenizer);
    check_fails(context, LBK_BAD_DATA, "the file is empty", open_text(context, folder, "", 0, &tokenizer));
    check_fails(context, LBK_BAD_DATA, "no line is \"[SEP]\"",
                open_text(context, folder, "[PAD]\n[UNK]\n[CLS]\n [SEP]\n", 26, &tokenizer));
    check_fails(context, LBK_BAD_DATA, "vocab.txt: line 2: byte 3 of the line",
                open_text(context, folder, "[PAD]\nab\xff\n", 10, &tokenizer));
    assert_null(tokenizer);
    remove_folder(folder);
    lbk_context_destroy(context);
}

static void bad_texts_are_refused(void **state) {
    (void)state;
    lbk_context *context = check_context();
    encoder by = open_encoder(context, 0);
    check_fails(context, LBK_BAD_DATA, "byte 3 of the text (0xFF)", encode(&by, "abc\xff", 4, 2));
    check_fails(context, LBK_BAD_DATA, "byte 0 of the text (0xED)", encode(&by, "\xed\xa0\x80", 3, 0));
    check_fails(context, LBK_BAD_DATA, "byte 1 of the text (0xE4)", encode(&by, "x\xe4\xb8\xad", 3, 0));
    assert_int_equal(by.count, 0);
    check_fails(context, LBK_INVALID_ARGUMENT, "max_tokens is 1", encode(&by, "a", 1, 1));
    check_ok(context, encode(&by, NULL, 0, 0));
    assert_int_equal(by.count, 2);
    close_encoder(context, &by);
    lbk_context_destroy(context);
}

/* Hostile lengths are linear: a million accents, brackets, movable characters. */
static void long_runs_are_no_burden(void **state) {
    (void)state;
    lbk_context *context = check_context();
    encoder by = open_encoder(context, 0);
    static const struct {
        const char *unit;
        size_t ids;
    } runs[] = {
        {"\xcc\x81", 2}, {"\xe3\x80\xae\xf0\x9d\x85\xad", 3}, {"[", 250002}, {"[SEP]", 250002}, {"x", 3}};
    for (size_t i = 0; i < LBK_COUNT(runs); i++) {
        size_t size = strlen(runs[i].unit), length = 250000 * size;
        char *text = malloc(length);
        for (size_t at = 0; at < length; at += size) memcpy(text + at, runs[i].unit, size);
        check_ok(context, encode(&by, text, length, 0));
        assert_int_equal(by.count, runs[i].ids);
        free(text);
    }
    close_encoder(context, &by);
    lbk_context_destroy(context);
}

/* Counts blocks and calls; the call numbered `fail_at` (from 1) gets no memory. */
typedef struct counter {
    long live, calls, fail_at;
} counter;

static void *count_allocate(void *user, void *pointer, size_t size) {
    counter *counts = user;
    if (size == 0) {
        counts->live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (++counts->calls == counts->fail_at) return NULL;
    counts->live += pointer == NULL;
    return realloc(pointer, size);
}

static void any_allocation_may_fail_and_a_second_text_needs_none(void **state) {
    (void)state;
    static const char text[] =
        "The caf\xc3\xa9 [SEP] \xe4\xb8\xad and so on, and so on, and so on, and so on";
    lbk_status status = LBK_NO_MEMORY;
    for (long n = 2; status == LBK_NO_MEMORY; n++) {
        counter counts = {.fail_at = n};
        lbk_context *context;
        assert_int_equal(
            lbk_context_create(&(lbk_context_options){.allocate = count_allocate, .user = &counts}, &context),
            LBK_OK);
        encoder by = {0};
        status = lbk_tokenizer_open(context, GOLDEN "vocab.txt", 0, &by.tokenizer);
        if (status == LBK_OK) status = encode(&by, text, sizeof text - 1, 0);
        if (status == LBK_OK) {
            long before = counts.calls;
            check_ok(context, encode(&by, text, sizeof text - 1, 0));
            assert_int_equal(counts.calls, before);
            assert_true(n > 6);
        }
        close_encoder(context, &by);
        lbk_context_destroy(context);
        assert_int_equal(counts.live, 0);
    }
    assert_int_equal(status, LBK_OK);
}

/* ---- the shared data sets, where they are: hashes of all ids ---- */

typedef struct tally {
    lbk_context *context;
    encoder by[2];
    lbk__hasher *hasher[2];
    int texts;
} tally;

static void add_text(tally *all, const json_t *text) {
    assert_true(json_is_string(text));
    for (int cased = 0; cased < 2; cased++) {
        encoder *by = &all->by[cased];
        check_ok(all->context, encode(by, json_string_value(text), json_string_length(text), 0));
        lbk__hasher_update(all->hasher[cased], by->ids, by->count * sizeof *by->ids);
    }
    all->texts++;
}

static void add_lines(tally *all, const char *path, const char *key) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    json_t *record;
    while ((record = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
        add_text(all, json_object_get(record, key));
        json_decref(record);
    }
    fclose(file);
}

static void add_questions(tally *all, const char *part) {
    char path[256];
    snprintf(path, sizeof path, SHARED "vqa_yesno/v2_OpenEnded_mscoco_%s_questions.json", part);
    json_t *file = json_load_file(path, 0, NULL), *question;
    size_t i;
    json_array_foreach(json_object_get(file, "questions"), i, question)
        add_text(all, json_object_get(question, "question"));
    json_decref(file);
}

static void add_film(tally *all, const char *id) {
    char path[256];
    snprintf(path, sizeof path, SHARED "movies/dataset/%s.json", id);
    json_t *film = json_load_file(path, 0, NULL), *plot;
    add_text(all, json_object_get(film, "title"));
    size_t i;
    json_array_foreach(json_object_get(film, "plot"), i, plot) add_text(all, plot);
    json_decref(film);
}

static void add_set(tally *all, const char *name) {
    static const char *const parts[] = {"train", "dev", "test"};
    char path[256];
    if (strcmp(name, "openclipart") == 0) add_lines(all, SHARED "openclipart/data.jsonl", "text");
    if (strcmp(name, "flickr8k_match") == 0)
        add_lines(all, SHARED "snli_ve_mini/flickr8k_match.jsonl", "text");
    json_t *split = strcmp(name, "movies") == 0 ? json_load_file(SHARED "movies/split.json", 0, NULL) : NULL;
    for (int p = 0; p < 3; p++) {
        snprintf(path, sizeof path, SHARED "snli_ve_mini/snli_ve_%s.jsonl", parts[p]);
        if (strcmp(name, "snli_ve_mini") == 0) add_lines(all, path, "sentence2");
        if (strcmp(name, "vqa_yesno") == 0) add_questions(all, parts[p]);
        json_t *id;
        size_t i;
        json_array_foreach(json_object_get(split, parts[p]), i, id) add_film(all, json_string_value(id));
    }
    json_decref(split);
}

static void shared_texts_give_the_reference_ids(void **state) {
    (void)state;
    if (!lbk__is_folder(SHARED)) {
        print_message("skipped: there is no " SHARED "\n");
        skip();
    }
    FILE *file = fopen(GOLDEN "shared.txt", "r");
    assert_non_null(file);
    tally all = {.context = check_context()};
    for (int cased = 0; cased < 2; cased++) all.by[cased] = open_encoder(all.context, cased);
    char name[32], expected[2][65], got[2][LBK__HASH_SIZE];
    int texts, sets = 0;
    for (; fscanf(file, "%31s %d %64s %64s", name, &texts, expected[0], expected[1]) == 4; sets++) {
        for (int cased = 0; cased < 2; cased++)
            check_ok(all.context, lbk__hasher_create(all.context, &all.hasher[cased]));
        all.texts = 0;
        add_set(&all, name);
        for (int cased = 0; cased < 2; cased++)
            lbk__hasher_finish(all.context, all.hasher[cased], got[cased]);
        assert_int_equal(all.texts, texts);
        for (int cased = 0; cased < 2; cased++)
            if (strcmp(got[cased], expected[cased]) != 0)
                fail_msg("%s: ids differ; oracle/tokenizer.py compare shows the texts", name);
    }
    assert_int_equal(sets, 5);
    fclose(file);
    for (int cased = 0; cased < 2; cased++) close_encoder(all.context, &all.by[cased]);
    lbk_context_destroy(all.context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_texts_give_the_reference_ids),
        cmocka_unit_test(every_code_point_is_treated_as_in_the_reference),
        cmocka_unit_test(vocabularies_are_read_line_by_line),
        cmocka_unit_test(bad_vocabularies_are_refused),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(long_runs_are_no_burden),
        cmocka_unit_test(any_allocation_may_fail_and_a_second_text_needs_none),
        cmocka_unit_test(shared_texts_give_the_reference_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
