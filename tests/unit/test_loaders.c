/* Loaders of other layouts: the Open Clip Art library, features from HDF5. */
#define _GNU_SOURCE
#include "pack_fixture.h"

#include "data/openclipart.h"
#include "data/pack.h"
#include "data/svg_metadata.h"

/* ---- features ---- */

static void features_come_by_name(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    f.options.visual = LBK_VISUAL_HDF5;
    f.options.features = "tests/golden/features/half.h5"; /* 5 images of 3 rows of 4 values */
    put_text(&f, "data.jsonl",
             "{\"id\":\"1\",\"text\":\"t\",\"image\":\"a/2.webp\"}\n{\"id\":\"2\",\"text\":\"t\",\"image\":"
             "\"a/0.webp\"}\n{\"id\":\"3\",\"text\":\"t\",\"image\":\"a/2.webp\"}\n{\"id\":\"4\",\"text\":"
             "\"t\"}\n");
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_visual_dim(pack), 4);
    assert_int_equal(lbk_pack_num_images(pack), 2);
    const lbk_sample first = sample_of(&f, pack, 0), third = sample_of(&f, pack, 2);
    assert_int_equal(first.num_rows, 3);
    assert_ptr_equal(first.visual, third.visual);
    assert_null(sample_of(&f, pack, 3).visual);
    assert_non_null(strstr(lbk__pack_visual_description(pack),
                           "\"kind\":\"hdf5\",\"dim\":4,\"rows\":3,\"features\":{\"name\":"
                           "\"half.h5\",\"sha256\":"));
    lbk_pack_close(pack);
    put_text(&f, "data.jsonl",
             "{\"id\":\"1\",\"text\":\"t\",\"image\":\"a/0.webp\"}\n{\"id\":\"2\",\"text\":\"t\",\"image\":"
             "\"b.webp\"}\n");
    check_fails(
        f.context, LBK_BAD_DATA,
        "line 2: record \"2\": tests/golden/features/half.h5: has no features of the image \"b.webp\"",
        lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.skip_bad = 1;
    pack = build(&f);
    assert_int_equal(lbk_pack_num_samples(pack), 1);
    lbk_pack_close(pack);
    f.options.features = VOCAB;
    check_fails(f.context, LBK_BAD_DATA, "vocab.txt", lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

/* ---- Open Clip Art ---- */

static void texts_lose_what_tells_the_label(void **state) {
    (void)state;
    static const struct {
        const char *title, *description, *text;
    } cases[] = {
        {"Elephant Symbol", "An elephant.", "Elephant. An elephant"},
        {"Clipart by Nicu Buculei - contour_chipmunk", "", "contour chipmunk"},
        {"Clipart by Rob Davenport - United States - Ohio", "", "United States - Ohio"},
        {"Clipart by Nobody", "", ""},
        {"Cassa d&#39;epoca", "", "Cassa d'epoca"},
        {"Telefono (email: frollandin@email.it)", "", "Telefono"},
        {"AIGA_Symbol_Signs", "EPS converted from http://aiga.org", "AIGA. EPS converted from"},
        {"mouth - body part", "", "mouth"},
        {"hill - RPG map elements", "", "hill - RPG elements"},
        {"tree - RPG map elements", "", "RPG elements"},
        {"Part of the Flat Icon Collection", "Part of the flat collection", "Part of the Flat Collection"},
        {"wedding rings1", "Wedding rings", "wedding rings1"},
        {"BlueMan#107", "", "BlueMan 107"},
        {"house", "a nice house", "house. a nice house"},
        {"Flag", "icon", ""},
        {"planted treesome", "", "planted treesome"},
        {"", "A lone fox", "A lone fox"},
        {"\xc3\x84pfel & Birnen", "", "\xc3\x84pfel & Birnen"},
    };
    lbk_context *context = check_context();
    lbk__text text = {0};
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        check_ok(context, lbk__openclipart_text(context, cases[i].title, cases[i].description, &text));
        assert_string_equal(text.data, cases[i].text);
        assert_int_equal(text.length, strlen(cases[i].text));
    }
    lbk__text_free(context, &text);
    assert_int_equal(lbk__openclipart_letters("a 1\xc3\xa9!"), 3);
    lbk_context_destroy(context);
}

#define SVG(title, body)                                                                                     \
    "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='40' "                               \
    "height='40'><metadata><rdf:RDF "                                                                        \
    "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:cc='http://web.resource.org/cc/' "        \
    "xmlns:dc='http://purl.org/dc/elements/1.1/'><cc:Work><dc:creator><cc:Agent><dc:title>Artist</dc:title>" \
    "</cc:Agent></dc:creator><dc:title>" title "</dc:title></cc:Work></rdf:RDF></metadata>" body "</svg>"

#define BOX(x, y) "<rect x='" #x "' y='" #y "' width='12' height='9' fill='#07c'/>"

static void metadata_is_the_works_own(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_text(&f, "a.svg", SVG(" A \n red &amp; green  fox ", ""));
    char path[400];
    snprintf(path, sizeof path, "%s/a.svg", f.folder);
    lbk__text title = {0}, description = {0};
    check_ok(f.context, lbk__svg_metadata(f.context, path, &title, &description));
    assert_string_equal(title.data, "A red & green fox");
    assert_string_equal(description.data, "");
    put_text(&f, "a.svg", "<svg><g></svg>");
    check_fails(f.context, LBK_BAD_DATA, "a.svg: is not well-formed",
                lbk__svg_metadata(f.context, path, &title, &description));
    put_text(&f, "a.svg",
             "<!DOCTYPE x [<!ENTITY e SYSTEM '/etc/passwd'>]>"
             "<svg><Work xmlns='http://purl.org/dc/elements/1.1/'>"
             "<title>&e;</title></Work></svg>");
    check_ok(f.context, lbk__svg_metadata(f.context, path, &title, &description));
    assert_string_equal(title.data, "");
    lbk__text_free(f.context, &title);
    lbk__text_free(f.context, &description);
    fixture_close(&f);
}

#define ROOT "usr/share/openclipart/svg/"

static int64_t find(fixture *f, const lbk_pack *pack, const char *id) {
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) {
        const lbk_sample sample = sample_of(f, pack, i);
        if (sample.id_length == strlen(id) && memcmp(sample.id, id, sample.id_length) == 0) return i;
    }
    return -1;
}

