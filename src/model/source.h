/* source.h: for this room: a model of someone else's whose weights become ours. */
#ifndef LBK_MODEL_SOURCE_H
#define LBK_MODEL_SOURCE_H

#include "format/weights.h"
#include "model/parameters.h"

#include <jansson.h>

typedef struct lbk__model_source {
    lbk_context *context;
    char *folder;
    lbk__weights *weights;
    lbk__model_config config;
    char architecture[64]; /* "BertModel"; "": not said */
    bool visual, distil;   /* VisualBERT; DistilBERT */
    bool classifier;       /* its head is one linear layer over what config.classifier_pooling says */
    const char *head;      /* a sentence about its head */
    bool more_words;       /* its first words are the model's: of its word table, the first rows are enough */
    bool *used;            /* by tensor: taken by some parameter */
} lbk__model_source;

lbk_status lbk__model_source_open(lbk_context *context, const char *folder, lbk__model_source *out);
void lbk__model_source_close(lbk__model_source *source);
/* The tensor for our parameter `name`, its layer replaced by layers[it] (may be NULL); −1: none. */
int64_t lbk__model_source_find(const lbk__model_source *source, const char *name, const int32_t *layers);

typedef struct lbk__taken {
    json_t *taken;       /* {our name: its name} */
    json_t *left;        /* [its name], of what became nothing of ours */
    json_t *initialised; /* [our name], of what it has not */
} lbk__taken;

/* Copies every parameter of `model` that the source has, and initialises the others by the seed: what is not
 * there costs nothing before that is known. `adapt`: the model has classes and visual rows of its own, so
 * their weights may have other shapes there and are then initialised, too. LBK_BAD_DATA for a missing tensor,
 * LBK_MISMATCH for a misshapen one. Free `out` on failure, too. */
lbk_status lbk__model_take(lbk__model_source *source, lbk__model *model, const int32_t *layers, bool adapt,
                           uint64_t seed, lbk__taken *out);
void lbk__taken_free(lbk__taken *taken);

#endif
