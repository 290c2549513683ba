/* distil.c: distils a student from a teacher and asks it about one text, with the installed library:
 *
 *   cc -o distil distil.c $(pkg-config --cflags --libs limbeck)
 *   ./distil CONFIG.yaml TEACHER PACK OUT TEXT
 */
#include <limbeck/limbeck.h>
#include <stdio.h>
#include <stdlib.h>

static void show_progress(void *user, const lbk_progress *progress) {
    (void)user;
    fprintf(stderr, "\r%s %llu/%llu ", progress->stage, (unsigned long long)progress->done,
            (unsigned long long)progress->total);
}

/* The teacher's answers under each view, then a student that learns from them: `folder`/best is its model. */
static lbk_status distil(lbk_context *context, char **arguments, const char *cache) {
    const char *teacher = arguments[2], *pack = arguments[3], *folder = arguments[4];
    char override[4096];
    snprintf(override, sizeof override, "pack=%s", pack);
    const char *overrides[] = {override, "distill.method=msd", "distill.weights=instance"};
    lbk_config *config = NULL;
    lbk_status status =
        lbk_probe(context, &(lbk_probe_options){.teacher = teacher, .pack = pack, .out = cache}, NULL);
    if (status == LBK_OK) status = lbk_config_load(context, arguments[1], overrides, 3, &config);
    if (status == LBK_OK) status = lbk_distill(context, config, cache, folder, 0, NULL);
    lbk_config_close(config);
    return status;
}

static lbk_status predict(lbk_context *context, const char *folder, const char *text) {
    lbk_model *model;
    lbk_status status = lbk_model_open(context, folder, &model);
    if (status != LBK_OK) return status;
    int32_t num_classes = lbk_model_num_classes(model);
    float *probabilities = calloc((size_t)num_classes * LBK_NUM_VIEWS, sizeof *probabilities);
    if (probabilities) status = lbk_model_predict(model, &(lbk_input){.text = text}, NULL, probabilities);
    for (int32_t c = 0; probabilities && status == LBK_OK && c < num_classes; c++) {
        const char *name = lbk_model_class_name(model, c);
        printf("%.4f %s\n", (double)probabilities[c], name ? name : "?"); /* the joint view's row */
    }
    free(probabilities);
    lbk_model_close(model);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: distil CONFIG.yaml TEACHER PACK OUT TEXT\n");
        return 2;
    }
    lbk_context *context;
    if (lbk_context_create(&(lbk_context_options){.progress = show_progress}, &context) != LBK_OK) return 1;
    char cache[4096];
    snprintf(cache, sizeof cache, "%s.cache", argv[4]);
    lbk_status status = distil(context, argv, cache);
    fputc('\n', stderr);
    if (status == LBK_OK) status = predict(context, argv[4], argv[5]);
    if (status != LBK_OK) fprintf(stderr, "distil: %s\n", lbk_error(context));
    lbk_context_destroy(context);
    return lbk_status_exit_code(status);
}
