/* benchmarks.c: raw data in each layout, made into a pack. Parts of an input are the layout's files in order.
 */
#include "fuzz.h"

#include <string.h>

/* Lays the parts out under these names and packs them; pictures are not looked at. */
static void pack_parts(lbk_context *context, lbk_source source, lbk_label_kind kind, const char *const *names,
                       fuzz_bytes input) {
    static const char *const answers[] = {"yes", "no"};
    char *summary;
    fuzz_remove("set");
    for (size_t i = 0; names[i]; i++) fuzz_put(names[i], fuzz_part(&input));
    lbk_pack_options options = {
        .source = source, .path = fuzz_path("set"), .vocab = fuzz_vocab(), .label_kind = kind, .skip_bad = 1};
    /* VQA's own classes are the answers that come nine times. */
    if (source == LBK_SOURCE_VQA_V2) options.classes = answers, options.num_classes = 2;
    if (lbk_pack_build(context, &options, fuzz_path("out.pack"), &summary) == LBK_OK)
        lbk_free(context, summary);
}

/* ---- limbeck's JSON lines, with pictures; the first byte chooses the kind of labels ---- */

static void run_jsonl(lbk_context *context, fuzz_bytes input) {
    const lbk_label_kind kind = (lbk_label_kind)fuzz_choice(&input, 3);
    const lbk_pack_options options = {.path = fuzz_put("data.jsonl", input),
                                      .image_root = "tests/golden/images",
                                      .vocab = fuzz_vocab(),
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 4,
                                      .patch_size = 2,
                                      .label_kind = kind,
                                      .skip_bad = 1};
    const char *out = fuzz_path("out.pack");
    lbk_pack *pack;
    if (lbk_pack_build(context, &options, out, NULL) != LBK_OK) return;
    /* What was packed is a good pack. */
    FUZZ_MUST(context, lbk_pack_open(context, out, &pack));
    FUZZ_MUST(context, lbk_pack_verify(pack));
    lbk_pack_close(pack);
}

static void seed_jsonl(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "single",
        "0{\"id\":\"a\",\"text\":\"red\",\"image\":\"rgb.png\",\"label\":\"cat\",\"split\":\"dev\"}\n"
        "{\"id\":2,\"text\":\"big\",\"label\":null}\n");
    fuzz_seed_text("multi", "1{\"id\":\"a\",\"text\":\"red\",\"labels\":[\"cat\",\"dog\"]}\n"
                            "{\"id\":\"b\",\"text\":\"x\",\"labels\":[]}\n");
    fuzz_seed_text("soft", "2{\"id\":\"a\",\"text\":\"red\",\"scores\":{\"cat\":0.3,\"dog\":1}}\n");
}

const fuzz_target fuzz_jsonl = {"jsonl", run_jsonl, seed_jsonl, 256};

/* ---- SNLI-VE ---- */

static void run_snli_ve(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"set/snli_ve_train.jsonl", "set/snli_ve_dev.jsonl",
                                        "set/snli_ve_test.jsonl", NULL};
    pack_parts(context, LBK_SOURCE_SNLI_VE, LBK_LABEL_SINGLE, names, input);
}

#define SNLI(pair, label)                                                                \
    "{\"Flickr30K_ID\": \"1\", \"gold_label\": \"" label "\", \"pairID\": \"1.jpg#" pair \
    "\", \"sentence2\": \"A red one.\"}\n"
static void seed_snli_ve(lbk_context *context) {
    (void)context;
    fuzz_seed_text("rows", SNLI("0", "entailment") SNLI("1", "-") "\n%%\n" SNLI("2", "neutral") "\n%%\n" SNLI(
                               "3", "contradiction"));
}

const fuzz_target fuzz_snli_ve = {"snli_ve", run_snli_ve, seed_snli_ve, 256};

/* ---- VQA v2 ---- */

static void run_vqa_v2(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {
        "set/v2_OpenEnded_mscoco_train2014_questions.json", "set/v2_mscoco_train2014_annotations.json",
        "set/v2_OpenEnded_mscoco_val2014_questions.json", "set/v2_mscoco_val2014_annotations.json", NULL};
    pack_parts(context, LBK_SOURCE_VQA_V2, LBK_LABEL_SOFT, names, input);
}

#define QUESTION(id) \
    "{\"questions\": [{\"image_id\": 4, \"question\": \"Is it red?\", \"question_id\": " id "}]}"
