/* Loaders of the published benchmarks, on fixtures in exactly their layouts: SNLI-VE and the Hateful Memes.
 */
#include "benchmark_fixture.h"

/* ---- MM-IMDB ---- */

static void put_films(fixture *f) {
    fixture_source(f, LBK_SOURCE_MMIMDB, LBK_LABEL_MULTI);
    put_text(f, "split.json", "{\"train\": [\"001\", \"002\"], \"test\": [\"003\"]}");
    put_text(f, "dataset/001.json",
             "{\"title\": \"Night (1999)\", \"plot\": [\"short\", \"A long plot.\", \"éééééééé\"], "
             "\"genres\": [\"Drama\", \"News\", \"Comedy\"], \"year\": 1999}");
    put_text(f, "dataset/002.json", "{\"plot\": \"only a plot\", \"genres\": [\"Adult\"]}");
    put_text(f, "dataset/003.json", "{\"title\": \"C\", \"plot\": [\"x\"], \"genres\": [\"Drama\"]}");
    copy_file(f, IMAGES "turned.jpg", "dataset/001.jpeg");
    copy_file(f, IMAGES "rgb.webp", "dataset/002.webp");
    copy_file(f, IMAGES "rgb.png", "dataset/003.png");
}

static void films_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_films(&f);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 3);
    assert_int_equal(lbk_pack_num_images(pack), 3);
    assert_int_equal(lbk_pack_num_classes(pack), 2); /* without News and Adult */
    assert_string_equal(lbk_pack_class_name(pack, 0), "Comedy");
    lbk_sample sample = sample_of(&f, pack, 0);
    check_bytes(sample.text, sample.text_length, "Night (1999). A long plot.");
    check_bytes(sample.id, sample.id_length, "001");
    assert_int_equal(sample.num_labels, 2);
    sample = sample_of(&f, pack, 1);
    check_bytes(sample.text, sample.text_length, "only a plot");
    assert_int_equal(sample.labelled, 1);
    assert_int_equal(sample.num_labels, 0);
    assert_string_equal(sample_of(&f, pack, 2).split, "test");
    check_image(pack, 1, "dataset/002.webp");
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void bad_films_are_named(void **state) {
    (void)state;
#define FILM "dataset/002.json"
    static const trouble cases[] = {
        {FILM, NULL, "002.json: is not there, but split.json has it"},
        {"dataset/002.webp", NULL, "002.jpeg: no such image"},
        {FILM, "{\"plot\": \"x\"}", "has no key \"genres\""},
        {FILM, "{\"plot\": \"x\", \"genres\": \"Drama\"}", "\"genres\": is a string, must be an array"},
        {FILM, "{\"plot\": \"x\", \"genres\": [\"Drama\", 7]}", "\"genres\", item 1: is an integer"},
        {FILM, "{\"plot\": [3], \"genres\": []}", "\"plot\", item 0: is an integer"},
        {FILM, "{\"title\": 1999, \"plot\": \"x\", \"genres\": []}",
         "\"title\": is an integer, must be a string"},
        {FILM, "{\"title\": \"t\", \"plot\": [], \"genres\": []}", "its text is empty"},
        {FILM, "[2]", "002.json: must be a JSON object"},
        {FILM, "2", "002.json, line 1"},
        {FILM, "{", "002.json, line 1"},
        {"split.json", "{\"train\": [\"001\", \"../002\"]}", "has a '/'"},
        {"split.json", "{\"train\": [\"001\", 2]}", "\"train\", item 1: is an integer"},
    };
    check_troubles(put_films, cases, LBK_COUNT(cases), 3);
    check_unknown_label(put_films, (const char *const[]){"Drama", "Horror", NULL},
                        "001.json: record \"001\": label \"Comedy\" is none of the 2 classes", 2);
}

