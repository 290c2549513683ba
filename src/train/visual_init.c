/* visual_init.c: a visual projection that speaks the text encoder's language from the first step: ridge
 * regression from a picture's rows to the mean word embedding of its texts. Inputs alone are looked at, no
 * label. */
#include "train/visual_init.h"

#include "base/half.h"
#include "kernel/kernel.h"
#include "kernel/threads.h"
#include "model/parameters.h"

#include <math.h>

enum { MOST_ROWS = 65536, CHUNK = 512 };
static const double RIDGE = 0.1; /* of the rows' mean variance: added to each dimension's own */

typedef struct fit {
    lbk__model *model;
    const lbk_pack *pack;
    int64_t dim, hidden;
    int64_t num_images;
    int32_t *first,
        *num_texts;       /* [images] a sample that shows the image; how many do, 0: the image is left out */
    double *targets;      /* [images, hidden] mean over its texts of their mean word embedding */
    double *word_mean;    /* [hidden], of all words */
    double word_variance; /* mean over dimensions */
    double *row_mean;     /* [dim] */
    int64_t num_rows, stride; /* every stride-th image is used */
    float *rows, *wanted;     /* [CHUNK, dim], [CHUNK, hidden] centred, `filled` of them */
    int64_t filled;
    bool done;                 /* no product failed for want of memory */
    float *gram, *cross;       /* [dim, dim], [dim, hidden] */
    double *factor, *solution; /* [dim, dim], [dim, hidden] */
} fit;

static float *parameter(const fit *f, const char *name) {
    return f->model->values + lbk__model_find(f->model, name)->offset;
}

static lbk_status nothing_to_fit(const fit *f) {
    return lbk__fail(f->model->context, LBK_INVALID_ARGUMENT,
                     "model.visual_init words needs training samples that have both a text and an image");
}

/* ---- words ---- */

static lbk_status gather_words(fit *f, const int32_t *samples, int64_t num_samples) {
    const float *embeddings = parameter(f, "visual_bert.embeddings.word_embeddings.weight");
    double squares = 0, words = 0;
    for (int64_t i = 0; i < num_samples; i++) {
        lbk_sample s;
        LBK_TRY(lbk_pack_sample(f->pack, samples[i], &s));
        const int32_t count = s.num_tokens - 2; /* [CLS] and [SEP] are no words */
        if (s.image < 0 || count <= 0) continue;
        for (int64_t d = 0; d < f->hidden; d++) {
            double sum = 0;
            for (int32_t w = 1; w <= count; w++) {
                const double x = embeddings[s.tokens[w] * f->hidden + d];
                sum += x, squares += x * x;
            }
            f->word_mean[d] += sum;
            f->targets[s.image * f->hidden + d] += sum / count;
        }
        words += count;
        f->first[s.image] = samples[i];
        f->num_texts[s.image]++;
    }
    if (words == 0) return nothing_to_fit(f);
    for (int64_t d = 0; d < f->hidden; d++) {
        f->word_mean[d] /= words;
        f->word_variance -= f->word_mean[d] * f->word_mean[d] / (double)f->hidden;
    }
    f->word_variance += squares / words / (double)f->hidden;
    for (int64_t j = 0; j < f->num_images * f->hidden; j++)
        f->targets[j] /= LBK_MAX(1, f->num_texts[j / f->hidden]);
    return LBK_OK;
}

/* ---- rows ---- */

/* Calls `use` with every image that is used. */
static lbk_status each_image(fit *f, void (*use)(fit *f, const lbk_sample *s)) {
    int64_t seen = 0;
    for (int64_t j = 0; j < f->num_images; j++) {
        lbk_sample s;
        if (!f->num_texts[j] || seen++ % f->stride != 0) continue;
        LBK_TRY(lbk_pack_sample(f->pack, f->first[j], &s));
        use(f, &s);
    }
    return LBK_OK;
}

static void count_rows(fit *f, const lbk_sample *s) {
    f->num_rows += s->num_rows;
}

