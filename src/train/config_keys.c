/* config_keys.c: every key of a configuration, once: type, default, range. */
#include "eval/metrics.h"
#include "train/config.h"
#include "train/visual_init.h"

#include <stdio.h>
#include <string.h>

const char *const lbk__config_sections[] = {"", "model", "train", "distill", NULL};

static const char *const visual_init_words[] = {"random", "words", NULL};
static const char *const pooling_words[] = {"cls", "last_word", NULL};
static const char *const precision_words[] = {"auto", "fp32", "bf16", NULL};

#define AT(member) offsetof(struct lbk_config, member)
#define INTEGER(section, name, member, preset, least, most) \
    { section, name, LBK__KEY_INTEGER, AT(member), preset, least, most, LBK__CLOSED, NULL, NULL }
#define REAL(section, name, member, preset, least, most, ends) \
    { section, name, LBK__KEY_REAL, AT(member), preset, least, most, ends, NULL, NULL }
#define WORD(section, name, member, preset, words) \
    { section, name, LBK__KEY_WORD, AT(member), preset, 0, 0, LBK__CLOSED, words, NULL }
#define TEXT(section, name, member, preset) \
    { section, name, LBK__KEY_TEXT, AT(member), 0, 0, 0, LBK__CLOSED, NULL, preset }
#define LIST(section, name, kind, member, least, most) \
    { section, name, kind, AT(member), 0, least, most, LBK__CLOSED, NULL, NULL }

#define LARGEST 2147483647.0 /* of an int32_t */
#define LARGEST_SEED 9007199254740991.0

const lbk__config_key lbk__config_keys[] = {
    TEXT("", "pack", pack, ""),
    INTEGER("", "seed", seed, 0, 0, LARGEST_SEED),
    WORD("", "precision", precision, LBK__PRECISION_AUTO, precision_words),

    INTEGER("model", "hidden_size", model.hidden_size, 768, 1, 4096),
    INTEGER("model", "num_hidden_layers", model.num_hidden_layers, 12, 1, 1000),
    INTEGER("model", "num_attention_heads", model.num_attention_heads, 12, 1, 4096),
    INTEGER("model", "intermediate_size", model.intermediate_size, 3072, 1, 1048576),
    REAL("model", "hidden_dropout_prob", model.hidden_dropout_prob, 0.1, 0, 1, LBK__OPEN_RIGHT),
    REAL("model", "attention_probs_dropout_prob", model.attention_probs_dropout_prob, 0.1, 0, 1,
         LBK__OPEN_RIGHT),
    REAL("model", "layer_norm_eps", model.layer_norm_eps, 1e-12, 0, 1, LBK__OPEN),
    INTEGER("model", "max_position_embeddings", model.max_position_embeddings, 512, 2, 1048576),
    REAL("model", "initializer_range", model.initializer_range, 0.02, 0, 10, LBK__OPEN_RIGHT),
    WORD("model", "classifier_pooling", model.classifier_pooling, LBK__POOL_CLS, pooling_words),
    TEXT("model", "init_from", model.init_from, ""),
    WORD("model", "visual_init", model.visual_init, LBK__VISUAL_INIT_RANDOM, visual_init_words),
    LIST("model", "init_layers", LBK__KEY_INTEGERS, model.init_layers, 0, 999),

    INTEGER("train", "epochs", train.epochs, 3, 1, 1000000),
    INTEGER("train", "max_steps", train.max_steps, 0, 0, LARGEST),
    INTEGER("train", "batch_size", train.batch_size, 32, 1, 65536),
    INTEGER("train", "gradient_accumulation_steps", train.gradient_accumulation_steps, 1, 1, 65536),
    REAL("train", "learning_rate", train.learning_rate, 5e-5, 0, 100, LBK__OPEN_LEFT),
    REAL("train", "weight_decay", train.weight_decay, 0.01, 0, 100, LBK__CLOSED),
    REAL("train", "adam_beta1", train.adam_beta1, 0.9, 0, 1, LBK__OPEN_RIGHT),
    REAL("train", "adam_beta2", train.adam_beta2, 0.999, 0, 1, LBK__OPEN_RIGHT),
    REAL("train", "adam_epsilon", train.adam_epsilon, 1e-8, 1e-30, 1, LBK__CLOSED),
    REAL("train", "warmup_ratio", train.warmup_ratio, 0.1, 0, 1, LBK__CLOSED),
    REAL("train", "max_grad_norm", train.max_grad_norm, 1, 0, 1e9, LBK__CLOSED),
    REAL("train", "unimodal_weight", train.unimodal_weight, 0, 0, 1000, LBK__CLOSED),
    TEXT("train", "metric", train.metric, "auto"),
    INTEGER("train", "early_stopping_patience", train.early_stopping_patience, 0, 0, LARGEST),
    INTEGER("train", "eval_steps", train.eval_steps, 0, 0, LARGEST),
    INTEGER("train", "logging_steps", train.logging_steps, 10, 1, LARGEST),
    INTEGER("train", "save_seconds", train.save_seconds, 300, 0, LARGEST),
    INTEGER("train", "max_skipped_steps", train.max_skipped_steps, 10, 1, LARGEST),
    INTEGER("train", "memory_limit", train.memory_limit, 0, 0, LARGEST),
    TEXT("train", "train_split", train.train_split, "train"),
    TEXT("train", "dev_split", train.dev_split, "dev"),

    WORD("distill", "method", distill.method, LBK__METHOD_MSD, lbk__method_names),
    WORD("distill", "weights", distill.weights, LBK__WEIGHTS_INSTANCE, lbk__weighting_names),
    LIST("distill", "fixed_weights", LBK__KEY_REALS, distill.fixed_weights, 0, 1e6),
    REAL("distill", "alpha", distill.alpha, 0.5, 0, 1, LBK__CLOSED),
    REAL("distill", "temperature", distill.temperature, 2, 0, 1000, LBK__OPEN_LEFT),
    REAL("distill", "rho", distill.rho, 1.0 / 3, 0, 1, LBK__CLOSED),
    WORD("distill", "saliency", distill.saliency, LBK__SALIENCY_KL, lbk__saliency_names),
    LIST("distill", "unlabelled_splits", LBK__KEY_TEXTS, distill.unlabelled_splits, 0, 0),
    LIST("distill", "weight_features", LBK__KEY_TEXTS, distill.weight_features, 0, 0),
    INTEGER("distill", "weight_hidden_size", distill.weight_hidden_size, 64, 1, 4096),
    WORD("distill", "weight_activation", distill.weight_activation, LBK__WEIGHT_SIGMOID,
         lbk__weight_activation_names),
    REAL("distill", "weight_learning_rate", distill.weight_learning_rate, 1e-3, 0, 100, LBK__OPEN_LEFT),
    TEXT("distill", "meta_split", distill.meta_split, ""),
    REAL("distill", "meta_fraction", distill.meta_fraction, 0.1, 0, 1, LBK__OPEN),
    INTEGER("distill", "meta_steps", distill.meta_steps, 1, 1, LARGEST),
};
const size_t lbk__num_config_keys = LBK_COUNT(lbk__config_keys);
_Static_assert(LBK_COUNT(lbk__config_keys) <= LBK__MAX_CONFIG_KEYS, "raise LBK__MAX_CONFIG_KEYS");

