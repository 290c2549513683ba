/* config.c: lbk_config_load: a file, then overrides, then what follows from them. */
#include "train/config.h"

#include "base/file.h"
#include "base/guest.h"
#include "eval/metrics.h"
#include "train/visual_init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20 };

/* ---- overrides ---- */

/* section.name → the two parts; a name alone is at the top. */
static lbk_status split_key(lbk_context *context, const char *override, char section[32], char name[64],
                            const char **value) {
    const char *equals = strchr(override, '='), *dot = strchr(override, '.');
    *section = *name = 0;
    if (!equals || equals == override) {
        char shown[80];
        return lbk__fail(context, LBK_INVALID_ARGUMENT,
                         "override \"%s\": write key=value, as in train.batch_size=16",
                         lbk__printable(shown, sizeof shown, override, strlen(override)));
    }
    if (dot && dot < equals) {
        snprintf(section, 32, "%.*s", (int)LBK_MIN(dot - override, 31), override);
        override = dot + 1;
    }
    snprintf(name, 64, "%.*s", (int)LBK_MIN(equals - override, 63), override);
    *value = equals + 1;
    return LBK_OK;
}

/* A list is written as in YAML, [1, 3, 5]: it goes through the YAML reader as the one key of a document. */
static lbk_status override_list(lbk_config *config, const char *where, size_t index, const char *value) {
    const lbk__config_key *key = &lbk__config_keys[index];
    if (value[strspn(value, " []")] == 0) return lbk__config_set_list(config, where, index, NULL, 0);
    bool bare = value[strspn(value, " ")] != '[';
    char *yaml;
    LBK_TRY(lbk__format(config->context, &yaml, "{%s: {%s: %s%s%s}}", key->section, key->name,
                        bare ? "[" : "", value, bare ? "]" : ""));
    lbk_status status = lbk__config_parse(config, where, yaml, strlen(yaml));
    lbk_free(config->context, yaml);
    return status;
}

static lbk_status apply_override(lbk_config *config, const char *override) {
    char section[32], name[64], where[160], shown[120];
    const char *value = "";
    LBK_TRY(split_key(config->context, override, section, name, &value));
    snprintf(where, sizeof where, "override \"%s\"",
             lbk__printable(shown, sizeof shown, override, strlen(override)));
    size_t index = lbk__config_find(section, name);
    if (index == lbk__num_config_keys) return lbk__config_unknown(config->context, where, section, name);
    if (lbk__utf8_valid(value, strlen(value)) != strlen(value))
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT, "%s: the value is not UTF-8", where);
    if (lbk__config_keys[index].kind >= LBK__KEY_INTEGERS) return override_list(config, where, index, value);
    return lbk__config_set(config, where, index, value);
}

/* ---- what follows from the values ---- */

static bool given(const lbk_config *config, const char *section, const char *name) {
    return config->given[lbk__config_find(section, name)];
}

/* 0.1f as 0.1, so that it is written as the folder's config.json has it. */
static double widen(float value) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return strtod(text, NULL);
}

lbk_status lbk__config_take_sizes(lbk_config *config, const lbk__model_config *from) {
    const struct {
        const char *name;
        int64_t *target;
        int32_t value;
    } sizes[] = {
        {"hidden_size", &config->model.hidden_size, from->hidden_size},
        {"num_hidden_layers", &config->model.num_hidden_layers,
         config->model.init_layers.count ? (int32_t)config->model.init_layers.count
                                         : from->num_hidden_layers},
        {"num_attention_heads", &config->model.num_attention_heads, from->num_attention_heads},
        {"intermediate_size", &config->model.intermediate_size, from->intermediate_size},
        {"max_position_embeddings", &config->model.max_position_embeddings, from->max_position_embeddings},
        {"classifier_pooling", &config->model.classifier_pooling, (int32_t)from->classifier_pooling},
    };
    for (size_t i = 0; i < LBK_COUNT(sizes); i++)
        if (!given(config, "model", sizes[i].name)) *sizes[i].target = sizes[i].value;
    const struct {
        const char *name;
        double *target;
        float value;
    } reals[] = {
        {"hidden_dropout_prob", &config->model.hidden_dropout_prob, from->hidden_dropout_prob},
        {"attention_probs_dropout_prob", &config->model.attention_probs_dropout_prob,
         from->attention_probs_dropout_prob},
        {"layer_norm_eps", &config->model.layer_norm_eps, from->layer_norm_eps},
        {"initializer_range", &config->model.initializer_range, from->initializer_range},
    };
    for (size_t i = 0; i < LBK_COUNT(reals); i++)
        if (!given(config, "model", reals[i].name)) *reals[i].target = widen(reals[i].value);
    for (size_t i = 0; i < config->model.init_layers.count; i++)
        if (config->model.init_layers.items[i] >= from->num_hidden_layers)
            return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                             "model.init_layers: there is no layer %d in %s; it has layers 0 to %d",
                             (int)config->model.init_layers.items[i], config->model.init_from,
                             from->num_hidden_layers - 1);
    return LBK_OK;
}

