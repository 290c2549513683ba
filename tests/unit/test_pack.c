/* Packs from JSON lines: what goes in comes out, whatever the number of threads; damage is found. */
#include "pack_fixture.h"

#include "data/image.h"
#include "data/pack.h"
#include "data/pack_parts.h"

static const char five[] =
    "{\"id\": \"a\", \"text\": \"a red apple\", \"image\": \"rgb.png\", \"label\": \"fruit\", \"split\": "
    "\"train\"}\n"
    "{\"id\": 17, \"text\": \"Two  dogs!\", \"image\": \"smooth.png\", \"label\": \"animal\", \"split\": "
    "\"dev\", "
    "\"unknown\": [1]}\n"
    "\n"
    "{\"id\": \"c\", \"text\": \"again\", \"image\": \"rgb.png\", \"label\": null}\r\n"
    "{\"id\": \"d\", \"text\": \"no picture\", \"label\": \"fruit\", \"split\": \"dev\"}\n"
    "{\"id\": \"\xc3\xa9\", \"text\": \"last\", \"image\": \"turned.jpg\", \"label\": \"tool\", \"split\": "
    "\"test\"}";

static void use_patches(fixture *f) {
    f->options.visual = LBK_VISUAL_PATCHES;
    f->options.image_size = 16;
    f->options.patch_size = 8;
}

static void check_tokens(fixture *f, const lbk_sample *sample, int32_t most) {
    lbk_tokenizer *tokenizer;
    int32_t *ids = NULL;
    size_t capacity = 0, count;
    check_ok(f->context, lbk_tokenizer_open(f->context, VOCAB, 0, &tokenizer));
    check_ok(f->context, lbk_tokenizer_encode(tokenizer, sample->text, sample->text_length, most, &ids,
                                              &capacity, &count));
    assert_int_equal(sample->num_tokens, count);
    assert_memory_equal(sample->tokens, ids, count * sizeof *ids);
    lbk_free(f->context, ids);
    lbk_tokenizer_close(tokenizer);
}

static void check_rows(fixture *f, const lbk_sample *sample, const char *image) {
    uint8_t pixels[16 * 16 * 3];
    uint16_t rows[4 * 8 * 8 * 3];
    check_ok(f->context, lbk__image_decode(image, LBK__IMAGE_PICTURE, LBK__IMAGE_SHARP, 16, pixels, NULL));
    lbk__image_patches(pixels, 16, 8, rows);
    assert_int_equal(sample->num_rows, 4);
    assert_memory_equal(sample->visual, rows, sizeof rows);
}

static void what_goes_in_comes_out(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 5);
    assert_int_equal(lbk_pack_num_images(pack), 3); /* rgb.png once */
    assert_int_equal(lbk_pack_visual_dim(pack), 8 * 8 * 3);
    assert_int_equal(lbk_pack_label_kind(pack), LBK_LABEL_SINGLE);
    assert_int_equal(lbk_pack_num_classes(pack), 3);
    static const char *const classes[] = {"animal", "fruit", "tool"}; /* sorted */
    for (int c = 0; c < 3; c++) assert_string_equal(lbk_pack_class_name(pack, c), classes[c]);
    assert_null(lbk_pack_class_name(pack, 3));
    assert_null(lbk_pack_class_name(pack, -1));

    static const char *const ids[] = {"a", "17", "c", "d", "\xc3\xa9"};
    static const char *const texts[] = {"a red apple", "Two  dogs!", "again", "no picture", "last"};
    static const char *const splits[] = {"train", "dev", "train", "dev", "test"};
    static const char *const images[] = {IMAGES "rgb.png", IMAGES "smooth.png", IMAGES "rgb.png", NULL,
                                         IMAGES "turned.jpg"};
    static const int labels[] = {1, 0, -1, 1, 2}, numbers[] = {0, 1, 0, -1, 2};
    for (int i = 0; i < 5; i++) {
        const lbk_sample sample = sample_of(&f, pack, i);
        check_bytes(sample.id, sample.id_length, ids[i]);
        check_bytes(sample.text, sample.text_length, texts[i]);
        assert_string_equal(sample.split, splits[i]);
        assert_int_equal(sample.image, numbers[i]);
        assert_int_equal(sample.labelled, labels[i] >= 0);
        assert_int_equal(sample.num_labels, labels[i] >= 0);
        if (labels[i] >= 0) assert_int_equal(sample.classes[0], labels[i]);
        if (labels[i] >= 0) check_near(sample.scores[0], 1, 0);
        check_tokens(&f, &sample, 128);
        if (images[i])
            check_rows(&f, &sample, images[i]);
        else
            assert_null(sample.visual);
    }
    lbk_sample none;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "there are 5", lbk_pack_sample(pack, 5, &none));
    check_fails(f.context, LBK_INVALID_ARGUMENT, "there are 5", lbk_pack_sample(pack, -1, &none));
    lbk_pack_close(pack);
    assert_int_equal(count_entries(f.folder), 2); /* nothing but data and pack */
    fixture_close(&f);
}

