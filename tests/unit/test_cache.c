/* The teacher cache: what was put comes back by view and sample; foreign, damaged and mismatched files are
 * refused by name. */
#include "scarce.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "distill/cache.h"
#include "format/safetensors.h"

#define TEACHER "1111111111111111111111111111111111111111111111111111111111111111"
#define PACK "2222222222222222222222222222222222222222222222222222222222222222"
#define OTHER "3333333333333333333333333333333333333333333333333333333333333333"

typedef struct fixture {
    lbk_context *context;
    char *folder, path[128];
    lbk__cache_key key;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->context = check_context();
    f->folder = check_folder();
    snprintf(f->path, sizeof f->path, "%s/cache", f->folder);
    f->key = (lbk__cache_key){TEACHER, PACK, LBK_LABEL_SINGLE, 5, 3, 0, false, NULL};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    remove(f->path);
    assert_int_equal(rmdir(f->folder), 0); /* no temporary is left behind */
    free(f->folder);
    lbk_context_destroy(f->context);
    free(f);
    return 0;
}

static float logit(int64_t view, int64_t sample, int32_t c) {
    return (float)lbk__normal(11, LBK__STREAM_SYNTHETIC, (uint32_t)view, (uint64_t)(sample * 1000 + c));
}

static void fill_sample(const lbk__cache_key *key, int64_t sample, float *logits) {
    for (int v = 0; v < LBK_NUM_VIEWS; v++)
        for (int32_t c = 0; c < key->num_classes; c++) logits[v * key->num_classes + c] = logit(v, sample, c);
}

static void write_cache(fixture *f) {
    lbk__cache_writer *writer;
    float *logits = calloc((size_t)(3 * f->key.num_classes), sizeof *logits);
    lbk__saliencies saliencies;
    check_ok(f->context, lbk__cache_writer_open(f->context, f->path, &f->key, &writer));
    for (int64_t k = 0; k < f->key.num_samples; k++) { /* in any order: odd ones first */
        const int64_t odd = f->key.num_samples / 2, i = k < odd ? 2 * k + 1 : 2 * (k - odd);
        fill_sample(&f->key, i, logits);
        check_ok(f->context, lbk__cache_writer_put(writer, i, logits, i == 3 ? -1 : 1, NULL, saliencies));
    }
    check_ok(f->context, lbk__cache_writer_commit(writer));
    lbk__cache_writer_close(writer);
    free(logits);
}

static void check_content(fixture *f) {
    lbk__cache *cache;
    const lbk__cache_key *key = &f->key;
    check_ok(f->context, lbk__cache_open(f->context, f->path, &cache));
    check_ok(f->context, lbk__cache_verify(cache));
    check_ok(f->context, lbk__cache_match(cache, key));
    for (int64_t i = 0; i < key->num_samples; i++) {
        for (int v = 0; v < LBK_NUM_VIEWS; v++)
            for (int32_t c = 0; c < key->num_classes; c++)
                assert_true(lbk__cache_logits(cache, (lbk_view)v, i)[c] == logit(v, i, c));
        for (int s = 0; s < LBK__NUM_SALIENCIES; s++) {
            float saliency[2];
            lbk__cache_saliency(cache, (lbk__saliency)s, i, saliency);
            for (int m = 0; m < 2; m++) {
                const float *removed = lbk__cache_logits(cache, m == 0 ? LBK_VIEW_IMAGE : LBK_VIEW_TEXT, i);
                double want = lbk__saliency_of((lbk__saliency)s, key->label_kind,
                                               lbk__cache_logits(cache, LBK_VIEW_JOINT, i), removed,
                                               key->num_classes, i == 3 ? -1 : 1, NULL);
                assert_true(saliency[m] == (float)want);
            }
        }
    }
    lbk__cache_close(cache);
}

static void what_was_put_comes_back(void **state) {
    fixture *f = *state;
    write_cache(f);
    check_content(f);
}

/* More than one block of the copy by view. */
static void many_samples_come_back(void **state) {
    fixture *f = *state;
    f->key.num_samples = 701, f->key.num_classes = 997;
    write_cache(f);
    check_content(f);
}

static void an_empty_cache_is_a_cache(void **state) {
    fixture *f = *state;
    f->key.num_samples = 0;
    write_cache(f);
    check_content(f);
}

static void mismatches_are_named(void **state) {
    fixture *f = *state;
    write_cache(f);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->path, &cache));
    lbk__cache_key wanted = f->key;
    wanted.pack_sha256 = OTHER;
    check_fails(f->context, LBK_MISMATCH, "was made from another pack (222222222222…, not 333333333333…)",
                lbk__cache_match(cache, &wanted));
    wanted.pack_sha256 = NULL, wanted.teacher_sha256 = OTHER;
    check_fails(f->context, LBK_MISMATCH, "was made from another teacher (111111111111…",
                lbk__cache_match(cache, &wanted));
    wanted.teacher_sha256 = NULL;
    check_ok(f->context, lbk__cache_match(cache, &wanted));
    wanted.num_classes = 4;
    check_fails(f->context, LBK_MISMATCH,
                "another configuration: 5 samples, 3 classes, labels of kind single",
                lbk__cache_match(cache, &wanted));
    wanted.num_classes = 0;
    check_ok(f->context, lbk__cache_match(cache, &wanted));
    lbk__cache_close(cache);
}