static void add_mean(fit *f, const lbk_sample *s) {
    for (int64_t i = 0; i < s->num_rows * f->dim; i++)
        f->row_mean[i % f->dim] += lbk__half_to_float(s->visual[i]) / (double)f->num_rows;
}

static void flush(fit *f) {
    const lbk__threads host = lbk__threads_enter(f->model->context->num_threads);
    f->done = f->done &&
              lbk__gemm(true, false, f->dim, f->dim, f->filled, f->rows, f->dim, f->rows, f->dim, 1, f->gram,
                        f->dim) &&
              lbk__gemm(true, false, f->dim, f->hidden, f->filled, f->rows, f->dim, f->wanted, f->hidden, 1,
                        f->cross, f->hidden);
    lbk__threads_leave(&host);
    f->filled = 0;
}

static void add_products(fit *f, const lbk_sample *s) {
    const double *target = f->targets + s->image * f->hidden;
    for (int32_t r = 0; r < s->num_rows; r++) {
        float *row = f->rows + f->filled * f->dim, *wanted = f->wanted + f->filled * f->hidden;
        for (int64_t c = 0; c < f->dim; c++)
            row[c] = (float)(lbk__half_to_float(s->visual[r * f->dim + c]) - f->row_mean[c]);
        for (int64_t d = 0; d < f->hidden; d++) wanted[d] = (float)(target[d] - f->word_mean[d]);
        if (++f->filled == CHUNK) flush(f);
    }
}

static lbk_status gather_rows(fit *f) {
    f->stride = 1;
    LBK_TRY(each_image(f, count_rows));
    if (f->num_rows == 0) return nothing_to_fit(f);
    f->stride = (f->num_rows + MOST_ROWS - 1) / MOST_ROWS;
    f->num_rows = 0;
    LBK_TRY(each_image(f, count_rows));
    LBK_TRY(each_image(f, add_mean));
    LBK_TRY(each_image(f, add_products));
    flush(f);
    return f->done ? LBK_OK : lbk__fail(f->model->context, LBK_NO_MEMORY, "model.visual_init: out of memory");
}

/* ---- the regression ---- */

/* gram + ridge = L·Lᵀ, L below the diagonal of `factor`: positive definite, since the ridge is. */
static void factorise(fit *f) {
    const int64_t n = f->dim;
    double trace = 0;
    for (int64_t c = 0; c < n; c++) trace += f->gram[c * n + c];
    const double ridge = RIDGE * trace / (double)n + 1e-12;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = f->gram[i * n + j] + (i == j ? ridge : 0);
            for (int64_t k = 0; k < j; k++) sum -= f->factor[i * n + k] * f->factor[j * n + k];
            f->factor[i * n + j] = i == j ? sqrt(sum) : sum / f->factor[j * n + j];
        }
}

/* L·Lᵀ·solution = cross. */
static void solve(fit *f) {
    const int64_t n = f->dim, h = f->hidden;
    double *x = f->solution;
    for (int64_t i = 0; i < n * h; i++) x[i] = f->cross[i];
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < i; k++)
            for (int64_t d = 0; d < h; d++) x[i * h + d] -= f->factor[i * n + k] * x[k * h + d];
        for (int64_t d = 0; d < h; d++) x[i * h + d] /= f->factor[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t k = i + 1; k < n; k++)
            for (int64_t d = 0; d < h; d++) x[i * h + d] -= f->factor[k * n + i] * x[k * h + d];
        for (int64_t d = 0; d < h; d++) x[i * h + d] /= f->factor[i * n + i];
    }
}

/* Mean over rows and dimensions of (solutionᵀ·row)². */
static double fitted_variance(const fit *f) {
    const int64_t n = f->dim, h = f->hidden;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double product = 0;
            for (int64_t d = 0; d < h; d++) product += f->solution[i * h + d] * f->solution[j * h + d];
            sum += f->gram[i * n + j] * product;
        }
    return sum / (double)f->num_rows / (double)h;
}

