/* works.h: everything that the library does, once each, small enough to be done thousands of times: what the
 * tests of faults start from. */
#ifndef LBK_TESTS_WORKS_H
#define LBK_TESTS_WORKS_H

#include "small_run.h"

#include <ftw.h>

typedef struct work {
    const char *name;
    lbk_status (*run)(small_run *run, char **summary);
    size_t least; /* allocations of the context that it must have */
    /* Where it failed, the same call goes on, to this file's same bytes. It takes long, so not every
     * allocation and call of the system fails; NULL: it starts anew. */
    const char *same;
} work;

/* The failure to try after the n-th. */
static size_t next_failure(const work *w, size_t n) {
    return n + 1 + (w->same ? n / 40 : 0);
}

/* ---- works ---- */

static const char *in(const small_run *run, const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", run->folder, name);
    return path;
}

static lbk_status pack(small_run *run, char **summary) {
    const lbk_pack_options options = {.source = LBK_SOURCE_JSONL,
                                      .path = in(run, "few.jsonl"),
                                      .image_root = run->folder,
                                      .vocab = in(run, "vocab.txt"),
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 8,
                                      .patch_size = 4};
    return lbk_pack_build(run->context, &options, in(run, "made"), summary);
}

static lbk_status pack_vqa(small_run *run, char **summary) {
    static const char *const classes[] = {"yes", "no"};
    const lbk_pack_options options = {.source = LBK_SOURCE_VQA_V2,
                                      .path = in(run, "vqa"),
                                      .vocab = in(run, "vocab.txt"),
                                      .label_kind = LBK_LABEL_SOFT,
                                      .classes = classes,
                                      .num_classes = LBK_COUNT(classes)};
    return lbk_pack_build(run->context, &options, in(run, "made"), summary);
}

static lbk_status pack_table(small_run *run, char **summary) {
    const lbk_pack_options options = {.path = in(run, "regions.jsonl"),
                                      .vocab = in(run, "vocab.txt"),
                                      .visual = LBK_VISUAL_TSV,
                                      .features = "tests/golden/regions/table.tsv"};
    return lbk_pack_build(run->context, &options, in(run, "made"), summary);
}

/* Two steps, a measurement, a checkpoint. */
static lbk_status learn(small_run *run, const char *const *changes, const char *cache, int resume,
                        char **summary) {
    char pack_is[320];
    const char *overrides[24] = {pack_is,
                                 "model.hidden_size=4",
                                 "model.num_hidden_layers=1",
                                 "model.num_attention_heads=2",
                                 "model.intermediate_size=4",
                                 "model.max_position_embeddings=16",
                                 "train.batch_size=8",
                                 "train.max_steps=2",
                                 "train.logging_steps=1",
                                 "precision=fp32"};
    size_t count = 10;
    snprintf(pack_is, sizeof pack_is, "pack=%s/pack", run->folder);
    while (*changes) overrides[count++] = *changes++;
    lbk_config *config;
    LBK_TRY(lbk_config_load(run->context, NULL, overrides, count, &config));
    const lbk_status status = cache
                                  ? lbk_distill(run->context, config, cache, in(run, "made"), resume, summary)
                                  : lbk_train(run->context, config, in(run, "made"), resume, summary);
    lbk_config_close(config);
    return status;
}

static lbk_status train(small_run *run, char **summary) {
    return learn(run, CHANGES("seed=1"), NULL, 0, summary);
}

/* Stopped before its last step, and gone on with. */
static lbk_status train_in_parts(small_run *run, char **summary) {
    run->asked = 0, run->stop_at = 2;
    const lbk_status status = learn(run, CHANGES("seed=1"), NULL, 0, summary);
    run->stop_at = 0;
    if (status != LBK_INTERRUPTED) return status;
    return learn(run, CHANGES("seed=1"), NULL, 1, summary);
}

static lbk_status distill(small_run *run, char **summary) {
    return learn(run, CHANGES("distill.method=msd", "distill.weights=learned", "distill.meta_fraction=0.3"),
                 in(run, "cache"), 0, summary);
}

static lbk_status probe(small_run *run, char **summary) {
    const lbk_probe_options options = {
        .teacher = in(run, "teacher"), .pack = in(run, "pack"), .out = in(run, "made")};
    return lbk_probe(run->context, &options, summary);
}

static lbk_status evaluate(small_run *run, char **summary) {
    const lbk_evaluate_options options = {
        .model = in(run, "teacher"), .pack = in(run, "pack"), .split = "dev", .cache = in(run, "cache")};
    return lbk_evaluate(run->context, &options, summary);
}

static lbk_status predict(small_run *run, char **summary) {
    lbk_model *model;
    const lbk_input input = {.text = "red old", .image = in(run, "0.tiff")};
    LBK_TRY(lbk_model_open(run->context, in(run, "teacher"), &model));
    const lbk_status status = lbk_model_answer(model, &input, 0, summary);
    lbk_model_close(model);
    return status;
}

static lbk_status import(small_run *run, char **summary) {
    return lbk_import(run->context, "tests/golden/import/minilm", in(run, "made"), summary);
}

static lbk_status export_as(small_run *run, lbk_export_format format, char **summary) {
    const lbk_export_options options = {
        .model = in(run, "teacher"), .out = in(run, "made"), .format = format, .half = 1};
    return lbk_export(run->context, &options, summary);
}