/* Without its splits the set is none, even when bad records are skipped. */
static void films_without_splits_are_refused(void **state) {
    (void)state;
    static const trouble cases[] = {{"split.json", "{\"train\": \"001\"}", "\"train\": is a string"},
                                    {"split.json", "[]", "no object of split names"}};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        fixture f = fixture_open(NULL);
        fixture_start(&f);
        put_films(&f);
        put_text(&f, cases[i].file, cases[i].text);
        f.options.skip_bad = 1;
        check_fails(f.context, LBK_BAD_DATA, cases[i].sentence,
                    lbk_pack_build(f.context, &f.options, f.pack, NULL));
        fixture_close(&f);
    }
}

/* ---- SNLI-VE ---- */

/* A row as published: SNLI's fields and the image's id. */
#define SNLI(pair, image, label, hypothesis)                                                              \
    "{\"Flickr30K_ID\": \"" image "\", \"annotator_labels\": [\"" label "\"], \"captionID\": \"" image    \
    ".jpg#0\", \"gold_label\": \"" label "\", \"pairID\": \"" pair "\", \"sentence1\": \"A caption .\", " \
    "\"sentence1_binary_parse\": \"( A caption )\", \"sentence1_parse\": \"(ROOT)\", \"sentence2\": "     \
    "\"" hypothesis "\", \"sentence2_binary_parse\": \"( x )\", \"sentence2_parse\": \"(ROOT)\"}\n"

static void put_snli(fixture *f) {
    fixture_source(f, LBK_SOURCE_SNLI_VE, LBK_LABEL_SINGLE);
    put_text(f, "snli_ve_train.jsonl",
             SNLI("1.jpg#0r1e", "1", "entailment", "Someone is outside.")
                 SNLI("1.jpg#0r1c", "1", "contradiction", "Nobody is there.")
                     SNLI("2.jpg#3r2n", "2", "-", "No one agrees."));
    put_text(f, "snli_ve_dev.jsonl", SNLI("3.jpg#1r1n", "3", "neutral", "It is late."));
    put_text(f, "snli_ve_test.jsonl",
             SNLI("4.jpg#1r1n", "4", "-", "x") SNLI("4.jpg#1r1e", "4", "entailment", "y"));
    for (int i = 1; i <= 4; i++) {
        char name[40];
        snprintf(name, sizeof name, "flickr30k_images/%d.jpg", i);
        copy_file(f, IMAGES "turned.jpg", name);
    }
}

static void entailment_is_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_snli(&f);
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    check_contains(summary, "\"no gold label\": 2");
    check_contains(summary, "\"skipped_records\": 0");
    lbk_free(f.context, summary);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 4);
    assert_int_equal(lbk_pack_num_images(pack), 3);
    check_sample(&f, pack, 0, "1.jpg#0r1e", "train", "Someone is outside.", "entailment");
    check_sample(&f, pack, 1, "1.jpg#0r1c", "train", "Nobody is there.", "contradiction");
    check_sample(&f, pack, 2, "3.jpg#1r1n", "dev", "It is late.", "neutral");
    check_sample(&f, pack, 3, "4.jpg#1r1e", "test", "y", "entailment");
    check_image(pack, 0, "flickr30k_images/1.jpg");
    assert_int_equal(sample_of(&f, pack, 0).image, sample_of(&f, pack, 1).image);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void bad_entailment_is_named(void **state) {
    (void)state;
    static const trouble cases[] = {
        {"snli_ve_dev.jsonl", SNLI("3.jpg#1r1n", "9", "neutral", "x"),
         "flickr30k_images/9.jpg: no such image"},
        {"snli_ve_dev.jsonl", SNLI("3.jpg#1r1n", "3", "maybe", "x"),
         "dev.jsonl, line 1: gold_label is \"maybe\""},
        {"snli_ve_dev.jsonl", SNLI("3.jpg#1r1n", "../3", "neutral", "x"), "\"../3\" has a '/'"},
        {"snli_ve_dev.jsonl", SNLI("1.jpg#0r1c", "3", "neutral", "x"), "that of record number 2 already"},
        {"snli_ve_dev.jsonl", SNLI("3.jpg#1r1n", "3", "neutral", ""), "its text is empty"},
        {"snli_ve_dev.jsonl", "{\"gold_label\": 1}", "\"gold_label\": is an integer"},
        {"snli_ve_dev.jsonl", "{\"sentence2\": \"x\"}", "has no key \"gold_label\""},
        {"snli_ve_dev.jsonl", "{\"gold_label\": \"neutral\", \"pairID\": \"3\", \"sentence2\": \"x\"}",
         "has no key \"Flickr30K_ID\""},
        {"snli_ve_dev.jsonl",
         "{\"gold_label\": \"neutral\", \"pairID\": \"3\", \"sentence2\": [\"x\"], \"Flickr8K_ID\": \"1\"}",
         "\"sentence2\": is an array"},
        {"snli_ve_dev.jsonl", "[]", "must be a JSON object"},
        {"snli_ve_dev.jsonl", "{", "snli_ve_dev.jsonl, line 1"},
    };
    check_troubles(put_snli, cases, LBK_COUNT(cases), 4);
}

