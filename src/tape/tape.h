/* tape.h: a static graph of coarse ops. A model's forward function calls the ops of ops.h once, which record
 * themselves; lbk__tape_plan then lays out every buffer for the largest batch, and the tape runs any batch
 * within that, without allocating: forward, then backward (vector-Jacobian products) and tangent
 * (Jacobian-vector products) over the same saved activations.
 *
 * Element type: float32 with the fast kernels; float64 throughout when the tape is a reference tape. */
#ifndef LBK_TAPE_TAPE_H
#define LBK_TAPE_TAPE_H

#include "base/base.h"
#include "kernel/narrow.h"
#include "kernel/packed.h"

#include <jansson.h>

/* What a tensor's row stands for; how many rows there are is the batch's business. */
typedef enum lbk__extent {
    LBK__TOKENS,      /* T: tokens of all sequences */
    LBK__SEQUENCES,   /* S */
    LBK__VISUAL_ROWS, /* R */
    LBK__NUM_EXTENTS
} lbk__extent;

/* A stretch of planned memory; lives from step `birth` to step `death` of the tape's life, both included. */
typedef struct lbk__buffer {
    size_t bytes, offset;
    int birth, death;
    void *data;
} lbk__buffer;

typedef struct lbk__tensor {
    lbk__extent extent;
    int32_t cols;
    bool leaf;                            /* data from outside: no gradient, no tangent */
    bool saved;                           /* backward or tangent of some op reads the value */
    int producer;                         /* index of its op, −1 for leaves */
    int first_use, last_use;              /* ops that read it; first_use is the last to add to its gradient */
    lbk__buffer value, gradient, tangent; /* [rows, cols] */
} lbk__tensor;

/* Where a parameter's numbers start in the arrays `weights`, `gradients`, `direction`. */
typedef struct lbk__slot {
    size_t offset;
    int32_t rows, cols;
} lbk__slot;

typedef struct lbk__tape lbk__tape;
typedef struct lbk__op lbk__op;

enum { LBK__MAX_INPUTS = 3, LBK__MAX_SLOTS = 6, LBK__MAX_SAVED = 2 };

typedef enum lbk__pass { LBK__FORWARD, LBK__BACKWARD, LBK__TANGENT, LBK__NUM_PASSES } lbk__pass;

/* Where an op's time went: all of it, that in matrix products, and the products' floating-point operations.
 */
typedef struct lbk__op_time {
    double seconds, in_products, operations;
} lbk__op_time;

typedef enum lbk__activation { LBK__IDENTITY, LBK__GELU, LBK__TANH } lbk__activation;

typedef struct lbk__op_class {
    const char *name;
    void (*forward)(lbk__tape *, lbk__op *);
    void (*backward)(lbk__tape *, lbk__op *);
    void (*tangent)(lbk__tape *, lbk__op *);
    /* The plain references on float64. */
    void (*reference_forward)(lbk__tape *, lbk__op *);
    void (*reference_backward)(lbk__tape *, lbk__op *);
    void (*reference_tangent)(lbk__tape *, lbk__op *);
    bool saves_input[LBK__MAX_INPUTS]; /* backward or tangent reads the value of this input … */
    bool saves_output;                 /* … or of the output */
    bool gradient_in_place; /* the fast backward has read an input's value when it writes its gradient */
} lbk__op_class;

struct lbk__op {
    const lbk__op_class *class;
    int index;
    lbk__tensor *input[LBK__MAX_INPUTS]; /* NULL: not used */
    bool accumulate[LBK__MAX_INPUTS];    /* backward adds to that gradient instead of writing it */
    lbk__tensor *output;
    lbk__slot slot[LBK__MAX_SLOTS];
    lbk__buffer saved[LBK__MAX_SAVED]; /* written by forward, read by backward and tangent */
    lbk__buffer constant;              /* weights in the op's precision; alive always */
    lbk__buffer scratch;               /* alive during one op only */
    lbk__precision precision;
    lbk__packed *packed; /* how `constant` is packed; NULL: it is not */
    bool padded;         /* `constant` is Wᵀ, kernel/padded.h */
    lbk__activation activation;
    float probability; /* of dropout */
    float epsilon;
    int32_t num_heads, head_size;
    lbk__op_time time[LBK__NUM_PASSES]; /* since tape->timed was set */
};

