/* extractor.c: pixels → network → means over regions → projection → float16. */
#include "vision/extractor.h"

#include "base/file.h"
#include "base/half.h"
#include "format/hdf5_projection.h"
#include "kernel/kernel.h"
#include "kernel/threads.h"
#include "vision/efficientnet.h"

#include <math.h>
#include <string.h>

enum { SMALLEST = 32, LARGEST = 1024, LARGEST_GRID = 16 };

struct lbk__extractor {
    lbk_context *context;
    const lbk__efficientnet_config *config;
    lbk__convnet *net;
    lbk__projection projection;             /* out 0: none */
    int32_t batch, image_size, grid, cells; /* cells: of the map, a side */
    float *regions;                         /* [batch, grid², 1280] */
    float *projected;                       /* [batch, grid², projection.out] */
    char weights_hash[LBK__HASH_SIZE], projection_hash[LBK__HASH_SIZE];
};

static lbk_status check_sizes(lbk_context *context, int32_t image_size, int32_t grid) {
    if (image_size < SMALLEST || image_size > LARGEST)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "image_size %d: an image encoder takes %d to %d pixels a side", image_size, SMALLEST,
                         LARGEST);
    if (grid < 1 || grid > LARGEST_GRID)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "grid %d: 1 to %d regions a side are possible", grid,
                         LARGEST_GRID);
    return LBK_OK;
}

static lbk_status open_projection(lbk__extractor *x, const char *path) {
    LBK_TRY(lbk__projection_read(x->context, path, LBK__EFFICIENTNET_DIM, &x->projection));
    return lbk__hash_file(x->context, path, x->projection_hash);
}

static lbk_status open_net(lbk__extractor *x, const char *weights) {
    LBK_TRY(lbk__hash_file(x->context, weights, x->weights_hash));
    const lbk__threads host = lbk__threads_enter(x->context->num_threads);
    lbk_status status =
        lbk__efficientnet_open(x->context, x->config, weights, x->batch, x->image_size, &x->net);
    lbk__threads_leave(&host);
    LBK_TRY(status);
    x->cells = lbk__convnet_output_size(x->net);
    if (x->grid > 1 && x->grid >= x->cells)
        return lbk__fail(
            x->context, LBK_INVALID_ARGUMENT,
            "grid %d: pictures of %d pixels give %d cells a side, so at most %d regions that overlap",
            x->grid, x->image_size, x->cells, LBK_MAX(x->cells - 1, 1));
    return LBK_OK;
}

lbk_status lbk__extractor_open(lbk_context *context, const lbk_encoder_options *options, int32_t batch,
                               lbk__extractor **out) {
    lbk__extractor *x = NULL;
    lbk_status status = LBK_OK;
    *out = NULL;
    if (!options->name || !options->weights)
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "an image encoder needs its name and its file of weights");
    LBK_GO(LBK_ALLOC(context, x, 1));
    x->context = context;
    x->batch = batch;
    LBK_GO(lbk__efficientnet_find(context, options->name, &x->config));
    x->image_size = options->image_size ? options->image_size : x->config->image_size;
    x->grid = options->grid ? options->grid : 3;
    LBK_GO(check_sizes(context, x->image_size, x->grid));
    LBK_GO(open_net(x, options->weights));
    if (options->projection) LBK_GO(open_projection(x, options->projection));
    const size_t regions = (size_t)batch * (size_t)lbk__extractor_num_rows(x);
    LBK_GO(LBK_ALLOC(context, x->regions, regions * LBK__EFFICIENTNET_DIM));
    LBK_GO(LBK_ALLOC(context, x->projected, regions * (size_t)x->projection.out));
    *out = x;
done:
    if (status != LBK_OK) lbk__extractor_close(x);
    return status;
}

void lbk__extractor_close(lbk__extractor *x) {
    if (!x) return;
    lbk__convnet_free(x->net);
    lbk__projection_free(x->context, &x->projection);
    lbk_free(x->context, x->regions);
    lbk_free(x->context, x->projected);
    lbk_free(x->context, x);
}

int32_t lbk__extractor_image_size(const lbk__extractor *x) {
    return x->image_size;
}
int32_t lbk__extractor_num_rows(const lbk__extractor *x) {
    return x->grid * x->grid;
}
int32_t lbk__extractor_dim(const lbk__extractor *x) {
    return x->projection.out ? x->projection.out : LBK__EFFICIENTNET_DIM;
}