/* ---- Hateful Memes ---- */

static void put_memes(fixture *f) {
    fixture_source(f, LBK_SOURCE_HATEFUL_MEMES, LBK_LABEL_SINGLE);
    put_text(f, "train.jsonl",
             "{\"id\":42953,\"img\":\"img\\/42953.png\",\"label\":0,\"text\":\"its their character\"}\n"
             "{\"id\":1235,\"img\":\"img\\/01235.png\",\"label\":1,\"text\":\"don't be afraid\"}");
    put_text(f, "dev_seen.jsonl",
             "{\"id\":8291,\"img\":\"img\\/08291.png\",\"label\":1,\"text\":\"look at them all\"}\n");
    put_text(f, "dev_unseen.jsonl",
             "{\"id\":8291,\"img\":\"img\\/08291.png\",\"label\":1,\"text\":\"look at them all\"}\n"
             "{\"id\":\"08292\",\"img\":\"img\\/08292.png\",\"label\":0,\"text\":\"a dog\"}\n");
    put_text(f, "test_seen.jsonl",
             "{\"id\":16395,\"img\":\"img\\/16395.png\",\"text\":\"when the rain stops\"}\n");
    put_text(f, "test_unseen.jsonl", "{\"id\":3869,\"img\":\"img\\/03869.png\",\"text\":\"bows here\"}\n");
    static const char *const names[] = {"42953", "01235", "08291", "08292", "16395", "03869"};
    for (size_t i = 0; i < LBK_COUNT(names); i++) {
        char name[40];
        snprintf(name, sizeof name, "img/%s.png", names[i]);
        copy_file(f, IMAGES "rgb.png", name);
    }
}