static void other_rooms_get_what_they_ask(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack *pack = build(&f);
    int32_t *indices;
    int64_t count;
    check_ok(f.context, lbk__pack_split(pack, "dev", &indices, &count));
    assert_int_equal(count, 2);
    assert_int_equal(indices[0], 1);
    assert_int_equal(indices[1], 3);
    lbk_free(f.context, indices);
    check_fails(f.context, LBK_INVALID_ARGUMENT,
                "no sample in a split \"devv\"; its splits: train (2), dev (2), test (1)",
                lbk__pack_split(pack, "devv", &indices, &count));
    assert_null(indices);

    size_t size, length;
    char *vocab;
    const char *kept = lbk__pack_vocab(pack, &size);
    check_ok(f.context, lbk__read_file(f.context, VOCAB, 1 << 20, &vocab, &length));
    assert_int_equal(size, length);
    assert_memory_equal(kept, vocab, size);
    lbk_free(f.context, vocab);
    assert_false(lbk__pack_cased(pack));
    assert_int_equal(lbk__pack_max_text_tokens(pack), 128);
    assert_string_equal(lbk__pack_visual_description(pack),
                        "{\"kind\":\"patches\",\"dim\":192,\"image_size\":16,\"patch_size\":8}");
    const char *path = lbk__pack_image_path(pack, 1, &length);
    check_bytes(path, length, "smooth.png");
    assert_null(lbk__pack_image_path(pack, 3, &length));
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void multi_and_soft_labels(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    f.options.label_kind = LBK_LABEL_MULTI;
    put_text(&f, "data.jsonl",
             "{\"id\":\"1\",\"text\":\"x\",\"labels\":[\"b\",\"a\",\"b\"]}\n{\"id\":\"2\",\"text\":\"y\","
             "\"labels\":[]}\n"
             "{\"id\":\"3\",\"text\":\"z\"}\n");
    lbk_pack *pack = build(&f);
    lbk_sample sample = sample_of(&f, pack, 0);
    assert_int_equal(sample.num_labels, 2);
    assert_int_equal(sample.classes[0], 1);
    assert_int_equal(sample.classes[1], 0);
    assert_int_equal(sample_of(&f, pack, 1).labelled, 1);
    assert_int_equal(sample_of(&f, pack, 1).num_labels, 0);
    assert_int_equal(sample_of(&f, pack, 2).labelled, 0);
    lbk_pack_close(pack);

    f.options.label_kind = LBK_LABEL_SOFT;
    put_text(&f, "data.jsonl", "{\"id\":\"1\",\"text\":\"x\",\"scores\":{\"yes\":0.25,\"no\":1}}\n");
    pack = build(&f);
    sample = sample_of(&f, pack, 0);
    assert_int_equal(sample.num_labels, 2);
    assert_string_equal(lbk_pack_class_name(pack, sample.classes[0]), "yes");
    check_near(sample.scores[0], 0.25, 0);
    check_near(sample.scores[1], 1, 0);
    assert_int_equal(lbk_pack_visual_dim(pack), 0);
    assert_int_equal(lbk_pack_num_images(pack), 0);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void given_classes_keep_their_order(void **state) {
    (void)state;
    static const char *const classes[] = {"tool", "fruit", "animal", "absent"};
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_text(&f, "data.jsonl", five);
    f.options.classes = classes;
    f.options.num_classes = 4;
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_classes(pack), 4);
    assert_string_equal(lbk_pack_class_name(pack, 3), "absent");
    assert_int_equal(sample_of(&f, pack, 0).classes[0], 1);
    lbk_pack_close(pack);
    f.options.num_classes = 3;
    static const char *const twice[] = {"tool", "fruit", "tool"};
    f.options.classes = twice;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "\"tool\" is given twice",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void long_texts_keep_their_first_pieces(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    f.options.max_text_tokens = 4;
    put_text(&f, "data.jsonl",
             "{\"id\":\"1\",\"text\":\"the red apple is on the table\"}\n{\"id\":\"2\",\"text\":\"the\"}\n");
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    assert_non_null(strstr(summary, "\"truncated_texts\": 1"));
    lbk_free(f.context, summary);
    lbk_pack *pack;
    check_ok(f.context, lbk_pack_open(f.context, f.pack, &pack));
    lbk_sample sample = sample_of(&f, pack, 0);
    assert_int_equal(sample.num_tokens, 4);
    check_tokens(&f, &sample, 4);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void summary_counts(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    json_t *root;
    check_ok(f.context, lbk__json_load_bytes(f.context, "summary", summary, strlen(summary), &root));
    lbk_pack *pack;
    check_ok(f.context, lbk_pack_open(f.context, f.pack, &pack));
    assert_string_equal(json_string_value(json_object_get(root, "sha256")), lbk_pack_hash(pack));
    json_t *dev = json_object_get(json_object_get(root, "splits"), "dev");
    assert_int_equal(json_integer_value(json_object_get(dev, "samples")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(dev, "labels"), "fruit")), 1);
    json_t *train = json_object_get(json_object_get(root, "splits"), "train");
    assert_int_equal(json_integer_value(json_object_get(train, "labelled")), 1);
    lbk_pack_close(pack);
    json_decref(root);
    lbk_free(f.context, summary);
    fixture_close(&f);
}

/* More records than a batch; images shared across batches. */
static void put_many(fixture *f, int count) {
    static const char *const images[] = {"rgb.png", "smooth.png", "turned.jpg", "alpha.png", "grey.gif"};
    lbk__text text = {0};
    for (int i = 0; i < count; i++)
        check_ok(f->context,
                 lbk__text_printf(f->context, &text,
                                  "{\"id\":\"n%d\",\"text\":\"sample %d of many\",\"image\":\"%s\",\"label\":"
                                  "\"c%d\",\"split\":\"%s\"}\n",
                                  i, i, images[i * i % 5], i % 7, i % 3 ? "train" : "test"));
    put_file(f, "data.jsonl", text.data, text.length);
    lbk__text_free(f->context, &text);
}

static void threads_do_not_change_a_byte(void **state) {
    (void)state;
    char hash[2][LBK__HASH_SIZE];
    for (int run = 0; run < 2; run++) {
        const lbk_context_options options = {.num_threads = run ? 3 : 1};
        fixture f = fixture_open(&options);
        fixture_start(&f);
        use_patches(&f);
        put_many(&f, 700);
        lbk_pack *pack = build(&f);
        assert_int_equal(lbk_pack_num_samples(pack), 700);
        assert_int_equal(lbk_pack_num_images(pack), 3); /* squares modulo 5 */
        lbk_pack_close(pack);
        check_ok(f.context, lbk__hash_file(f.context, f.pack, hash[run]));
        fixture_close(&f);
    }
    assert_string_equal(hash[0], hash[1]);
}

/* ---- damage ---- */

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
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack_close(build(&f));
    size_t size;
    char *data = read_pack(&f, &size);
    for (size_t k = 0; k <= 40; k++) assert_true(is_found_out(&f, data, (size - 1) * k / 40));
    lbk_free(f.context, data);
    fixture_close(&f);
}

static void flipped_bits_are_found_out(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack_close(build(&f));
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
    }
    check_ok(f->context, lbk__safetensors_writer_open(f->context, f->pack, specs, LBK__NUM_PARTS, about, 2,
                                                      LBK__PACK_CONTENT_HASH, &writer));
    for (lbk__pack_part part = 0; part < LBK__NUM_PARTS; part++) {
        const lbk__tensor_entry *entry = lbk__safetensors_find(file, lbk__pack_part_name(part));
        char *copy = malloc(entry->bytes + 1);
        memcpy(copy, entry->data, entry->bytes);
        const size_t width = lbk__dtype_size(entry->dtype);
        const bool shorter = part == what->part && what->shorter;
        if (part == what->part && !shorter) memcpy(copy + what->item * width, &what->value, width);
        check_ok(f->context,
                 lbk__safetensors_writer_put(writer, copy, shorter ? what->item * width : entry->bytes));
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
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack_close(build(&f));
    char good[320];
    snprintf(good, sizeof good, "%s/good", f.folder);
    assert_int_equal(rename(f.pack, good), 0);
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        forge(&f, good, &(forgery){cases[i].part, cases[i].item, cases[i].value, false, NULL, NULL});
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
        {{LBK__PART_ID_OFFSET, 0, 0, true, NULL, NULL}, "an impossible number of samples or images"},
        {{LBK__PART_ROW_OFFSET, 0, 0, true, NULL, NULL}, "an impossible number of samples or images"},
        {{LBK__PART_TEXT_OFFSET, 5, 0, true, NULL, NULL}, "has another number of items"},
        {{LBK__PART_SPLIT, 4, 0, true, NULL, NULL}, "has another number of items"},
        {{LBK__PART_ID, 1, 0, true, NULL, NULL}, "is no offset that follows"},
        {{LBK__NUM_PARTS, 0, 0, false, "version", "99"}, "is a pack of version 99, made by a newer limbeck"},
        {{LBK__NUM_PARTS, 0, 0, false, "label_kind", "\"many\""},
         "label_kind is none of single, multi, soft"},
        {{LBK__NUM_PARTS, 0, 0, false, "splits", NULL}, "splits has more than 256 names"},
    };
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    use_patches(&f);
    put_text(&f, "data.jsonl", five);
    lbk_pack_close(build(&f));
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
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(other_rooms_get_what_they_ask),
        cmocka_unit_test(multi_and_soft_labels),
        cmocka_unit_test(given_classes_keep_their_order),
        cmocka_unit_test(long_texts_keep_their_first_pieces),
        cmocka_unit_test(summary_counts),
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(truncated_packs_are_found_out),
        cmocka_unit_test(flipped_bits_are_found_out),
        cmocka_unit_test(foreign_files_are_named),
        cmocka_unit_test(forged_numbers_are_refused),
        cmocka_unit_test(forged_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
