/* Packs that were cut, changed or forged: each is found out, when it is opened or verified. */
#include "pack_fixture.h"

#include "data/pack.h"
#include "data/pack_parts.h"

static char *read_pack(fixture *f, size_t *size) {
    char *data;
    check_ok(f->context, lbk__read_file(f->context, f->pack, 1 << 24, &data, size));
    return data;
}

/* LBK_BAD_DATA from opening or from verifying. */
static bool is_found_out(fixture *f, const char *data, size_t size) {
    lbk_pack *pack;
    FILE *file = fopen(f->pack, "wb"); /* no fsync: there are many */
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    lbk_status status = lbk_pack_open(f->context, f->pack, &pack);
    if (status == LBK_OK) status = lbk_pack_verify(pack);
    lbk_pack_close(pack);
    if (status == LBK_OK) return false;
    assert_int_equal(status, LBK_BAD_DATA);
    assert_non_null(strstr(lbk_error(f->context), f->pack));
    return true;
}

static void truncated_packs_are_found_out(void **state) {
    (void)state;
    fixture f;
    lbk_pack_close(open_records(&f));
    size_t size;
    char *data = read_pack(&f, &size);
    for (size_t k = 0; k <= 40; k++) assert_true(is_found_out(&f, data, (size - 1) * k / 40));
    lbk_free(f.context, data);
    fixture_close(&f);
}

static void flipped_bits_are_found_out(void **state) {
    (void)state;
    fixture f;
    lbk_pack_close(open_records(&f));
    size_t size, header = 0;
    char *data = read_pack(&f, &size);
    for (int i = 7; i >= 0; i--) header = header << 8 | (unsigned char)data[i];
    while (data[8 + header - 1] == ' ') header--;
    for (size_t at = 0; at < size; at += at < 8 + header ? 3 : 61) {
        if (at >= 8 + header && data[at] == ' ' && at % 64) continue; /* padding says nothing */
        data[at] = (char)(data[at] ^ 1);
        if (!is_found_out(&f, data, size)) fail_msg("byte %zu of %zu (header %zu)", at, size, header);
        data[at] = (char)(data[at] ^ 1);
    }
    assert_false(is_found_out(&f, data, size));
    lbk_free(f.context, data);
    fixture_close(&f);
}

static void foreign_files_are_named(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    lbk_pack *pack;
    check_fails(f.context, LBK_IO, "absent", lbk_pack_open(f.context, "absent", &pack));
    assert_null(pack);
    check_fails(f.context, LBK_BAD_DATA, "vocab.txt", lbk_pack_open(f.context, VOCAB, &pack));
    check_fails(f.context, LBK_BAD_DATA, "of some other program",
                lbk_pack_open(f.context, "tests/golden/losses.safetensors", &pack));
    lbk__safetensors_writer *writer;
    const lbk__metadata about = {LBK__PACK_DESCRIPTION, "{\"kind\":\"cache\"}"};
    check_ok(f.context, lbk__safetensors_writer_open(f.context, f.pack, NULL, 0, &about, 1, NULL, &writer));
    check_ok(f.context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
    check_fails(f.context, LBK_BAD_DATA, "another kind of limbeck's files",
                lbk_pack_open(f.context, f.pack, &pack));
    fixture_close(&f);
}

/* What is wrong with a pack whose hashes are right: one value of one part, or the part's length, or a text of
 * the description. */
typedef struct forgery {
    lbk__pack_part part;
    size_t item;
    int64_t value;
    bool shorter;             /* by one item, in place of that */
    const char *key, *become; /* in the description, JSON; NULL: it stays */
    bool hollow;              /* the part's rows have no numbers */
} forgery;

/* The description with another value, and its hash. */
static void forge_description(const char *text, const forgery *what, lbk__metadata about[2]) {
    static char hash[LBK__HASH_SIZE];
    json_t *root = json_loads(text, 0, NULL);
    if (what->key) json_object_set_new(root, what->key, json_loads(what->become, JSON_DECODE_ANY, NULL));
    char *changed = json_dumps(root, JSON_COMPACT);
    lbk__hash_bytes(changed, strlen(changed), hash);
    about[0] = (lbk__metadata){LBK__PACK_DESCRIPTION, changed};
    about[1] = (lbk__metadata){LBK__PACK_DESCRIPTION_HASH, hash};
    json_decref(root);
}

/* Writes the pack anew, with valid hashes. */
static void forge(fixture *f, const char *from, const forgery *what) {
    lbk__safetensors *file;
    lbk__safetensors_writer *writer;
    lbk__tensor_spec specs[LBK__NUM_PARTS];
    check_ok(f->context, lbk__safetensors_open(f->context, from, &file));
    lbk__metadata about[2];
    forge_description(lbk__safetensors_metadata(file, LBK__PACK_DESCRIPTION), what, about);
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        const lbk__tensor_entry *entry = lbk__safetensors_find(file, lbk__pack_part_name(part));
        specs[part] = (lbk__tensor_spec){.name = entry->name, .dtype = entry->dtype, .rank = entry->rank};
        memcpy(specs[part].shape, entry->shape, sizeof entry->shape);
        if (what->shorter && part == what->part) specs[part].shape[0] = (int64_t)what->item;
        if (what->hollow && part == what->part) specs[part].shape[1] = 0;
    }
    check_ok(f->context, lbk__safetensors_writer_open(f->context, f->pack, specs, LBK__NUM_PARTS, about, 2,
                                                      LBK__PACK_CONTENT_HASH, &writer));
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        const lbk__tensor_entry *entry = lbk__safetensors_find(file, lbk__pack_part_name(part));
        char *copy = malloc(entry->bytes + 1);
        memcpy(copy, entry->data, entry->bytes);
        const size_t width = lbk__dtype_size(entry->dtype);
        const bool changed = part == what->part;
        size_t bytes = entry->bytes;
        if (changed && what->shorter)
            bytes = what->item * width;
        else if (changed && what->hollow)
            bytes = 0;
        else if (changed)
            memcpy(copy + what->item * width, &what->value, width);
        check_ok(f->context, lbk__safetensors_writer_put(writer, copy, bytes));
        free(copy);
    }
    check_ok(f->context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
    lbk__safetensors_close(file);
    free((char *)(uintptr_t)about[0].value);
}