static void memes_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_memes(&f);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 7);
    assert_int_equal(lbk_pack_num_images(pack), 6);
    assert_string_equal(lbk_pack_class_name(pack, 1), "not-hateful");
    check_sample(&f, pack, 0, "42953", "train", "its their character", "not-hateful");
    check_sample(&f, pack, 1, "1235", "train", "don't be afraid", "hateful");
    check_sample(&f, pack, 2, "8291", "dev", "look at them all", "hateful");
    check_sample(&f, pack, 3, "16395", "test", "when the rain stops", NULL);
    check_sample(&f, pack, 4, "8291@dev_unseen", "dev_unseen", "look at them all", "hateful");
    check_sample(&f, pack, 5, "08292", "dev_unseen", "a dog", "not-hateful");
    check_sample(&f, pack, 6, "3869", "test_unseen", "bows here", NULL);
    check_image(pack, 1, "img/01235.png");
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* The first phase of the competition; files of both are refused. */
static void memes_of_the_first_phase_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    fixture_source(&f, LBK_SOURCE_HATEFUL_MEMES, LBK_LABEL_SINGLE);
    f.options.visual = LBK_VISUAL_NONE;
    put_text(&f, "train.jsonl", "{\"id\":1,\"img\":\"img/1.png\",\"label\":0,\"text\":\"one\"}\n");
    put_text(&f, "dev.jsonl", "{\"id\":2,\"img\":\"img/2.png\",\"label\":1,\"text\":\"two\"}\n");
    put_text(&f, "test.jsonl", "{\"id\":3,\"img\":\"img/3.png\",\"text\":\"three\"}\n");
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 3);
    check_sample(&f, pack, 1, "2", "dev", "two", "hateful");
    check_sample(&f, pack, 2, "3", "test", "three", NULL);
    lbk_pack_close(pack);
    put_text(&f, "test_seen.jsonl", "{\"id\":4,\"img\":\"img/4.png\",\"text\":\"four\"}\n");
    check_fails(f.context, LBK_BAD_DATA, "has dev.jsonl beside test_seen.jsonl: files of two phases",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void bad_memes_are_named(void **state) {
    (void)state;
    static const trouble cases[] = {
        {"test_seen.jsonl", "{\"id\":1,\"img\":\"img/1.png\",\"text\":\"x\"}", "img/1.png: no such image"},
        {"test_seen.jsonl", "{\"id\":1,\"img\":\"img/08291.png\",\"text\":\"x\",\"label\":2}",
         "must be from 0 to 1"},
        {"test_seen.jsonl", "{\"id\":1,\"img\":\"img/08291.png\",\"text\":\"x\",\"label\":\"1\"}",
         "\"label\": is a string, must be an integer"},
        {"test_seen.jsonl", "{\"id\":1.5,\"img\":\"img/08291.png\",\"text\":\"x\"}", "\"id\""},
        {"test_seen.jsonl", "{\"id\":1,\"img\":8291,\"text\":\"x\"}", "\"img\": is an integer"},
        {"test_seen.jsonl", "{\"id\":1,\"img\":\"img/08291.png\"}", "has no key \"text\""},
        {"test_seen.jsonl", "{\"id\":1,\"img\":\"img/08291.png\",\"text\":\" \"}", "its text is empty"},
    };
    check_troubles(put_memes, cases, LBK_COUNT(cases), 7);
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_memes(&f);
    put_text(&f, "train.jsonl",
             "{\"id\":8,\"img\":\"img/08291.png\",\"text\":\"x\"}\n{\"id\":8,\"img\":\"img/"
             "08291.png\",\"text\":\"x\"}");
    check_fails(f.context, LBK_BAD_DATA, "line 2: record \"8\": the id was that of record number 1",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void wrong_folders_and_kinds_are_refused(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    fixture_source(&f, LBK_SOURCE_SNLI_VE, LBK_LABEL_SINGLE);
    check_fails(f.context, LBK_BAD_DATA,
                "has no snli_ve_train.jsonl, snli_ve_dev.jsonl or snli_ve_test.jsonl",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_source(&f, LBK_SOURCE_HATEFUL_MEMES, LBK_LABEL_SINGLE);
    check_fails(f.context, LBK_BAD_DATA, "has no train.jsonl, ",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_source(&f, LBK_SOURCE_SNLI_VE, LBK_LABEL_MULTI);
    check_fails(f.context, LBK_INVALID_ARGUMENT, "must be single",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_source(&f, LBK_SOURCE_HATEFUL_MEMES, LBK_LABEL_SOFT);
    check_fails(f.context, LBK_INVALID_ARGUMENT, "must be single",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void lack_of_memory_is_survived(void **state) {
    (void)state;
    check_scarce_memory(put_films);
    check_scarce_memory(put_snli);
    check_scarce_memory(put_memes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(films_are_loaded),
        cmocka_unit_test(bad_films_are_named),
        cmocka_unit_test(films_without_splits_are_refused),
        cmocka_unit_test(entailment_is_loaded),
        cmocka_unit_test(bad_entailment_is_named),
        cmocka_unit_test(memes_are_loaded),
        cmocka_unit_test(memes_of_the_first_phase_are_loaded),
        cmocka_unit_test(bad_memes_are_named),
        cmocka_unit_test(wrong_folders_and_kinds_are_refused),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests_name("benchmarks", tests, NULL, NULL);
}
