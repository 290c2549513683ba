/* source.c: weights from another model: a Hugging Face BERT-like text encoder, or a VisualBERT, ours or not.
 *
 * The encoder must be there whole and in our shapes. What a kind of model never has, or has in another
 * meaning, keeps its value and is listed as initialised: beside a text encoder the visual embeddings, which
 * stay random (docs/decisions.md says why). */
#include "model/source.h"

#include "format/json.h"
#include "model/config_json.h"
#include "model/folder.h"
#include "model/names.h"

#include <stdio.h>
#include <string.h>

/* ---- where weights come from ---- */

static bool begins(const char *name, const char *start) {
    return strncmp(name, start, strlen(start)) == 0;
}

static const char through_pooler[] = "its classifier reads [CLS] through the pooler";

/* Of heads that classify otherwise, the same numbers under ours would be another function. */
static void describe_head(lbk__model_source *out) {
    static const struct {
        const char *architecture;
        bool classifier;
        const char *about;
    } heads[] = {
        {"VisualBertForVisualReasoning", true, through_pooler},
        {"VisualBertForMultipleChoice", true, through_pooler},
        {"BertForSequenceClassification", true, through_pooler},
        {"BertForMultipleChoice", true, through_pooler},
        {"VisualBertForQuestionAnswering", true, "its classifier reads the last word, without the pooler"},
        {"VisualBertForRegionToPhraseAlignment", false,
         "its head scores the regions of the image for phrases of the text, by an attention of its own; it "
         "tells no classes apart, so limbeck has no task for it"},
        {"VisualBertForPreTraining", false,
         "its heads guess masked words and whether text and image belong together"},
        {"DistilBertForSequenceClassification", false,
         "its classifier has a layer more than limbeck's between [CLS] and the classes"},
    };
    out->head = "it has no classifier that limbeck knows";
    for (size_t i = 0; i < LBK_COUNT(heads); i++) {
        if (strcmp(out->architecture, heads[i].architecture) != 0) continue;
        out->classifier = heads[i].classifier;
        out->head = heads[i].about;
    }
}

static lbk_status read_config(lbk_context *context, const char *given, lbk__model_source *out) {
    char *path = NULL;
    json_t *json = NULL;
    lbk_status status = LBK_OK;
    *out = (lbk__model_source){.context = context};
    LBK_GO(lbk__model_folder(context, given, &out->folder));
    LBK_GO(lbk__join(context, out->folder, "config.json", &path));
    LBK_GO(lbk__json_load_file(context, path, &json));
    LBK_GO(lbk__config_json_sizes(context, path, json, &out->config));
    const char *type = json_string_value(json_object_get(json, "model_type"));
    out->visual = type && strcmp(type, "visual_bert") == 0;
    out->distil = type && strcmp(type, "distilbert") == 0;
    snprintf(out->architecture, sizeof out->architecture, "%s", lbk__config_json_architecture(json));
    describe_head(out);
done:
    json_decref(json);
    lbk_free(context, path);
    return status;
}

lbk_status lbk__model_config_of(lbk_context *context, const char *given, lbk__model_config *out) {
    lbk__model_source source;
    const lbk_status status = read_config(context, given, &source);
    *out = source.config;
    lbk__model_source_close(&source);
    return status;
}

lbk_status lbk__model_source_open(lbk_context *context, const char *given, lbk__model_source *out) {
    lbk_status status = LBK_OK;
    LBK_GO(read_config(context, given, out));
    LBK_GO(lbk__weights_open_folder(context, out->folder, &out->weights));
    LBK_GO(LBK_ALLOC(context, out->used, lbk__weights_count(out->weights)));
done:
    if (status != LBK_OK) lbk__model_source_close(out);
    return status;
}

void lbk__model_source_close(lbk__model_source *source) {
    if (!source->context) return;
    lbk__weights_close(source->weights);
    lbk_free(source->context, source->used);
    lbk_free(source->context, source->folder);
    *source = (lbk__model_source){0};
}

int64_t lbk__model_source_find(const lbk__model_source *from, const char *name, const int32_t *layers) {
    char candidate[LBK__LONGEST_NAME];
    int64_t found = -1;
    if (begins(name, "cls.") && !from->classifier) return -1;
    for (int i = 0; found < 0 && lbk__source_name(name, layers, i, candidate); i++)
        found = lbk__weights_find(from->weights, candidate);
    return found;
}

/* ---- taking them ---- */

/* DistilBERT has no segments: adding zeros is what it computes. */
static bool lacks_segments(const lbk__model_source *from, const char *name) {
    return from->distil && strcmp(name, "visual_bert.embeddings.token_type_embeddings.weight") == 0;
}

/* What this kind of model may lack. */
static bool may_lack(const lbk__model_source *from, const char *name) {
    if (begins(name, "cls.")) return true;
    if (from->visual) return false;
    return begins(name, "visual_bert.embeddings.visual_") || begins(name, "visual_bert.pooler.") ||
           lacks_segments(from, name);
}

/* A model of other classes or another source of pictures has these in other shapes. */
static bool may_differ(const char *name) {
    return begins(name, "cls.") || begins(name, "visual_bert.embeddings.visual_projection.");
}

