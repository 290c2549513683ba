/* loop.c: a run from its first step to its summary. The state moves by whole steps, measurements and ends of
 * epochs; between any two of them it can be saved, and from what was saved the rest follows exactly. */
#include "train/training.h"

#include "base/file.h"
#include "base/random.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

/* ---- where the run stands ---- */

static int64_t steps_per_epoch(const lbk__training *t) {
    const int64_t size = t->config->train.batch_size * t->config->train.gradient_accumulation_steps;
    return (t->samples.count + size - 1) / size;
}

int64_t lbk__training_total_steps(const lbk__training *t) {
    return t->config->train.max_steps ? t->config->train.max_steps
                                      : t->config->train.epochs * steps_per_epoch(t);
}

double lbk__training_epoch(const lbk__training *t) {
    return (double)t->state.epoch + (double)t->state.position / (double)t->samples.count;
}

static bool over(const lbk__training *t) {
    return t->state.step >= lbk__training_total_steps(t) || t->state.stopped_early;
}

static bool evaluation_due(const lbk__training *t) {
    const lbk__train_state *state = &t->state;
    const int64_t every = t->config->train.eval_steps;
    if (state->step == 0 || state->evaluated_step == state->step) return false;
    return over(t) || (every ? state->step % every == 0 : state->position == 0);
}

/* This epoch's order is a function of the seed and the epoch alone. */
static void shuffle(lbk__training *t) {
    lbk__train_samples *s = &t->samples;
    memcpy(s->order, s->train, (size_t)s->count * sizeof *s->order);
    lbk__shuffle((uint64_t)t->config->seed, LBK__STREAM_SHUFFLE, (uint32_t)t->state.epoch, s->order,
                 (uint64_t)s->count);
}

static lbk_status save(lbk__training *t) {
    lbk__run_mark mark;
    lbk__checkpoint_part parts[LBK__MAX_CHECKPOINT_PARTS];
    const size_t count = lbk__training_parts(t, parts);
    lbk__optimizer_settle(&t->optimizer);
    LBK_TRY(lbk__run_sync(&t->run, &mark));
    LBK_TRY(lbk__meta_write(t)); /* before the checkpoint: a finished run is not written again */
    LBK_TRY(lbk__checkpoint_save(t->run.checkpoint, &t->optimizer, parts, count, &t->state, &t->key, &mark));
    t->saved = lbk__seconds();
    t->saved_step = t->state.step;
    return LBK_OK;
}

/* While steps are being skipped, or where a weight is not finite, a checkpoint from before is kept. A
 * measurement shows that the model is good, and saves. */
static bool in_doubt(const lbk__training *t) {
    return t->saved_step >= 0 && (t->state.skipped_in_a_row > 0 ||
                                  !isfinite(lbk__gradient_norm(t->model, t->model->weights, NULL)));
}

/* What a killed run may lose is bounded, however far measurements lie apart. */
static bool save_due(const lbk__training *t) {
    return lbk__seconds() - t->saved >= (double)t->config->train.save_seconds && !in_doubt(t);
}

/* ---- lines of metrics.jsonl ---- */

static lbk_status log_window(lbk__training *t) {
    const lbk__window *w = &t->state.window;
    if (t->state.step % t->config->train.logging_steps != 0 && !over(t)) return LBK_OK;
    const double n = w->steps, labelled = w->labelled_steps;
    lbk__scalar scalars[] = {
        {"learning_rate", lbk__schedule_rate(&t->schedule, t->state.step - 1)},
        {"skipped", (double)t->state.skipped},
        {"gradient_norm", w->gradient_norm / n},
        {"loss", w->loss / n},
        {"cross_entropy", w->cross_entropy[LBK_VIEW_JOINT] / labelled},
        {"divergence_joint", w->divergence[LBK_VIEW_JOINT] / n},
        {"divergence_text", w->divergence[LBK_VIEW_TEXT] / n},
        {"divergence_image", w->divergence[LBK_VIEW_IMAGE] / n},
        {"weight_joint", w->weight[LBK_VIEW_JOINT] / n},
        {"weight_text", w->weight[LBK_VIEW_TEXT] / n},
        {"weight_image", w->weight[LBK_VIEW_IMAGE] / n},
    };
    static const size_t used[] = {[LBK__METHOD_ALONE] = 5, [LBK__METHOD_KD] = 6, [LBK__METHOD_MSD] = 11};
    size_t count = used[t->method];
    if (t->method == LBK__METHOD_ALONE && t->num_views > 1) {
        scalars[count++] = (lbk__scalar){"cross_entropy_text", w->cross_entropy[LBK_VIEW_TEXT] / labelled};
        scalars[count++] = (lbk__scalar){"cross_entropy_image", w->cross_entropy[LBK_VIEW_IMAGE] / labelled};
    }
    LBK_TRY(lbk__run_scalars(&t->run, "train", t->state.step, lbk__training_epoch(t), scalars, count));
    t->state.window = (lbk__window){0};
    return LBK_OK;
}