static void put_library(fixture *f) {
    put_text(f, ROOT "animals/fox.svg", SVG("A fox", BOX(1, 2)));
    put_text(f, ROOT "animals/fox_copy.svg", SVG("Another fox", BOX(1, 2))); /* the same pixels */
    put_text(f, ROOT "animals/nameless.svg", SVG("12", BOX(9, 9)));          /* no three letters */
    put_text(f, ROOT "animals/blank.svg", SVG("Polar bear in snow", ""));    /* nothing to see */
    put_text(f, ROOT "food/broken.svg", "<svg xmlns='http://www.w3.org/2000/svg'");
    put_text(f, ROOT "food/cake_01.svg", SVG("Cake 1", BOX(20, 3)));
    put_text(f, ROOT "signs_and_symbols/flags/europe/land.svg", SVG("Land flag", BOX(3, 20)));
    put_text(f, ROOT "signs_and_symbols/stop.svg", SVG("Stop sign", BOX(25, 25)));
    put_text(f, ROOT "shapes/stars/star1.svg", SVG("Star of seven", BOX(14, 14)));      /* left out */
    put_text(f, ROOT "containers/jar.svg", SVG("A jar", BOX(5, 29) "<circle r='9'/>")); /* no class */
    put_text(f, ROOT "animals/readme.txt", "no drawing");
    char link[600];
    snprintf(link, sizeof link, "%s/" ROOT "animals/link.svg", f->folder);
    assert_int_equal(symlink("../food/cake_01.svg", link), 0);
    snprintf(link, sizeof link, "%s/" ROOT "animals/loop", f->folder);
    assert_int_equal(symlink("..", link), 0);
    f->options.path = f->folder;
    f->options.image_root = NULL;
    f->options.source = LBK_SOURCE_OPENCLIPART;
    f->options.visual = LBK_VISUAL_PATCHES;
    f->options.image_size = f->options.patch_size = 16;
}