size_t lbk__config_find(const char *section, const char *name) {
    size_t i = 0;
    while (i < lbk__num_config_keys &&
           (strcmp(lbk__config_keys[i].section, section) != 0 || strcmp(lbk__config_keys[i].name, name) != 0))
        i++;
    return i;
}

/* Full names ("train.epochs") of the keys, and of the sections. */
typedef struct key_names {
    char text[LBK__MAX_CONFIG_KEYS + 4][64];
    const char *names[LBK__MAX_CONFIG_KEYS + 5];
} key_names;

static void full_name(char out[64], const char *section, const char *name) {
    snprintf(out, 64, "%s%s%s", section, *section ? "." : "", name);
}

static void list_names(key_names *out) {
    size_t count = 0;
    for (size_t i = 0; i < lbk__num_config_keys; i++, count++)
        full_name(out->text[count], lbk__config_keys[i].section, lbk__config_keys[i].name);
    for (size_t s = 1; lbk__config_sections[s]; s++, count++)
        full_name(out->text[count], "", lbk__config_sections[s]);
    for (size_t i = 0; i < count; i++) out->names[i] = out->text[i];
    out->names[count] = NULL;
}

/* The key of another section that has this very name: "epochs" at the top is meant as train.epochs. */
static const char *elsewhere(const key_names *names, const char *name) {
    for (size_t i = 0; i < lbk__num_config_keys; i++)
        if (strcmp(lbk__config_keys[i].name, name) == 0) return names->names[i];
    return NULL;
}

lbk_status lbk__config_unknown(lbk_context *context, const char *where, const char *section,
                               const char *name) {
    char word[64], shown[64], plain[64];
    key_names names;
    list_names(&names);
    lbk__printable(plain, sizeof plain, name, strlen(name));
    snprintf(word, sizeof word, "%s%s%.40s", section, *section ? "." : "", plain);
    const char *near = elsewhere(&names, plain);
    if (!near) near = lbk__nearest(word, names.names);
    lbk__printable(shown, sizeof shown, word, strlen(word));
    if (near)
        return lbk__fail(context, LBK_INVALID_ARGUMENT, "%s: there is no key %s; did you mean %s?", where,
                         shown, near);
    return lbk__fail(context, LBK_INVALID_ARGUMENT,
                     "%s: there is no key %s; docs/configuration.md lists the keys", where, shown);
}