static void a_cache_knows_its_precision(void **state) {
    fixture *f = *state;
    lbk__cache *cache;
    lbk__cache_key wanted = f->key;
    f->key.precision = "bf16";
    write_cache(f);
    check_ok(f->context, lbk__cache_open(f->context, f->path, &cache));
    assert_string_equal(lbk__cache_made_from(cache)->precision, "bf16");
    check_fails(f->context, LBK_MISMATCH, "was made with products in bf16, not in fp32",
                lbk__cache_match(cache, &wanted));
    wanted.folds = -1;
    check_ok(f->context, lbk__cache_match(cache, &wanted));
    wanted.folds = 0, wanted.precision = "bf16";
    check_ok(f->context, lbk__cache_match(cache, &wanted));
    lbk__cache_close(cache);
}

static void identify(fixture *f, char out[LBK__HASH_SIZE]) {
    lbk__cache *cache;
    write_cache(f);
    check_ok(f->context, lbk__cache_open(f->context, f->path, &cache));
    lbk__cache_identity(cache, out);
    lbk__cache_close(cache);
}

/* What was made from the same teacher and pack may still say something else. */
static void identity_is_what_a_cache_says_and_of_what(void **state) {
    fixture *f = *state;
    char first[LBK__HASH_SIZE], same[LBK__HASH_SIZE], other[LBK__HASH_SIZE];
    identify(f, first);
    identify(f, same);
    assert_string_equal(first, same);
    f->key.precision = "bf16";
    identify(f, other);
    assert_string_not_equal(first, other);
    f->key.precision = NULL, f->key.num_samples = 4;
    identify(f, other);
    assert_string_not_equal(first, other);
}

static void flip_a_byte(const char *path, long from_end) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, -from_end, SEEK_END);
    int byte = fgetc(file);
    fseek(file, -from_end, SEEK_END);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void damage_is_found(void **state) {
    fixture *f = *state;
    write_cache(f);
    flip_a_byte(f->path, 9);
    lbk__cache *cache;
    check_ok(f->context, lbk__cache_open(f->context, f->path, &cache));
    check_fails(f->context, LBK_BAD_DATA, "is damaged", lbk__cache_verify(cache));
    lbk__cache_close(cache);
}

/* The same cache, whole, but with a NaN among its logits or saliencies. */
static void numbers_that_are_not_finite_are_refused(void **state) {
    fixture *f = *state;
    write_cache(f);
    for (size_t wrong = 0; wrong < 2; wrong++) {
        lbk__cache *cache;
        lbk__safetensors *file;
        lbk__safetensors_writer *writer;
        char other[160];
        lbk__tensor_spec specs[2];
        snprintf(other, sizeof other, "%s.other", f->path);
        check_ok(f->context, lbk__safetensors_open(f->context, f->path, &file));
        const lbk__metadata metadata[] = {{"limbeck", lbk__safetensors_metadata(file, "limbeck")}};
        const lbk__tensor_entry *entries[] = {lbk__safetensors_find(file, "logits"),
                                              lbk__safetensors_find(file, "saliency")};
        for (size_t i = 0; i < 2; i++) {
            specs[i] = (lbk__tensor_spec){entries[i]->name, LBK__F32, entries[i]->rank, {0}};
            memcpy(specs[i].shape, entries[i]->shape, sizeof specs[i].shape);
        }
        check_ok(f->context,
                 lbk__safetensors_writer_open(f->context, other, specs, 2, metadata, 1, "sha256", &writer));
        for (size_t i = 0; i < 2; i++) {
            float *numbers = malloc(entries[i]->bytes);
            memcpy(numbers, entries[i]->data, entries[i]->bytes);
            if (i == wrong) numbers[5] = i ? INFINITY : NAN;
            check_ok(f->context, lbk__safetensors_writer_put(writer, numbers, entries[i]->bytes));
            free(numbers);
        }
        check_ok(f->context, lbk__safetensors_writer_commit(writer, NULL));
        lbk__safetensors_writer_close(writer);
        lbk__safetensors_close(file);
        check_ok(f->context, lbk__cache_open(f->context, other, &cache));
        check_fails(f->context, LBK_NUMERIC,
                    wrong ? "has saliencies that are not finite" : "has logits that are not finite",
                    lbk__cache_verify(cache));
        lbk__cache_close(cache);
        remove(other);
    }
}

