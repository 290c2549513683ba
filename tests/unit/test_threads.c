/* Contexts in several threads at once, each with its own, give the bytes of one after the other. Under the
 * thread sanitizer (`make tsan`) this is also the proof that they share nothing. */
#include "small_run.h"

#include <omp.h>
#include <pthread.h>

enum { THREADS = 4 };

typedef struct job {
    pthread_t thread;
    char folder[64];
    lbk_status status;
    char error[1024];
} job;

#define DO(call)                                    \
    do {                                            \
        if ((status = (call)) != LBK_OK) goto done; \
    } while (0)

static lbk_status steps(lbk_context *context, const small_run *data, const char *folder) {
    char pack[128], pack_key[160], teacher[128], cache[128], student[128], data_file[128], vocab[128],
        picture[128], *text = NULL;
    lbk_status status = LBK_OK;
    lbk_config *config = NULL;
    lbk_model *model = NULL;
    float logits[LBK_NUM_VIEWS * 3];
    snprintf(pack, sizeof pack, "%s/pack", folder);
    snprintf(pack_key, sizeof pack_key, "pack=%s", pack);
    snprintf(teacher, sizeof teacher, "%s/teacher", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(student, sizeof student, "%s/student", folder);
    snprintf(data_file, sizeof data_file, "%s/data.jsonl", data->folder);
    snprintf(vocab, sizeof vocab, "%s/vocab.txt", data->folder);
    snprintf(picture, sizeof picture, "%s/1.tiff", data->folder);
    const char *overrides[] = {pack_key,
                               "model.hidden_size=12",
                               "model.num_hidden_layers=1",
                               "model.num_attention_heads=3",
                               "model.intermediate_size=20",
                               "model.max_position_embeddings=16",
                               "train.batch_size=8",
                               "train.epochs=2",
                               "train.learning_rate=0.01",
                               "distill.weights=learned"};
    const size_t count = LBK_COUNT(overrides);
    const lbk_pack_options options = {.source = LBK_SOURCE_JSONL,
                                      .path = data_file,
                                      .vocab = vocab,
                                      .visual = LBK_VISUAL_PATCHES,
                                      .image_size = 8,
                                      .patch_size = 4};
    DO(lbk_pack_build(context, &options, pack, NULL));
    DO(lbk_config_load(context, NULL, overrides, count, &config));
    DO(lbk_train(context, config, teacher, 0, NULL));
    DO(lbk_probe(context, &(lbk_probe_options){.teacher = teacher, .pack = pack, .out = cache}, NULL));
    DO(lbk_distill(context, config, cache, student, 0, NULL));
    DO(lbk_evaluate(context, &(lbk_evaluate_options){.model = student, .pack = pack, .split = "dev"}, &text));
    DO(lbk_model_open(context, student, &model));
    DO(lbk_model_predict(model, &(lbk_input){.text = "red", .image = picture}, logits, NULL));
done:
    lbk_model_close(model);
    lbk_config_close(config);
    lbk_free(context, text);
    return status;
}

static const small_run *shared_data; /* read only */

static void *run_job(void *user) {
    job *j = user;
    lbk_context *context;
    j->status = lbk_context_create(&(lbk_context_options){.num_threads = 1}, &context);
    if (j->status != LBK_OK) return NULL;
    j->status = steps(context, shared_data, j->folder);
    snprintf(j->error, sizeof j->error, "%s", lbk_error(context));
    lbk_context_destroy(context);
    return NULL;
}

static void contexts_in_threads_do_as_one_alone(void **state) {
    small_run *run = *state;
    static const char *const files[] = {"pack",
                                        "cache",
                                        "teacher/best/model.safetensors",
                                        "student/best/model.safetensors",
                                        "student/weight_network.safetensors",
                                        "student/metrics.jsonl"};
    job jobs[THREADS + 1] = {0};
    shared_data = run;
    for (int i = 0; i <= THREADS; i++) {
        snprintf(jobs[i].folder, sizeof jobs[i].folder, "%s/%d", run->folder, i);
        check_ok(run->context, lbk__make_folder(run->context, jobs[i].folder));
    }
    for (int i = 1; i <= THREADS; i++)
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]), 0);
    for (int i = 1; i <= THREADS; i++) pthread_join(jobs[i].thread, NULL);
    run_job(&jobs[0]);
    for (int i = 0; i <= THREADS; i++)
        if (jobs[i].status != LBK_OK)
            fail_msg("context %d: %s: %s", i, lbk_status_name(jobs[i].status), jobs[i].error);
    for (int i = 1; i <= THREADS; i++)
        for (size_t f = 0; f < LBK_COUNT(files); f++) {
            char alone[64], beside[64];
            snprintf(alone, sizeof alone, "0/%s", files[f]);
            snprintf(beside, sizeof beside, "%d/%s", i, files[f]);
            small_run_same_file(run, alone, beside);
        }
}

/* One thread here, too: libgomp's locks are none that the sanitizer sees. */
static int set_up(void **state) {
    small_run *run = calloc(1, sizeof *run);
    const lbk_context_options options = {.allocate = small_run_allocate, .user = run, .num_threads = 1};
    omp_set_num_threads(1);
    assert_int_equal(lbk_context_create(&options, &run->context), LBK_OK);
    run->folder = check_folder();
    small_run_pack(run, "pack", false);
    *state = run;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contexts_in_threads_do_as_one_alone, set_up, small_run_tear_down),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
