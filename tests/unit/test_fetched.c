/* Loaders of sets that anyone can fetch: easy-VQA and a distribution's software catalogue. */
#include "benchmark_fixture.h"

/* ---- easy-VQA ---- */

static void put_easy(fixture *f) {
    fixture_source(f, LBK_SOURCE_EASY_VQA, LBK_LABEL_SINGLE);
    put_text(f, "train/questions.json",
             "[[\"what is the blue shape?\", \"rectangle\", 0], [\"is there a red shape?\", \"no\", 9], "
             "[\"is there a blue shape?\", \"yes\", 0]]");
    put_text(f, "test/questions.json", "[[\"what color is the shape?\", \"teal\", 9]]");
    copy_file(f, IMAGES "rgb.png", "train/images/0.png");
    copy_file(f, IMAGES "rgb.png", "train/images/9.png");
    copy_file(f, IMAGES "rgb.png", "test/images/9.png");
}

static void shapes_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_easy(&f);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 4);
    assert_int_equal(lbk_pack_num_images(pack), 3);
    check_sample(&f, pack, 0, "train/0", "train", "what is the blue shape?", "rectangle");
    check_sample(&f, pack, 1, "train/1", "dev", "is there a red shape?", "no");
    check_sample(&f, pack, 2, "train/2", "train", "is there a blue shape?", "yes");
    check_sample(&f, pack, 3, "test/0", "test", "what color is the shape?", "teal");
    check_image(pack, 2, "test/images/9.png");
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void bad_shapes_are_named(void **state) {
    (void)state;
    static const trouble cases[] = {
        {"test/questions.json", "[[\"q\", \"teal\", 8]]", "test/images/8.png: no such image"},
        {"test/questions.json", "[[\"q\", \"teal\"]]",
         "test/questions.json, item 1: must be [question, answer"},
        {"test/questions.json", "[[\"q\", \"teal\", \"9\"]]", "must be [question, answer"},
        {"test/questions.json", "[[7, \"teal\", 9]]", "must be [question, answer"},
        {"test/questions.json", "[{\"a\": 1}]", "must be [question, answer"},
        {"test/questions.json", "[[\"\", \"teal\", 9]]", "its text is empty"},
    };
    check_troubles(put_easy, cases, LBK_COUNT(cases), 4);
    check_unknown_label(put_easy, (const char *const[]){"no", "rectangle", "yes", NULL},
                        "test/questions.json, item 1: record \"test/0\": label \"teal\" is none of the 3", 3);
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_easy(&f);
    put_text(&f, "test/questions.json", "{}");
    check_fails(f.context, LBK_BAD_DATA, "must be a list",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.path = "tests";
    check_fails(f.context, LBK_IO, "tests/train/questions.json",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.label_kind = LBK_LABEL_SOFT;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "must be single",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

/* ---- AppStream ---- */

#define CATALOGUE "---\nFile: DEP-11\nVersion: '0.16'\nOrigin: test-main\n"
#define APP(id, package, name, description, icon, categories)                                               \
    "---\nType: desktop-application\nID: " id "\nPackage: " package                                         \
    "\nName:\n  de: \"\xc3\x9c\"\n  C: " name "\nSummary:\n  C: Does it\nDescription:\n  C: \"" description \
    "\"\nCategories:\n" categories "Icon:\n  cached:\n  - name: " icon "\n    width: 64\n    height: 64\n"

static void put_catalogue(fixture *f) {
    fixture_source(f, LBK_SOURCE_APPSTREAM, LBK_LABEL_MULTI);
    put_text(f, "components.yml",
             CATALOGUE APP("b.desktop", "pb", "Bee", "<p>Plays\\n  music.</p><ul><li>fast</li></ul>", "b.png",
                           "- AudioVideo\n- Audio\n- Player\n")
                 APP("a.desktop", "pa", "Ant", "<p>Draws &amp; paints</p>", "a.png", "- Graphics\n")
                     APP("c.desktop", "pc", "Cat", "<p>Other</p>", "c.png",
                         "- Shell\n") "---\nType: font\nID: d.font\nPackage: pd\nName:\n  C: D\nSummary:\n  "
                                      "C: A font\n");
    copy_file(f, IMAGES "rgb.png", "icons/a.png");
    copy_file(f, IMAGES "smooth.png", "icons/b.png");
}

static void applications_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_catalogue(&f);
    char *summary;
    check_ok(f.context, lbk_pack_build(f.context, &f.options, f.pack, &summary));
    check_contains(summary, "\"no main category\": 1");
    lbk_free(f.context, summary);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 2);
    const lbk_sample first = sample_of(&f, pack, 0), second = sample_of(&f, pack, 1);
    check_bytes(first.id, first.id_length, "a.desktop");
    check_bytes(first.text, first.text_length, "Ant. Does it. Draws & paints");
    assert_int_equal(first.num_labels, 1);
    check_bytes(second.id, second.id_length, "b.desktop");
    assert_int_equal(second.num_labels, 2); /* Player is no main category */
    assert_non_null(memmem(second.text, second.text_length, "Plays music.", 12));
    assert_null(memmem(second.text, second.text_length, "<", 1));
    assert_int_equal(lbk_pack_num_classes(pack), 3);
    check_image(pack, 1, "icons/b.png");
    lbk_pack_close(pack);
    fixture_close(&f);
}

/* An icon that is a device, a pipe, a folder or a link out of the folder is a bad picture: nobody waits for
 * it, and nothing is read. */
static void icons_that_are_no_files_are_bad(void **state) {
    (void)state;
    static const char *const what[] = {"ln -s /dev/zero", "mkfifo", "mkdir", "ln -s /etc/hostname"};
    for (size_t i = 0; i < LBK_COUNT(what); i++) {
        fixture f = fixture_open(NULL);
        fixture_start(&f);
        put_catalogue(&f);
        char command[400];
        snprintf(command, sizeof command, "rm '%s/icons/a.png'; %s '%s/icons/a.png'", f.folder, what[i],
                 f.folder);
        assert_int_equal(system(command), 0);
        check_fails(f.context, LBK_BAD_DATA, "a.png", lbk_pack_build(f.context, &f.options, f.pack, NULL));
        f.options.skip_bad = 1;
        lbk_pack *pack = build(&f);
        assert_int_equal(lbk_pack_num_samples(pack), 1);
        lbk_pack_close(pack);
        fixture_close(&f);
    }
}

/* Many applications, in fours that are alike in one way each: a split has all or none of four. */
static void alike_applications_share_a_split(void **state) {
    (void)state;
    enum { FOURS = 100 };
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_catalogue(&f);
    f.options.visual = LBK_VISUAL_NONE;
    lbk__text text = {0};
    check_ok(f.context, lbk__text_printf(f.context, &text, CATALOGUE));
    for (int i = 0; i < 4 * FOURS; i++) {
        const int four = i / 4, kind = four % 3;
        char icon[40];
        snprintf(icon, sizeof icon, "icons/%d.png", i);
        put_file(&f, icon, kind == 0 ? &four : &i, sizeof i);
        check_ok(f.context,
                 lbk__text_printf(f.context, &text,
                                  APP("i%04d", "p%d", "\"n %d\"", "<p>%d text</p>", "%d.png", "- Game\n"),
                                  (i * 7919) % (4 * FOURS), kind == 1 ? 10000 + four : i, i,
                                  kind == 2 ? 10000 + four : i, i));
    }
    put_file(&f, "components.yml", text.data, text.length);
    lbk__text_free(f.context, &text);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 4 * FOURS);
    const char *split_of[FOURS] = {NULL};
    int held_out = 0;
    for (int64_t k = 0; k < 4 * FOURS; k++) {
        const lbk_sample sample = sample_of(&f, pack, k);
        int number;
        const char *name = memmem(sample.text, sample.text_length, "n ", 2);
        assert_int_equal(sscanf(name, "n %d", &number), 1);
        if (split_of[number / 4]) assert_string_equal(split_of[number / 4], sample.split);
        split_of[number / 4] = sample.split;
        held_out += strcmp(sample.split, "train") != 0;
    }
    assert_in_range(held_out, 60, 180);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void bad_catalogues_are_named(void **state) {
    (void)state;
    static const trouble cases[] = {
        {"icons/a.png", NULL, "icons/a.png: no such image"},
        {"icons/a.png", "no picture", "a.png: is not a JPEG"},
    };
    check_troubles(put_catalogue, cases, LBK_COUNT(cases), 2);
    check_unknown_label(put_catalogue, (const char *const[]){"Graphics", "Audio", NULL},
                        "record \"b.desktop\": label \"AudioVideo\" is none of the 2 classes", 1);
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_catalogue(&f);
#ifndef __SANITIZE_ADDRESS__ /* libappstream leaks what it has parsed of a damaged file */
    put_text(&f, "components.yml", CATALOGUE "---\nType: [desktop\n");
    check_fails(f.context, LBK_BAD_DATA,
                "components.yml: ", lbk_pack_build(f.context, &f.options, f.pack, NULL));
#endif
    put_text(&f, "components.yml", CATALOGUE);
    check_fails(f.context, LBK_BAD_DATA, "no usable record",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.path = "tests";
    check_fails(f.context, LBK_BAD_DATA, "has no components.yml.gz",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.label_kind = LBK_LABEL_SINGLE;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "must be multi",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

/* A .gz of zeros: 272 MiB in some 260 KiB. */
static void a_catalogue_that_unpacks_to_too_much_is_refused(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    char command[400];
    fixture_start(&f);
    put_catalogue(&f);
    snprintf(command, sizeof command, "head -c 272M /dev/zero | gzip -1 >'%s/components.yml.gz'",
             f.options.path);
    assert_int_equal(system(command), 0);
    check_fails(f.context, LBK_BAD_DATA, "components.yml.gz: unpacks to more than 256 MiB",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void lack_of_memory_is_survived(void **state) {
    (void)state;
    check_scarce_memory(put_easy);
    check_scarce_memory(put_catalogue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_loaded),
        cmocka_unit_test(bad_shapes_are_named),
        cmocka_unit_test(applications_are_loaded),
        cmocka_unit_test(icons_that_are_no_files_are_bad),
        cmocka_unit_test(alike_applications_share_a_split),
        cmocka_unit_test(bad_catalogues_are_named),
        cmocka_unit_test(lack_of_memory_is_survived),
        cmocka_unit_test(a_catalogue_that_unpacks_to_too_much_is_refused),
    };
    return cmocka_run_group_tests_name("fetched", tests, NULL, NULL);
}
