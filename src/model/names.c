/* names.c: the map of names. Ours are VisualBERT's; of our "visual_bert.X", X is BERT's. */
#include "model/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char own_prefix[] = "visual_bert.", layer_prefix[] = "encoder.layer.", head_prefix[] = "cls.";

static const struct {
    const char *prefix;
    bool distil; /* DistilBERT's names */
    bool gamma;  /* norms as gamma and beta */
} styles[] = {
    {"visual_bert.", false, false}, {"bert.", false, false}, {"", false, false},
    {"visual_bert.", false, true},  {"bert.", false, true},  {"", false, true},
    {"distilbert.", true, false},   {"", true, false},
};

/* Within a layer: BERT's part, DistilBERT's. */
static const char *const distil_parts[][2] = {
    {"attention.self.query.", "attention.q_lin."},
    {"attention.self.key.", "attention.k_lin."},
    {"attention.self.value.", "attention.v_lin."},
    {"attention.output.dense.", "attention.out_lin."},
    {"attention.output.LayerNorm.", "sa_layer_norm."},
    {"intermediate.dense.", "ffn.lin1."},
    {"output.dense.", "ffn.lin2."},
    {"output.LayerNorm.", "output_layer_norm."},
};

static const char *after(const char *text, const char *prefix) {
    const size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* "dense.weight" under a layer. */
static void layer_name(const char *rest, long layer, bool distil, char *out, size_t size) {
    if (!distil) {
        snprintf(out, size, "%s%ld%s", layer_prefix, layer, rest);
        return;
    }
    *out = 0;
    for (size_t i = 0; i < LBK_COUNT(distil_parts); i++) {
        const char *leaf = after(rest + 1, distil_parts[i][0]);
        if (!leaf) continue;
        snprintf(out, size, "transformer.layer.%ld.%s%s", layer, distil_parts[i][1], leaf);
        return;
    }
}

static void as_gamma(char *name, size_t size) {
    char *norm = strstr(name, "LayerNorm.");
    if (!norm) return;
    norm += strlen("LayerNorm.");
    snprintf(norm, size - (size_t)(norm - name), "%s", strcmp(norm, "weight") == 0 ? "gamma" : "beta");
}

bool lbk__source_name(const char *name, const int32_t *layers, int number, char out[LBK__LONGEST_NAME]) {
    static const char *const heads[] = {"cls.", "classifier."};
    const char *inner = after(name, own_prefix), *leaf = after(name, head_prefix);
    if (leaf) {
        if (number >= (int)LBK_COUNT(heads)) return false;
        snprintf(out, LBK__LONGEST_NAME, "%s%s", heads[number], leaf);
        return true;
    }
    if (!inner || number >= (int)LBK_COUNT(styles)) return false;
    char body[LBK__LONGEST_NAME - 16], *rest;
    const char *in_layer = after(inner, layer_prefix);
    snprintf(body, sizeof body, "%s", inner);
    if (in_layer) {
        const long layer = strtol(in_layer, &rest, 10);
        layer_name(rest, layers ? layers[layer] : layer, styles[number].distil, body, sizeof body);
    }
    if (styles[number].gamma) as_gamma(body, sizeof body);
    snprintf(out, LBK__LONGEST_NAME, "%s%s", styles[number].prefix, body);
    return true;
}