/* A safetensors file with this description and a logits tensor of this shape. */
static void write_foreign(fixture *f, const char *description, int64_t views, int64_t samples) {
    const lbk__tensor_spec specs[] = {{"logits", LBK__F32, 3, {views, samples, 1}},
                                      {"saliency", LBK__F32, 3, {4, 2, 1}}};
    const lbk__metadata metadata[] = {{"limbeck", description}};
    const float zeros[64] = {0};
    lbk__safetensors_writer *writer;
    check_ok(f->context, lbk__safetensors_writer_open(f->context, f->path, specs, 2, metadata,
                                                      description ? 1 : 0, "sha256", &writer));
    check_ok(f->context, lbk__safetensors_writer_put(writer, zeros, (size_t)(views * samples + 8) * 4));
    check_ok(f->context, lbk__safetensors_writer_commit(writer, NULL));
    lbk__safetensors_writer_close(writer);
}

#define HEAD "{\"kind\":\"cache\",\"version\":1,"
#define LISTS "\"views\":[\"joint\",\"text\",\"image\"],\"saliencies\":[\"kl\",\"js\",\"tv\",\"label\"],"
#define HASHES "\"teacher_sha256\":\"" TEACHER "\",\"pack_sha256\":\"" PACK "\""

static void foreign_files_are_refused(void **state) {
    fixture *f = *state;
    static const struct {
        const char *description;
        int64_t views, samples;
        const char *part;
    } cases[] = {
        {NULL, 3, 1, "no description"},
        {"{\"kind\":", 3, 1, "cannot be read"},
        {"[]", 3, 1, "cannot be read"},
        {"{\"kind\":\"pack\",\"version\":1}", 3, 1, "another kind of file"},
        {"{\"kind\":\"cache\",\"version\":2}", 3, 1, "its version differs"},
        {HEAD "\"views\":[\"joint\"]}", 3, 1, "views or saliencies"},
        {HEAD LISTS HASHES "}", 3, 1, "label kind is unknown"},
        {HEAD LISTS "\"label_kind\":\"x\"," HASHES "}", 3, 1, "label kind is unknown"},
        {HEAD LISTS "\"label_kind\":\"soft\",\"teacher_sha256\":\"12\"}", 3, 1, "lacks a hash"},
        {HEAD LISTS "\"label_kind\":\"soft\"," HASHES "}", 2, 1, "logits"},
        {HEAD LISTS "\"label_kind\":\"soft\"," HASHES "}", 3, 2, "saliency"},
    };
    for (size_t i = 0; i < LBK_COUNT(cases); i++) {
        lbk__cache *cache;
        write_foreign(f, cases[i].description, cases[i].views, cases[i].samples);
        check_fails(f->context, LBK_BAD_DATA, cases[i].part, lbk__cache_open(f->context, f->path, &cache));
        assert_null(cache);
    }
}

static void a_cache_appears_whole_or_not_at_all(void **state) {
    fixture *f = *state;
    lbk__cache_writer *writer;
    lbk__saliencies saliencies;
    float logits[9] = {0};
    check_ok(f->context, lbk__cache_writer_open(f->context, f->path, &f->key, &writer));
    check_ok(f->context, lbk__cache_writer_put(writer, 0, logits, 0, NULL, saliencies));
    logits[8] = NAN;
    check_fails(f->context, LBK_NUMERIC, "logits of sample 1 are not finite",
                lbk__cache_writer_put(writer, 1, logits, 0, NULL, saliencies));
    check_fails(f->context, LBK_INTERNAL, "only 1 of 5", lbk__cache_writer_commit(writer));
    lbk__cache_writer_close(writer);
    assert_false(lbk__exists(f->path));
    check_fails(f->context, LBK_IO, "cannot create",
                lbk__cache_writer_open(f->context, "/nowhere/cache", &f->key, &writer));
    assert_null(writer);
}

/* ---- memory that runs out ---- */

static lbk_status write_and_read(lbk_context *context, void *user) {
    const fixture *f = user;
    const char *path = f->path;
    const lbk__cache_key *key = &f->key;
    lbk__cache_writer *writer = NULL;
    lbk__cache *cache = NULL;
    lbk__saliencies saliencies;
    const float logits[9] = {0};
    lbk_status status = LBK_OK;
    LBK_GO(lbk__cache_writer_open(context, path, key, &writer));
    for (int64_t i = 0; i < key->num_samples; i++)
        LBK_GO(lbk__cache_writer_put(writer, i, logits, 0, NULL, saliencies));
    LBK_GO(lbk__cache_writer_commit(writer));
    LBK_GO(lbk__cache_open(context, path, &cache));
done:
    lbk__cache_writer_close(writer);
    lbk__cache_close(cache);
    return status;
}

static void running_out_of_memory_is_survived(void **state) {
    check_starving(write_and_read, *state, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_samples_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_cache_is_a_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mismatches_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cache_knows_its_precision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identity_is_what_a_cache_says_and_of_what, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_are_not_finite_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(running_out_of_memory_is_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cache_appears_whole_or_not_at_all, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
