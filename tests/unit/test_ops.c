/* Properties of each op on random shapes: backward and tangent against central differences of the plain
 * reference, backward against tangent (⟨v, J·u⟩ = ⟨Jᵀ·v, u⟩), fast against reference, gradients that add to
 * what is there. */
#include "op_case.h"

#include "base/random.h"
#include "kernel/padded.h"

enum { MOST_ROWS = 120, MOST_SEQUENCES = 6, TRIALS = 12 };

/* A spec and the arrays that it points to. */
typedef struct random_case {
    op_spec spec;
    int32_t start[MOST_SEQUENCES + 1], tokens[MOST_ROWS], position[MOST_ROWS], segment[MOST_ROWS];
} random_case;

typedef struct dice {
    uint32_t stream;
    uint64_t rolls;
} dice;

static int32_t below(dice *d, uint32_t bound) {
    return (int32_t)lbk__below(17, d->stream, 0, d->rolls++, bound);
}

static double *normals(dice *d, size_t count) {
    double *numbers = malloc((count + 1) * sizeof *numbers);
    for (size_t i = 0; i < count; i++) numbers[i] = (double)(float)lbk__normal(18, d->stream, 0, d->rolls++);
    return numbers;
}

/* Sizes that are 1, prime, a multiple of the vector's width, one more, one less. */
static int32_t some_size(dice *d) {
    static const int32_t sizes[] = {1, 2, 3, 7, 8, 13, 15, 16, 17, 31, 33};
    return sizes[below(d, LBK_COUNT(sizes))];
}

static void roll_sequences(dice *d, random_case *r) {
    static const int32_t lengths[] = {1, 2, 5, 8, 13, 16, 17, 19};
    r->spec.num_sequences = below(d, MOST_SEQUENCES + 1);
    for (int32_t s = 0; s < r->spec.num_sequences; s++)
        r->start[s + 1] = r->start[s] + lengths[below(d, LBK_COUNT(lengths))];
    r->spec.rows = r->start[r->spec.num_sequences];
}

static void roll_tokens(dice *d, random_case *r) {
    r->spec.vocab = some_size(d), r->spec.positions = some_size(d);
    r->spec.visual = r->spec.form ? some_size(d) : 0;
    for (int32_t t = 0; t < r->spec.rows; t++) {
        const bool visual = r->spec.form && below(d, 3) == 0;
        r->tokens[t] = visual ? -1 - below(d, (uint32_t)r->spec.visual) : below(d, (uint32_t)r->spec.vocab);
        r->position[t] = below(d, (uint32_t)r->spec.positions);
        r->segment[t] = below(d, 2);
    }
}

static void roll(dice *d, int32_t kind, random_case *r) {
    static const float probabilities[] = {0.0f, 0.1f, 0.5f};
    *r = (random_case){.spec = {.kind = kind, .cols = some_size(d), .form = below(d, 2)}};
    r->spec.start = r->start, r->spec.tokens = r->tokens;
    r->spec.position = r->position, r->spec.segment = r->segment;
    r->spec.rows = below(d, 4) == 0 ? below(d, 2) : some_size(d);
    r->spec.probability = probabilities[below(d, 3)];
    if (kind == OP_LINEAR) r->spec.out = some_size(d), r->spec.activation = below(d, 3);
    if (kind == OP_LAYERNORM) r->spec.cols += 6; /* few numbers can lie so close that 1/σ is huge */
    if (kind >= OP_ATTENTION && kind != OP_DROPOUT) roll_sequences(d, r);
    if (kind == OP_EMBED) roll_tokens(d, r);
    if (kind == OP_ATTENTION || kind == OP_ABSORB_KEYS || kind == OP_POOLED_ATTENTION) {
        r->spec.heads = 1 + below(d, 4);
        r->spec.cols = r->spec.heads * (1 + below(d, 19));
    }
}

/* ---- one random case ---- */