static void libraries_that_are_none_are_refused(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_library(&f);
    char deep[200] = ROOT "food";
    for (int i = 0; i < 17; i++) strcat(deep, "/f");
    strcat(deep, "/cake.svg");
    put_text(&f, deep, SVG("Cake", BOX(1, 2)));
    check_fails(f.context, LBK_BAD_DATA, "folders are too deep",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);

    f = fixture_open(NULL);
    fixture_start(&f);
    put_library(&f);
    put_text(&f, ROOT "food/\xff.svg", SVG("A cake to eat", BOX(7, 2)));
    put_text(&f, ROOT "food/broken.svg", SVG("A broken cake", BOX(7, 9)));
    check_fails(f.context, LBK_BAD_DATA, "its id: byte 5 is not valid UTF-8",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void drawings_are_loaded(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_library(&f);
    check_fails(f.context, LBK_BAD_DATA, "food/broken.svg: cannot be rendered",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    f.options.skip_bad = 1;
    lbk_pack *pack = build(&f);
    assert_string_equal(lbk_pack_class_name(pack, 0), "animal");
    const bool first_fox = find(&f, pack, "animals/fox.svg") >= 0;
    assert_true(first_fox != (find(&f, pack, "animals/fox_copy.svg") >= 0));
    const char *const absent[] = {"animals/nameless.svg", "animals/blank.svg",
                                  "food/broken.svg",      "shapes/stars/star1.svg",
                                  "animals/readme.txt",   "animals/loop/animals/fox.svg"};
    for (size_t i = 0; i < LBK_COUNT(absent); i++) assert_int_equal(find(&f, pack, absent[i]), -1);
    const struct {
        const char *id, *label, *text;
    } present[] = {{"animals/link.svg", "animal", "Cake 1"},
                   {"food/cake_01.svg", "food", "Cake 1"},
                   {"signs_and_symbols/flags/europe/land.svg", "flag", "Land"},
                   {"signs_and_symbols/stop.svg", "sign", "Stop"}};
    const char *splits[LBK_COUNT(present)];
    for (size_t i = 0; i < LBK_COUNT(present); i++) {
        const int64_t index = find(&f, pack, present[i].id);
        if (index < 0) fail_msg("%s is not there", present[i].id);
        const lbk_sample sample = sample_of(&f, pack, index);
        assert_string_equal(lbk_pack_class_name(pack, sample.classes[0]), present[i].label);
        check_bytes(sample.text, sample.text_length, present[i].text);
        assert_int_equal(sample.num_rows, 1);
        splits[i] = sample.split;
    }
    assert_string_equal(splits[0], splits[1]); /* a drawing under two folders is in one split */
    const int64_t jar = find(&f, pack, "containers/jar.svg");
    if (jar >= 0) assert_string_equal(sample_of(&f, pack, jar).split, "transfer");
    if (jar >= 0) assert_false(sample_of(&f, pack, jar).labelled);
    assert_non_null(strstr(lbk__pack_description(pack), "\"drawing without three letters of text\":1"));
    lbk_pack_close(pack);
    fixture_close(&f);
}

static int64_t count_labelled(const lbk_pack *pack) {
    int64_t labelled = 0;
    for (int64_t i = 0; i < lbk_pack_num_samples(pack); i++) {
        lbk_sample sample;
        assert_int_equal(lbk_pack_sample(pack, i, &sample), LBK_OK);
        labelled += sample.labelled;
    }
    return labelled;
}

static void caps_can_be_lifted(void **state) {
    (void)state;
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    put_library(&f);
    for (int i = 0; i < 410; i++) {
        char name[80], drawing[1000];
        snprintf(name, sizeof name, ROOT "animals/fox_%03d.svg", i);
        snprintf(drawing, sizeof drawing, SVG("Fox %d", "<rect x='%d' y='%d' width='9' height='7'/>"), i,
                 1 + i % 29, 1 + i / 29);
        put_text(&f, name, drawing);
    }
    f.options.skip_bad = 1;
    lbk_pack *pack = build(&f);
    const int64_t others = 3; /* cake, flag, sign */
    assert_int_equal(count_labelled(pack), 400 + others);
    assert_null(strstr(lbk__pack_description(pack), "no_caps"));
    lbk_pack_close(pack);
    f.options.no_caps = 1;
    pack = build(&f);
    assert_int_equal(count_labelled(pack), 410 + 2 + others); /* and the first fox, and the link to a cake */
    assert_non_null(strstr(lbk__pack_description(pack), "\"no_caps\":true"));
    lbk_pack_close(pack);
    f.options.source = LBK_SOURCE_SNLI_VE;
    check_fails(f.context, LBK_INVALID_ARGUMENT, "no_caps goes with the source openclipart alone",
                lbk_pack_build(f.context, &f.options, f.pack, NULL));
    fixture_close(&f);
}

static void make_series(lbk_context *context, lbk__drawings *drawings, size_t count) {
    check_ok(context, LBK_ALLOC(context, drawings->items, count));
    drawings->count = drawings->capacity = count;
    for (size_t i = 0; i < count; i++) {
        lbk__drawing *d = drawings->items + i;
        char name[32];
        snprintf(name, sizeof name, "drawing %zu", i);
        *d = (lbk__drawing){.label = i % 2 ? "odd" : "even", .most_of_class = 10000};
        d->order = d->title = d->title_series = d->series = d->pixels = d->fingerprint =
            lbk__openclipart_hash(name, strlen(name));
    }
}

static void groups_are_in_one_split(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    lbk_context *context = check_context();
    lbk__drawings drawings = {0};
    make_series(context, &drawings, COUNT);
    lbk__drawing *d = drawings.items;
    for (int i = 0; i < COUNT; i++) { /* chains through each kind of likeness */
        if (i % 10 == 1) d[i].title_series = d[i - 1].title_series;
        if (i % 10 == 2) d[i].series = d[i - 1].series;
        if (i % 10 == 3) d[i].fingerprint = d[i - 1].fingerprint ^ 5;
    }
    check_ok(context, lbk__openclipart_pick(context, &drawings));
    int counts[LBK__DRAWING_LEFT_OUT + 1] = {0};
    for (int i = 0; i < COUNT; i++) {
        counts[d[i].split]++;
        if (i % 10 >= 1 && i % 10 <= 3) assert_int_equal(d[i].split, d[i - 1].split);
    }
    assert_int_equal(counts[LBK__DRAWING_TRANSFER] + counts[LBK__DRAWING_LEFT_OUT], 0);
    check_near(counts[LBK__DRAWING_TEST] / (double)COUNT, 0.22, 0.04);
    check_near(counts[LBK__DRAWING_DEV] / (double)COUNT, 0.12, 0.03);
    lbk__openclipart_free(context, &drawings);
    lbk_context_destroy(context);
}

static void caps_and_duplicates(void **state) {
    (void)state;
    enum { COUNT = 200 };
    lbk_context *context = check_context();
    lbk__drawings drawings = {0};
    make_series(context, &drawings, COUNT);
    lbk__drawing *d = drawings.items;
    for (int i = 0; i < 40; i++)
        d[i].title = 7, d[i].title_series = 8;       /* 40 of one title, 20 of each label */
    for (int i = 100; i < 104; i++) d[i].pixels = 9; /* two of each label */
    for (int i = 0; i < COUNT; i++) d[i].most_of_class = i % 2 ? 50 : 1000;
    check_ok(context, lbk__openclipart_pick(context, &drawings));
    int of_title = 0, odd = 0, even = 0, duplicates = 0;
    for (int i = 0; i < COUNT; i++) {
        const bool labelled = d[i].split < LBK__DRAWING_TRANSFER;
        of_title += i < 40 && labelled;
        odd += i % 2 && labelled, even += i % 2 == 0 && labelled;
        duplicates += i >= 100 && i < 104 && d[i].split == LBK__DRAWING_LEFT_OUT;
    }
    assert_int_equal(of_title, 12);
    assert_int_equal(odd, 50);
    assert_true(even > 75 && even <= 80 + 12);
    assert_int_equal(duplicates, 2);
    lbk__openclipart_free(context, &drawings);
    lbk_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_come_by_name),     cmocka_unit_test(texts_lose_what_tells_the_label),
        cmocka_unit_test(metadata_is_the_works_own), cmocka_unit_test(drawings_are_loaded),
        cmocka_unit_test(caps_can_be_lifted),        cmocka_unit_test(libraries_that_are_none_are_refused),
        cmocka_unit_test(groups_are_in_one_split),   cmocka_unit_test(caps_and_duplicates),
    };
    return cmocka_run_group_tests_name("loaders", tests, NULL, NULL);
}