/* Region i of a side covers the cells from edge i to edge i + 1, both included: neighbours share one cell. */
static int32_t edge(const lbk__extractor *x, int32_t i) {
    return i * (x->cells - 1) / x->grid;
}

void lbk__extractor_boxes(const lbk__extractor *x, float *boxes) {
    const float cells = (float)x->cells;
    for (int32_t row = 0; row < x->grid; row++)
        for (int32_t column = 0; column < x->grid; column++, boxes += 4) {
            boxes[0] = (float)edge(x, column) / cells;
            boxes[1] = (float)edge(x, row) / cells;
            boxes[2] = (float)(edge(x, column + 1) + 1) / cells;
            boxes[3] = (float)(edge(x, row + 1) + 1) / cells;
        }
}

/* ---- running ---- */

/* Mean of the map [cells, cells, 1280] over region (row, column). */
static void average(const lbk__extractor *x, const float *map, int32_t row, int32_t column, float *out) {
    const int32_t top = edge(x, row), bottom = edge(x, row + 1), left = edge(x, column),
                  right = edge(x, column + 1);
    const float share = 1.0f / (float)((bottom - top + 1) * (right - left + 1));
    memset(out, 0, LBK__EFFICIENTNET_DIM * sizeof *out);
    for (int32_t v = top; v <= bottom; v++)
        for (int32_t u = left; u <= right; u++) {
            const float *cell = map + (size_t)(v * x->cells + u) * LBK__EFFICIENTNET_DIM;
            for (int c = 0; c < LBK__EFFICIENTNET_DIM; c++) out[c] += cell[c];
        }
    for (int c = 0; c < LBK__EFFICIENTNET_DIM; c++) out[c] *= share;
}

/* z = (r − mean) · componentsᵀ · scale of one picture; `regions` loses its mean. False: no memory. */
static bool project(const lbk__projection *p, int32_t num_rows, float *regions, float *out) {
    for (int32_t r = 0; r < num_rows; r++)
        for (int32_t c = 0; c < p->in; c++) regions[r * p->in + c] -= p->mean[c];
    const bool done = lbk__gemm(false, true, num_rows, p->out, p->in, regions, p->in, p->components, p->in,
                                0.0f, out, p->out);
    for (int32_t i = 0; done && i < num_rows * p->out; i++) out[i] *= p->scale;
    return done;
}

/* A picture at a time, on one thread: products of other shapes, or shared among threads, round differently.
 */
static void project_all(lbk__extractor *x, size_t count) {
    const lbk__threads host = lbk__threads_enter(1);
    const size_t num_rows = (size_t)lbk__extractor_num_rows(x);
    for (size_t i = 0; i < count; i++)
        if (!project(&x->projection, (int32_t)num_rows, x->regions + i * num_rows * LBK__EFFICIENTNET_DIM,
                     x->projected + i * num_rows * (size_t)x->projection.out))
            x->context->starved = true;
    lbk__threads_leave(&host);
}

static lbk_status to_half(const lbk__extractor *x, const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = lbk__float_to_half(from[i]);
        if ((to[i] & 0x7C00u) == 0x7C00u)
            return lbk__fail(
                x->context, LBK_NUMERIC,
                "%s gives %g, which float16 cannot hold: are weights and projection those of one network?",
                x->config->name, (double)from[i]);
    }
    return LBK_OK;
}

/* At most a batch; the rest of it runs on what is there from before. */
static lbk_status run_batch(lbk__extractor *x, const uint8_t *pixels, size_t count, uint16_t *rows) {
    const size_t values = (size_t)x->image_size * (size_t)x->image_size * 3,
                 map_values = (size_t)(x->cells * x->cells) * LBK__EFFICIENTNET_DIM,
                 num_rows = (size_t)lbk__extractor_num_rows(x);
    float *input = lbk__convnet_input(x->net);
    const float *map;
    for (size_t i = 0; i < count * values; i++) input[i] = ((float)pixels[i] - 127.0f) / 128.0f;
    LBK_TRY(lbk__convnet_run(x->net, &map));
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < num_rows; r++)
            average(x, map + i * map_values, (int32_t)r / x->grid, (int32_t)r % x->grid,
                    x->regions + (i * num_rows + r) * LBK__EFFICIENTNET_DIM);
    if (x->projection.out) project_all(x, count);
    LBK_TRY(lbk__check_starved(x->context));
    return to_half(x, x->projection.out ? x->projected : x->regions,
                   count * num_rows * (size_t)lbk__extractor_dim(x), rows);
}