static lbk_status export_hf(small_run *run, char **summary) {
    return export_as(run, LBK_EXPORT_HF, summary);
}

static lbk_status export_onnx(small_run *run, char **summary) {
    return export_as(run, LBK_EXPORT_ONNX, summary);
}

/* A teacher that is given, its cache, a student, its test, the report; without plots, which are another
 * program's. */
static lbk_status study(small_run *run, char **summary) {
    const lbk_study_options options = {
        .recipe = in(run, "study.yaml"), .out = in(run, "made"), .teacher = in(run, "teacher")};
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    const lbk_status status = lbk_study(run->context, &options, summary);
    setenv("PATH", path, 1);
    free(path);
    return status;
}

static lbk_status info(small_run *run, char **summary) {
    return lbk_info(run->context, in(run, "cache"), summary);
}

static const work works[] = {
    {"pack", pack, 100, NULL},
    {"pack of VQA", pack_vqa, 100, NULL},
    {"pack with a table of regions", pack_table, 100, NULL},
    {"train", train, 100, NULL},
    {"train in parts", train_in_parts, 200, NULL},
    {"distill", distill, 100, NULL},
    {"probe", probe, 50, NULL},
    {"evaluate", evaluate, 50, NULL},
    {"predict", predict, 50, NULL},
    {"import", import, 50, NULL},
    {"export to a folder", export_hf, 50, NULL},
    {"export to ONNX", export_onnx, 50, NULL},
    {"info", info, 10, NULL},
    {"study", study, 1000, "made/results.csv"},
};

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void remove_made(const small_run *run) {
    if (lbk__exists(in(run, "made")))
        assert_int_equal(nftw(in(run, "made"), remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put(small_run *run, const char *name, const char *text) {
    check_ok(run->context, lbk__write_file(run->context, in(run, name), text, strlen(text)));
}

/* The table that the work must end with, however it came there. */
static char *table_of(small_run *run, const work *w) {
    size_t size;
    if (!w->same) return NULL;
    remove_made(run);
    check_ok(run->context, w->run(run, NULL));
    return small_run_read(run, w->same, &size);
}

static void goes_on(small_run *run, const work *w, const char *table) {
    size_t size;
    if (!table) return;
    check_ok(run->context, w->run(run, NULL));
    char *again = small_run_read(run, w->same, &size);
    assert_string_equal(again, table);
    free(again);
}

#define QUESTION(id) \
    "{\"questions\": [{\"image_id\": 4, \"question\": \"Is it red?\", \"question_id\": " id "}]}"
#define ANNOTATION(id)                                              \
    "{\"annotations\": [{\"question_id\": " id                      \
    ", \"image_id\": 4, \"answer_type\": \"yes/no\", \"answers\": " \
    "[{\"answer\": \"yes\", \"answer_id\": 1}, {\"answer\": \"no\", \"answer_id\": 2}]}]}"

/* A teacher, its cache, and a pack's few records. */
static int set_up(void **state) {
    if (small_run_set_up(state) != 0) return 1;
    small_run *run = *state;
    char *summary = NULL;
    check_ok(run->context, learn(run, CHANGES("seed=2"), NULL, 0, &summary));
    lbk_free(run->context, summary);
    assert_int_equal(rename(in(run, "made"), in(run, "teacher")), 0);
    check_ok(run->context, probe(run, NULL));
    assert_int_equal(rename(in(run, "made"), in(run, "cache")), 0);
    put(run, "few.jsonl",
        "{\"id\": \"a\", \"text\": \"red\", \"image\": \"0.tiff\", \"label\": \"cat\"}\n"
        "{\"id\": \"b\", \"text\": \"blue\", \"image\": \"1.tiff\", \"label\": \"dog\"}\n");
    put(run, "regions.jsonl",
        "{\"id\": \"a\", \"text\": \"red\", \"image\": \"2\", \"label\": \"cat\"}\n"
        "{\"id\": \"b\", \"text\": \"blue\", \"image\": \"4.png\", \"label\": \"dog\"}\n");
    put(run, "student.yaml", "seed: 3\n");
    put(run, "study.yaml",
        "name: small\npack: pack\ntest_split: dev\nteacher:\n  config: student.yaml\nstudents:\n"
        "  - name: half\n    config: student.yaml\n    set: [model.hidden_size=4, model.num_hidden_layers=1, "
        "model.num_attention_heads=2, model.intermediate_size=4, model.max_position_embeddings=16, "
        "train.batch_size=8, train.max_steps=2, train.logging_steps=1]\nmethods: [kd]\nseeds: [1]\n");
    check_ok(run->context, lbk__make_folder(run->context, in(run, "vqa")));
    put(run, "vqa/v2_OpenEnded_mscoco_train2014_questions.json", QUESTION("40"));
    put(run, "vqa/v2_mscoco_train2014_annotations.json", ANNOTATION("40"));
    put(run, "vqa/v2_OpenEnded_mscoco_val2014_questions.json", QUESTION("41"));
    put(run, "vqa/v2_mscoco_val2014_annotations.json", ANNOTATION("41"));
    return 0;
}

#endif