static lbk_status check_metric(const lbk_config *config) {
    const char *metric = config->train.metric;
    if (strcmp(metric, "auto") == 0) return LBK_OK;
    lbk__text names = {0};
    lbk_status status = LBK_OK;
    for (int i = 0; lbk__metric_names[i]; i++) {
        if (strcmp(metric, lbk__metric_names[i]) == 0) goto done;
        LBK_GO(lbk__text_printf(config->context, &names, ", %s", lbk__metric_names[i]));
    }
    char shown[80];
    const char *near = lbk__nearest(metric, lbk__metric_names);
    status = lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                       "train.metric is \"%s\"%s%s; it must be one of auto%s",
                       lbk__printable(shown, sizeof shown, metric, strlen(metric)),
                       near ? "; did you mean " : "", near ? near : "", names.data);
done:
    lbk__text_free(config->context, &names);
    return status;
}

/* Index of a name in lbk__feature_names; LBK__NUM_FEATURES when it is none. */
static int find_feature(const char *name) {
    int f = 0;
    while (f < LBK__NUM_FEATURES && strcmp(lbk__feature_names[f], name) != 0) f++;
    return f;
}

static lbk_status check_features(const lbk_config *config) {
    const lbk__texts *names = &config->distill.weight_features;
    bool seen[LBK__NUM_FEATURES + 1] = {false};
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i], *near = lbk__nearest(name, lbk__feature_names);
        const int f = find_feature(name);
        char shown[80];
        lbk__printable(shown, sizeof shown, name, strlen(name));
        if (f == LBK__NUM_FEATURES)
            return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                             "distill.weight_features: there is no feature \"%s\"%s%s; docs/configuration.md "
                             "lists them",
                             shown, near ? "; did you mean " : "", near ? near : "");
        if (seen[f])
            return lbk__fail(config->context, LBK_INVALID_ARGUMENT, "distill.weight_features names %s twice",
                             shown);
        seen[f] = true;
    }
    return LBK_OK;
}

lbk_status lbk__config_check(const lbk_config *config) {
    lbk__model_config sizes = lbk__config_model(config);
    sizes.vocab_size = 4, sizes.visual_embedding_dim = 1, sizes.num_labels = 1;
    lbk_status status = lbk__model_config_check(config->context, &sizes);
    if (status != LBK_OK) return lbk__fail_at(config->context, status, "model");
    if (config->model.init_layers.count && !*config->model.init_from)
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                         "model.init_layers names layers, but model.init_from names no model to take them "
                         "from");
    if (config->model.visual_init == LBK__VISUAL_INIT_WORDS && !*config->model.init_from)
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                         "model.visual_init words needs words that mean something: give model.init_from, or "
                         "set model.visual_init to random");
    if (config->model.init_layers.count &&
        config->model.init_layers.count != (size_t)config->model.num_hidden_layers)
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                         "model.init_layers names %zu layers, model.num_hidden_layers is %d",
                         config->model.init_layers.count, (int)config->model.num_hidden_layers);
    size_t fixed = config->distill.fixed_weights.count;
    if (fixed != 0 && fixed != LBK_NUM_VIEWS)
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                         "distill.fixed_weights has %zu numbers; it must be three: joint, text, image",
                         fixed);
    if (config->distill.weights == LBK__WEIGHTS_FIXED && fixed == 0)
        return lbk__fail(config->context, LBK_INVALID_ARGUMENT,
                         "distill.weights is fixed, but distill.fixed_weights is not given: write three "
                         "numbers, joint, text, image");
    LBK_TRY(check_features(config));
    return check_metric(config);
}