typedef struct bench {
    lbk_context *context;
    dice dice;
    random_case random;
    op_case reference;
    size_t point, result;
    double *at, *u, *v, *y, *gradient, *tangent; /* point, direction, covector; the reference's answers */
} bench;

/* The op is b->random's. */
static void open_bench(bench *b, lbk_context *context) {
    b->context = context;
    op_open(&b->reference, context, &b->random.spec, LBK__TAPE_META, true);
    b->point = b->reference.point, b->result = b->reference.result;
    b->at = normals(&b->dice, b->point), b->u = normals(&b->dice, b->point);
    b->v = normals(&b->dice, b->result);
    b->y = malloc((b->result + 1) * sizeof *b->y);
    b->tangent = malloc((b->result + 1) * sizeof *b->tangent);
    b->gradient = malloc((b->point + 1) * sizeof *b->gradient);
    op_forward(&b->reference, b->at, b->y);
    op_backward(&b->reference, b->v, NULL, b->gradient);
    op_tangent(&b->reference, b->u, b->tangent);
}

static void close_bench(bench *b) {
    op_close(&b->reference);
    double *const arrays[] = {b->at, b->u, b->v, b->y, b->gradient, b->tangent};
    for (size_t i = 0; i < LBK_COUNT(arrays); i++) free(arrays[i]);
}

static double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* (f(at + h·d) − f(at − h·d)) / 2h */
static void central_difference(bench *b, const double *d, double *out) {
    const double h = 1e-5;
    double *moved = malloc((b->point + 1) * sizeof *moved), *low = malloc((b->result + 1) * sizeof *low);
    for (size_t i = 0; i < b->point; i++) moved[i] = b->at[i] + h * d[i];
    op_forward(&b->reference, moved, out);
    for (size_t i = 0; i < b->point; i++) moved[i] = b->at[i] - h * d[i];
    op_forward(&b->reference, moved, low);
    for (size_t i = 0; i < b->result; i++) out[i] = (out[i] - low[i]) / (2 * h);
    free(moved);
    free(low);
}

/* ---- properties ---- */

static void tangent_is_the_central_difference(bench *b) {
    double *difference = malloc((b->result + 1) * sizeof *difference);
    central_difference(b, b->u, difference);
    op_compare("tangent against central difference", b->tangent, difference, b->result, 1e-2, 1e-6);
    free(difference);
}

/* Element by element: at most 200 of them. */
static void backward_is_the_central_difference(bench *b) {
    double *difference = malloc((b->result + 1) * sizeof *difference);
    double *unit = calloc(b->point + 1, sizeof *unit);
    const double size = sqrt(dot(b->gradient, b->gradient, b->point) / (double)LBK_MAX(b->point, 1));
    for (size_t i = 0; i < b->point; i += b->point / 200 + 1) {
        unit[i] = 1;
        central_difference(b, unit, difference);
        unit[i] = 0;
        check_near(b->gradient[i], dot(b->v, difference, b->result),
                   1e-6 * (size + fabs(b->gradient[i])) + 1e-8);
    }
    free(difference);
    free(unit);
}

static void backward_and_tangent_are_adjoint(bench *b) {
    const double scale = sqrt(dot(b->v, b->v, b->result) * dot(b->tangent, b->tangent, b->result));
    check_near(dot(b->v, b->tangent, b->result), dot(b->gradient, b->u, b->point), 1e-12 * scale + 1e-12);
}