/* The batch as the ops see it; pointers stay the caller's. */
typedef struct lbk__layout {
    int32_t rows[LBK__NUM_EXTENTS];
    const int32_t *tokens, *position, *segment; /* [T], as in data/batch.h */
    const int32_t *start;                       /* [S + 1] */
    const int32_t *pooled;                      /* [S] the token that a sequence's class is read from */
    const uint16_t *visual;                     /* float16 [R, D] */
} lbk__layout;

typedef enum lbk__tape_mode { LBK__TAPE_INFER, LBK__TAPE_TRAIN, LBK__TAPE_META } lbk__tape_mode;

struct lbk__tape {
    lbk_context *context;
    const lbk__vector *vector;
    bool reference;
    lbk__precision precision; /* of the products of fast tapes; not AUTO */
    lbk__narrow *narrow;      /* NULL: float32 */
    bool constants_known;     /* the ops' constants are those of the weights: INFER only */
    bool timed;               /* ops' times are added up */
    lbk__tape_mode mode;
    int32_t max_rows[LBK__NUM_EXTENTS];
    int32_t longest;                           /* tokens of the longest sequence */
    int64_t multiplications[LBK__NUM_EXTENTS]; /* of the forward pass's products, for each row */
    lbk__tensor **tensors;
    size_t num_tensors, tensor_capacity;
    lbk__op **ops;
    size_t num_ops, op_capacity;
    void *arena;
    size_t arena_bytes;
    lbk__layout layout;
    uint64_t seed;
    int64_t step;          /* −1: dropout off */
    const void *weights;   /* of the tape's element type, as everything below */
    void *gradients;       /* added to by backward */
    const void *direction; /* of the tangent */
};

/* ---- recording ---- */

/* `precision` is that of products on fast tapes: FP32, BF16 or, in INFER mode, INT8. */
lbk_status lbk__tape_create(lbk_context *context, lbk__tape_mode mode, bool reference,
                            lbk__precision precision, const int32_t max_rows[LBK__NUM_EXTENTS],
                            int32_t longest, lbk__tape **out);
void lbk__tape_free(lbk__tape *tape);
/* For ops: a tensor, and the op that makes it (output set, index given). */
lbk_status lbk__tape_tensor(lbk__tape *tape, lbk__extent extent, int32_t cols, lbk__tensor **out);
lbk_status lbk__tape_record(lbk__tape *tape, const lbk__op_class *class, lbk__tensor *output, lbk__op **out);
/* Asks for memory; `count` elements of the tape's type at the largest batch. */
void lbk__tape_ask(const lbk__tape *tape, lbk__buffer *buffer, size_t count);

/* ---- planning ---- */

/* Computes lifetimes and offsets; allocates the arena unless `measure_only`. `output`'s value and gradient
 * stay alive. */
lbk_status lbk__tape_plan(lbk__tape *tape, lbk__tensor *output, bool measure_only);

/* ---- running ---- */

void lbk__tape_forward(lbk__tape *tape, const lbk__layout *layout, int64_t step);
/* From the gradient of the planned output, which the caller has filled. */
void lbk__tape_backward(lbk__tape *tape);
void lbk__tape_tangent(lbk__tape *tape, const void *direction);

/* An array with a row for each kind and shape of op: how many, milliseconds of each pass in one of `steps`
 * steps, GF/s of its products. The caller ends with json_decref. */
lbk_status lbk__tape_profile(const lbk__tape *tape, double steps, json_t **out);
/* Operations of all products since the tape is timed. */
double lbk__tape_operations(const lbk__tape *tape);

/* ---- for ops ---- */

static inline int32_t lbk__rows(const lbk__tape *tape, const lbk__tensor *tensor) {
    return tape->layout.rows[tensor->extent];
}
static inline size_t lbk__element_size(const lbk__tape *tape) {
    return tape->reference ? 8 : 4;
}
/* For timed tapes: around the matrix products of an op. */
static inline double lbk__product_begin(const lbk__tape *tape) {
    return tape->timed ? lbk__seconds() : 0.0;
}
static inline void lbk__product_end(const lbk__tape *tape, lbk__op_time *time, double begin,
                                    double operations) {
    if (!tape->timed) return;
    time->in_products += lbk__seconds() - begin;
    time->operations += operations;
}
/* The dropout of this op in this step; threshold 0 when dropout is off. */
lbk__dropout lbk__op_dropout(const lbk__tape *tape, const lbk__op *op);

#endif