#define ANSWER(n) "{\"answer\": \"yes\", \"answer_confidence\": \"yes\", \"answer_id\": " n "}"
#define ANNOTATION(id)                                                                                       \
    "{\"annotations\": [{\"question_type\": \"is it\", \"multiple_choice_answer\": \"yes\", \"answers\": "   \
    "[" ANSWER("1") ", " ANSWER("2") "], \"image_id\": 4, \"answer_type\": \"yes/no\", \"question_id\": " id \
                                     "}]}"
static void seed_vqa_v2(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "both", QUESTION("40") "\n%%\n" ANNOTATION("40") "\n%%\n" QUESTION("41") "\n%%\n" ANNOTATION("41"));
}

const fuzz_target fuzz_vqa_v2 = {"vqa_v2", run_vqa_v2, seed_vqa_v2, 256};

/* ---- Hateful Memes ---- */

static void run_hateful_memes(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"set/train.jsonl",       "set/dev_seen.jsonl",
                                        "set/dev_unseen.jsonl",  "set/test_seen.jsonl",
                                        "set/test_unseen.jsonl", NULL};
    pack_parts(context, LBK_SOURCE_HATEFUL_MEMES, LBK_LABEL_SINGLE, names, input);
}

#define MEME(id) "{\"id\":" id ",\"img\":\"img\\/" id ".png\",\"label\":1,\"text\":\"red\"}\n"
static void seed_hateful_memes(lbk_context *context) {
    (void)context;
    fuzz_seed_text("memes", MEME("42953") MEME("42954") "\n%%\n" MEME("8291") "\n%%\n" MEME(
                                "8291") "\n%%\n"
                                        "{\"id\":\"7\",\"img\":\"a.png\","
                                        "\"text\":\"x\"}\n%%\n");
}

const fuzz_target fuzz_hateful_memes = {"hateful_memes", run_hateful_memes, seed_hateful_memes, 256};

/* ---- MM-IMDB ---- */

static void run_mmimdb(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"set/split.json", "set/dataset/1.json", "set/dataset/2.json", NULL};
    pack_parts(context, LBK_SOURCE_MMIMDB, LBK_LABEL_MULTI, names, input);
}

static void seed_mmimdb(lbk_context *context) {
    (void)context;
    fuzz_seed_text("films", "{\"train\": [\"1\"], \"test\": [\"2\"]}\n%%\n"
                            "{\"title\": \"Red (1999)\", \"plot\": [\"short\", \"A big plot.\"], \"genres\": "
                            "[\"Drama\", \"News\"], \"year\": 1999}\n%%\n"
                            "{\"plot\": \"only a plot\", \"genres\": [\"Adult\"]}");
}

const fuzz_target fuzz_mmimdb = {"mmimdb", run_mmimdb, seed_mmimdb, 256};

/* ---- easy-VQA ---- */

static void run_easy_vqa(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"set/train/questions.json", "set/test/questions.json", NULL};
    pack_parts(context, LBK_SOURCE_EASY_VQA, LBK_LABEL_SINGLE, names, input);
}

static void seed_easy_vqa(lbk_context *context) {
    (void)context;
    fuzz_seed_text("questions",
                   "[[\"what is the blue shape?\", \"rectangle\", 0], [\"red?\", \"no\", 9]]\n%%\n"
                   "[[\"what color?\", \"teal\", 9]]");
}

const fuzz_target fuzz_easy_vqa = {"easy_vqa", run_easy_vqa, seed_easy_vqa, 256};

/* ---- AppStream ---- */

/* Of the address sanitizer, where there is one. */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

/* libappstream itself leaks what it has read of a catalogue that it then refuses. */
static void run_appstream(lbk_context *context, fuzz_bytes input) {
    static const char *const names[] = {"set/components.yml", NULL};
    if (__lsan_disable) __lsan_disable();
    pack_parts(context, LBK_SOURCE_APPSTREAM, LBK_LABEL_MULTI, names, input);
    if (__lsan_enable) __lsan_enable();
}

static void seed_appstream(lbk_context *context) {
    (void)context;
    fuzz_seed_text(
        "catalogue",
        "---\nFile: DEP-11\nVersion: '0.16'\nOrigin: test-main\n---\nType: desktop-application\n"
        "ID: a.desktop\nPackage: pa\nName:\n  de: \"\xc3\x9c\"\n  C: Ant\nSummary:\n  C: Does it\n"
        "Description:\n  C: \"<p>Draws &amp; paints</p><ul><li>fast</li></ul>\"\nCategories:\n"
        "- Graphics\n- Player\nIcon:\n  cached:\n  - name: a.png\n    width: 64\n    height: 64\n");
}

const fuzz_target fuzz_appstream = {"appstream", run_appstream, seed_appstream, 256};
