/* runs.c: what run folders and studies hold, read back. */
#include "format/events.h"
#include "fuzz.h"
#include "study/predictions.h"

#include <string.h>
#include <unistd.h>

/* ---- a run's event file, cut where the first byte says ---- */

static void run_events(lbk_context *context, fuzz_bytes input) {
    lbk__events *events;
    const int cut = fuzz_choice(&input, 256);
    const char *path = fuzz_put("run/events.out", input);
    if (lbk__events_resume(context, path, (uint64_t)cut, &events) != LBK_OK) return;
    (void)!lbk__events_scalar(events, "train/loss", 1, 2, 3);
    FUZZ_MUST(context, lbk__events_flush(events));
    const uint64_t length = lbk__events_tell(events);
    lbk__events_close(events);
    /* What goes on from a good file is a good file. */
    FUZZ_MUST(context, lbk__events_resume(context, path, length, &events));
    lbk__events_close(events);
}

static void seed_events(lbk_context *context) {
    lbk__events *events;
    lbk__text seed = {0};
    FUZZ_MUST(context, lbk__make_folder(context, fuzz_path("run")));
    FUZZ_MUST(context, lbk__events_create(context, fuzz_path("run"), 7, &events));
    FUZZ_MUST(context, lbk__events_scalar(events, "dev/loss", 1, 8, 9));
    FUZZ_MUST(context, lbk__events_flush(events));
    const fuzz_bytes file = fuzz_read(context, lbk__events_path(events));
    const char length = (char)lbk__events_tell(events);
    FUZZ_MUST(context, lbk__text_append(context, &seed, &length, 1));
    FUZZ_MUST(context, lbk__text_append(context, &seed, file.data, file.size));
    fuzz_seed("events", (fuzz_bytes){seed.data, seed.length});
    lbk_free(context, (void *)(uintptr_t)file.data);
    lbk__text_free(context, &seed);
    unlink(lbk__events_path(events));
    lbk__events_close(events);
}

const fuzz_target fuzz_events = {"events", run_events, seed_events, 64};

/* ---- a finished study: parts study.json, metrics.jsonl, predictions. "@P" and "@H" in study.json are the
 * fixture's pack and its hash ---- */

static const char *pack_hash(void) {
    static char hash[65];
    lbk_context *context;
    lbk_pack *pack;
    if (*hash) return hash;
    if (lbk_context_create(NULL, &context) != LBK_OK) __builtin_trap();
    FUZZ_MUST(context, lbk_pack_open(context, fuzz_pack(), &pack));
    memcpy(hash, lbk_pack_hash(pack), sizeof hash);
    lbk_pack_close(pack);
    lbk_context_destroy(context);
    return hash;
}

static void put_study(lbk_context *context, fuzz_bytes part) {
    lbk__text text = {0};
    for (size_t i = 0; i < part.size; i++) {
        const bool marked = part.data[i] == '@' && i + 1 < part.size;
        const char *name = marked && part.data[i + 1] == 'P' ? fuzz_pack() : NULL;
        if (marked && part.data[i + 1] == 'H') name = pack_hash();
        FUZZ_MUST(context,
                  lbk__text_append(context, &text, name ? name : &part.data[i], name ? strlen(name) : 1));
        i += name != NULL;
    }
    fuzz_put("study/study.json", (fuzz_bytes){text.data, text.length});
    lbk__text_free(context, &text);
}

/* What of a study stays the same. */
static void put_rest(void) {
    char command[600];
    lbk_context *context;
    if (lbk__exists(fuzz_path("study/test/teacher"))) return;
    if (lbk_context_create(NULL, &context) != LBK_OK) __builtin_trap();
    fuzz_put("study/teacher/metrics.jsonl", FUZZ_TEXT(""));
    fuzz_put("study/cells/kd/metrics.jsonl", FUZZ_TEXT(""));
    fuzz_put("study/test/kd", FUZZ_TEXT(""));
    snprintf(command, sizeof command, "%s", fuzz_path("study/cache"));
    if (symlink(fuzz_cache(), command) != 0) __builtin_trap();
    FUZZ_MUST(context, lbk__predictions_write(context, fuzz_model(), fuzz_pack(), "test",
                                              fuzz_path("study/test/teacher")));
    lbk_context_destroy(context);
}

static void run_study(lbk_context *context, fuzz_bytes input) {
    char *summary;
    put_rest();
    put_study(context, fuzz_part(&input));
    fuzz_put("study/cells/kd/metrics.jsonl", fuzz_part(&input));
    fuzz_put_tensors("study/test/kd", &input);
    if (lbk_report(context, &(lbk_report_options){.study = fuzz_path("study")}, &summary) == LBK_OK)
        lbk_free(context, summary);
}

static const char study_json[] =
    "{\"kind\": \"study\", \"version\": 1, \"name\": \"s\", \"pack\": \"@P\", \"pack_sha256\": \"@H\", "
    "\"images\": null, "
    "\"test_split\": \"test\", \"metric\": \"accuracy\", \"teacher\": \"teacher\", \"cache\": \"cache\", "
    "\"models\": "
    "[{\"name\": \"teacher\", \"parameters\": 7, \"file_bytes\": 9, \"latency_ms\": 1.5, \"samples_per_s\": "
    "2.5}], "
    "\"machine\": {\"processor\": \"x\", \"system\": \"y\", \"threads\": 1, \"limbeck\": \"0\"}, "
    "\"configurations\": "
    "{\"teacher\": \"a: 1\"}, \"saliency\": \"kl\", \"students\": [{\"name\": \"small\", \"folds\": 0, "
    "\"methods\": "
    "[{\"name\": \"kd\", \"method\": \"kd\", \"chosen\": 0, \"points\": [{\"settings\": "
    "[\"distill.alpha=0.5\"], "
    "\"runs\": [{\"seed\": 1, \"folder\": \"cells/kd\", \"dev\": 0.5}]}]}]}]}\n%%\n"
    "{\"kind\": \"dev\", \"step\": 1, \"epoch\": 1, \"accuracy\": 0.5}\n"
    "{\"kind\": \"weights\", \"epoch\": 1, \"joint_mean\": 0.5, \"joint_p5\": 0.1}\n\n%%\n";

static void seed_study(lbk_context *context) {
    lbk__text seed = {0};
    put_rest();
    const fuzz_bytes file = fuzz_read(context, fuzz_path("study/test/teacher"));
    uint64_t header;
    memcpy(&header, file.data, sizeof header);
    FUZZ_MUST(context, lbk__text_append(context, &seed, study_json, sizeof study_json - 1));
    FUZZ_MUST(context, lbk__text_append(context, &seed, file.data + sizeof header, header));
    FUZZ_MUST(context, lbk__text_append(context, &seed, "\n%%\n", 4));
    FUZZ_MUST(context, lbk__text_append(context, &seed, file.data + sizeof header + header,
                                        file.size - sizeof header - header));
    fuzz_seed("study", (fuzz_bytes){seed.data, seed.length});
    lbk__text_free(context, &seed);
    lbk_free(context, (void *)(uintptr_t)file.data);
}

const fuzz_target fuzz_study = {"study", run_study, seed_study, 4096};