static void fast_is_the_reference(bench *b, const double *prior, const double *sum) {
    op_case fast;
    op_open(&fast, b->context, &b->random.spec, LBK__TAPE_META, false);
    double *y = malloc((b->result + 1) * sizeof *y), *gradient = malloc((b->point + 1) * sizeof *gradient);
    op_forward(&fast, b->at, y);
    op_compare("fast forward", y, b->y, b->result, 1e-2, 4e-6);
    op_tangent(&fast, b->u, y);
    op_compare("fast tangent", y, b->tangent, b->result, 1e-2, 4e-6);
    op_backward(&fast, b->v, NULL, gradient);
    op_compare("fast backward", gradient, b->gradient, b->point, 1e-2, 4e-6);
    op_backward(&fast, b->v, prior, gradient);
    op_compare("fast backward onto gradients", gradient, sum, b->point, 1e-2, 4e-6);
    free(y);
    free(gradient);
    op_close(&fast);
}

static void gradients_add(bench *b) {
    double *prior = normals(&b->dice, b->point), *gradient = malloc((b->point + 1) * sizeof *gradient);
    double *sum = malloc((b->point + 1) * sizeof *sum);
    for (size_t i = 0; i < b->point; i++) sum[i] = prior[i] + b->gradient[i];
    op_forward(&b->reference, b->at, b->y);
    op_backward(&b->reference, b->v, prior, gradient);
    op_compare("backward onto gradients", gradient, sum, b->point, 1e-2, 1e-12);
    fast_is_the_reference(b, prior, sum);
    free(prior);
    free(sum);
    free(gradient);
}

static void check_op(int32_t kind) {
    lbk_context *context = check_context();
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        bench b = {.dice = {.stream = 1000u * (uint32_t)kind + trial}};
        roll(&b.dice, kind, &b.random);
        open_bench(&b, context);
        backward_and_tangent_are_adjoint(&b);
        tangent_is_the_central_difference(&b);
        backward_is_the_central_difference(&b);
        gradients_add(&b);
        close_bench(&b);
    }
    lbk_context_destroy(context);
}

static void linear(void **state) {
    (void)state;
    check_op(OP_LINEAR);
}
/* Twice: the second time what was made of the weights is known. */
static void inference_is_the_reference(bench *b) {
    op_case fast;
    op_open(&fast, b->context, &b->random.spec, LBK__TAPE_INFER, false);
    double *y = malloc((b->result + 1) * sizeof *y);
    for (int time = 0; time < 2; time++) {
        op_forward(&fast, b->at, y);
        op_compare("fast forward, inference", y, b->y, b->result, 1e-2, 4e-6);
    }
    free(y);
    op_close(&fast);
}

/* Large enough for weights to be copied, transposed and not. */
static void large_linear(void **state) {
    (void)state;
    lbk_context *context = check_context();
    bench b = {.dice = {.stream = 9000},
               .random.spec = {.kind = OP_LINEAR, .rows = 600, .cols = 300, .out = 110, .activation = 1}};
    assert_true(lbk__padded_bytes(true, 600, 110, 300) > 0 && lbk__padded_bytes(false, 600, 300, 110) > 0);
    open_bench(&b, context);
    inference_is_the_reference(&b);
    gradients_add(&b);
    close_bench(&b);
    lbk_context_destroy(context);
}
static void layernorm(void **state) {
    (void)state;
    check_op(OP_LAYERNORM);
}
static void attention(void **state) {
    (void)state;
    check_op(OP_ATTENTION);
}
static void absorb_keys(void **state) {
    (void)state;
    check_op(OP_ABSORB_KEYS);
}
static void pooled_attention(void **state) {
    (void)state;
    check_op(OP_POOLED_ATTENTION);
}
static void dropout(void **state) {
    (void)state;
    check_op(OP_DROPOUT);
}
static void embed(void **state) {
    (void)state;
    check_op(OP_EMBED);
}
static void pick(void **state) {
    (void)state;
    check_op(OP_PICK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),    cmocka_unit_test(large_linear), cmocka_unit_test(layernorm),
        cmocka_unit_test(attention), cmocka_unit_test(absorb_keys),  cmocka_unit_test(pooled_attention),
        cmocka_unit_test(dropout),   cmocka_unit_test(embed),        cmocka_unit_test(pick),
    };
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