static void forged_numbers_are_refused(void **state) {
    (void)state;
    static const struct {
        lbk__pack_part part;
        size_t item;
        int64_t value;
    } cases[] = {{LBK__PART_ID_OFFSET, 0, 1},
                 {LBK__PART_ID_OFFSET, 2, INT64_MAX},
                 {LBK__PART_TEXT_OFFSET, 1, -1},
                 {LBK__PART_TOKEN_OFFSET, 1, 1},
                 {LBK__PART_TOKEN_OFFSET, 5, 3},
                 {LBK__PART_LABEL_OFFSET, 1, 0},
                 {LBK__PART_ROW_OFFSET, 1, 1000},
                 {LBK__PART_PATH_OFFSET, 3, 4},
                 {LBK__PART_TOKEN, 0, -1},
                 {LBK__PART_TOKEN, 1, 1 << 30},
                 {LBK__PART_IMAGE, 0, 3},
                 {LBK__PART_IMAGE, 0, -2},
                 {LBK__PART_LABEL_CLASS, 0, 3},
                 {LBK__PART_LABEL_CLASS, 0, -1},
                 {LBK__PART_LABEL_SCORE, 0, 0x7FC00000},
                 {LBK__PART_LABEL_SCORE, 0, 0x40000000},
                 {LBK__PART_SPLIT, 4, 3},
                 {LBK__PART_LABELLED, 0, 2},
                 {LBK__PART_LABELLED, 0, 0}};
    fixture f;
    lbk_pack_close(open_records(&f));
    char good[320];
    snprintf(good, sizeof good, "%s/good", f.folder);
    assert_int_equal(rename(f.pack, good), 0);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        forge(&f, good, &(forgery){cases[i].part, cases[i].item, cases[i].value, false, NULL, NULL, false});
        lbk_pack *pack;
        if (lbk_pack_open(f.context, f.pack, &pack) != LBK_BAD_DATA) fail_msg("case %zu is opened", i);
        if (!strstr(lbk_error(f.context), "the pack is damaged"))
            fail_msg("case %zu: %s", i, lbk_error(f.context));
    }
    fixture_close(&f);
}

/* Parts without their last items, and a description that says what cannot be. */
static void forged_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        forgery what;
        const char *part;
    } cases[] = {
        {{LBK__PART_ID_OFFSET, 0, 0, true, NULL, NULL, false}, "an impossible number of samples or images"},
        {{LBK__PART_ROW_OFFSET, 0, 0, true, NULL, NULL, false}, "an impossible number of samples or images"},
        {{LBK__PART_TEXT_OFFSET, 5, 0, true, NULL, NULL, false}, "has another number of items"},
        {{LBK__PART_SPLIT, 4, 0, true, NULL, NULL, false}, "has another number of items"},
        {{LBK__PART_ID, 1, 0, true, NULL, NULL, false}, "is no offset that follows"},
        {{LBK__PART_ROWS, 0, 0, false, "visual", "{\"kind\": \"none\", \"dim\": 0}", true},
         "is there, though rows have no numbers"},
        {{LBK__NUM_PARTS, 0, 0, false, "version", "99", false},
         "is a pack of version 99, made by a newer limbeck"},
        {{LBK__NUM_PARTS, 0, 0, false, "label_kind", "\"many\"", false},
         "label_kind is none of single, multi, soft"},
        {{LBK__NUM_PARTS, 0, 0, false, "splits", NULL, false}, "splits has more than 256 names"},
    };
    fixture f;
    lbk_pack_close(open_records(&f));
    char good[320], many[8 * LBK__MAX_SPLITS] = "[\"train\"";
    snprintf(good, sizeof good, "%s/good", f.folder);
    assert_int_equal(rename(f.pack, good), 0);
    for (int i = 0; i < LBK__MAX_SPLITS; i++) sprintf(many + strlen(many), ",\"%d\"", i);
    strcat(many, "]");
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        forgery what = cases[i].what;
        if (what.key && !what.become) what.become = many;
        forge(&f, good, &what);
        lbk_pack *pack;
        check_fails(f.context, LBK_BAD_DATA, cases[i].part, lbk_pack_open(f.context, f.pack, &pack));
    }
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated_packs_are_found_out), cmocka_unit_test(flipped_bits_are_found_out),
        cmocka_unit_test(foreign_files_are_named),       cmocka_unit_test(forged_numbers_are_refused),
        cmocka_unit_test(forged_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("pack_damage", tests, NULL, NULL);
}
