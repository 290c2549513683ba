/* The shared twins of the benchmarks, where they are, have the counts that their README states; what it
 * states only in sum (the dev films of a genre, the splits of a class of drawings) a script has counted in
 * the files. */
#include "benchmark_fixture.h"

#define SHARED "../shared/data/"

enum { SPLITS = 3, MOST_CLASSES = 14 };

typedef struct twin {
    const char *path, *features;
    lbk_source source;
    lbk_label_kind kind;
    int64_t images;
    struct {
        const char *label;
        int64_t samples[SPLITS]; /* of train, dev, test */
    } counts[1 + MOST_CLASSES];  /* the first is of all */
} twin;

/* clang-format off: a line for each twin, then for what is counted in train, dev and test */
static const twin twins[] = {
    {"movies",
     "movies/features.h5",
     LBK_SOURCE_MMIMDB,
     LBK_LABEL_MULTI,
     6629,
     {{NULL, {4695, 612, 1322}},
      {"Drama", {2376, 306, 647}},
      {"Comedy", {2234, 295, 621}},
      {"Romance", {1040, 151, 302}},
      {"Thriller", {736, 90, 218}},
      {"Action", {598, 82, 193}},
      {"Crime", {492, 53, 132}},
      {"Adventure", {374, 55, 101}},
      {"Horror", {321, 43, 98}},
      {"Sci-Fi", {318, 44, 81}},
      {"Mystery", {262, 31, 56}},
      {"Children", {255, 35, 64}},
      {"Fantasy", {253, 33, 63}},
      {"Musical", {249, 26, 65}},
      {"War", {194, 22, 51}}}},
    {"openclipart/data.jsonl",
     "openclipart/features.h5",
     LBK_SOURCE_JSONL,
     LBK_LABEL_SINGLE,
     2967,
     {{NULL, {1954, 360, 653}},
      {"computer", {206, 63, 97}},
      {"recreation", {215, 44, 72}},
      {"sign", {244, 34, 49}},
      {"food", {201, 49, 68}},
      {"flag", {200, 27, 69}},
      {"people", {192, 44, 52}},
      {"animal", {169, 30, 69}},
      {"shape", {104, 11, 32}},
      {"transport", {89, 13, 44}},
      {"office", {78, 15, 34}},
      {"map", {88, 6, 24}},
      {"tool", {80, 7, 18}},
      {"plant", {41, 13, 16}},
      {"building", {47, 4, 9}}}},
    {"snli_ve_mini",
     "snli_ve_mini/features.h5",
     LBK_SOURCE_SNLI_VE,
     LBK_LABEL_SINGLE,
     3385 + 701 + 720,
     {{NULL, {7731, 2236, 2278}},
      {"entailment", {2365, 753, 774}},
      {"neutral", {3065, 741, 756}},
      {"contradiction", {2301, 742, 748}}}},
    {"snli_ve_mini/flickr8k_match.jsonl",
     "snli_ve_mini/features.h5",
     LBK_SOURCE_JSONL,
     LBK_LABEL_SINGLE,
     4795,
     {{NULL, {13496, 1840, 3844}}, {"match", {6748, 920, 1922}}, {"mismatch", {6748, 920, 1922}}}},
    {"vqa_yesno",
     "vqa_yesno/features.h5",
     LBK_SOURCE_VQA_V2,
     LBK_LABEL_SOFT,
     8127,
     {{NULL, {7846, 1952, 2022}}, {"no", {4059, 1046, 1110}}, {"yes", {3787, 906, 912}}}}};
/* clang-format on */

static void check_twin(const twin *wanted) {
    static const char *const splits[SPLITS] = {"train", "dev", "test"};
    char path[80], features[80];
    snprintf(path, sizeof path, SHARED "%s", wanted->path);
    snprintf(features, sizeof features, SHARED "%s", wanted->features);
    fixture f = fixture_open(NULL);
    fixture_start(&f);
    f.options = (lbk_pack_options){.path = path,
                                   .vocab = VOCAB,
                                   .source = wanted->source,
                                   .label_kind = wanted->kind,
                                   .visual = LBK_VISUAL_HDF5,
                                   .features = features};
    print_message("%s\n", wanted->path);
    lbk_pack *pack = build(&f);
    assert_int_equal(lbk_pack_num_images(pack), wanted->images);
    int32_t classes = 0;
    for (int c = 0; c <= MOST_CLASSES && (c == 0 || wanted->counts[c].label); c++) {
        classes += c > 0;
        for (int s = 0; s < SPLITS; s++)
            check_count(&f, pack, splits[s], wanted->counts[c].label, wanted->counts[c].samples[s]);
    }
    assert_int_equal(lbk_pack_num_classes(pack), classes);
    lbk_pack_close(pack);
    fixture_close(&f);
}

static void twins_have_their_counts(void **state) {
    (void)state;
    if (!lbk__exists(SHARED)) {
        print_message("skipped: " SHARED " is not there\n");
        skip();
    }
    for (size_t i = 0; i < LBK_COUNT(twins); i++) check_twin(twins + i);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(twins_have_their_counts)};
    return cmocka_run_group_tests_name("twins", tests, NULL, NULL);
}
