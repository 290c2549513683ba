/* profile.c: where a timed tape's seconds went, as JSON rows: ops of one kind and shape are one row. */
#include "tape/tape.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct profile_row {
    char name[64];
    int count;
    lbk__op_time time[LBK__NUM_PASSES];
} profile_row;

static void name_of(const lbk__op *op, char *name, size_t size) {
    static const char *const activations[] = {
        [LBK__IDENTITY] = "", [LBK__GELU] = " gelu", [LBK__TANH] = " tanh"};
    const int32_t in = op->input[0] ? op->input[0]->cols : op->output->cols, out = op->output->cols;
    const char *each = op->output->extent == LBK__SEQUENCES     ? " of sequences"
                       : op->output->extent == LBK__VISUAL_ROWS ? " of visual rows"
                                                                : "";
    if (in == out)
        snprintf(name, size, "%s %d%s%s", op->class->name, (int)out, activations[op->activation], each);
    else
        snprintf(name, size, "%s %d to %d%s%s", op->class->name, (int)in, (int)out,
                 activations[op->activation], each);
}

static void add(lbk__op_time *sum, const lbk__op_time *time) {
    sum->seconds += time->seconds;
    sum->in_products += time->in_products;
    sum->operations += time->operations;
}

static size_t gather(const lbk__tape *tape, profile_row *rows) {
    size_t count = 0;
    for (size_t i = 0; i < tape->num_ops; i++) {
        char name[sizeof rows->name];
        size_t at = 0;
        name_of(tape->ops[i], name, sizeof name);
        while (at < count && strcmp(rows[at].name, name) != 0) at++;
        if (at == count) memcpy(rows[count++].name, name, sizeof name);
        rows[at].count++;
        for (int pass = 0; pass < LBK__NUM_PASSES; pass++)
            add(&rows[at].time[pass], &tape->ops[i]->time[pass]);
    }
    return count;
}

static int set_number(json_t *object, const char *pass, const char *unit, double value) {
    char key[64];
    snprintf(key, sizeof key, "%s_%s", pass, unit);
    return json_object_set_new(object, key, json_real(value));
}

/* {"op", "ops", "forward_ms", "forward_gflops", …}: milliseconds a step, rate of the products alone. */
static json_t *row_json(const profile_row *row, double steps) {
    static const char *const passes[] = {"forward", "backward", "tangent"};
    json_t *object = json_pack("{s:s, s:i}", "op", row->name, "ops", row->count);
    int failed = object == NULL;
    for (int pass = 0; pass < LBK__NUM_PASSES; pass++) {
        const lbk__op_time *time = &row->time[pass];
        if (time->seconds <= 0) continue;
        failed |= set_number(object, passes[pass], "ms", 1e3 * time->seconds / steps);
        if (time->in_products > 0)
            failed |= set_number(object, passes[pass], "gflops", 1e-9 * time->operations / time->in_products);
    }
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

lbk_status lbk__tape_profile(const lbk__tape *tape, double steps, json_t **out) {
    profile_row *rows;
    LBK_TRY(LBK_ALLOC(tape->context, rows, tape->num_ops));
    const size_t count = gather(tape, rows);
    int failed = (*out = json_array()) == NULL;
    for (size_t i = 0; i < count && !failed; i++)
        failed = json_array_append_new(*out, row_json(&rows[i], steps));
    lbk_free(tape->context, rows);
    if (!failed) return LBK_OK;
    json_decref(*out);
    *out = NULL;
    return lbk__fail(tape->context, LBK_NO_MEMORY, "no memory for the profile");
}

double lbk__tape_operations(const lbk__tape *tape) {
    double sum = 0.0;
    for (size_t i = 0; i < tape->num_ops; i++)
        for (int pass = 0; pass < LBK__NUM_PASSES; pass++) sum += tape->ops[i]->time[pass].operations;
    return sum;
}