static void report(lbk__training *t) {
    char note[96];
    const lbk__window *w = &t->state.window;
    int length = 0;
    note[0] = 0;
    if (w->steps > 0) length = snprintf(note, sizeof note, "loss %.4f", w->loss / w->steps);
    if (!isnan(t->last_dev))
        snprintf(note + length, sizeof note - (size_t)length, "  dev %s %.4f", t->metric, t->last_dev);
    lbk__report(t->context, t->stage, "steps", (uint64_t)t->state.step,
                (uint64_t)lbk__training_total_steps(t), note);
}

/* ---- the loop ---- */

/* A step, and the end of the epoch when it was its last: nothing comes between the two. */
static lbk_status advance(lbk__training *t) {
    const double begin = lbk__seconds();
    LBK_TRY(lbk__training_step(t));
    t->seconds += lbk__seconds() - begin;
    report(t);
    LBK_TRY(log_window(t));
    const bool epoch_ends = t->state.position == t->samples.count;
    if (epoch_ends || over(t)) {
        LBK_TRY(lbk__training_log_weights(t));
        if (t->meta.network) LBK_TRY(lbk__training_log_meta(t));
    }
    if (!epoch_ends) return LBK_OK;
    t->state.epoch++;
    t->state.position = 0;
    shuffle(t);
    return LBK_OK;
}

/* What a run that ends here has not told of its last steps. */
static lbk_status log_rest(lbk__training *t) {
    if (t->state.window.steps > 0) LBK_TRY(log_window(t));
    if (t->state.position == 0) return LBK_OK; /* the epoch's end told it */
    LBK_TRY(lbk__training_log_weights(t));
    return t->meta.network ? lbk__training_log_meta(t) : LBK_OK;
}

static lbk_status evaluate(lbk__training *t) {
    const int64_t patience = t->config->train.early_stopping_patience;
    lbk__optimizer_settle(&t->optimizer);
    LBK_TRY(lbk__training_evaluate(t));
    if (patience && t->state.evaluations_since_best >= patience && !over(t)) {
        t->state.stopped_early = true;
        lbk__run_log(&t->run, LBK_LOG_INFO, "no better model in %lld measurements: stopped early",
                     (long long)patience);
        LBK_TRY(log_rest(t));
    }
    t->state.finished = over(t);
    return save(t);
}

static lbk_status stop(lbk__training *t) {
    if (!in_doubt(t)) LBK_TRY(save(t));
    lbk__run_log(&t->run, LBK_LOG_INFO, "stopped on request at step %lld of %lld", (long long)t->state.step,
                 (long long)lbk__training_total_steps(t));
    return lbk__fail(t->context, LBK_INTERRUPTED,
                     "stopped on request at step %lld of %lld; the state of step %lld is saved in %s: run "
                     "the same command "
                     "with --resume to go on",
                     (long long)t->state.step, (long long)lbk__training_total_steps(t),
                     (long long)t->saved_step, t->run.folder);
}

static lbk_status loop(lbk__training *t) {
    while (!t->state.finished) {
        if (evaluation_due(t)) {
            lbk_status status = evaluate(t);
            if (status == LBK_INTERRUPTED) return stop(t);
            LBK_TRY(status);
            continue;
        }
        if (lbk__interrupted(t->context)) return stop(t);
        LBK_TRY(advance(t));
        if (save_due(t) && !evaluation_due(t)) LBK_TRY(save(t));
    }
    return LBK_OK;
}

/* ---- begin and end ---- */

static lbk_status write_config(lbk__training *t) {
    char *text;
    LBK_TRY(lbk_config_text(t->config, &text));
    lbk_status status = lbk__run_config(&t->run, text);
    lbk_free(t->context, text);
    return status;
}