/* A classifier that reads another token means nothing here. */
static bool reads_the_same(const lbk__model_source *from, const lbk__model *model, const char *name) {
    return !begins(name, "cls.") || from->config.classifier_pooling == model->config.classifier_pooling;
}

/* Of tables of positions and of segments, the first rows are a table too; of a table of words, where they are
 * the same words: many have rows behind the last word, to a round number. */
static bool may_be_longer(const lbk__model_source *from, const char *name) {
    return strstr(name, "position_embeddings") || strstr(name, "token_type_embeddings") ||
           (from->more_words && strstr(name, "word_embeddings"));
}

/* In shape and type. */
static bool fits(const lbk__model_source *from, const lbk__parameter *parameter,
                 const lbk__tensor_spec *spec) {
    const lbk__tensor_spec ours = lbk__parameter_spec(parameter);
    const bool prefix = may_be_longer(from, parameter->name);
    return lbk__dtype_is_float(spec->dtype) && spec->rank == ours.rank && spec->shape[1] == ours.shape[1] &&
           (spec->shape[0] == ours.shape[0] || (prefix && spec->shape[0] > ours.shape[0]));
}

static lbk_status misshapen(const lbk__model_source *from, const lbk__parameter *parameter,
                            const lbk__tensor_spec *spec) {
    char there[96], wanted[64];
    const lbk__tensor_spec ours = lbk__parameter_spec(parameter);
    const bool words = strstr(parameter->name, "word_embeddings") && spec->rank == 2 &&
                       spec->shape[0] != ours.shape[0] && spec->shape[1] == ours.shape[1];
    return lbk__fail(from->context, LBK_MISMATCH, "%s: tensor \"%s\" is %s, but %s must be %s: %s",
                     lbk__weights_path(from->weights), spec->name, lbk__shape_text(spec, there, sizeof there),
                     parameter->name, lbk__shape_text(&ours, wanted, sizeof wanted),
                     words
                         ? "pack the data with the vocab.txt that it was trained with, and lay that beside it"
                         : "give the model the sizes of its source");
}

static lbk_status copy(lbk__model_source *from, size_t index, const lbk__parameter *parameter,
                       float *values) {
    const lbk__tensor_spec *spec = lbk__weights_at(from->weights, index);
    const size_t wanted = (size_t)parameter->rows * (size_t)parameter->cols;
    float *whole;
    if (parameter->rank == 1 || spec->shape[0] == parameter->rows)
        return lbk__weights_read(from->weights, index, values);
    LBK_TRY(LBK_ALLOC(from->context, whole, (size_t)spec->shape[0] * (size_t)spec->shape[1]));
    const lbk_status status = lbk__weights_read(from->weights, index, whole);
    if (status == LBK_OK) memcpy(values, whole, wanted * sizeof *values);
    lbk_free(from->context, whole);
    return status;
}

static lbk_status take(lbk__model_source *from, lbk__model *model, const lbk__parameter *parameter,
                       const int32_t *layers, bool adapt, uint64_t seed, lbk__taken *out) {
    const int64_t found = reads_the_same(from, model, parameter->name)
                              ? lbk__model_source_find(from, parameter->name, layers)
                              : -1;
    const lbk__tensor_spec *spec = found < 0 ? NULL : lbk__weights_at(from->weights, (size_t)found);
    const bool usable = spec && fits(from, parameter, spec);
    float *values = model->values + parameter->offset;
    if (spec && !usable && !(adapt && may_differ(parameter->name))) return misshapen(from, parameter, spec);
    if (!spec && !may_lack(from, parameter->name))
        return lbk__fail(from->context, LBK_BAD_DATA,
                         "%s: has no weights for %s under any name of a BERT-like encoder",
                         lbk__weights_path(from->weights), parameter->name);
    if (!usable) {
        if (lacks_segments(from, parameter->name))
            memset(values, 0, (size_t)parameter->rows * (size_t)parameter->cols * sizeof *values);
        else
            lbk__parameter_init_random(model, parameter, seed);
        json_array_append_new(out->initialised, json_string(parameter->name));
        return LBK_OK;
    }
    from->used[found] = true;
    json_object_set_new(out->taken, parameter->name, json_string(spec->name));
    return copy(from, (size_t)found, parameter, values);
}

lbk_status lbk__model_take(lbk__model_source *from, lbk__model *model, const int32_t *layers, bool adapt,
                           uint64_t seed, lbk__taken *out) {
    *out = (lbk__taken){json_object(), json_array(), json_array()};
    for (size_t i = 0; i < model->num_parameters; i++)
        LBK_TRY(take(from, model, &model->parameters[i], layers, adapt, seed, out));
    for (size_t i = 0; i < lbk__weights_count(from->weights); i++)
        if (!from->used[i])
            json_array_append_new(out->left, json_string(lbk__weights_at(from->weights, i)->name));
    return LBK_OK;
}

void lbk__taken_free(lbk__taken *taken) {
    json_decref(taken->taken);
    json_decref(taken->left);
    json_decref(taken->initialised);
    *taken = (lbk__taken){0};
}