lbk_status lbk__extractor_run(lbk__extractor *x, const uint8_t *pixels, size_t count, uint16_t *rows) {
    const size_t values = (size_t)x->image_size * (size_t)x->image_size * 3, batch = (size_t)x->batch,
                 row_values = (size_t)lbk__extractor_num_rows(x) * (size_t)lbk__extractor_dim(x);
    const lbk__threads host = lbk__threads_enter(x->context->num_threads);
    lbk_status status = LBK_OK;
    for (size_t done = 0; done < count && status == LBK_OK; done += batch)
        status = run_batch(x, pixels + done * values, LBK_MIN(count - done, batch), rows + done * row_values);
    lbk__threads_leave(&host);
    return status;
}

/* ---- identity ---- */

json_t *lbk__extractor_identity(const lbk__extractor *x) {
    json_t *identity = json_pack("{s:s, s:s, s:i, s:i}", "extractor", x->config->name, "weights_sha256",
                                 x->weights_hash, "input_size", x->image_size, "grid", x->grid);
    if (identity && x->projection.out)
        json_object_set_new(identity, "projection_sha256", json_string(x->projection_hash));
    return identity;
}

static bool is_identity(const json_t *object) {
    return json_is_string(json_object_get(object, "extractor")) &&
           json_is_string(json_object_get(object, "weights_sha256")) &&
           json_is_integer(json_object_get(object, "input_size")) &&
           json_is_integer(json_object_get(object, "grid"));
}

const json_t *lbk__extractor_identity_in(const json_t *source) {
    const json_t *attributes = json_object_get(source, "attributes");
    if (is_identity(source)) return source;
    return is_identity(attributes) ? attributes : NULL;
}

static int32_t small_integer(const json_t *object, const char *key) {
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value < 1 || value > INT32_MAX ? -1 : (int32_t)value;
}

bool lbk__extractor_same(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"extractor", "weights_sha256", "input_size", "grid",
                                       "projection_sha256"};
    for (size_t i = 0; i < LBK_COUNT(keys); i++) {
        json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
        if (x != y && !json_equal(x, y)) return false;
    }
    return true;
}

lbk_encoder_options lbk__extractor_options(const json_t *identity) {
    return (lbk_encoder_options){.name = json_string_value(json_object_get(identity, "extractor")),
                                 .image_size = small_integer(identity, "input_size"),
                                 .grid = small_integer(identity, "grid")};
}

static bool same(const json_t *identity, const char *key, const char *ours) {
    const char *theirs = json_string_value(json_object_get(identity, key));
    return strcmp(theirs ? theirs : "", ours) == 0;
}

lbk_status lbk__extractor_check(const lbk__extractor *x, const json_t *identity) {
    const lbk_encoder_options wanted = lbk__extractor_options(identity);
    if (!same(identity, "extractor", x->config->name) || wanted.image_size != x->image_size ||
        wanted.grid != x->grid)
        return lbk__fail(x->context, LBK_MISMATCH,
                         "the rows were made by %s, %d pixels, grid %d; this is %s, %d pixels, grid %d",
                         wanted.name, wanted.image_size, wanted.grid, x->config->name, x->image_size,
                         x->grid);
    if (!same(identity, "weights_sha256", x->weights_hash))
        return lbk__fail(x->context, LBK_MISMATCH,
                         "the weights of %s are not those that made the rows: SHA-256 %.12s…, not %.12s…",
                         x->config->name, x->weights_hash,
                         json_string_value(json_object_get(identity, "weights_sha256")));
    if (!same(identity, "projection_sha256", x->projection_hash)) {
        const bool had = json_object_get(identity, "projection_sha256");
        return lbk__fail(x->context, LBK_MISMATCH, "%s",
                         !had                ? "the rows were made without a projection; leave it out"
                         : x->projection.out ? "the projection is not the one that made the rows"
                                             : "the rows were made with a projection; give its file");
    }
    return LBK_OK;
}
