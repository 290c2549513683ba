/* cc -o distil examples/distil.c $(pkg-config --cflags --libs limbeck)
 * ./distil CONFIG TEACHER PACK OUT TEXT
 *
 * distil.c: distils a student from a teacher and asks it about one text, with the installed library. CONFIG
 * is the student's configuration, as recipes/demo/student.yaml; TEACHER the folder of `limbeck train --config
 * recipes/demo/teacher.yaml --pack PACK --out TEACHER`. */
#include <limbeck/limbeck.h>
#include <stdio.h>
#include <stdlib.h>

static void show_progress(void *user, const lbk_progress *progress) {
    (void)user;
    fprintf(stderr, "\r%s %llu/%llu ", progress->stage, (unsigned long long)progress->done,
            (unsigned long long)progress->total);
}

/* The teacher's answers under each view, then a student that learns from them: `folder`/best is its model. */
static lbk_status distil(lbk_context *context, char **arguments, const char *pack_key, const char *cache) {
    const char *teacher = arguments[2], *pack = arguments[3], *folder = arguments[4];
    const char *overrides[] = {pack_key, "distill.method=msd", "distill.weights=instance"};
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
    status = probabilities ? lbk_model_predict(model, &(lbk_input){.text = text}, NULL, probabilities)
                           : LBK_NO_MEMORY;
    for (int32_t c = 0; status == LBK_OK && c < num_classes; c++) {
        const char *name = lbk_model_class_name(model, c);
        printf("%.4f %s\n", (double)probabilities[c], name ? name : "?"); /* the joint view's row */
    }
    free(probabilities);
    lbk_model_close(model);
    return status;
}

int main(int argc, char **argv) {
    char pack_key[4096], cache[4096];
    const int size = sizeof cache;
    if (argc != 6 || snprintf(pack_key, sizeof pack_key, "pack=%s", argv[3]) >= size ||
        snprintf(cache, sizeof cache, "%s.cache", argv[4]) >= size) {
        fprintf(stderr, "usage: distil CONFIG TEACHER PACK OUT TEXT, paths below %d bytes\n", size - 6);
        return 2;
    }
    lbk_context *context;
    lbk_status status = lbk_context_create(&(lbk_context_options){.progress = show_progress}, &context);
    if (status == LBK_OK) status = distil(context, argv, pack_key, cache);
    fputc('\n', stderr);
    if (status == LBK_OK) status = predict(context, argv[4], argv[5]);
    if (status != LBK_OK) {
        const char *sentence = context ? lbk_error(context) : "";
        fprintf(stderr, "distil: %s\n", *sentence ? sentence : lbk_status_text(status));
    }
    lbk_context_destroy(context);
    return lbk_status_exit_code(status);
}