/* Regression draws its answers together; words are spread, so they are spread again. */
static void write(fit *f, double scale) {
    const int64_t n = f->dim, h = f->hidden;
    float *weight = parameter(f, "visual_bert.embeddings.visual_projection.weight"),
          *bias = parameter(f, "visual_bert.embeddings.visual_projection.bias"),
          *position = parameter(f, "visual_bert.embeddings.visual_position_embeddings.weight"),
          *type = parameter(f, "visual_bert.embeddings.visual_token_type_embeddings.weight");
    const float *word_position = parameter(f, "visual_bert.embeddings.position_embeddings.weight"),
                *word_type = parameter(f, "visual_bert.embeddings.token_type_embeddings.weight");
    const int64_t positions = LBK_MIN(f->model->max_text_tokens, f->model->config.max_position_embeddings);
    for (int64_t d = 0; d < h; d++) {
        double constant = f->word_mean[d], place = 0;
        for (int64_t c = 0; c < n; c++) {
            weight[d * n + c] = (float)(scale * f->solution[c * h + d]);
            constant -= scale * f->solution[c * h + d] * f->row_mean[c];
        }
        for (int64_t p = 0; p < positions; p++) place += word_position[p * h + d] / (double)positions;
        bias[d] = (float)constant;
        position[d] = (float)place; /* all rows are at position 0 */
        type[h + d] = word_type[d]; /* and of type 1 */
    }
}

/* ---- all of it ---- */

static lbk_status allocate(fit *f) {
    lbk_context *context = f->model->context;
    const size_t dim = (size_t)f->dim, hidden = (size_t)f->hidden, images = (size_t)f->num_images;
    LBK_TRY(LBK_ALLOC(context, f->first, images));
    LBK_TRY(LBK_ALLOC(context, f->num_texts, images));
    LBK_TRY(LBK_ALLOC(context, f->targets, images * hidden));
    LBK_TRY(LBK_ALLOC(context, f->word_mean, hidden));
    LBK_TRY(LBK_ALLOC(context, f->row_mean, dim));
    LBK_TRY(LBK_ALLOC(context, f->rows, CHUNK * dim));
    LBK_TRY(LBK_ALLOC(context, f->wanted, CHUNK * hidden));
    LBK_TRY(LBK_ALLOC(context, f->gram, dim * dim));
    LBK_TRY(LBK_ALLOC(context, f->cross, dim * hidden));
    LBK_TRY(LBK_ALLOC(context, f->factor, dim * dim));
    return LBK_ALLOC(context, f->solution, dim * hidden);
}

static void release(fit *f) {
    void *buffers[] = {f->first,  f->num_texts, f->targets, f->word_mean, f->row_mean, f->rows,
                       f->wanted, f->gram,      f->cross,   f->factor,    f->solution};
    for (size_t i = 0; i < LBK_COUNT(buffers); i++) lbk_free(f->model->context, buffers[i]);
}

lbk_status lbk__visual_init_words(lbk__model *model, const lbk_pack *pack, const int32_t *samples,
                                  int64_t num_samples, char **report) {
    fit f = {.model = model,
             .pack = pack,
             .dim = model->config.visual_embedding_dim,
             .hidden = model->config.hidden_size,
             .num_images = lbk_pack_num_images(pack),
             .done = true};
    lbk_status status = LBK_OK;
    *report = NULL;
    LBK_GO(allocate(&f));
    LBK_GO(gather_words(&f, samples, num_samples));
    LBK_GO(gather_rows(&f));
    factorise(&f);
    solve(&f);
    const double fitted = fitted_variance(&f);
    const double scale = fitted > 0 ? sqrt(f.word_variance / fitted) : 1;
    write(&f, scale);
    LBK_GO(lbk__format(model->context, report,
                       "visual projection fitted to the words of %lld rows' pictures, spread %.3g times",
                       (long long)f.num_rows, scale));
done:
    release(&f);
    return status;
}
