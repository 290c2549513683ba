/* watch.c: what is told at the end of an epoch about the weights of (5), and about learning them. */
#include "base/names.h"
#include "data/pack.h"
#include "train/report.h"
#include "train/training.h"

#include <math.h>
#include <string.h>

enum { MOST_CLASSES = 100, LONGEST_NAME = 40 };

/* ---- the weights ---- */

static lbk_status log_by_view(lbk__training *t, int64_t count) {
    lbk__weight_summary summary[LBK_NUM_VIEWS];
    LBK_TRY(lbk__summarise_weights(t->context, t->epoch_weights, count, summary));
    lbk__scalar scalars[5 * LBK_NUM_VIEWS];
    char names[5 * LBK_NUM_VIEWS][32];
    static const char *const parts[] = {"mean", "deviation", "p5", "p50", "p95"};
    for (int v = 0; v < LBK_NUM_VIEWS; v++) {
        const double values[] = {summary[v].mean, summary[v].deviation, summary[v].percentile_5,
                                 summary[v].percentile_50, summary[v].percentile_95};
        for (int p = 0; p < 5; p++) {
            char *name = names[5 * v + p];
            snprintf(name, sizeof names[0], "%s_%s", lbk__view_names[v], parts[p]);
            scalars[5 * v + p] = (lbk__scalar){name, values[p]};
        }
    }
    if (t->meta.network)
        lbk__run_log(&t->run, LBK_LOG_INFO,
                     "step %lld, epoch %.2f: weights joint %.3f ± %.3f, text %.3f ± %.3f, image %.3f ± %.3f",
                     (long long)t->state.step, lbk__training_epoch(t), summary[LBK_VIEW_JOINT].mean,
                     summary[LBK_VIEW_JOINT].deviation, summary[LBK_VIEW_TEXT].mean,
                     summary[LBK_VIEW_TEXT].deviation, summary[LBK_VIEW_IMAGE].mean,
                     summary[LBK_VIEW_IMAGE].deviation);
    return lbk__run_scalars(&t->run, "weights", t->state.step, lbk__training_epoch(t), scalars,
                            LBK_COUNT(scalars));
}

/* Mean and deviation of the weights of one class. */
typedef struct class_tally {
    double count, sum[LBK_NUM_VIEWS], squares[LBK_NUM_VIEWS];
} class_tally;

static lbk_status tally_classes(const lbk__training *t, int64_t count, class_tally *tally) {
    for (int64_t i = 0; i < count; i++) {
        const int32_t index = t->samples.order[i];
        const float *weights = t->epoch_weights + i * LBK_NUM_VIEWS;
        lbk_sample sample;
        if (!t->samples.labelled[index]) continue;
        LBK_TRY(lbk_pack_sample(t->pack, index, &sample));
        for (int32_t k = 0; k < sample.num_labels; k++) {
            class_tally *own = &tally[sample.classes[k]];
            if (!lbk__is_true(sample.scores[k])) continue;
            own->count++;
            for (int v = 0; v < LBK_NUM_VIEWS; v++) {
                own->sum[v] += (double)weights[v];
                own->squares[v] += (double)weights[v] * (double)weights[v];
            }
        }
    }
    return LBK_OK;
}

/* The class's name where it can be part of a JSON key as it is, else its number. */
static void call_class(const lbk__training *t, int32_t c, char out[LONGEST_NAME + 1]) {
    const char *name = lbk_pack_class_name(t->pack, c);
    bool plain = strlen(name) <= LONGEST_NAME && strncmp(name, "class ", 6) != 0;
    for (const char *at = name; plain && *at; at++)
        plain = *at != '"' && *at != '\\' && (unsigned char)*at >= ' ';
    if (plain)
        strcpy(out, name);
    else
        snprintf(out, LONGEST_NAME + 1, "class %d", c);
}

/* A line for packs of a few classes: by class (each that is true for a sample) and view. */
static lbk_status log_by_class(lbk__training *t, int64_t count) {
    class_tally tally[MOST_CLASSES] = {0};
    lbk__scalar scalars[MOST_CLASSES * LBK_NUM_VIEWS * 2];
    char names[MOST_CLASSES * LBK_NUM_VIEWS * 2][LONGEST_NAME + 24], class_name[LONGEST_NAME + 1];
    size_t n = 0;
    if (t->num_classes > MOST_CLASSES) return LBK_OK;
    LBK_TRY(tally_classes(t, count, tally));
    for (int32_t c = 0; c < t->num_classes; c++) {
        call_class(t, c, class_name);
        for (int v = 0; v < LBK_NUM_VIEWS && tally[c].count > 0; v++) {
            const double mean = tally[c].sum[v] / tally[c].count,
                         variance = fmax(tally[c].squares[v] / tally[c].count - mean * mean, 0);
            snprintf(names[n], sizeof names[n], "%s_%s_mean", class_name, lbk__view_names[v]);
            snprintf(names[n + 1], sizeof names[n], "%s_%s_deviation", class_name, lbk__view_names[v]);
            scalars[n] = (lbk__scalar){names[n], mean};
            scalars[n + 1] = (lbk__scalar){names[n + 1], sqrt(variance)};
            n += 2;
        }
    }
    return lbk__run_scalars(&t->run, "weights_by_class", t->state.step, lbk__training_epoch(t), scalars, n);
}

lbk_status lbk__training_log_weights(lbk__training *t) {
    if (t->method != LBK__METHOD_MSD) return LBK_OK;
    const int64_t count = t->state.position;
    for (int64_t i = 0; i < count; i++)
        lbk__training_weights(t, t->samples.order[i], t->epoch_weights + i * LBK_NUM_VIEWS);
    LBK_TRY(log_by_view(t, count));
    return log_by_class(t, count);
}

/* ---- learning them ---- */

lbk_status lbk__training_log_meta(lbk__training *t) {
    const lbk__meta_window *m = &t->state.meta;
    const double n = m->steps, seen = m->watched > 0 ? 1 : NAN;
    const double joint = seen * m->cosine[LBK_VIEW_JOINT], text = seen * m->cosine[LBK_VIEW_TEXT],
                 image = seen * m->cosine[LBK_VIEW_IMAGE];
    const lbk__scalar scalars[] = {
        {"meta_loss", m->meta_loss / n},
        {"gain", m->gain / n},
        {"gain_uniform", m->gain_uniform / n},
        {"gradient_norm", m->gradient_norm / n},
        {"cosine_joint", joint},
        {"cosine_text", text},
        {"cosine_image", image},
        {"skipped", (double)t->state.meta_skipped},
    };
    LBK_TRY(lbk__run_scalars(&t->run, "meta", t->state.step, lbk__training_epoch(t), scalars,
                             LBK_COUNT(scalars)));
    if (n > 0)
        lbk__run_log(
            &t->run, LBK_LOG_INFO,
            "step %lld, epoch %.2f: meta loss %.4f; a virtual step gains %.3g, with uniform weights %.3g; "
            "cosine with the views' gradients: joint %.3f, text %.3f, image %.3f",
            (long long)t->state.step, lbk__training_epoch(t), m->meta_loss / n, m->gain / n,
            m->gain_uniform / n, joint, text, image);
    t->state.meta = (lbk__meta_window){0};
    return LBK_OK;
}
