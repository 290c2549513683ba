/* Packs from JSON lines: what goes in comes out, whatever the number of threads. */
#include "pack_fixture.h"

#include "data/image.h"
#include "data/pack.h"
#include "data/pack_parts.h"

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
    fixture f;
    lbk_pack *pack = open_records(&f);
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
    fixture f;
    lbk_pack *pack = open_records(&f);
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
    put_text(&f, "data.jsonl", pack_records);
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
    put_text(&f, "data.jsonl", pack_records);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(other_rooms_get_what_they_ask),
        cmocka_unit_test(multi_and_soft_labels),
        cmocka_unit_test(given_classes_keep_their_order),
        cmocka_unit_test(long_texts_keep_their_first_pieces),
        cmocka_unit_test(summary_counts),
        cmocka_unit_test(threads_do_not_change_a_byte),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
