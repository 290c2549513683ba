/* config.h: what a run does. docs/configuration.md explains every key to users; config_keys.c lists them
 * once, with types, ranges and defaults, and everything else (reading, checking, writing) follows that list.
 */
#ifndef LBK_TRAIN_CONFIG_H
#define LBK_TRAIN_CONFIG_H

#include "distill/weight_network.h"
#include "model/model.h"

/* Lists of a configuration. */
typedef struct lbk__integers {
    int64_t *items;
    size_t count;
} lbk__integers;
typedef struct lbk__reals {
    double *items;
    size_t count;
} lbk__reals;
typedef struct lbk__texts {
    char **items;
    size_t count;
} lbk__texts;

enum { LBK__MAX_CONFIG_KEYS = 64 };

/* Whole numbers and words (enumerations) are int64_t, so that one table reaches them all. Texts are never
 * NULL: "" where nothing is set. */
struct lbk_config {
    lbk_context *context;
    char *pack;
    int64_t seed;
    int64_t precision; /* lbk__precision */
    struct {
        int64_t hidden_size, num_hidden_layers, num_attention_heads, intermediate_size,
            max_position_embeddings;
        double hidden_dropout_prob, attention_probs_dropout_prob, layer_norm_eps, initializer_range;
        int64_t classifier_pooling; /* lbk__pooling */
        char *init_from;
        int64_t visual_init; /* LBK__VISUAL_INIT_… */
        lbk__integers init_layers;
    } model;
    struct {
        int64_t epochs, max_steps, batch_size, gradient_accumulation_steps;
        double learning_rate, weight_decay, adam_beta1, adam_beta2, adam_epsilon, warmup_ratio, max_grad_norm,
            unimodal_weight;
        char *metric; /* of lbk__metric_names, or "auto" */
        int64_t early_stopping_patience, eval_steps, logging_steps, save_seconds, max_skipped_steps,
            memory_limit;
        char *train_split, *dev_split;
    } train;
    struct {
        int64_t method;  /* lbk__method */
        int64_t weights; /* lbk__weighting */
        lbk__reals fixed_weights;
        double alpha, temperature, rho;
        int64_t saliency; /* lbk__saliency */
        lbk__texts unlabelled_splits;
        lbk__texts weight_features;                    /* of lbk__feature_names; empty: all */
        int64_t weight_hidden_size, weight_activation; /* lbk__weight_activation */
        double weight_learning_rate;
        char *meta_split; /* "": drawn from the training split */
        double meta_fraction;
        int64_t meta_steps;
    } distill;
    bool given[LBK__MAX_CONFIG_KEYS]; /* by index in lbk__config_keys: read from a file or an override */
};

typedef enum lbk__key_kind {
    LBK__KEY_INTEGER,
    LBK__KEY_REAL,
    LBK__KEY_WORD,
    LBK__KEY_TEXT,
    LBK__KEY_INTEGERS,
    LBK__KEY_REALS,
    LBK__KEY_TEXTS
} lbk__key_kind;

/* The interval of a number; the name's brackets say which ends belong to it. */
typedef enum lbk__ends { LBK__CLOSED, LBK__OPEN_LEFT, LBK__OPEN_RIGHT, LBK__OPEN } lbk__ends;

typedef struct lbk__config_key {
    const char *section; /* "" at the top */
    const char *name;
    lbk__key_kind kind;
    size_t offset; /* in lbk_config */
    double preset, least, most;
    lbk__ends ends;
    const char *const *words; /* legal words, ended by NULL; for texts: NULL, anything goes */
    const char *preset_text;
} lbk__config_key;

extern const lbk__config_key lbk__config_keys[];
extern const size_t lbk__num_config_keys;
/* In the order of the list: "", "model", "train", "distill", NULL. */
extern const char *const lbk__config_sections[];

/* All defaults. */
lbk_status lbk__config_create(lbk_context *context, lbk_config **out);
/* lbk_config_load is these three; without the others, model.init_from need not be there yet. The second makes
 * sizes that were not given those of the model that training starts from, the last says what no key can say
 * alone. */
lbk_status lbk__config_read(lbk_context *context, const char *path, const char *const *overrides,
                            size_t num_overrides, lbk_config **out);
lbk_status lbk__config_take_sizes(lbk_config *config, const lbk__model_config *from);
lbk_status lbk__config_check(const lbk_config *config);
/* Index of section.name; lbk__num_config_keys when there is none. */
size_t lbk__config_find(const char *section, const char *name);
/* LBK_INVALID_ARGUMENT: no key `name` in `section`; the sentence names the nearest one. `where` is a file or
 * an override. */
lbk_status lbk__config_unknown(lbk_context *context, const char *where, const char *section,
                               const char *name);
/* Reads the value of a key from its text, or from the texts of a list; checks type and range. */
lbk_status lbk__config_set(lbk_config *config, const char *where, size_t key, const char *text);
lbk_status lbk__config_set_list(lbk_config *config, const char *where, size_t key, char *const *texts,
                                size_t count);
/* Reads YAML and sets what it names. */
lbk_status lbk__config_parse(lbk_config *config, const char *where, const char *yaml, size_t length);

/* SHA-256 of the resolved configuration without `pack` and the keys that say when to save or stop: what
 * decides the numbers of a run, wherever its files lie. */
lbk_status lbk__config_hash(const lbk_config *config, char out[65]);
/* LBK_MISMATCH when the two would not have the same hash; the sentence names the keys that differ and
 * both values, and calls `other` by `where`. */
lbk_status lbk__config_match(const lbk_config *config, const lbk_config *other, const char *where);
/* The sizes of the configuration; vocabulary, visual rows and labels stay 0. */
lbk__model_config lbk__config_model(const lbk_config *config);
/* The weight network of distill.weights, which is learned or learned-population. */
lbk__weight_network_options lbk__config_weight_network(const lbk_config *config);

#endif