/* ---- the public functions ---- */

static lbk_status start_from(lbk_config *config) {
    lbk__model_config from;
    const lbk_status status = lbk__model_config_of(config->context, config->model.init_from, &from);
    if (status != LBK_OK) return lbk__fail_at(config->context, status, "model.init_from");
    return lbk__config_take_sizes(config, &from);
}

static lbk_status read_file(lbk_config *config, const char *path) {
    char *yaml;
    size_t size;
    LBK_TRY(lbk__read_file(config->context, path, MAX_FILE, &yaml, &size));
    lbk_status status = lbk__config_parse(config, path, yaml, size);
    lbk_free(config->context, yaml);
    return status;
}

lbk_status lbk__config_read(lbk_context *context, const char *path, const char *const *overrides,
                            size_t num_overrides, lbk_config **out) {
    *out = NULL;
    lbk_config *config;
    LBK_TRY(lbk__config_create(context, &config));
    lbk_status status = LBK_OK;
    if (path) LBK_GO(read_file(config, path));
    for (size_t i = 0; i < num_overrides; i++) LBK_GO(apply_override(config, overrides[i]));
    *out = config;
done:
    if (status != LBK_OK) lbk_config_close(config);
    return status;
}

lbk_status lbk_config_load(lbk_context *context, const char *path, const char *const *overrides,
                           size_t num_overrides, lbk_config **out) {
    LBK__GUEST(context);
    lbk_config *config;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_TRY(lbk__config_read(context, path, overrides, num_overrides, &config));
    if (*config->model.init_from) LBK_GO(start_from(config));
    status = lbk__config_check(config);
    if (status != LBK_OK && path)
        lbk__fail_at(context, status, "%s%s", path, num_overrides ? ", or what overrides it" : "");
done:
    if (status == LBK_OK)
        *out = config;
    else
        lbk_config_close(config);
    return status;
}

lbk__model_config lbk__config_model(const lbk_config *config) {
    return (lbk__model_config){
        .hidden_size = (int32_t)config->model.hidden_size,
        .num_hidden_layers = (int32_t)config->model.num_hidden_layers,
        .num_attention_heads = (int32_t)config->model.num_attention_heads,
        .intermediate_size = (int32_t)config->model.intermediate_size,
        .max_position_embeddings = (int32_t)config->model.max_position_embeddings,
        .type_vocab_size = 2,
        .hidden_dropout_prob = (float)config->model.hidden_dropout_prob,
        .attention_probs_dropout_prob = (float)config->model.attention_probs_dropout_prob,
        .layer_norm_eps = (float)config->model.layer_norm_eps,
        .initializer_range = (float)config->model.initializer_range,
        .classifier_pooling = (lbk__pooling)config->model.classifier_pooling,
    };
}

lbk__weight_network_options lbk__config_weight_network(const lbk_config *config) {
    lbk__weight_network_options options = {.activation =
                                               (lbk__weight_activation)config->distill.weight_activation,
                                           .learning_rate = config->distill.weight_learning_rate,
                                           .seed = (uint64_t)config->seed};
    if (config->distill.weights == LBK__WEIGHTS_LEARNED_POPULATION) return options;
    const lbk__texts *names = &config->distill.weight_features;
    options.hidden_size = (int32_t)config->distill.weight_hidden_size;
    options.num_features = names->count ? (int32_t)names->count : LBK__NUM_FEATURES;
    for (int32_t k = 0; k < options.num_features; k++)
        options.features[k] = (lbk__feature)(names->count ? find_feature(names->items[k]) : k);
    return options;
}
