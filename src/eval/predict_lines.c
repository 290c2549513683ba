/* predict_lines.c: JSON lines in, a JSON line out for each, in order. What is at hand becomes one batch; a
 * record that comes alone is answered at once. */
#include "eval/predictor.h"

#include "base/guest.h"
#include "format/json.h"

#include <string.h>

/* A line of the input: its record (NULL: no JSON) and what the model is asked, or why it is not. */
typedef struct record {
    json_t *value, *answer;
    char *where;
    lbk_input input;
} record;

typedef struct stream {
    lbk_model *model;
    lbk__json_lines *lines;
    int32_t top;
    record records[LBK__PREDICT_BATCH];
    int32_t count;
    bool ended;
    int64_t num_records, num_failed;
} stream;

static void drop_batch(stream *s) {
    for (int32_t i = 0; i < s->count; i++) {
        json_decref(s->records[i].value);
        json_decref(s->records[i].answer);
        lbk_free(s->model->context, s->records[i].where);
    }
    s->count = 0;
}

static lbk_status input_of(const lbk_model *model, lbk__json_in in, lbk_input *out) {
    const bool has_text = lbk__json_has(in, "text"), has_image = lbk__json_has(in, "image");
    if (has_text) LBK_TRY(lbk__json_get_string(in, "text", &out->text));
    if (has_image) LBK_TRY(lbk__json_get_string(in, "image", &out->image));
    if (has_image && model->visual) {
        const lbk_status status = lbk__visual_source_confine(model->visual, out->image);
        if (status != LBK_OK) return lbk__fail_at(in.context, status, "%s", in.where);
    }
    if (has_text || has_image) return LBK_OK;
    return lbk__fail(in.context, LBK_BAD_DATA, "%s: has neither \"text\" nor \"image\"", in.where);
}

/* The next record; one that is wrong already has its answer. */
static lbk_status read_record(stream *s) {
    lbk_context *context = s->model->context;
    lbk__json_in in;
    lbk_status status = lbk__json_lines_next(s->lines, &in);
    if (status == LBK_OK && !in.object) {
        s->ended = true;
        return LBK_OK;
    }
    if (status != LBK_OK && status != LBK_BAD_DATA) return status;
    record *r = &s->records[s->count++];
    *r = (record){.value = json_incref((json_t *)(uintptr_t)in.object)};
    if (status == LBK_OK) status = input_of(s->model, in, &r->input);
    if (status != LBK_OK) r->answer = lbk__error_json(status, lbk_error(context));
    return lbk__copy_string(context, in.where, &r->where);
}

/* At least one record, unless the stream is at its end, and then what does not have to be waited for. Where
 * reading fails, what was read before is answered all the same. */
static lbk_status read_batch(stream *s) {
    bool ready = true;
    lbk_status status = LBK_OK;
    while (!s->ended && ready && status == LBK_OK && s->count < LBK__PREDICT_BATCH) {
        status = read_record(s);
        if (status == LBK_OK) status = lbk__json_lines_ready(s->lines, &ready);
    }
    return status;
}

static lbk_status answer_batch(stream *s) {
    lbk_input inputs[LBK__PREDICT_BATCH];
    json_t *answers[LBK__PREDICT_BATCH] = {NULL};
    record *of[LBK__PREDICT_BATCH];
    int32_t count = 0;
    for (int32_t i = 0; i < s->count; i++)
        if (!s->records[i].answer) {
            of[count] = &s->records[i];
            inputs[count++] = s->records[i].input;
        }
    const lbk_status status = lbk__answer_batch(s->model, inputs, count, s->top, answers);
    for (int32_t i = 0; i < count; i++) {
        const char *sentence = json_string_value(json_object_get(answers[i], "error"));
        of[i]->answer = answers[i];
        if (!sentence) continue;
        json_object_set_new(answers[i], "error", json_sprintf("%s: %s", of[i]->where, sentence));
    }
    return status;
}

/* With the fewest digits that say the same: 0.1 stays 0.1. */
static lbk_status dump_id(lbk_context *context, const json_t *id, char **out) {
    for (size_t digits = 15;; digits++) {
        LBK_TRY(lbk__json_dump(context, id, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits), out));
        if (digits == 17) return LBK_OK;
        json_t *again = json_loads(*out, JSON_DECODE_ANY, NULL);
        const bool same = json_equal(again, id);
        json_decref(again);
        if (same) return LBK_OK;
        lbk_free(context, *out);
    }
}

/* {"id" as it came, then the answer}, whose numbers have six digits; an id has all of its own. */
static lbk_status line_of(lbk_context *context, const record *r, char **out) {
    const json_t *id = json_object_get(r->value, "id");
    char *answer, *name = NULL;
    *out = NULL;
    LBK_TRY(lbk__json_dump(context, r->answer, JSON_REAL_PRECISION(6), &answer));
    lbk_status status = LBK_OK;
    if (id) LBK_GO(dump_id(context, id, &name));
    if (id)
        LBK_GO(lbk__format(context, out, "{\"id\": %s, %s", name, answer + 1));
    else
        LBK_GO(lbk__copy_string(context, answer, out));
done:
    lbk_free(context, name);
    lbk_free(context, answer);
    return status;
}

static lbk_status write_record(stream *s, record *r, lbk_line_sink *sink, void *user) {
    lbk_context *context = s->model->context;
    char *text;
    LBK_TRY(line_of(context, r, &text));
    s->num_records++;
    s->num_failed += json_object_get(r->answer, "error") != NULL;
    const lbk__host own = lbk__guest_out(context);
    const bool taken = sink(user, text) == 0;
    lbk__guest_back(&own);
    lbk_free(context, text);
    return taken ? LBK_OK : lbk__fail(context, LBK_IO, "the answers could not be written");
}

static lbk_status run(stream *s, lbk_line_sink *sink, void *user) {
    while (!s->ended) {
        if (lbk__interrupted(s->model->context))
            return lbk__fail(s->model->context, LBK_INTERRUPTED, "stopped on request");
        const lbk_status read = read_batch(s);
        char why[LBK__LONGEST_ERROR];
        snprintf(why, sizeof why, "%s", read == LBK_OK ? "" : lbk_error(s->model->context));
        LBK_TRY(answer_batch(s));
        for (int32_t i = 0; i < s->count; i++) LBK_TRY(write_record(s, &s->records[i], sink, user));
        drop_batch(s);
        if (read != LBK_OK) return lbk__fail(s->model->context, read, "%s", why);
    }
    return LBK_OK;
}

lbk_status lbk_model_answer_lines(lbk_model *model, const char *path, int32_t top, lbk_line_sink *sink,
                                  void *user, int64_t *num_failed) {
    LBK__GUEST(model->context);
    if (num_failed) *num_failed = 0;
    if (top < 0)
        return lbk__fail(model->context, LBK_INVALID_ARGUMENT, "top is %d; it must be 0 or more", top);
    stream s = {.model = model, .top = top};
    LBK_TRY(lbk__json_lines_open(model->context, path, &s.lines));
    const lbk_status status = run(&s, sink, user);
    drop_batch(&s);
    lbk__json_lines_close(s.lines);
    if (num_failed) *num_failed = s.num_failed;
    return status;
}