/* Names the keys that were changed since the run began; config.yaml itself may be gone, the checkpoint has
 * its hash. */
static lbk_status compare_config(lbk__training *t) {
    lbk_config *began = NULL;
    char *path = NULL, *yaml = NULL;
    size_t size;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__join(t->context, t->run.folder, "config.yaml", &path));
    if (!lbk__exists(path)) goto done;
    LBK_GO(lbk__read_file(t->context, path, 1 << 20, &yaml, &size));
    LBK_GO(lbk__config_create(t->context, &began));
    LBK_GO(lbk__config_parse(began, path, yaml, size));
    LBK_GO(lbk__config_match(t->config, began, path));
done:
    if (status == LBK_MISMATCH) lbk__fail_at(t->context, status, "cannot resume with another configuration");
    lbk_free(t->context, path);
    lbk_free(t->context, yaml);
    lbk_config_close(began);
    return status;
}

static lbk_status begin(lbk__training *t, bool resume) {
    lbk__run_mark mark;
    if (resume) LBK_TRY(compare_config(t));
    LBK_TRY(lbk__training_open(t));
    t->schedule = lbk__schedule_make(t->config->train.learning_rate, t->config->train.warmup_ratio,
                                     lbk__training_total_steps(t));
    t->state.evaluated_step = -1;
    LBK_TRY(lbk__training_allocate(t));
    LBK_TRY(lbk__training_start(t, resume, &mark));
    if (resume) t->saved_step = t->state.step;
    LBK_TRY(lbk__run_begin(&t->run, resume ? &mark : NULL));
    if (!resume) LBK_TRY(write_config(t));
    if (!resume && t->samples.meta) LBK_TRY(lbk__meta_split_write(t));
    lbk__run_log(&t->run, LBK_LOG_INFO, "%s: %s, %lld samples, %lld on dev, %lld steps%s", t->stage,
                 lbk__method_names[t->method], (long long)t->samples.count, (long long)t->samples.num_dev,
                 (long long)lbk__training_total_steps(t), resume ? ", resumed" : "");
    if (t->samples.meta)
        lbk__run_log(&t->run, LBK_LOG_INFO, "weights are learned on a meta split of %lld samples",
                     (long long)t->samples.num_meta);
    shuffle(t);
    return LBK_OK;
}

static void log_end(lbk__training *t) {
    char speed[48] = "";
    if (t->seconds > 0)
        snprintf(speed, sizeof speed, "; %.1f samples/s", (double)t->samples_done / t->seconds);
    lbk__run_log(&t->run, LBK_LOG_INFO, "done: dev %s %.4f at step %lld%s; the model is in %s", t->metric,
                 t->state.best, (long long)t->state.best_step, speed, t->run.best);
}

static lbk_status summarise(const lbk__training *t, char **out) {
    if (!out) return LBK_OK;
    const lbk__train_state *state = &t->state;
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:f, s:b, s:I, s:I}", "model", t->run.best, "method",
                  lbk__method_names[t->method], "metric", t->metric, "best", state->best, "best_step",
                  (json_int_t)state->best_step, "steps", (json_int_t)state->step, "epochs",
                  lbk__training_epoch(t), "stopped_early", (int)state->stopped_early, "skipped_steps",
                  (json_int_t)state->skipped, "num_samples", (json_int_t)t->samples.count);
    if (root && t->samples.meta) {
        json_object_set_new(root, "meta_samples", json_integer((json_int_t)t->samples.num_meta));
        json_object_set_new(root, "skipped_meta_steps", json_integer((json_int_t)state->meta_skipped));
    }
    if (root && t->seconds > 0)
        json_object_set_new(root, "samples_per_s", json_real((double)t->samples_done / t->seconds));
    return lbk__json_text(t->context, root, out);
}

lbk_status lbk__training_run(lbk__training *t, const char *out, bool resume, char **summary) {
    lbk_status status = LBK_OK;
    t->last_dev = NAN;
    t->saved = lbk__seconds();
    t->saved_step = -1;
    LBK_GO(lbk__run_open(t->context, out, resume, &t->run));
    LBK_GO(begin(t, resume));
    LBK_GO(loop(t));
    log_end(t);
    LBK_GO(summarise(t, summary));
done:
    lbk__training_close(t);
    return status;
}
